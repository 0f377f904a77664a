"""What the rounds of a run share, and what one of them has come to so far."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path

from perfproof.errors import ServiceError
from perfproof.evidence.directory import PartialRound, RunDirectory
from perfproof.load.load_client import LoadProcess
from perfproof.load.plan import BlockReport, PairsReport, WrongAnswer
from perfproof.machine.cores import CpuPlan
from perfproof.model.recording import Block, BlockFigures
from perfproof.model.scenario import Request, Scenario
from perfproof.rounds.collecting import Collector
from perfproof.rounds.observer import Observer
from perfproof.rounds.pace import Pace
from perfproof.rounds.warmup import WarmupState
from perfproof.service.lifecycle import RunningService
from perfproof.service.processes import ProcessTree
from perfproof.service.snapshots.snapshot import Snapshot
from perfproof.telemetry.metric_feed import MetricFeed

FULL_LOOK_EVERY = 1.0
"""Seconds between readings of PSS, taken between blocks: reading it holds a lock of the service's memory map."""


@dataclass(frozen=True)
class RunContext:
    """What every round of a run shares. ``kept`` services (``url:`` or ``restart: never``) outlive a round.

    ``pace`` is how the arms take turns. ``named`` is told the names of a Locust file's requests, before any sample that
    refers to them is sealed. ``first`` is the number of the round that begins. ``feeds`` hear what arms push of their
    own metrics, by name.
    """

    scenario: Scenario
    load: LoadProcess
    directory: RunDirectory
    private: Path
    redactor: Callable[[str], str]
    cpus: CpuPlan
    observer: Observer
    kept: Mapping[str, RunningService]
    pace: Pace
    snapshots: Sequence[Snapshot] = ()
    named: Callable[[Sequence[str]], None] = lambda names: None  # noqa: ARG005
    first: int = 1
    feeds: Mapping[str, MetricFeed] = field(default_factory=dict)


@dataclass
class Progress:
    """What one round has come to so far; kept apart so that an error in the middle loses nothing."""

    partial: PartialRound
    services: list[RunningService]
    trees: list[ProcessTree]
    collector: Collector = field(default_factory=lambda: Collector((), ()))
    warmth: dict[int, WarmupState] = field(default_factory=dict)
    alone: dict[int, int] = field(default_factory=dict)
    blocks: list[Block] = field(default_factory=list)
    idle: dict[int, tuple[int, int]] = field(default_factory=dict)
    looked: float = 0.0
    starting: float = 0.0
    began: float = field(default_factory=time.monotonic)

    def look(self) -> None:
        """Read every tree's PSS when the last reading is old enough."""
        if time.monotonic() - self.looked >= FULL_LOOK_EVERY:
            for tree in self.trees:
                tree.look(full=True)
            self.looked = time.monotonic()

    def add(self, pair: int, report: PairsReport, cpu_ns: Sequence[int]) -> None:
        """Note a stretch of pairs, with the CPU time each service used meanwhile; ArmDiedError if one has ended."""
        stretch = []
        for arm, each in enumerate(report.arms):
            used = cpu_ns[arm] if self.trees[arm].cpu_by_pid() else None
            stretch.append(replace(block_of(arm, pair, 0, each, used), paired=True))
        self.blocks += stretch
        self.collector.after(stretch)
        raise_if_dead(self.services)
        self.look()

    def watch_idle(self, seconds: float) -> None:
        """See what the services use while nobody asks them anything."""
        before, began = [tree.cpu_ns() for tree in self.trees], time.monotonic_ns()
        time.sleep(seconds)
        for arm, tree in enumerate(self.trees):
            self.idle[arm] = (time.monotonic_ns() - began, tree.cpu_ns() - before[arm])


def block_of(
    arm: int, pair: int, position: int, report: BlockReport, service_cpu_ns: int | None, rate: float | None = None
) -> Block:
    """Return a block of the round from what the load process reports of it."""
    figures = {each.name: getattr(report, each.name) for each in fields(BlockFigures)}
    return Block(arm=arm, pair=pair, position=position, service_cpu_ns=service_cpu_ns, rate=rate, **figures)


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


def death(services: Sequence[RunningService]) -> ArmDiedError | None:
    """Return the error for a service that has ended, if one has."""
    for service in services:
        died = service.check()
        if died:
            return ArmDiedError(service, died)
    return None


def raise_if_dead(services: Sequence[RunningService]) -> None:
    """ArmDiedError if a service has ended."""
    found = death(services)
    if found:
        raise found


def raise_if_wrong(
    scenario: Scenario, service: RunningService, wrong: Sequence[WrongAnswer], redactor: Callable[[str], str]
) -> None:
    """Raise ServiceError for the first of the requests that failed, and name the others; none is none."""
    if not wrong:
        return
    first, others = wrong[0], [f"{scenario.requests[each.request].name!r}" for each in wrong[1:]]
    request = scenario.requests[first.request]
    more = f"; {', '.join(others)} failed too" if others else ""
    raise ServiceError(
        f"{service.arm.name} {describe_wrong_answer(request, first.outcome, first.status)}",
        why=f"{redactor(first.problem)}{more}".removeprefix("; ") or None,
        hint=what_to_correct(first.outcome),
        log_tail=service.log_tail(),
    )


def what_to_correct(outcome: str) -> str:
    """Return what to do about a request that was answered wrongly before there was any load."""
    if outcome in ("lost", "closed"):
        return (
            "nothing was put under load: does the service close kept connections without saying so? Give it a longer"
            " keep-alive timeout, or read its log"
        )
    if outcome == "timeout":
        return "nothing was put under load: give it a longer `timeout`, or read the service's log"
    return "nothing was put under load: correct path, headers, body or `expect`, or read the service's log"


def describe_wrong_answer(request: Request, outcome: str, status: int, where: str = "") -> str:
    """Return what came of a request and what was expected, to follow the name of an arm; ``where`` follows its own."""
    if outcome == "bad_status":
        expected = " or ".join(map(str, request.expect.status)) or "2xx"
        return f"answered {request.name!r}{where} with status {status}, not {expected}"
    if outcome == "unexpected":
        return f"did not answer {request.name!r}{where} as expected"
    return f"did not answer {request.name!r}{where} ({outcome.replace('_', ' ')})"
