from __future__ import annotations

import os
import subprocess
import sys
import threading

from arms import wait_for
from perfproof.service.tree import Descendants, is_alive, name_of, parent_of, start_ticks


def test_children_of_every_thread_are_found():
    found: list[subprocess.Popen[bytes]] = []
    go_on = threading.Event()

    def run() -> None:
        found.append(subprocess.Popen(["sleep", "300"]))
        go_on.wait(30)

    thread = threading.Thread(target=run)
    thread.start()
    tree = Descendants((os.getpid(),), include_roots=True)
    try:
        assert wait_for(lambda: bool(found) and found[0].pid in tree.pids())
        assert tree.pids()[0] == os.getpid()
    finally:
        go_on.set()
        thread.join()
        found[0].kill()
        found[0].wait()
    assert found[0].pid not in tree.pids()


def test_a_grandchild_is_found_as_soon_as_it_is_born():
    program = "import subprocess,sys; sys.stdin.readline(); subprocess.Popen(['sleep','300']).wait()"
    with subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE) as child:
        assert child.stdin is not None
        tree = Descendants((child.pid,), include_roots=False)
        assert tree.pids() == []
        child.stdin.write(b"\n")
        child.stdin.flush()
        assert wait_for(lambda: len(tree.pids()) == 1)
        (grandchild,) = tree.pids()
        assert parent_of(grandchild) == child.pid
        assert wait_for(lambda: name_of(grandchild) == "sleep")
        subprocess.run(["kill", str(grandchild)], check=True)
        child.wait(10)


def test_a_process_that_is_gone_is_nobody():
    child = subprocess.Popen(["true"])
    child.wait()
    assert (parent_of(child.pid), start_ticks(child.pid), name_of(child.pid)) == (None, None, "?")
    assert not is_alive(child.pid)
