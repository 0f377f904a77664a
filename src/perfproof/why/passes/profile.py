"""The profile pass: both arms once more under the same load, sampled, in alternating slices."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import numpy as np

from perfproof.errors import PerfproofError, ServiceError
from perfproof.evidence.tables import read_table
from perfproof.model.metrics import ALL
from perfproof.model.profile import ArmProfile, Engine
from perfproof.model.recording import COMPLETED, HISTOGRAM_COLUMNS, SAMPLE_COLUMNS
from perfproof.model.scenario import Arm
from perfproof.rounds.single_start import Allowance, PassContext
from perfproof.rounds.warmup import warm_up
from perfproof.service.lifecycle import RunningService, run_command, start, stop_all
from perfproof.service.processes import ProcessTree
from perfproof.service.programs import AUTO, fits
from perfproof.why.passes.one_request import Alone, sent_alone
from perfproof.why.profiles.engine import Profiler, UnavailableError
from perfproof.why.profiles.in_service import InService
from perfproof.why.profiles.jfr import FlightRecorder
from perfproof.why.profiles.node import NodeProfiler
from perfproof.why.profiles.perf import Perf
from perfproof.why.profiles.py_spy import PySpy

SLICES = 8
"""Slices per arm: enough for an interval over them, long enough to hold requests of every name."""
FEWEST_SLICES = 4
"""Where time runs out, a profile of fewer slices is none: nothing would be sure."""
SHORTEST = 0.8
"""Seconds an arm must be profiled for at least."""
WARMING_SHARE = 0.4
"""Of the time that is left, what warming up may take at most."""
SAMPLING_SHARE = 0.85
"""Of the time that is left then, what is sampled; the rest is for switching between the arms and for reading."""

Counts = list[list[list[int]]]
"""Completed requests by arm, name and slice."""


def profile_arms(phase: PassContext, allowance: Allowance | None = None) -> tuple[ArmProfile, ...]:
    """Return the profile of every arm, by the first engine that works for all; ``none`` with notes if none does.

    Raises what keeps the load from being sent, and OutOfTimeError where there is no time for it. A service that does
    not start, or dies, under an engine becomes a note.
    """
    explain = phase.scenario.explain
    allowed = allowance or Allowance.of(explain, None, len(phase.scenario.arms))
    wanted = explain.profile
    engines: tuple[Engine, ...] = AUTO if wanted == "auto" or wanted == "off" else (wanted,)
    notes: list[str] = []
    try:
        with _Pass(phase, engines, allowed) as arms:
            for engine in engines:
                if wanted == "auto" and not fits(engine, arms.pids()):
                    continue
                try:
                    return arms.profile(engine, notes)
                except UnavailableError as error:
                    notes.append(phase.redactor(f"{engine}: {error.sentence}"))
    except ServiceError as error:
        notes.append(phase.redactor(f"{engines[0] if len(engines) == 1 else 'profiling'}: {error.what}"))
    return tuple(ArmProfile(arm.name, "none", notes=tuple(notes)) for arm in phase.scenario.arms)


def slice_order(seed: int, arms: int) -> list[list[int]]:
    """Return, per slice, the order of the arms: random, seeded, and each leads half the time."""
    rng = random.Random(f"{seed}-profile-order")  # noqa: S311 - not cryptography
    leaders = [slice_ % arms for slice_ in range(SLICES)]
    rng.shuffle(leaders)
    return [[(leader + k) % arms for k in range(arms)] for leader in leaders]


def profiler_of(engine: Engine, folder: Path, interval: float, arm: Arm, *, afresh: bool) -> Profiler:
    """Return what profiles one arm by one engine, its files in a folder of its own below ``folder``.

    UnavailableError for an engine that is put into a service, where that is not started ``afresh``.
    """
    own, directory = folder / f"{engine}-{arm.name}", arm.service.directory
    if engine == "py-spy":
        return PySpy(own, interval, directory)
    if engine == "perf":
        return Perf(own, interval, directory)
    if engine == "jfr":
        return FlightRecorder(own, interval, directory)
    if not afresh:
        raise UnavailableError("the service is not started afresh, so nothing can be put into it")
    if engine == "node":
        return NodeProfiler(own, int(interval * 1e9), directory)
    return InService(engine, own, int(interval * 1e9))


class _Pass:
    """Both arms, started once with whatever the engines need in them, and profiled by one engine after the other."""

    def __init__(self, phase: PassContext, engines: Sequence[Engine], allowance: Allowance) -> None:
        self._phase = phase
        self._allowance = allowance
        self._folder = phase.private / "profile"
        self._folder.mkdir(mode=0o700, exist_ok=True)
        self._stack = ExitStack()
        self._services: list[RunningService] = []
        self._trees: list[ProcessTree] = []
        self._profilers: dict[Engine, list[Profiler] | UnavailableError] = {
            engine: self._made(engine) for engine in engines
        }

    def __enter__(self) -> _Pass:
        """Start the arms and warm them up."""
        phase = self._phase
        made = [each for profilers in self._profilers.values() if isinstance(profilers, list) for each in profilers]
        with ExitStack() as stack:
            for profiler in made:  # last on the way out: what a service that was killed has left behind
                stack.callback(profiler.close)
            self._services = self._started(stack)
            for profiler in made:  # first on the way out: no program may outlive what it looks at
                stack.callback(profiler.close)
            self._trees = [ProcessTree(arm, service.processes) for arm, service in enumerate(self._services)]
            for arm, service in enumerate(self._services):
                phase.load.open(arm, service.base_url)
                phase.observer.phase(f"profiling: warming up {service.arm.name}")
                with self._telling_of_deaths():
                    at_most = WARMING_SHARE * self._allowance.left() / (len(self._services) - arm)
                    # A queue spoils latency, not where CPU time goes; and what grew slow is what is to be explained.
                    warm_up(phase.load, arm, self._trees[arm], service, phase.scenario, at_most=at_most, judged=False)
                self._raise_if_dead(service)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *exception: object) -> None:
        """Stop the arms."""
        self._stack.close()

    def pids(self) -> list[int]:
        """Return the processes of all arms."""
        return [pid for service in self._services for pid in service.processes()]

    def profile(self, engine: Engine, notes: Sequence[str]) -> tuple[ArmProfile, ...]:
        """Profile the arms slice by slice; ``notes`` tell of engines tried before. Raises UnavailableError."""
        phase = self._phase
        profilers = self._profilers[engine]
        if isinstance(profilers, UnavailableError):
            raise profilers
        with self._telling_of_deaths():
            for service, profiler in zip(self._services, profilers, strict=True):
                profiler.ready(service.processes())
            alone = self._alone(profilers)
        arms = len(self._services)
        seconds = min(phase.scenario.explain.seconds, SAMPLING_SHARE * self._allowance.left() / arms)
        if seconds < SHORTEST:
            self._allowance.require(SHORTEST * arms, "a profile")
        # Names sent alone have half of the time, so that a profile takes as long whichever engine takes it.
        under_load, each = (seconds / 2, seconds / 2 / len(alone.names)) if alone.names else (seconds, 0.0)
        names, counts, slices = self._sliced(engine, profilers, under_load / SLICES, alone, each)
        told = profilers[0].by_request or len(names) == 1
        if alone.names:
            names, counts = [ALL, *alone.names], [[_all(mine), *alone.counts[at]] for at, mine in enumerate(counts)]
        elif not told:
            names, counts = [ALL], [[_all(mine)] for mine in counts]
        slow = alone.too_slow(each)
        alone.notes += [f"{name} is too slow to be sent alone here: raise `why.seconds`" for name in slow]
        if slices < SLICES:
            alone.notes.append(
                f"the profile was cut short after {slices} of {SLICES} slices, to keep to the time given"
            )
        return tuple(
            profiler.result().profile(
                service.arm.name,
                profiler.engine,
                names,
                mine,
                clock=profiler.clock,
                interval_ns=profiler.interval_ns,
                seconds=seconds,
                notes=[*notes, *profiler.notes(), *alone.notes],
            )
            for service, profiler, mine in zip(self._services, profilers, counts, strict=True)
        )

    def _made(self, engine: Engine) -> list[Profiler] | UnavailableError:
        try:
            return [self._profiler(engine, arm) for arm in self._phase.scenario.arms]
        except UnavailableError as error:
            return error

    def _profiler(self, engine: Engine, arm: Arm) -> Profiler:
        afresh = arm.name not in self._phase.kept and arm.service.command is not None
        return profiler_of(engine, self._folder, self._phase.scenario.explain.interval, arm, afresh=afresh)

    def _started(self, stack: ExitStack) -> list[RunningService]:
        phase = self._phase
        if phase.kept:
            return [phase.kept[arm.name] for arm in phase.scenario.arms]
        known = self._allowance.started_in or 0.0
        self._allowance.require(known + len(phase.scenario.arms) * (SHORTEST + 1.0), "profiles")
        for snapshot in phase.snapshots:
            snapshot.restore()
        arms = []
        for number, arm in enumerate(phase.scenario.arms):
            if arm.service.reset:
                log = self._folder / f"{arm.name}.reset.log"
                run_command(arm, arm.service.reset, purpose="reset", log=log, redactor=phase.redactor)
            environment = dict(arm.service.environment)
            for profilers in self._profilers.values():
                # What is meant for another runtime is never read.
                environment = profilers[number].environment(environment) if isinstance(profilers, list) else environment
            arms.append(self._allowance.hurried(replace(arm, service=replace(arm.service, environment=environment))))
        phase.observer.phase("profiling: starting")
        with self._allowance.starting(phase.scenario.arms[0], "profiles"):
            services = start(arms, logs=self._folder, redactor=phase.redactor, cpus=phase.cpus.service)
        stack.callback(stop_all, services)
        return services

    def _sliced(
        self, engine: Engine, profilers: Sequence[Profiler], seconds: float, alone: Alone, each: float
    ) -> tuple[list[str], Counts, int]:
        """Put load on the arms slice by slice, and one name after the other beside it.

        Return the names by the numbers that requests carry to the service, how often each was completed, and how many
        slices there was time for.
        """
        load, scenario, observer = self._phase.load, self._phase.scenario, self._phase.observer
        done = 0
        try:
            with self._telling_of_deaths():
                for slice_, order in enumerate(slice_order(scenario.load.seed, len(self._services))):
                    began = time.monotonic()
                    observer.phase(f"profiling with {engine}: slice {slice_ + 1} of {SLICES}")
                    seed = random.Random(f"{scenario.load.seed}-profile-{slice_}").getrandbits(48)  # noqa: S311
                    for position, arm in enumerate(order):
                        with _profiled(profilers[arm], self._trees[arm], slice_, 0):
                            load.block(arm, slice_, position, seconds, seed)
                        for at, times in alone.planned(arm, slice_, each):
                            with _profiled(profilers[arm], self._trees[arm], slice_, at + 1):
                                alone.send(arm, at, slice_, times)
                        self._raise_if_dead(self._services[arm])
                    done = slice_ + 1
                    if done < SLICES and time.monotonic() - began > self._allowance.left():
                        break
                if done < FEWEST_SLICES:
                    raise UnavailableError("no time was left for a profile", hint="give the command more `--time`")
                names, counts = self._counts(self._folder / f"samples-{engine}.parquet")
                return names, counts, done
        except KeyboardInterrupt:
            load.abort()
            raise
        finally:
            with suppress(PerfproofError):
                load.discard()

    def _alone(self, profilers: Sequence[Profiler]) -> Alone:
        wanted = profilers[0].alone and not profilers[0].by_request
        return sent_alone(self._phase, SLICES, wanted=wanted)

    @contextmanager
    def _telling_of_deaths(self) -> Iterator[None]:
        """Tell that a service died, which says more than that its answers failed."""
        try:
            yield
        except PerfproofError:
            for service in self._services:
                self._raise_if_dead(service)
            raise

    def _raise_if_dead(self, service: RunningService) -> None:
        died = service.check()
        if died:
            raise ServiceError(f"{service.arm.name} {died} while it was profiled", log_tail=service.log_tail())

    def _counts(self, path: Path) -> tuple[list[str], Counts]:
        scenario, load = self._phase.scenario, self._phase.load
        load.seal(path)
        names = carried = [request.name for request in scenario.requests]
        if scenario.locustfile is not None:
            learned = load.learned()
            # A file may rename a request once its response is there: samples have that name, the service the other.
            names = list(learned.names)
            carried = list(dict.fromkeys((*learned.labels, *learned.names))) or [ALL]
        histograms = scenario.load.samples == "histogram"
        rows = read_table(path, HISTOGRAM_COLUMNS if histograms else SAMPLE_COLUMNS)
        done = np.isin(rows["outcome"], COMPLETED)
        if histograms:
            done &= rows["since"] == 0
        places = np.array([carried.index(name) for name in names], dtype=int)
        where = (rows["arm"][done], places[rows["request"][done]], rows["pair"][done])
        counts = np.zeros((len(scenario.arms), len(carried), SLICES), dtype=int)
        np.add.at(counts, where, rows["count"][done] if histograms else 1)
        found: Counts = counts.tolist()
        return carried, found


@contextmanager
def _profiled(profiler: Profiler, tree: ProcessTree, slice_: int, request: int) -> Iterator[None]:
    profiler.begin(slice_, request)
    before = tree.cpu_ns()
    yield
    profiler.end(tree.cpu_ns() - before)


def _all(rows: Sequence[Sequence[int]]) -> list[int]:
    """Return completed requests of all names, by slice."""
    found: list[int] = np.sum(rows, axis=0).tolist()
    return found
