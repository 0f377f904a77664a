"""A sampler that is a program of its own: started at the beginning of each slice, interrupted at its end."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from perfproof.errors import PerfproofError
from perfproof.machine.signals import uninterrupted
from perfproof.model.profile import Clock, Engine, Folded


class UnavailableError(PerfproofError):
    """An engine cannot be used on a service: why, and what to install or grant. It becomes a note, never an exit."""


class Profiler(Protocol):
    """Samples one arm, slice by slice. ``by_request`` says whether it can tell requests apart.

    One that cannot, but is ``alone``, switches so quickly that it is also worth sending one name at a time: then
    ``begin`` says which ``request`` it is, by its place in the scenario from 1, and 0 is all of them together.
    """

    engine: Engine
    clock: Clock
    by_request: bool
    alone: bool

    @property
    def interval_ns(self) -> int:
        """Return the interval it samples at, in nanoseconds."""

    def environment(self, environment: Mapping[str, str]) -> dict[str, str]:
        """Return the environment to start the service with."""

    def ready(self, pids: Sequence[int]) -> None:
        """Raise UnavailableError if the processes of a service that has answered requests cannot be sampled."""

    def begin(self, slice_: int, request: int = 0) -> None:
        """Record from now on; slices count from 0."""

    def end(self, cpu_ns: int) -> None:
        """Stop recording; ``cpu_ns`` is what the service's processes used meanwhile."""

    def result(self) -> Folded:
        """Return what was seen. Raises UnavailableError if nothing can have been."""

    def notes(self) -> tuple[str, ...]:
        """Return what the reader should know beside the figures."""

    def close(self) -> None:
        """Leave nothing behind; called while the service still runs, and again when it is gone."""


STARTS_WITHIN = 20.0
ENDS_WITHIN = 30.0


class ProfileRecorder:
    """One run of the program; it inherits the file descriptors ``lent``."""

    def __init__(self, command: Sequence[str], log: Path, lent: Sequence[int] = ()) -> None:
        self._command = command
        self._log = log
        try:
            with uninterrupted(), log.open("wb") as output:
                self._process = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    pass_fds=lent,
                    start_new_session=True,  # Ctrl-C is for the conductor, which ends it properly
                )
        except OSError as error:
            raise UnavailableError(f"{command[0]} cannot be started", why=error.strerror) from error
        except BaseException:
            if hasattr(self, "_process"):
                self.kill()
            raise

    def wait_until(self, records: Callable[[], bool]) -> None:
        """Return once it ``records``; UnavailableError, with its last words, if it gives up."""
        deadline = time.monotonic() + STARTS_WITHIN
        while time.monotonic() < deadline:
            if records():
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
        """Return what it says went wrong, or the last lines it printed, as one."""
        lines = [line.strip() for line in self.output().splitlines() if line.strip()]
        wrong = [line for line in lines if line.startswith(("Error", "Reason"))]
        return "; ".join(wrong or lines[-3:])


class FromOutside:
    """What such samplers have in common: nothing is put into the service, and they see CPU time and no requests.

    ``rate`` is in samples per second.
    """

    clock: Clock = "cpu"
    by_request = False
    alone = False

    def __init__(self, directory: Path, rate: int, service_directory: Path) -> None:
        self._directory = directory
        self._rate = rate
        self._service_directory = service_directory
        self._recorder: ProfileRecorder | None = None
        self._slice = 0
        self._folded = Folded()
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)

    @property
    def interval_ns(self) -> int:
        """Return the interval it samples at."""
        return 1_000_000_000 // self._rate

    def environment(self, environment: Mapping[str, str]) -> dict[str, str]:
        """Return the environment as it is."""
        return dict(environment)

    def close(self) -> None:
        """End the program if it still runs."""
        if self._recorder is not None:
            self._recorder.kill()

    def _stopped(self) -> bool:
        """Stop the program; False if none runs."""
        recorder, self._recorder = self._recorder, None
        if recorder is not None:
            recorder.stop()
        return recorder is not None


def says(error: UnavailableError, *words: str) -> bool:
    """Tell whether any of ``words`` is in what a program said when it gave up."""
    return any(word in (error.why or "") for word in words)


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
