"""The count pass: fresh starts of every arm, warmed up, then requests one at a time while instructions are counted.

It never runs beside timed rounds. Nothing here depends on how long anything takes but for how many requests are sent,
which the first start settles for all of them: counts of starts are only alike where the work is.
"""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from itertools import islice, product
from math import prod
from pathlib import Path
from typing import TypeVar

from perfproof.errors import PerfproofError, ServiceError, UsageError
from perfproof.instructions.callgrind import Callgrind
from perfproof.instructions.conclude import MARGIN, half_width
from perfproof.instructions.counters import HardwareCounters
from perfproof.instructions.functions import Functions, Graph
from perfproof.instructions.one_arm import CountCase, CountedArm, NotAnsweredError, Variant
from perfproof.instructions.origins import cpu_features, made_by
from perfproof.instructions.source import InstructionCounter, UncountableError
from perfproof.load.load_client import LoadProcess
from perfproof.load.request_source import entries
from perfproof.model.instructions import ARCHITECTURE, C_LIBRARY, FEATURES, Instructions, Source, StartCount, Wanted
from perfproof.model.profile import ArmProfile
from perfproof.model.scenario import Arm, Request, Scenario
from perfproof.rounds.single_start import PassContext
from perfproof.service.command import resolve
from perfproof.service.lifecycle import run_command, start, stop_all

MOST_VARIANTS = 8
"""Combinations of a request's values that are sent, evenly spread over all of them."""
FEWEST, MOST = 20, 400
"""Requests of one name in one start: enough for caches to settle, and no more than this however quick they are."""
FEWEST_IN_ALL = 120
"""Requests in one start: a collection of Python's garbage falls into the counted ones or just before, and costs as
much as half a per cent of forty small requests."""
FEWEST_COMPILED = 200
"""The same for programs that compile and collect garbage beside the requests: what that costs must be shared out."""
PASS_SECONDS = 4.0
"""Seconds that the counted requests of one start should take, all names together."""
WARM_SECONDS = 2.0
WARM_FEWEST = 30
WARM_FEWEST_COMPILED = 400
WARM_MOST = 1000
SLOWEST_SECONDS, FEWEST_SLOW = 20.0, 4
"""Longest that the fewest requests of one name may take, and the fewest of those that take that long."""
LONGEST_TIMEOUT = 600.0
MOST_STARTS = 8
"""Starts of each arm beyond which more of them would take longer than they are worth."""
ENOUGH = 2
"""Starts that are worth keeping when the next one fails: two give an interval."""
SEED = "PYTHONHASHSEED"


def count_instructions(phase: PassContext) -> Instructions:
    """Return what was counted of every arm; where nothing can be counted, why.

    Only an interruption is raised, and UsageError for a command that cannot be executed.
    """
    began = time.monotonic()
    notes: list[str] = []
    told = Instructions("none")
    cases, skipped = plan(phase.scenario)
    try:
        if not cases:
            raise UncountableError(
                "there is no request that can be counted",
                why="; ".join(dict.fromkeys(skipped.values())) or None,
            )
        for arm in phase.scenario.arms:
            if arm.name in phase.kept or arm.service.command is None:
                raise UncountableError(
                    f"{arm.name} is not started afresh by perfproof", hint="counting needs `command:` and restarts"
                )
            resolve(arm, arm.service.command, None)  # so that a mistake in it is told as ever, not by Valgrind
        told = _Pass(phase, cases, skipped, choose(phase.scenario.count.by)).run()
    except UsageError:
        raise
    except PerfproofError as error:
        notes.append(phase.redactor(error.sentence))
    given = os.environ.get(SEED) or any(SEED in arm.service.environment for arm in phase.scenario.arms)
    return replace(
        told,
        weights={name: weight for name, weight in weights_of(cases).items() if name not in skipped},
        facts={
            ARCHITECTURE: platform.machine(),
            C_LIBRARY: " ".join(platform.libc_ver()).strip() or "unknown",
            FEATURES: cpu_features(_cpuinfo(), told.source),
            "hash seed of Python services": "as the environment sets it" if given else "0, for both arms",
        },
        skipped=skipped,
        notes=(*told.notes, *notes),
        seconds=time.monotonic() - began,
    )


def choose(by: Wanted) -> Callable[[Path], InstructionCounter]:
    """Return how to make what counts. UncountableError where that is not here, or nothing is."""
    try:
        if by == "callgrind":
            return Callgrind.made()
        HardwareCounters()
    except UncountableError as error:
        if by in ("counters", "callgrind"):
            raise
        lacking = error
    else:
        return lambda _: HardwareCounters()
    try:
        return Callgrind.made()
    except UncountableError as error:
        raise UncountableError(
            f"{lacking.what}, and {error.what[0].lower()}{error.what[1:]}", hint=error.hint
        ) from None


def plan(scenario: Scenario) -> tuple[tuple[CountCase, ...], dict[str, str]]:
    """Return what is sent, request by request and flow by flow, and what cannot be counted, with the reason. Pure."""
    if scenario.locustfile is not None:
        return (), {"requests of the Locust file": "they come up as it runs"}
    cases, skipped = [], {}
    for entry in entries(scenario.requests):
        steps = tuple(step.request for step in entry)
        streams = [step.name for step in steps if step.stream is not None]
        if streams and len(steps) == 1:
            skipped[streams[0]] = "it is a stream, which waits rather than works"
        elif streams:
            why = f"its step {streams[0]} is a stream, which waits rather than works"
            skipped |= {step.name: why for step in steps}
        else:
            cases.append(CountCase(entry[0].number, steps, variants(steps[0])))
    return tuple(cases), skipped


def variants(request: Request) -> tuple[Variant, ...]:
    """Return combinations of a request's values, evenly spread over all of them."""
    names, total = list(request.values), prod(len(choices) for choices in request.values.values())
    count = min(total, MOST_VARIANTS)
    places = sorted({at * total // count for at in range(count)})
    chosen = (next(islice(product(*request.values.values()), place, None)) for place in places)
    return tuple(
        Variant(place, dict(zip(names, values, strict=True))) for place, values in zip(places, chosen, strict=True)
    )


def most_starts(scenario: Scenario) -> int:
    """Return how many starts there may be: more than the fewest where neither their number nor the time is given. Pure.

    Whether there are more depends on how much starts of one arm differ and never on what the arms differ by, so that
    looking costs no certainty.
    """
    planned = scenario.count.starts is not None or scenario.rounds.time is not None
    return scenario.count.fewest if planned else MOST_STARTS


def weights_of(cases: Sequence[CountCase]) -> dict[str, float]:
    """Return by request name its share of traffic; each step of a flow has the flow's. Pure."""
    return {name: case.steps[0].weight for case in cases for name in case.names}


def narrowed(
    cases: Sequence[CountCase], refused: Sequence[NotAnsweredError]
) -> tuple[tuple[CountCase, ...], dict[str, str]]:
    """Return the cases without what was refused, and the requests that are left out, with the reason. Pure.

    A flow whose users walked side by side has them walk alone from now on, since one may have been in another's way (a
    second login that ends the first, the last seat); one whose single user fails at a step keeps the steps before it.
    """
    kept, skipped = [], {}
    for case in cases:
        mine = [error for error in refused if error.case.index == case.index]
        if not mine:
            kept.append(case)
        elif case.flow and case.abreast > 1 and not any(error.alone for error in mine):
            kept.append(replace(case, abreast=1))
        else:
            first = min(mine, key=lambda error: error.at)
            broken = case.steps[first.at].name
            skipped[broken] = first.reason
            later = case.names[first.at + 1 :]
            skipped |= dict.fromkeys(later, f"it follows {broken!r} in its flow, which failed")
            if first.at:
                kept.append(replace(case, steps=case.steps[: first.at]))
    return tuple(kept), skipped


class _RefusedError(Exception):
    """Requests were not answered as they should be, on one arm or more: this start has to be made anew without them."""

    def __init__(self, errors: Sequence[NotAnsweredError]) -> None:
        super().__init__()
        self.errors = errors


class _Pass:
    """All starts with one source. ``make`` returns what counts one start of one arm, given a folder of its own.

    Requests that turn out not to be countable join ``skipped``, with the reason.
    """

    def __init__(
        self,
        phase: PassContext,
        cases: Sequence[CountCase],
        skipped: dict[str, str],
        make: Callable[[Path], InstructionCounter],
    ) -> None:
        self._phase, self._cases, self._skipped, self._make = phase, tuple(cases), skipped, make
        self._folder = phase.private / "count"
        self._folder.mkdir(mode=0o700, exist_ok=True)
        self._plan: dict[str, dict[int, int]] = {}
        self._attempts = 0
        self._numbers: dict[str, int] = {}
        self._functions = [Functions(arm.service.directory) for arm in phase.scenario.arms]
        self._programs: dict[str, str] = {}
        self._made_by: dict[str, str] = {}
        self._missed: dict[str, int] = {}
        self._forked: dict[str, int] = {}
        self.starts: list[StartCount] = []

    def run(self) -> Instructions:
        """Start all arms again and again, side by side: each has its share of the machine, and counts do not mind."""
        phase, arms = self._phase, self._phase.scenario.arms
        wanted, most = phase.scenario.count.fewest, most_starts(phase.scenario)
        first = self._make(self._folder / "first")
        first.close()
        slowed = _slowed(phase.scenario, first.slowdown)
        began = time.monotonic()
        with ExitStack() as stack:
            loads = []
            for arm in arms:  # a load process is for one thread
                log = phase.private / f"count-{arm.name}.log"
                load = LoadProcess.start(slowed, log=log, redactor=phase.redactor)
                stack.callback(load.stop)
                loads.append(load)
            notes: list[str] = []
            for number in range(1, most + 1):
                if number > wanted:
                    half = half_width(self._so_far(first.name), [arm.name for arm in arms])
                    if half is None or half <= MARGIN:
                        break
                    wanted = number
                phase.observer.phase(f"counting instructions by {first.name}: start {number} of {wanted}")
                try:
                    self._start_without_refused(number, loads)
                except ServiceError as error:
                    if number <= ENOUGH:
                        raise _not_counted(error, first) from error
                    notes.append(f"start {number} failed and was left out: {error.sentence}")
                    break
                phase.observer.time_left((time.monotonic() - began) / number * (wanted - number))
        profiles = self._profiles(time.monotonic() - began)
        told = self._so_far(first.name)
        return replace(told, profiles=profiles, notes=(*notes, *self._uncounted()), made_by=self._made_by)

    def _so_far(self, source: Source) -> Instructions:
        weights = weights_of(self._cases)
        return Instructions(source, tuple(self.starts), weights=weights, skipped=self._skipped)

    def _profiles(self, seconds: float) -> tuple[ArmProfile, ...]:
        """Return the functions of every arm, where the source knows any."""
        names = list(self._numbers)
        found = []
        for arm, functions in zip(self._phase.scenario.arms, self._functions, strict=True):
            mine = [
                {each.request: each.requests for each in start.counts} for start in self.starts if start.arm == arm.name
            ]
            counts = [[start.get(name, 0) for start in mine] for name in names]
            found.append(functions.profile(arm.name, names, counts, seconds))
        return tuple(found)

    def _start_without_refused(self, number: int, loads: Sequence[LoadProcess]) -> None:
        """Make a start, anew and without them as long as requests turn out not to be answered as they should be."""
        while True:
            try:
                self._start(number, loads)
            except _RefusedError as refused:
                self._narrow(refused.errors)
                if number == 1:
                    self._plan.clear()
            else:
                return

    def _narrow(self, errors: Sequence[NotAnsweredError]) -> None:
        """Leave out what was refused; UncountableError when nothing is left."""
        self._cases, left_out = narrowed(self._cases, errors)
        self._skipped |= left_out
        if not self._cases:
            raise UncountableError(
                "no request is answered as it should be", why="; ".join(dict.fromkeys(self._skipped.values()))
            )

    def _start(self, number: int, loads: Sequence[LoadProcess]) -> None:
        phase, arms = self._phase, self._phase.scenario.arms
        self._attempts += 1
        folder = self._folder / f"{self._attempts:02d}"
        folder.mkdir(mode=0o700)
        for snapshot in phase.snapshots:
            snapshot.restore()
        for arm in arms:
            if arm.service.reset:
                log = folder / f"{arm.name}.reset.log"
                run_command(arm, arm.service.reset, purpose="reset", log=log, redactor=phase.redactor)
        with ExitStack() as stack:
            counters = [self._make(folder / arm.name) for arm in arms]
            for counter in counters:
                stack.callback(counter.close)
            prepared = [counter.arm(_seeded(arm)) for arm, counter in zip(arms, counters, strict=True)]
            services = start(prepared, logs=folder, redactor=phase.redactor, cpus=None)
            stack.callback(stop_all, services)
            counting = [
                CountedArm(at, service, counter, load, self._cases, phase.redactor, self._functions[at].wanted)
                for at, (service, counter, load) in enumerate(zip(services, counters, loads, strict=True))
            ]
            with ThreadPoolExecutor(len(arms)) as pool:
                try:
                    counted = self._counted(number, counting, pool)
                except _RefusedError:
                    raise
                except BaseException:
                    for load in loads:
                        load.abort()  # so that no thread goes on sending
                    raise
            for name in (name for case in self._cases for name in case.names):
                self._numbers.setdefault(name, len(self._numbers))
            for functions, (_, graphs) in zip(self._functions, counted, strict=True):
                for name, graph in graphs:
                    functions.add(graph, self._numbers[name], number - 1)
            self.starts += [each for each, _ in counted]

    def _counted(
        self, number: int, arms: Sequence[CountedArm], pool: ThreadPoolExecutor
    ) -> list[tuple[StartCount, list[tuple[str, Graph]]]]:
        """Take every arm through the same steps; how often each case is sent, the slowest arm settles once."""
        refused = [error for found in pool.map(CountedArm.open, arms) for error in found]
        if refused:
            self._narrow(refused)
            arms = [replace(arm, cases=self._cases) for arm in arms]

        def each(do: Callable[[CountedArm], T]) -> list[T]:
            return _all(pool, do, arms)

        compiling = any(map(CountedArm.compiles, arms))
        requests = sum(len(case.steps) for case in self._cases)
        least = WARM_FEWEST_COMPILED if compiling else WARM_FEWEST * max(1, *(arm.workers() for arm in arms))
        self._settle("warm", each(lambda arm: arm.timed(counting=False)), WARM_SECONDS, least, WARM_MOST)
        each(lambda arm: arm.send(self._times("warm")))
        each(CountedArm.begin)
        least = FEWEST_COMPILED if compiling else max(FEWEST, FEWEST_IN_ALL // requests)
        self._settle("count", each(lambda arm: arm.timed(counting=True)), PASS_SECONDS, least, MOST)
        if number == 1:
            self._made_by = {arm.service.arm.name: made_by(arm.service.processes(), self._programs) for arm in arms}
        counted = each(lambda arm: arm.count(self._times("count")))
        for arm in arms:
            name = arm.service.arm.name
            self._missed[name] = max(self._missed.get(name, 0), arm.counter.missed)
            self._forked[name] = max(self._forked.get(name, 0), arm.counter.forked)
        return [
            (StartCount(arm.service.arm.name, number, counts, len(arm.service.processes())), graphs)
            for arm, (counts, graphs) in zip(arms, counted, strict=True)
        ]

    def _uncounted(self) -> tuple[str, ...]:
        """Return what could not be counted as it should be, by arm."""
        executed = (
            f"Requests to {arm} execute other programs ({missed} in a start): under callgrind these are not counted."
            for arm, missed in self._missed.items()
            if missed
        )
        forked = (
            f"{arm} forks processes while it is asked ({count} in a start): under callgrind each begins with what its "
            "parent had counted, so instructions are too many, and changes look smaller than they are."
            for arm, count in self._forked.items()
            if count
        )
        return (*executed, *forked)

    def _times(self, step: str) -> list[int]:
        return [self._plan[step][case.index] for case in self._cases]

    def _settle(self, step: str, times: Sequence[Sequence[float]], seconds: float, fewest: int, most: int) -> None:
        """Fix how often each case is sent in a step, going by the seconds that one took: once for all starts."""
        if step not in self._plan:
            requests = sum(len(case.steps) for case in self._cases)
            slowest = [max(each) for each in zip(*times, strict=True)]
            self._plan[step] = {
                case.index: how_often(took, seconds * len(case.steps) / requests, len(case.steps), fewest, most)
                for case, took in zip(self._cases, slowest, strict=True)
            }


def how_often(took: float, share: float, steps: int, fewest: int, most: int) -> int:
    """Return how often a case of so many ``steps`` is sent within its ``share`` (s) when one ``took`` so long. Pure.

    At least ``fewest`` times, but for what takes so long (a password that is hashed under Valgrind) that these would
    outlast ``SLOWEST_SECONDS`` a step: what little else goes on then is nothing beside it.
    """
    took = max(took, 1e-6)
    bearable = max(FEWEST_SLOW, int(SLOWEST_SECONDS * steps / took))
    return max(min(fewest, bearable), min(most, int(share / took)))


T = TypeVar("T")


def _all(pool: ThreadPoolExecutor, do: Callable[[CountedArm], T], arms: Sequence[CountedArm]) -> list[T]:
    """Do something on every arm at once; what was refused is raised when all have ended: their loads live on."""

    def tried(arm: CountedArm) -> T | NotAnsweredError:
        try:
            return do(arm)
        except NotAnsweredError as error:
            return error

    found = list(pool.map(tried, arms))
    refused = [each for each in found if isinstance(each, NotAnsweredError)]
    if refused:
        raise _RefusedError(refused)
    return [each for each in found if not isinstance(each, NotAnsweredError)]


def _not_counted(error: ServiceError, counter: InstructionCounter) -> UncountableError:
    """Return why a service cannot be counted, with the last that it said."""
    under = " under Valgrind" if counter.name == "callgrind" else ""
    last = next((line for line in reversed(error.log_tail) if line.strip()), "")
    why = "; its log ends: ".join(part for part in (error.what, last.strip()[:200]) if part)
    hint = "does the service run under `valgrind --tool=callgrind` by hand?" if under else error.hint
    return UncountableError(f"the service did not get through being counted{under}", why=why, hint=hint)


def _seeded(arm: Arm) -> Arm:
    """Return the arm with a fixed hash seed: the order of Python's sets and collisions in its dicts depend on it."""
    environment = dict(arm.service.environment)
    if SEED not in environment and SEED not in os.environ:
        environment[SEED] = "0"
    return replace(arm, service=replace(arm.service, environment=environment))


def _slowed(scenario: Scenario, slowdown: float) -> Scenario:
    """Return the scenario with as much more patience as the service is slower."""

    def patient(request: Request) -> Request:
        repeat = request.repeat
        if repeat is not None and slowdown > 1:
            repeat = replace(repeat, at_most=round(repeat.at_most * slowdown))
        timeout = min(max(LONGEST_TIMEOUT, request.timeout), request.timeout * slowdown)
        return replace(request, timeout=timeout, repeat=repeat, think_time=0.0)

    return replace(scenario, requests=tuple(map(patient, scenario.requests)), setup=tuple(map(patient, scenario.setup)))


def _cpuinfo() -> str:
    try:
        return Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
