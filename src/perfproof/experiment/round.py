"""One round: fresh start of every arm, set-up, warm-up, then pairs of blocks in random order, then stop and seal."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from perfproof.collectors.processes import ProcessTree, Sampler
from perfproof.errors import EvidenceError, Interrupted, LoadError, PerfproofError, ServiceError
from perfproof.evidence.directory import PartialRound, RunDirectory
from perfproof.experiment.observer import Observer
from perfproof.experiment.warmup import Warmth, warm_up
from perfproof.load.handle import LoadProcess
from perfproof.load.plan import BlockReport, Learned
from perfproof.model.recording import ArmRound, Block, Round, Samples
from perfproof.model.scenario import Scenario
from perfproof.service.cpus import CpuPlan
from perfproof.service.lifecycle import RunningService, run_command, start
from perfproof.service.snapshots import Snapshot

FULL_LOOK_EVERY = 1.0
"""Seconds between readings of PSS, taken between blocks: reading it holds a lock of the service's memory map."""


@dataclass(frozen=True)
class Stage:
    """What every round of a run shares. ``kept`` services (``url:`` or ``restart: never``) outlive a round.

    ``named`` is told the names of a Locust file's requests, before any sample that refers to them is sealed.
    """

    scenario: Scenario
    load: LoadProcess
    directory: RunDirectory
    private: Path
    redactor: Callable[[str], str]
    cpus: CpuPlan
    observer: Observer
    kept: Mapping[str, RunningService]
    snapshots: Sequence[Snapshot] = ()
    named: Callable[[Sequence[str]], None] = lambda names: None  # noqa: ARG005


def block_order(scenario: Scenario, round_number: int, arms: int) -> list[list[int]]:
    """Return, per pair, the order of the arms: random, seeded, and balanced so that each arm leads half the time.

    Balance keeps a first-in-pair effect (caches of the machine, frequency) from landing on one arm in a short round.
    """
    rng = random.Random(f"{scenario.load.seed}-{round_number}-order")  # noqa: S311 - not cryptography
    leaders = [pair % arms for pair in range(scenario.rounds.blocks)]
    rng.shuffle(leaders)
    return [[(leader + k) % arms for k in range(arms)] for leader in leaders]


def block_seed(scenario: Scenario, round_number: int, pair: int) -> int:
    """Return the seed of a pair's request sequence: the same for both arms, another for each pair and round."""
    return random.Random(f"{scenario.load.seed}-{round_number}-{pair}").getrandbits(48)  # noqa: S311


@dataclass
class Progress:
    """What one round has come to so far; kept apart so that an error in the middle loses nothing."""

    partial: PartialRound
    services: list[RunningService]
    trees: list[ProcessTree]
    warmth: dict[int, Warmth] = field(default_factory=dict)
    blocks: list[Block] = field(default_factory=list)
    looked: float = 0.0

    def look(self) -> None:
        """Read every tree's PSS when the last reading is old enough."""
        if time.monotonic() - self.looked >= FULL_LOOK_EVERY:
            for tree in self.trees:
                tree.look(full=True)
            self.looked = time.monotonic()


class Measuring(Protocol):
    """What is done with arms that are up and warm: put load on them, and leave the samples behind."""

    def __call__(self, stage: Stage, number: int, progress: Progress) -> None:
        """Measure; blocks go to ``progress``."""

    def seal(self, stage: Stage, partial: PartialRound) -> None:
        """Write every sample of this round to ``partial``; LoadError or EvidenceError if that fails."""


class Pairs:
    """The usual measurement: pairs of blocks, one of each arm."""

    def __call__(self, stage: Stage, number: int, progress: Progress) -> None:
        """Measure all pairs."""
        _measure(stage, number, progress)

    def seal(self, stage: Stage, partial: PartialRound) -> None:
        """Have the load process write what it recorded."""
        histograms = stage.scenario.load.samples == "histogram"
        stage.load.seal(partial.histograms_path if histograms else partial.samples_path)


def run_round(stage: Stage, number: int, measuring: Measuring | None = None) -> Round:
    """Conduct and seal one round; its samples are in the run directory, not in what is returned.

    A service that dies, load that cannot go on, or Ctrl-C ends the round early: it is sealed as incomplete with the
    reason, and the error is raised again. An error before the services are up leaves no round behind.
    """
    measuring = measuring or Pairs()
    partial = stage.directory.begin_round(number)
    logs = stage.private / f"round-{number:03d}"
    logs.mkdir(mode=0o700)
    problem: PerfproofError | None = None
    with _services(stage, logs) as services:
        progress = Progress(partial, services, [ProcessTree(arm, each.processes) for arm, each in enumerate(services)])
        progress.look()
        with Sampler(progress.trees):
            try:
                _warm_arms(stage, number, progress)
                measuring(stage, number, progress)
            except PerfproofError as error:
                problem = _death(services) or error
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
    )
    stage.directory.seal(partial, round_, {each.arm.name: each.log for each in services}, stage.redactor)
    if problem is not None:
        raise problem
    return round_


def _seal_samples(stage: Stage, measuring: Measuring, partial: PartialRound) -> PerfproofError | None:
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


def _learn(stage: Stage) -> tuple[Learned, PerfproofError | None]:
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
def _services(stage: Stage, logs: Path) -> Iterator[list[RunningService]]:
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
    services = start(stage.scenario.arms, logs=logs, redactor=stage.redactor, cpus=stage.cpus.service)
    try:
        yield services
    finally:
        stage.observer.phase("stopping")
        for service in services:
            service.stop()


def _warm_arms(stage: Stage, number: int, progress: Progress) -> None:
    """Log in and warm up every arm, in an order that changes from round to round."""
    for arm, service in enumerate(progress.services):
        stage.load.open(arm, service.base_url)
    order = block_order(stage.scenario, number, len(progress.services))[0]
    for arm in order:
        stage.observer.phase(f"warming up {stage.scenario.arms[arm].name}")
        service, tree = progress.services[arm], progress.trees[arm]
        progress.warmth[arm] = warm_up(stage.load, arm, tree, service, stage.scenario.rounds)
        _raise_if_dead(progress.services)
        progress.look()


def _measure(stage: Stage, number: int, progress: Progress) -> None:
    """Measure all pairs of blocks; the service's CPU clocks are read just before and just after each block."""
    scenario, count = stage.scenario, len(progress.services)
    total = scenario.rounds.blocks * count
    stage.observer.phase("measuring")
    for pair, order in enumerate(block_order(scenario, number, count)):
        seed = block_seed(scenario, number, pair)
        for position, arm in enumerate(order):
            send_block(stage, progress, (arm, pair, position), scenario.rounds.block, seed)
            stage.observer.block(len(progress.blocks), total)


def send_block(
    stage: Stage,
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
    block = _block(arm, pair, position, report, used if measurable else None, rate)
    progress.blocks.append(block)
    _raise_if_dead(progress.services)
    progress.look()
    return block


def _block(
    arm: int, pair: int, position: int, report: BlockReport, service_cpu_ns: int | None, rate: float | None
) -> Block:
    return Block(
        arm=arm,
        pair=pair,
        position=position,
        started_ns=report.started_ns,
        ended_ns=report.ended_ns,
        intended=report.intended,
        sent=report.sent,
        completed=report.completed,
        failed=report.failed,
        dropped=report.dropped,
        late=report.late,
        service_cpu_ns=service_cpu_ns,
        generator_cpu_ns=report.generator_cpu_ns,
        lag_max_ns=report.lag_max_ns,
        steal_ns=report.steal_ns,
        not_started=report.not_started,
        unfed=report.unfed,
        waited_ns=report.waited_ns,
        run_queue=report.run_queue,
        rate=rate,
        opened=report.reconnects,
        connecting_ns=report.connecting_ns,
    )


def _arm_round(arm: int, progress: Progress, problem: PerfproofError | None) -> ArmRound:
    service, memory = progress.services[arm], progress.trees[arm].summary()
    warmth = progress.warmth.get(arm, Warmth(0, 0.0, steady=problem is not None, cold_processes=0))
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
        died=problem.died if isinstance(problem, ArmDiedError) and problem.arm == service.arm.name else None,
    )


def interrupted() -> Interrupted:
    """Return the error for a measurement that the user stopped."""
    return Interrupted("interrupted", hint="finished rounds are kept; `perfproof show` judges them as they are")


class ArmDiedError(ServiceError):
    """A service ended while it was being measured."""

    def __init__(self, service: RunningService, died: str) -> None:
        super().__init__(
            f"{service.arm.name} {died} while it was being measured",
            hint="read its log (below, and in the run directory); finished rounds are kept",
            log_tail=service.log_tail(),
        )
        self.arm = service.arm.name
        self.died = died


def _death(services: list[RunningService]) -> ArmDiedError | None:
    for service in services:
        died = service.check()
        if died:
            return ArmDiedError(service, died)
    return None


def _raise_if_dead(services: list[RunningService]) -> None:
    death = _death(services)
    if death:
        raise death


def _merge(tables: list[dict[str, npt.NDArray[Any]]]) -> dict[str, npt.NDArray[Any]]:
    """Join the trees' tables in order of time."""
    if not tables:
        return {}
    joined = {name: np.concatenate([table[name] for table in tables]) for name in tables[0]}
    order = np.argsort(joined["t_ns"], kind="stable")
    return {name: column[order] for name, column in joined.items()}
