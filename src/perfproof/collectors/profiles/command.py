"""A sampler that is a program of its own: started at the beginning of each slice, interrupted at its end."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Collection, Sequence
from pathlib import Path

from perfproof.collectors.profiles.engine import UnavailableError

STARTS_WITHIN = 20.0
ENDS_WITHIN = 30.0


class Recorder:
    """One run of the program, which prints ``says`` once it records (or creates ``file``, if it says nothing)."""

    def __init__(self, command: Sequence[str], log: Path, *, says: str = "", file: Path | None = None) -> None:
        self._command = command
        self._log = log
        self._says = says
        self._file = file
        with log.open("wb") as output:
            try:
                self._process = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,  # Ctrl-C is for the conductor, which ends it properly
                )
            except OSError as error:
                raise UnavailableError(f"{command[0]} cannot be started", why=error.strerror) from error

    def wait_until_recording(self) -> None:
        """Return once it records; UnavailableError, with its last words, if it gives up."""
        deadline = time.monotonic() + STARTS_WITHIN
        while time.monotonic() < deadline:
            if (self._says and self._says in self.output()) or (self._file is not None and self._file.exists()):
                return
            if self._process.poll() is not None:
                raise UnavailableError(f"{Path(self._command[0]).name} gave up", why=self.last_words())
            time.sleep(0.02)
        self.kill()
        raise UnavailableError(f"{Path(self._command[0]).name} did not start within {STARTS_WITHIN:.0f} s")

    def stop(self) -> None:
        """Interrupt it and wait until it has written what it recorded."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(ENDS_WITHIN)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """End it whatever it does."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()

    def output(self) -> str:
        """Return what it has printed so far."""
        return self._log.read_text(encoding="utf-8", errors="replace")

    def last_words(self) -> str:
        """Return the last lines it printed as one."""
        lines = [line.strip() for line in self.output().splitlines() if line.strip()]
        return "; ".join(lines[-3:])


def root(pids: Collection[int]) -> int:
    """Return the process of a tree whose parent is none of the others."""
    for pid in sorted(pids):
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) not in pids:
            return pid
    raise UnavailableError("the service has no process on this machine")
