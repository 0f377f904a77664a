"""One arm started alone, outside of rounds, or lent where it cannot be started afresh."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from perfproof.experiment.allowance import Allowance
from perfproof.experiment.observer import Observer
from perfproof.load.handle import LoadProcess
from perfproof.model.debugging import debug_modes
from perfproof.model.redaction import Redactor
from perfproof.model.scenario import Arm, Scenario
from perfproof.service.cpus import CpuPlan
from perfproof.service.lifecycle import RunningService, run_command, start
from perfproof.service.snapshots import Snapshot


@dataclass(frozen=True)
class Phase:
    """What the phase works with. ``kept`` are services that cannot be started afresh; nothing is injected into them.

    Where ``failures`` is given, a request that is answered wrongly is told there and the others are probed all the
    same; otherwise it ends the phase.
    ``snapshots`` are put back before the starts of a pass after the rounds; the probe runs on what ``prepare`` left.
    """

    scenario: Scenario
    load: LoadProcess
    private: Path
    redactor: Redactor
    cpus: CpuPlan
    observer: Observer
    kept: Mapping[str, RunningService]
    compare: bool
    failures: list[str] | None = None
    snapshots: Sequence[Snapshot] = ()


def startable(phase: Phase, arm: Arm) -> bool:
    """Tell whether perfproof starts this arm itself, so that something can be put into its environment."""
    return arm.name not in phase.kept and arm.service.command is not None


def tell_debugging(arms: Sequence[Arm], observer: Observer) -> None:
    """Warn, before anything is measured, of arms that are started in a mode for developing."""
    for arm in arms:
        for mode in debug_modes(arm.service.command, arm.service.environment):
            observer.note(f"{arm.name} is started in a mode for developing and is not what users get: {mode}")


@contextmanager
def started(phase: Phase, arm: Arm, logs: Path, allowance: Allowance, what: str) -> Iterator[RunningService]:
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
