"""The profile pass: both arms once more under the same load, sampled, in alternating slices."""

from __future__ import annotations

import random
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np

from perfproof.collectors.processes import ProcessTree
from perfproof.collectors.profiles.engine import Profiler
from perfproof.collectors.profiles.in_service import InService
from perfproof.errors import PerfproofError
from perfproof.evidence.reading import samples_of
from perfproof.evidence.tables import read_table
from perfproof.experiment.probe import Phase
from perfproof.experiment.warmup import warm_up
from perfproof.model.profile import ArmProfile, Engine
from perfproof.model.recording import HISTOGRAM_COLUMNS, SAMPLE_COLUMNS, Outcome, Samples
from perfproof.service.lifecycle import RunningService, run_command, start, stop_all

SLICES = 8
"""Slices per arm: enough for an interval over them, long enough to hold requests of every name."""


def profile_arms(phase: Phase) -> tuple[ArmProfile, ...]:
    """Return the profile of every arm; engine ``none`` with a note where it cannot be had."""
    logs = phase.private / "profile"
    logs.mkdir(mode=0o700, exist_ok=True)
    interval_ns = int(phase.scenario.explain.interval * 1e9)
    engine: Engine = "pyinstrument" if phase.scenario.explain.profile == "pyinstrument" else "agent"
    profilers = [InService(engine, logs / f"agent-{arm.name}", interval_ns) for arm in phase.scenario.arms]
    services = _start(phase, profilers, logs)
    try:
        counts = _under_load(phase, services, profilers, logs)
    finally:
        stop_all(services)
    seconds = phase.scenario.explain.seconds
    names = [request.name for request in phase.scenario.requests]
    return tuple(
        profiler.result().profile(
            arm.name,
            profiler.engine,
            names,
            counts[number],
            clock=profiler.clock,
            interval_ns=interval_ns,
            seconds=seconds,
            notes=profiler.problems(),
        )
        for number, (arm, profiler) in enumerate(zip(phase.scenario.arms, profilers, strict=True))
    )


def _start(phase: Phase, profilers: Sequence[Profiler], logs: Path) -> list[RunningService]:
    arms = []
    for arm, profiler in zip(phase.scenario.arms, profilers, strict=True):
        if arm.service.reset:
            log = logs / f"{arm.name}.reset.log"
            run_command(arm, arm.service.reset, purpose="reset", log=log, redactor=phase.redactor)
        environment = profiler.environment(arm.service.environment)
        arms.append(replace(arm, service=replace(arm.service, environment=environment)))
    phase.observer.phase("profiling: starting")
    return start(arms, logs=logs, redactor=phase.redactor, cpus=phase.cpus.service)


def _under_load(
    phase: Phase, services: Sequence[RunningService], profilers: Sequence[Profiler], logs: Path
) -> list[list[list[int]]]:
    """Warm the arms, put load on them slice by slice, and return how often each request was completed in each."""
    load, scenario = phase.load, phase.scenario
    for arm, service in enumerate(services):
        load.open(arm, service.base_url)
        phase.observer.phase(f"profiling: warming up {service.arm.name}")
        warm_up(load, arm, ProcessTree(arm, service.processes), service, scenario.rounds)
    seconds = scenario.explain.seconds / SLICES
    try:
        for slice_, order in enumerate(slice_order(scenario.load.seed, len(services))):
            phase.observer.phase(f"profiling: slice {slice_ + 1} of {SLICES}")
            seed = random.Random(f"{scenario.load.seed}-profile-{slice_}").getrandbits(48)  # noqa: S311
            for position, arm in enumerate(order):
                profilers[arm].begin(slice_)
                load.block(arm, slice_, position, seconds, seed)
                profilers[arm].end()
        return _counts(phase, logs / "samples.parquet")
    finally:
        with suppress(PerfproofError):
            load.discard()


def slice_order(seed: int, arms: int) -> list[list[int]]:
    """Return, per slice, the order of the arms: random, seeded, and each leads half the time."""
    rng = random.Random(f"{seed}-profile-order")  # noqa: S311 - not cryptography
    leaders = [slice_ % arms for slice_ in range(SLICES)]
    rng.shuffle(leaders)
    return [[(leader + k) % arms for k in range(arms)] for leader in leaders]


def _counts(phase: Phase, path: Path) -> list[list[list[int]]]:
    phase.load.seal(path)
    if phase.scenario.load.samples == "histogram":
        samples = samples_of(read_table(path, HISTOGRAM_COLUMNS), since=0)
    else:
        samples = Samples(read_table(path, SAMPLE_COLUMNS))
    done = samples.select(samples["outcome"] == Outcome.OK)
    counts = np.zeros((len(phase.scenario.arms), len(phase.scenario.requests), SLICES), dtype=int)
    np.add.at(counts, (done["arm"], done["request"], done["pair"]), 1 if done.counts is None else done.counts)
    found: list[list[list[int]]] = counts.tolist()
    return found
