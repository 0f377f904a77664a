"""Whose something is, and whether that process still lives: real processes."""

from __future__ import annotations

import signal
import subprocess
import sys

from perfproof.core.owner import Owner

TELL = "from perfproof.core.owner import Owner; print(Owner.mine(), flush=True); input()"


def test_a_living_process_is_not_gone_and_a_killed_one_is_also_before_it_is_waited_for():
    with subprocess.Popen([sys.executable, "-c", TELL], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        owner = Owner.parse(child.stdout.readline().decode().strip())
        assert owner.pid == child.pid
        assert owner.here
        assert not owner.gone
        child.send_signal(signal.SIGKILL)
        while not owner.gone:  # a zombie until it is waited for, below
            pass
        child.wait()
        assert owner.gone


def test_a_pid_that_was_given_out_again_is_another_process():
    mine = Owner.mine()
    assert not mine.gone
    assert Owner(mine.pid, mine.started + 1, mine.place).gone


def test_of_a_process_elsewhere_nothing_is_sure():
    elsewhere = Owner(1, 1, "ffffff")
    assert not elsewhere.here
    assert not elsewhere.gone


def test_only_what_it_wrote_itself_is_read():
    mine = Owner.mine()
    assert Owner.parse(str(mine)) == mine
    assert len(str(mine)) <= 32
    for text in ("", "1_2", "1_2_abcdefg", f"{mine} ", "g_1_abcdef", "../1_2_abcdef"):
        assert Owner.parse(text) is None
