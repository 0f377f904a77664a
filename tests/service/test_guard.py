from __future__ import annotations

import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from arms import wait_for
from perfproof.service.guarded import GUARD
from perfproof.service.tree import is_alive


def guard(command: str, grace: float = 5.0) -> tuple[subprocess.Popen[bytes], socket.socket]:
    ours, theirs = socket.socketpair()
    with theirs:
        arguments = [str(theirs.fileno()), str(grace), "", "/bin/sh", "-c", command]
        process = subprocess.Popen(
            [sys.executable, "-I", "-S", str(GUARD), *arguments], pass_fds=(theirs.fileno(),), start_new_session=True
        )
    return process, ours


def heard(channel: socket.socket) -> list[str]:
    """Return what the guard said after ``started PID`` until it went away."""
    with channel, channel.makefile() as lines:
        return lines.read().splitlines()[1:]


@pytest.mark.parametrize(
    ("command", "code", "said"),
    [("exit 0", 0, "exited 0"), ("exit 7", 7, "exited 7"), ("kill -9 $$", 137, "killed 9")],
)
def test_the_end_of_the_command_is_told_and_passed_on(command, code, said):
    process, channel = guard(command)
    assert process.wait(10) == code
    assert heard(channel) == [said]


def test_term_ends_the_tree_gracefully(tmp_path):
    ready = tmp_path / "ready"
    process, channel = guard(f"trap 'exit 4' TERM; touch {ready}; while :; do sleep 0.05; done")
    assert wait_for(ready.exists)
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 4
    assert heard(channel) == ["exited 4"]


def test_a_closed_channel_ends_what_ignores_term_and_detached_itself(tmp_path):
    pids = tmp_path / "pids"
    inner = f'trap "" TERM; echo $$ >> {pids}; while :; do sleep 0.05; done'
    process, channel = guard(f"(setsid sh -c '{inner}' &); {inner}", grace=0.3)
    assert wait_for(lambda: pids.exists() and len(pids.read_text().split()) == 2)
    channel.close()
    assert process.wait(10) == 137
    assert not any(is_alive(int(pid)) for pid in pids.read_text().split())


def test_the_end_of_the_command_ends_its_leftovers(tmp_path):
    pid = tmp_path / "pid"
    process, _ = guard(f"setsid sleep 300 & echo $! > {pid}; exit 1")
    assert process.wait(10) == 1
    assert not is_alive(int(pid.read_text()))


def test_orphans_are_reaped(tmp_path):
    process, channel = guard("for i in 1 2 3 4 5; do (sleep 0.01 &) ; done; sleep 0.6")
    stat = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    assert wait_for(lambda: len(stat.read_text().split()) == 1 and process.poll() is None)
    channel.close()
    process.wait(10)


def test_the_command_gets_ordinary_signals_and_no_stray_file(tmp_path):
    status, files = tmp_path / "status", tmp_path / "files"
    process, _ = guard(f"cat /proc/self/status > {status}; ls -l /proc/self/fd > {files}")
    assert process.wait(10) == 0
    ignored = next(line.split()[1] for line in status.read_text().splitlines() if line.startswith("SigIgn"))
    assert int(ignored, 16) & (1 << (signal.SIGPIPE - 1)) == 0
    assert "socket" not in files.read_text()


def test_a_term_that_comes_before_the_command_runs_is_not_lost():
    for _ in range(20):
        process, channel = guard("exec sleep 60", grace=10.0)
        channel.close()  # is seen right after the fork
        assert process.wait(5) == 143
