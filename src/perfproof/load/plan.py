"""What crosses the border between parent and load process: the plan at the start, and the reports of each command."""

from __future__ import annotations

import base64
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from perfproof.core import codec
from perfproof.model.recording import BlockFigures, Trouble
from perfproof.model.scenario import Feed, Load, LocustFile, Request, Scenario, Tls


@dataclass(frozen=True)
class LoadPlan:
    """What the load process must know. It holds secrets and therefore travels through the socket only.

    ``folder`` is where samples go that would fill the memory (empty: the system's folder for temporary files).
    ``token`` is what workers on other machines must know.
    With ``inspecting`` a Locust file is only loaded, and nothing leaves the process.
    ``tls`` is by arm; ``afresh`` says that every ``open`` finds services that know nothing of what was sent before.
    """

    requests: tuple[Request, ...]
    setup: tuple[Request, ...]
    load: Load
    allow: tuple[str, ...] = ()
    secrets: frozenset[str] = field(default=frozenset(), repr=False)
    arms: int = 1
    cpus: tuple[int, ...] = ()
    folder: str = ""
    token: str = field(default="", repr=False)
    feeds: tuple[Feed, ...] = ()
    tls: tuple[Tls | None, ...] = ()
    afresh: bool = True
    locustfile: LocustFile | None = None
    inspecting: bool = False


@dataclass(frozen=True)
class WarmReport:
    """What came of unrecorded load: requests done, failed ones among them, latency, and connections opened.

    ``mean_ns`` and ``p50_ns`` are over the requests that did not fail; 0 when there are none. ``took_ns`` is the time
    from the first to the last response.
    """

    requests: int
    failed: int
    mean_ns: int
    p50_ns: int
    connections: int
    took_ns: int = 0


@dataclass(frozen=True, kw_only=True)
class BlockReport(BlockFigures):
    """What came of one recorded block.

    ``drained_ns`` is when the last request had ended; ``aborted`` marks a block cut short by ``abort``.
    """

    drained_ns: int = 0
    aborted: bool = False

    def on_clock(self, ahead_ns: int) -> BlockReport:
        """Return the report with its times as of a clock that is ``ahead_ns`` behind."""
        return replace(
            self,
            started_ns=self.started_ns - ahead_ns,
            ended_ns=self.ended_ns - ahead_ns,
            drained_ns=self.drained_ns - ahead_ns,
        )

    @staticmethod
    def merged(reports: Sequence[BlockReport]) -> BlockReport:
        """Return what workers did together: sums, and the worst of what they and their machines went through.

        ``generator_cpu_ns`` becomes that of the busiest worker, since each has a core of its own to saturate.
        """

        def total(name: str) -> int:
            return sum(getattr(report, name) for report in reports)

        paced = sum(report.completed / report.turns_ns for report in reports if report.turns_ns)
        return BlockReport(
            started_ns=min(report.started_ns for report in reports),
            ended_ns=max(report.ended_ns for report in reports),
            drained_ns=max(report.drained_ns for report in reports),
            **{name: total(name) for name in ("intended", "sent", "completed", "failed", "dropped", "late")},
            generator_cpu_ns=max(report.generator_cpu_ns for report in reports),
            lag_max_ns=max(report.lag_max_ns for report in reports),
            steal_ns=max(report.steal_ns for report in reports),
            opened=total("opened"),
            resent=total("resent"),
            lost=total("lost"),
            connecting_ns=total("connecting_ns"),
            aborted=any(report.aborted for report in reports),
            not_started=total("not_started"),
            unfed=max(report.unfed for report in reports),  # each looks at the whole schedule
            waited_ns=max(report.waited_ns for report in reports),
            run_queue=max(report.run_queue for report in reports),
            turns_ns=round(total("completed") / paced) if paced else 0,  # so that what each did per second adds up
        )


@dataclass(frozen=True)
class PairStretch:
    """A stretch of pairs to be sent: of each entry (request or flow) as many as ``counts`` says, to all ``arms``.

    ``pair`` is its number, which its samples carry. It ends early after ``seconds``, and when an arm has left
    ``patience`` requests in a row without an answer. ``gap`` seconds pass after each response. Without ``record``
    (warm-up) no sample is kept.
    """

    arms: tuple[int, ...]
    pair: int
    counts: tuple[int, ...]
    seconds: float
    seed: int
    gap: float = 0.0
    record: bool = True
    patience: int = 2


@dataclass(frozen=True)
class PairsReport:
    """What came of one stretch of ``pairs`` pairs: a report for each arm, whose load and CPU figures they share.

    ``took_ns`` holds by arm and request the median service time (0: none was completed), ``hung`` by arm how many
    requests in a row, up to the last, got no answer in time.
    """

    pairs: int
    arms: tuple[BlockReport, ...]
    took_ns: tuple[tuple[int, ...], ...]
    hung: tuple[int, ...]


@dataclass(frozen=True)
class ProbeReply:
    """What one probed request was answered, where redirects end. ``outcome`` is as of a sample, in small letters.

    ``headers`` have small names; ``wire`` are the bytes of the body as it came, ``body`` (base64) it is decoded and
    ``cut`` if it was very long; ``trace`` is the trace id the request carried, ``problem`` what went wrong, in words.
    ``each_ns`` are the service times of all that were sent, where it was more than one. ``body_ns`` passed between the
    first byte of the response and its last (0: none came).
    """

    outcome: str
    status: int
    headers: Mapping[str, str]
    wire: int
    body: str = field(repr=False)
    cut: bool
    trace: str
    took_ns: int
    problem: str = ""
    each_ns: Sequence[int] = ()
    body_ns: int = 0

    @property
    def content(self) -> bytes:
        """Return the decoded body."""
        return base64.b64decode(self.body)


@dataclass(frozen=True)
class WalkReply:
    """What came of one step of a flow that ``users`` took, one after the other; ``sent`` holds every try of polling.

    ``outcome`` is as of a sample, in small letters; if it is not ``ok`` it is that of the first who failed, with its
    ``status`` and ``problem`` (in words), and the others have not sent theirs. ``unfed`` are feeds whose rows have
    ended, so that there are fewer users than were asked for.
    """

    users: int
    sent: int
    outcome: str = "ok"
    status: int = 0
    problem: str = ""
    unfed: Sequence[str] = ()


@dataclass(frozen=True)
class WrongAnswer:
    """A request (by its place) that was not answered as expected: the outcome of its sample, and why, in words."""

    request: int
    outcome: str
    status: int
    problem: str


@dataclass(frozen=True)
class Learned:
    """What only the load tells: what went wrong, and the names a Locust file gives its requests, by number.

    ``labels`` are the names by the numbers that requests carry to the service.
    """

    names: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    troubles: tuple[Trouble, ...] = ()


@dataclass(frozen=True)
class UserClass:
    """A User class of a Locust file: its ``weight`` or, if not 0, ``fixed`` number of users; ``tasks`` as shares."""

    name: str
    weight: float
    fixed: int
    tasks: Mapping[str, float]

    def __str__(self) -> str:
        """Return it in words, e.g. ``Shopper (weight 3): browse 75 %, buy 25 %``."""
        size = f"{self.fixed} users" if self.fixed else f"weight {self.weight:g}"
        return f"{self.name} ({size}): " + ", ".join(
            f"{name} {100 * share:.0f} %" for name, share in self.tasks.items()
        )


@dataclass(frozen=True)
class Inspected:
    """What a Locust file holds; ``notes`` are sentences about what could not be found out, since nothing is sent."""

    classes: tuple[UserClass, ...] = ()
    notes: tuple[str, ...] = ()


def plan_of(scenario: Scenario, cpus: Collection[int] | None = None, folder: Path | None = None) -> LoadPlan:
    """Return the part of a scenario that the load process needs."""
    return LoadPlan(
        requests=scenario.requests,
        setup=scenario.setup,
        load=scenario.load,
        allow=scenario.allow,
        secrets=scenario.secrets,
        arms=len(scenario.arms),
        cpus=tuple(sorted(cpus or ())),
        folder=str(folder.absolute()) if folder else "",
        feeds=scenario.feeds,
        locustfile=scenario.locustfile,
        tls=tuple(arm.service.tls for arm in scenario.arms),
        afresh=all(arm.service.url is None and arm.service.restart == "always" for arm in scenario.arms),
    )


def encode(plan: LoadPlan) -> dict[str, Any]:
    """Return a plan as plain JSON values; ``decode`` gives back an equal plan."""
    document: dict[str, Any] = codec.encode(plan)
    return document


def decode(data: Mapping[str, Any]) -> LoadPlan:
    """Return the plan that ``encode`` was given."""
    return codec.decode(LoadPlan, data)


def line(message: Mapping[str, Any]) -> bytes:
    """Return one message of the conversation as a JSON line."""
    return json.dumps(message, separators=(",", ":")).encode() + b"\n"
