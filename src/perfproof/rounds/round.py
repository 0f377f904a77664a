"""One round: fresh start of every arm, set-up, warm-up, then pairs of blocks in random order, then stop and seal."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from perfproof.errors import EvidenceError, Interrupted, LoadError, PerfproofError
from perfproof.evidence.directory import PartialRound
from perfproof.load.orders import balanced_orders
from perfproof.load.plan import Learned
from perfproof.model.recording import ArmRound, Block, Round, Samples
from perfproof.model.scenario import Scenario
from perfproof.rounds.collecting import Collector
from perfproof.rounds.metric_feeds import pushing
from perfproof.rounds.pace import STOPPING
from perfproof.rounds.paired import measure_pairs, warm_pairs
from perfproof.rounds.run_context import (
    ArmDiedError,
    Progress,
    RunContext,
    block_of,
    death,
    raise_if_dead,
    raise_if_wrong,
)
from perfproof.rounds.warmup import WarmupState, warm_up
from perfproof.service.lifecycle import RunningService, run_command, start, stop_all
from perfproof.service.processes import ProcessTree, Sampler

UNDER_LOAD = 0.6
"""Least seconds of load before blocks, where pairs have gone before."""


def block_order(scenario: Scenario, round_number: int, arms: int, pairs: int) -> list[list[int]]:
    """Return, per pair of blocks, the order of the arms: random, seeded, and balanced: each arm leads as often.

    Balance keeps a first-in-pair effect (caches of the machine, frequency) from landing on one arm in a short round;
    where the orders do not come out even in one round, they do over the rounds.
    """
    rng = random.Random(f"{scenario.load.seed}-{round_number}-order")  # noqa: S311 - not cryptography
    known = balanced_orders(range(arms))
    start = (round_number - 1) * pairs
    chosen = [(start + pair) % len(known) for pair in range(pairs)]
    rng.shuffle(chosen)
    return [known[each] for each in chosen]


def block_seed(scenario: Scenario, round_number: int, pair: int) -> int:
    """Return the seed of a pair's request sequence: the same for both arms, another for each pair and round."""
    return random.Random(f"{scenario.load.seed}-{round_number}-{pair}").getrandbits(48)  # noqa: S311


class Measuring(Protocol):
    """What is done with arms that are up and warm: put load on them, and leave the samples behind."""

    def __call__(self, stage: RunContext, number: int, progress: Progress) -> None:
        """Measure; blocks go to ``progress``."""

    def seal(self, stage: RunContext, partial: PartialRound) -> None:
        """Write every sample of this round to ``partial``; LoadError or EvidenceError if that fails."""


class Timed:
    """The usual measurement: stretches of pairs, pairs of blocks, or both, as the run's pace has it."""

    def __call__(self, stage: RunContext, number: int, progress: Progress) -> None:
        """Measure the whole round."""
        design = stage.pace.design
        if design is None or design.pairs:
            measure_pairs(stage, number, progress)
        if design is None or design.blocks:
            measure_blocks(stage, number, progress)

    def seal(self, stage: RunContext, partial: PartialRound) -> None:
        """Have the load process write what it recorded."""
        histograms = stage.scenario.load.samples == "histogram"
        stage.load.seal(partial.histograms_path if histograms else partial.samples_path)


def run_round(stage: RunContext, number: int, measuring: Measuring | None = None) -> Round:
    """Conduct and seal one round; its samples are in the run directory, not in what is returned.

    A service that dies, load that cannot go on, or Ctrl-C ends the round early: it is sealed as incomplete with the
    reason, and the error is raised again. An error before the services are up leaves no round behind.
    """
    measuring = measuring or Timed()
    partial = stage.directory.begin_round(number)
    logs = stage.private / f"round-{number:03d}"
    logs.mkdir(mode=0o700)
    problem: PerfproofError | None = None
    began = time.monotonic()
    with _services(stage, logs) as services:
        trees = [ProcessTree(arm, each.processes) for arm, each in enumerate(services)]
        progress = Progress(partial, services, trees, Collector.of(services, stage.feeds))
        progress.starting = time.monotonic() - began
        progress.look()
        with Sampler(progress.trees):
            try:
                _warm_arms(stage, number, progress)
                for doubt in progress.collector.prepare():
                    if number == stage.first:
                        stage.observer.note(stage.redactor(doubt))
                measuring(stage, number, progress)
                progress.collector.finish()
            except PerfproofError as error:
                problem = death(services) or error
            except KeyboardInterrupt:
                stage.load.abort()
                problem = interrupted()
        for tree in progress.trees:
            tree.look(full=True, always=True)
        unsealed = _seal_samples(stage, measuring, partial)
        learned, unknown = _learn(stage)
        problem = problem or unsealed or unknown
    round_ = Round(
        number=number,
        arms=tuple(_arm_round(arm, progress, problem) for arm in range(len(services))),
        blocks=tuple(progress.blocks),
        samples=Samples.empty(),
        processes=_merge([tree.columns() for tree in progress.trees]),
        complete=problem is None,
        problem=str(problem) if problem else None,
        troubles=learned.troubles,
        collected=tuple(progress.collector.collected),
    )
    stage.directory.seal(partial, round_, {each.arm.name: each.log for each in services}, stage.redactor)
    if problem is not None:
        raise problem
    return round_


def _seal_samples(stage: RunContext, measuring: Measuring, partial: PartialRound) -> PerfproofError | None:
    """Have the samples written; return what prevents it. The round is then sealed as incomplete, not lost."""
    try:
        measuring.seal(stage, partial)
    except (LoadError, EvidenceError) as error:
        return error
    except KeyboardInterrupt:
        stage.load.abort()
        stage.load.discard()  # answered after the seal that is under way, which is thus not repeated without samples
        return interrupted()
    return None


def _learn(stage: RunContext) -> tuple[Learned, PerfproofError | None]:
    """Ask for the names of a Locust file's requests and its troubles; without names its samples mean nothing."""
    try:
        learned = stage.load.learned()
    except LoadError as error:
        return Learned(), error
    except KeyboardInterrupt:
        stage.load.abort()
        learned = stage.load.learned()
        stage.named(learned.names)
        return learned, interrupted()
    stage.named(learned.names)
    return learned, None


@contextmanager
def _services(stage: RunContext, logs: Path) -> Iterator[list[RunningService]]:
    """Start every arm afresh (or lend the kept ones) and stop what was started."""
    if stage.kept:
        yield [stage.kept[arm.name] for arm in stage.scenario.arms]
        return
    for snapshot in stage.snapshots:
        stage.observer.phase("putting databases back")
        snapshot.restore()
    for arm in stage.scenario.arms:
        if arm.service.reset:
            stage.observer.phase(f"resetting {arm.name}")
            log = logs / f"{arm.name}.reset.log"
            run_command(arm, arm.service.reset, purpose="reset", log=log, redactor=stage.redactor)
    stage.observer.phase("starting " + " and ".join(arm.name for arm in stage.scenario.arms))
    arms = [pushing(arm, stage.feeds.get(arm.name)) for arm in stage.scenario.arms]
    services = start(arms, logs=logs, redactor=stage.redactor, cpus=stage.cpus.service)
    try:
        yield services
    finally:
        stage.observer.phase("stopping")
        stop_all(services)


def _warm_arms(stage: RunContext, number: int, progress: Progress) -> None:
    """Log in and warm up every arm: in pairs, or one after the other in an order that changes from round to round."""
    for arm, service in enumerate(progress.services):
        stage.load.open(arm, service.base_url)
    if number == stage.first:
        for arm, service in enumerate(progress.services):
            stage.observer.phase(f"trying every request on {service.arm.name}")
            raise_if_wrong(stage.scenario, service, stage.load.try_out(arm), stage.redactor)
    pace = stage.pace
    if pace.in_pairs:
        stage.observer.phase("warming up")
        warm_pairs(stage, number, progress)
        raise_if_dead(progress.services)
        used = time.monotonic() - progress.began
        beside = STOPPING + progress.collector.pushed.waits
        pace.fix(progress.starting + used + beside, progress.starting + used)
    if pace.design is None or pace.design.blocks:
        for arm in block_order(stage.scenario, number, len(progress.services), 1)[0]:
            stage.observer.phase(f"warming up {stage.scenario.arms[arm].name}")
            service, tree = progress.services[arm], progress.trees[arm]
            # Pairs have warmed the code; what is left is to fill queues and pools.
            least = min(UNDER_LOAD, stage.scenario.rounds.block_warmup) if pace.in_pairs else None
            alone = pace.slowest(arm)
            progress.warmth[arm] = warm_up(stage.load, arm, tree, service, stage.scenario, alone, least)
            if not pace.in_pairs and overlaps(stage.scenario):
                progress.alone[arm] = stage.load.alone(arm)
            raise_if_dead(progress.services)
    progress.look()


def overlaps(scenario: Scenario) -> bool:
    """Tell whether requests of ours may be under way at the same time, so that they may wait for one another."""
    load = scenario.load
    return scenario.locustfile is None and (load.model == "open" or load.users > 1)


def measure_blocks(stage: RunContext, number: int, progress: Progress) -> None:
    """Measure all pairs of blocks; the service's CPU clocks are read just before and just after each block."""
    scenario, count, begun = stage.scenario, len(progress.services), len({block.pair for block in progress.blocks})
    blocks, seconds = stage.pace.blocks()
    stage.observer.phase("measuring under load" if begun else "measuring")
    for pair, order in enumerate(block_order(scenario, number, count, blocks), start=begun):
        seed = block_seed(scenario, number, pair)
        for position, arm in enumerate(order):
            progress.collector.before(arm)
            progress.collector.after([send_block(stage, progress, (arm, pair, position), seconds, seed)])
            stage.observer.block(len(progress.blocks) - begun * count, blocks * count)


def send_block(
    stage: RunContext,
    progress: Progress,
    place: tuple[int, int, int],
    seconds: float,
    seed: int,
    rate: float | None = None,
) -> Block:
    """Put one block on an arm (``place``: arm, pair, position) and note it, with the CPU time the service used for it.

    ArmDiedError if a service has ended.
    """
    arm, pair, position = place
    tree = progress.trees[arm]
    before = tree.cpu_ns()
    report = stage.load.block(arm, pair, position, seconds, seed, rate=rate)
    used = tree.cpu_ns() - before
    measurable = bool(tree.cpu_by_pid())  # a service on another machine has no processes here
    block = block_of(arm, pair, position, report, used if measurable else None, rate)
    progress.blocks.append(block)
    raise_if_dead(progress.services)
    progress.look()
    return block


def _arm_round(arm: int, progress: Progress, problem: PerfproofError | None) -> ArmRound:
    service, memory = progress.services[arm], progress.trees[arm].summary()
    warmth = progress.warmth.get(arm, WarmupState(0, 0.0, steady=problem is not None, cold_processes=0))
    return ArmRound(
        arm=arm,
        start_seconds=service.start_seconds,
        processes=memory.processes,
        warmup_requests=warmth.requests,
        warmup_seconds=warmth.seconds,
        steady=warmth.steady,
        cold_processes=warmth.cold_processes,
        memory_start=memory.memory_start,
        memory_peak=memory.memory_peak,
        memory_steady=memory.memory_steady,
        memory_kind=memory.memory_kind,
        restarts=memory.restarts,
        idle_ns=progress.idle.get(arm, (0, 0))[0],
        idle_cpu_ns=progress.idle.get(arm, (0, 0))[1],
        alone_ns=progress.alone.get(arm, 0),
        died=problem.died if isinstance(problem, ArmDiedError) and problem.arm == service.arm.name else None,
    )


def interrupted() -> Interrupted:
    """Return the error for a measurement that the user stopped."""
    return Interrupted("interrupted", hint="finished rounds are kept; `perfproof show` judges them as they are")


def _merge(tables: list[dict[str, npt.NDArray[Any]]]) -> dict[str, npt.NDArray[Any]]:
    """Join the trees' tables in order of time."""
    if not tables:
        return {}
    joined = {name: np.concatenate([table[name] for table in tables]) for name in tables[0]}
    order = np.argsort(joined["t_ns"], kind="stable")
    return {name: column[order] for name, column in joined.items()}
