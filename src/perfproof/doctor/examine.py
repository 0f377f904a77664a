"""The order of the checks: the machine, the file, the service as it is measured, what watches it, and noise last."""

from __future__ import annotations

import os
import traceback
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from perfproof.core.redaction import Redactor
from perfproof.doctor.clock import ClockCheck
from perfproof.doctor.context import Asked, Check, Context
from perfproof.doctor.instrumentation import InstrumentationCheck
from perfproof.doctor.machine import Cores, Disk, Memory, OpenFiles, Others
from perfproof.doctor.noise import Noise
from perfproof.doctor.requests import RequestsCheck, SetUp
from perfproof.doctor.results import CheckResult, NoiseEstimate, NotChecked, of_error, ok, problem
from perfproof.doctor.start import Footprint, OwnMetrics, Preparation, StartCheck, up
from perfproof.doctor.store import Store
from perfproof.doctor.tools import InstructionCounters, Profilers
from perfproof.doctor.versions import Git
from perfproof.errors import Interrupted, PerfproofError, ScenarioError
from perfproof.machine.cores import split_cpus
from perfproof.machine.signals import interruptible
from perfproof.measure.arms import placed
from perfproof.model.scenario import Scenario
from perfproof.rounds.observer import Observer
from perfproof.scenario import read
from perfproof.service.private_folders import private_folder

MACHINE: tuple[Check, ...] = (Cores(), Others(), ClockCheck(), Memory(), OpenFiles(), Disk(), Store())
TOOLS: tuple[Check, ...] = (Profilers(), InstructionCounters())
FILES: tuple[Check, ...] = (Git(), Preparation())
RUNNING: tuple[Check, ...] = (StartCheck(), Footprint(), SetUp(), RequestsCheck(), OwnMetrics())
WATCHED: tuple[Check, ...] = (InstrumentationCheck(),)
NOISE: tuple[Check, ...] = (Noise(),)


@dataclass(frozen=True)
class Diagnosis:
    """What was found, by area in order; ``scenario`` is the file that was looked at ("": the machine alone)."""

    scenario: str
    areas: tuple[tuple[str, tuple[CheckResult, ...]], ...]
    sights: tuple[NoiseEstimate, ...]

    @property
    def findings(self) -> list[CheckResult]:
        """Return all findings in order."""
        return [finding for _, findings in self.areas for finding in findings]

    def count(self, state: str) -> int:
        """Return how many findings are of a state."""
        return sum(finding.state == state for finding in self.findings)

    @property
    def exit_code(self) -> int:
        """Return 1 where there is a problem, else 0."""
        return int(self.count("problem") > 0)


def examine(file: Path | None, asked: Asked, observer: Observer, *, noise: bool = True) -> Diagnosis:
    """Look at the machine and, where a ``file`` is given, at its scenario; whatever was started or made is gone after.

    Without ``noise`` that is left out, which takes the longest. Raises Interrupted alone: whatever else goes wrong is a
    finding.
    """
    try:
        with private_folder() as private, interruptible(), ExitStack() as stack:
            context = Context(asked, private, split_cpus(), Redactor(frozenset()), observer)
            stack.callback(context.leaving.close)  # also where an interruption keeps the last check from its turn
            read_ = _read(file, context) if file is not None else []
            areas: list[tuple[str, list[CheckResult]]] = [("Machine", list(_run(MACHINE, context)))]
            areas[0][1].extend(_run(TOOLS if context.scenario is None else (InstructionCounters(),), context))
            if file is not None:
                areas.append((f"Scenario {file}", [*read_, *_scenario(context)]))
            areas.append(("What it sees", list(_noise(NOISE if noise else (), context))))
    except KeyboardInterrupt:
        raise Interrupted("interrupted", hint="what was started is stopped; start it again") from None
    found_ = tuple((name, tuple(found)) for name, found in areas if found)
    return Diagnosis(str(file or ""), found_, context.sights)


def _read(file: Path, context: Context) -> list[CheckResult]:
    """Read the scenario into the context; return what is said of the file."""
    try:
        found = read(file, os.environ)
    except ScenarioError as error:
        context.mistaken = True
        places = [f"{Path(each.file).name}:{each.line}:{each.column}: {each.key}" for each in error.problems]
        return [
            problem("file", f"{place}: {each.reason}", each.fix or "")
            for place, each in zip(places, error.problems, strict=True)
        ]
    context.redactor = Redactor(found.secrets)
    context.written = found
    context.scenario = replace(found, arms=tuple(placed(arm, context.private) for arm in found.arms))
    return [ok("file", _told(found))]


def _told(scenario: Scenario) -> str:
    count = len(scenario.requests)
    what = f"{count} request{'s' if count != 1 else ''}"
    if scenario.locustfile is not None:
        what = f"users of {scenario.locustfile.file.name}"
    return f"no mistake; {what}, {' and '.join(arm.name for arm in scenario.arms)}"


def _scenario(context: Context) -> Iterator[CheckResult]:
    """Yield what is found of the scenario; without one there is nothing."""
    if context.scenario is None:
        yield from _run((Git(),) if context.asked.refs else (), context)
        return
    yield from _run(FILES, context)
    with up(context):
        yield from _run(RUNNING, context)
    with up(context):
        yield from _run(WATCHED, context)


def _noise(checks: Sequence[Check], context: Context) -> Iterator[CheckResult]:
    """Yield what the look at noise says; then everything is put back, for nothing comes after it."""
    put_back: list[CheckResult] = []
    with ExitStack() as stack:
        stack.push(lambda kind, error, trace: _leave(context, put_back))  # noqa: ARG005 - the signature of an exit
        yield from _run(checks, context)
    yield from put_back


def _leave(context: Context, told: list[CheckResult]) -> bool:
    """Put back what checks have changed; what cannot be is told."""
    try:
        context.leaving.close()
    except PerfproofError as error:
        told.append(of_error("snapshot", error))
    return False


def _run(checks: Sequence[Check], context: Context) -> Iterator[CheckResult]:
    """Run checks one after the other; an error of one is a finding, and the others have their turn."""
    for check in checks:
        context.observer.phase(f"looking at {check.about}")
        try:
            yield from check.run(context)
        except Interrupted:
            raise
        except NotChecked as reason:
            yield CheckResult("skipped", check.about, str(reason))
        except PerfproofError as error:
            yield of_error(check.about, error)
        except Exception as error:  # noqa: BLE001 - a defect of one check must not take the other lines away
            place = traceback.extract_tb(error.__traceback__)[-1]
            what = f"this check failed by an error of perfproof's own: {type(error).__name__}"
            yield problem(check.about, what, "report it, with this line", f"{place.filename}:{place.lineno}")
