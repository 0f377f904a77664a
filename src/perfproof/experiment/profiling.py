"""The profile pass: both arms once more under the same load, sampled, in alternating slices."""

from __future__ import annotations

import random
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path

import numpy as np

from perfproof.collectors.processes import ProcessTree
from perfproof.collectors.profiles.engine import Profiler, UnavailableError
from perfproof.collectors.profiles.in_service import InService
from perfproof.collectors.profiles.perf import Perf
from perfproof.collectors.profiles.py_spy import PySpy
from perfproof.errors import PerfproofError, ServiceError
from perfproof.evidence.tables import read_table
from perfproof.experiment.probe import Phase
from perfproof.experiment.warmup import warm_up
from perfproof.model.metrics import ALL
from perfproof.model.profile import ArmProfile, Engine
from perfproof.model.recording import COMPLETED, HISTOGRAM_COLUMNS, SAMPLE_COLUMNS
from perfproof.model.scenario import Arm, Explain
from perfproof.service.lifecycle import RunningService, run_command, start, stop_all

SLICES = 8
"""Slices per arm: enough for an interval over them, long enough to hold requests of every name."""
AUTO: tuple[Engine, ...] = ("agent", "py-spy", "perf")
"""What is tried where no engine is named: those that see requests first."""

Counts = list[list[list[int]]]
"""Completed requests by arm, name and slice."""


def profile_arms(phase: Phase) -> tuple[ArmProfile, ...]:
    """Return the profile of every arm, by the first engine that works for all; ``none`` with notes if none does.

    Raises what keeps the load from being sent. A service that does not start, or dies, under an engine becomes a note.
    """
    wanted = phase.scenario.explain.profile
    engines = AUTO if wanted == "auto" or wanted == "off" else (wanted,)
    notes: list[str] = []
    for engine in engines:
        try:
            return _Pass(phase, engine).run(notes)
        except UnavailableError as error:
            notes.append(phase.redactor(f"{engine}: {_sentence(error)}"))
        except ServiceError as error:
            notes.append(phase.redactor(f"{engine}: {error.what}"))
            break
    return tuple(ArmProfile(arm.name, "none", notes=tuple(notes)) for arm in phase.scenario.arms)


def slice_order(seed: int, arms: int) -> list[list[int]]:
    """Return, per slice, the order of the arms: random, seeded, and each leads half the time."""
    rng = random.Random(f"{seed}-profile-order")  # noqa: S311 - not cryptography
    leaders = [slice_ % arms for slice_ in range(SLICES)]
    rng.shuffle(leaders)
    return [[(leader + k) % arms for k in range(arms)] for leader in leaders]


class _Pass:
    """One try with one engine."""

    def __init__(self, phase: Phase, engine: Engine) -> None:
        self._phase = phase
        self._engine = engine
        self._folder = phase.private / f"profile-{engine}"
        self._folder.mkdir(mode=0o700, exist_ok=True)

    def run(self, notes: Sequence[str]) -> tuple[ArmProfile, ...]:
        """Start the arms, profile them slice by slice, stop them; ``notes`` tell of engines tried before."""
        phase, explain = self._phase, self._phase.scenario.explain
        with ExitStack() as stack:
            profilers = [self._profiler(arm, explain) for arm in phase.scenario.arms]
            services = self._services(profilers, stack)
            for profiler in profilers:  # after the services on the way out: no program may outlive what it looks at
                stack.callback(profiler.close)
            names, counts = self._under_load(services, profilers)
        profiles = []
        for arm, profiler, mine in zip(phase.scenario.arms, profilers, counts, strict=True):
            told = profiler.by_request or len(names) == 1
            profile = profiler.result().profile(
                arm.name,
                profiler.engine,
                names if told else [ALL],
                mine if told else np.sum(mine, axis=0, keepdims=True).tolist(),
                clock=profiler.clock,
                interval_ns=profiler.interval_ns,
                seconds=explain.seconds,
                notes=[*notes, *profiler.notes()],
            )
            profiles.append(profile)
        return tuple(profiles)

    def _profiler(self, arm: Arm, explain: Explain) -> Profiler:
        folder = self._folder / arm.name
        if self._engine == "py-spy":
            return PySpy(folder, explain.interval, arm.service.directory)
        if self._engine == "perf":
            return Perf(folder, explain.interval, arm.service.directory)
        if arm.name in self._phase.kept or arm.service.command is None:
            raise UnavailableError("the service is not started afresh, so nothing can be put into it")
        return InService(self._engine, folder, int(explain.interval * 1e9))

    def _services(self, profilers: Sequence[Profiler], stack: ExitStack) -> list[RunningService]:
        phase = self._phase
        if phase.kept:
            return [phase.kept[arm.name] for arm in phase.scenario.arms]
        for snapshot in phase.snapshots:
            snapshot.restore()
        arms = []
        for arm, profiler in zip(phase.scenario.arms, profilers, strict=True):
            if arm.service.reset:
                log = self._folder / f"{arm.name}.reset.log"
                run_command(arm, arm.service.reset, purpose="reset", log=log, redactor=phase.redactor)
            environment = profiler.environment(arm.service.environment)
            arms.append(replace(arm, service=replace(arm.service, environment=environment)))
        phase.observer.phase(f"profiling with {self._engine}: starting")
        services = start(arms, logs=self._folder, redactor=phase.redactor, cpus=phase.cpus.service)
        stack.callback(stop_all, services)
        return services

    def _under_load(
        self, services: Sequence[RunningService], profilers: Sequence[Profiler]
    ) -> tuple[list[str], Counts]:
        """Warm the arms, put load on them slice by slice; return names and how often each was completed in each.

        Names are by the numbers that requests carry to the service.
        """
        load, scenario, observer = self._phase.load, self._phase.scenario, self._phase.observer
        seconds = scenario.explain.seconds / SLICES
        trees = [ProcessTree(arm, service.processes) for arm, service in enumerate(services)]
        try:
            for arm, service in enumerate(services):
                load.open(arm, service.base_url)
                observer.phase(f"profiling with {self._engine}: warming up {service.arm.name}")
                warm_up(load, arm, trees[arm], service, scenario)
                self._raise_if_dead(service)
                profilers[arm].ready(service.processes())
            for slice_, order in enumerate(slice_order(scenario.load.seed, len(services))):
                observer.phase(f"profiling with {self._engine}: slice {slice_ + 1} of {SLICES}")
                seed = random.Random(f"{scenario.load.seed}-profile-{slice_}").getrandbits(48)  # noqa: S311
                for position, arm in enumerate(order):
                    profilers[arm].begin(slice_)
                    before = trees[arm].cpu_ns()
                    load.block(arm, slice_, position, seconds, seed)
                    profilers[arm].end(trees[arm].cpu_ns() - before)
                    self._raise_if_dead(services[arm])
            return self._counts(self._folder / "samples.parquet")
        except KeyboardInterrupt:
            load.abort()
            raise
        except PerfproofError:
            for service in services:
                self._raise_if_dead(service)  # which says more than that its answers failed
            raise
        finally:
            with suppress(PerfproofError):
                load.discard()

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


def _sentence(error: PerfproofError) -> str:
    return ": ".join(part for part in (error.what, error.why, error.hint) if part)
