"""The time that looking for causes may take, and what it is spent on."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from perfproof.core.debug_mode import debug_modes
from perfproof.core.redaction import Redactor
from perfproof.errors import PerfproofError, ServiceError
from perfproof.load.load_client import LoadProcess
from perfproof.machine.cores import CpuPlan
from perfproof.model.scenario import Arm, Explain, Scenario
from perfproof.rounds.observer import Observer
from perfproof.service.lifecycle import RunningService, run_command, start
from perfproof.service.snapshots.snapshot import Snapshot


@dataclass(frozen=True)
class PassContext:
    """What the phase works with. ``kept`` are services that cannot be started afresh; nothing is injected into them.

    Where ``failures`` is given, a request that is answered wrongly is told there and the others are probed all the
    same; otherwise it ends the phase.
    ``snapshots`` are put back before the starts of a pass after the rounds; the probe runs on what ``prepare`` left.
    """

    scenario: Scenario
    load_process: LoadProcess | None
    private: Path
    redactor: Redactor
    cpus: CpuPlan
    observer: Observer
    kept: Mapping[str, RunningService]
    compare: bool
    failures: list[str] | None = None
    snapshots: Sequence[Snapshot] = ()

    @property
    def load(self) -> LoadProcess:
        """Return the load process, for passes of commands that have one: counting starts its own, checks need none."""
        assert self.load_process is not None, "this command has no load process"  # noqa: S101 - an error of ours
        return self.load_process


def startable(phase: PassContext, arm: Arm) -> bool:
    """Tell whether perfproof starts this arm itself, so that something can be put into its environment."""
    return arm.name not in phase.kept and arm.service.command is not None


def warn_of_debug_modes(arms: Sequence[Arm], observer: Observer) -> None:
    """Warn, before anything is measured, of arms that are started in a mode for developing."""
    for arm in arms:
        for mode in debug_modes(arm.service.command, arm.service.environment):
            observer.note(f"{arm.name} is started in a mode for developing and is not what users get: {mode}")


@contextmanager
def started(phase: PassContext, arm: Arm, logs: Path, allowance: Allowance, what: str) -> Iterator[RunningService]:
    """Lend the arm, reset and started afresh and stopped afterwards; a kept one is lent as it is.

    Raises OutOfTimeError where there is no time for a start, which is for ``what``.
    """
    if arm.name in phase.kept:
        yield phase.kept[arm.name]
        return
    if arm.service.reset:
        log = logs / f"{arm.name}.reset.log"
        run_command(arm, arm.service.reset, purpose="reset", log=log, redactor=phase.redactor)
    allowance.require(allowance.started_in or 0.0, what)
    with allowance.starting(allowance.hurried(arm), what):
        (service,) = start([allowance.hurried(arm)], logs=logs, redactor=phase.redactor, cpus=phase.cpus.service)
    try:
        yield service
    finally:
        service.stop()


WITHOUT_LIMIT = 90.0
"""Seconds beside those of profiles, where nobody set a limit: a pass that takes longer has met something that hangs."""
SETTLING = 1.0
"""Seconds set aside for stopping services and writing down."""


class OutOfTimeError(PerfproofError):
    """A part of the pass is left out or cut, since its time is over. It becomes a note."""


class Allowance:
    """``seconds`` from now on. ``started_in`` is the longest that a start of the service has taken, once known."""

    def __init__(self, seconds: float, now: Callable[[], float] = time.monotonic) -> None:
        self.seconds = max(0.0, seconds)
        self.started_in: float | None = None
        self._now = now
        self._ends = now() + self.seconds

    @staticmethod
    def of(explain: Explain, seconds: float | None, arms: int) -> Allowance:
        """Return what was given, or enough for a service that starts within some seconds."""
        if seconds is None:
            passes = 1 + 2 * explain.memory
            seconds = WITHOUT_LIMIT * passes + (2 * arms * explain.seconds if explain.profile != "off" else 0.0)
        return Allowance(seconds)

    def left(self, keeping: float = 0.0) -> float:
        """Return the seconds left, less those that are kept for something else; never below 0."""
        return max(0.0, self._ends - self._now() - SETTLING - keeping)

    def require(self, seconds: float, what: str, keeping: float = 0.0) -> None:
        """Raise OutOfTimeError where ``what`` would take longer than is left."""
        if seconds > self.left(keeping):
            raise OutOfTimeError(
                f"no time was left for {what}: it takes about {seconds:.0f} s, and {self.left(keeping):.0f} of "
                f"{self.seconds:.0f} s were left",
                hint="give the command more `--time`, or ask for less with `why:`",
            )

    @contextmanager
    def part(self, share: float, keeping: float = 0.0) -> Iterator[Allowance]:
        """Lend a share of what is left, to be spent on one thing."""
        lent = Allowance((self.left(keeping)) * share + SETTLING, self._now)
        lent.started_in = self.started_in
        try:
            yield lent
        finally:
            if lent.started_in is not None:
                self.started_in = max(self.started_in or 0.0, lent.started_in)

    def hurried(self, arm: Arm, keeping: float = 0.0) -> Arm:
        """Return the arm, not to be waited for longer than there is time."""
        patience = min(arm.service.start_timeout, max(1.0, self.left(keeping)))
        return replace(arm, service=replace(arm.service, start_timeout=patience))

    @contextmanager
    def starting(self, arm: Arm, what: str) -> Iterator[None]:
        """Take down how long a start takes, and tell one that the clock ended from one that failed."""
        began = self._now()
        try:
            yield
        except ServiceError as error:
            if arm.service.start_timeout > self.left() and "was not healthy within" in error.what:
                raise OutOfTimeError(
                    f"no time was left for {what}: the service did not start within {self._now() - began:.0f} s",
                    hint="give the command more `--time`",
                ) from error
            raise
        self.started_in = max(self.started_in or 0.0, self._now() - began)
