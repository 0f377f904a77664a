"""perfproof's end of a guard: starts a command under ``guard.py``, hears how it ended, asks for the end."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Collection
from pathlib import Path
from typing import Self

from perfproof.machine.signals import uninterrupted
from perfproof.service.command import Command
from perfproof.service.guard import KILL_TIMEOUT
from perfproof.service.tree import Descendants, session_members, start_ticks

GUARD = Path(__file__).with_name("guard.py")


class Guarded:
    """A command running under a guard. If this object or this process goes away, the command's whole tree ends.

    A context manager, which ends the tree when it is left. An interruption during the start ends it too, before it is
    passed on.
    """

    def __init__(self, command: Command, *, log: Path, cpus: Collection[int] | None, grace: float) -> None:
        self._grace = grace
        self._heard = b""
        self._guard_killed = False
        self._seen: dict[int, int | None] = {}
        self._channel, theirs = socket.socketpair()
        output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            with uninterrupted():
                # The service's environment goes to the guard as its own (-I keeps PYTHON* from acting on it): an
                # argument or a file would show secrets to others.
                self._guard = subprocess.Popen(
                    [
                        *(sys.executable, "-I", "-S", str(GUARD)),
                        *(str(theirs.fileno()), str(grace), ",".join(map(str, sorted(cpus or ())))),
                        *command.argv,
                    ],
                    cwd=command.directory,
                    env=dict(command.environment),
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    pass_fds=(theirs.fileno(),),
                    start_new_session=True,
                )
                self._tree = Descendants((self._guard.pid,), include_roots=False)
        except BaseException:
            self._stop_if_running()
            raise
        finally:
            os.close(output)
            theirs.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self.stop()

    def __del__(self) -> None:
        self._stop_if_running()

    def _stop_if_running(self) -> None:
        if hasattr(self, "_tree") and self._guard.returncode is None:
            self.stop()

    def processes(self) -> list[int]:
        """Return the pids of the whole tree without the guard, right now."""
        pids = self._tree.pids()
        for pid in pids:
            if pid not in self._seen:
                self._seen[pid] = start_ticks(pid)
        return pids

    @property
    def main(self) -> int | None:
        """Return the pid of the command itself; None before it was launched, and once it has ended."""
        if self.ended() is not None:
            return None
        words = next((line.split() for line in self._heard.decode(errors="replace").splitlines()), [])
        return int(words[1]) if words[:1] == ["started"] else None

    def ended(self) -> str | None:
        """Return None while the command runs, else how it ended, as a plain phrase."""
        gone = self._guard.poll() is not None
        self._listen()
        for line in self._heard.decode(errors="replace").splitlines():
            word, _, rest = line.partition(" ")
            if word == "failed":
                return f"could not be executed: {rest}"
            if word == "exited":
                return f"exited with code {rest}"
            if word == "killed":
                return f"killed by signal {rest} ({_signal_name(int(rest))})"
        if gone:
            self._guard_killed = True
            return "lost its guard process, which was killed from outside"
        return None

    def wait(self, timeout: float) -> str | None:
        """Wait until the command and its whole tree have ended; return as ``ended``, None after the timeout."""
        self._await_end(timeout)
        return self.ended() if self._guard.poll() is not None else None

    def stop(self) -> None:
        """End the tree: TERM, KILL after the grace; return when none of it is left. Idempotent."""
        self.ended()
        with contextlib.suppress(OSError):
            self._channel.shutdown(socket.SHUT_WR)
        self._await_end(self._grace + KILL_TIMEOUT + 5)
        if self._guard.poll() is None:
            self.processes()
            self._guard.kill()
            self._guard.wait()
        self.ended()
        if self._guard_killed or self._guard.returncode < 0:
            self._sweep()
        self._channel.close()

    def _await_end(self, timeout: float) -> None:
        """Return as soon as the guard has ended, or after the timeout: Popen's own wait looks every 50 ms only."""
        if self._guard.poll() is not None:
            return
        try:
            handle = os.pidfd_open(self._guard.pid)
        except OSError:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._guard.wait(timeout)
            return
        try:
            select.select([handle], [], [], max(0.0, timeout))
        finally:
            os.close(handle)

    def _listen(self) -> None:
        """Take in what the guard has said."""
        with contextlib.suppress(OSError):
            while said := self._channel.recv(4096, socket.MSG_DONTWAIT):
                self._heard += said

    def _sweep(self) -> None:
        """Kill what a killed guard left: every process seen in the tree, and the command's session."""
        left = {pid for pid, started in self._seen.items() if started is not None and start_ticks(pid) == started}
        for line in self._heard.decode(errors="replace").splitlines():
            word, _, main = line.partition(" ")
            if word == "started":
                left.update(session_members(int(main)))
        for pid in left:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return "a real-time signal"
