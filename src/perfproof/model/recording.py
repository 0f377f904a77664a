"""What was observed: samples, blocks, process figures and rounds. Times are integer nanoseconds of CLOCK_MONOTONIC.

These are the in-memory forms of the run directory (see docs/architecture.md, "The run directory"); ``evidence``
writes and reads them, ``analysis`` computes from them, nobody else does either.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from perfproof.model.checks import Checked
from perfproof.model.instructions import Instructions
from perfproof.model.levers import Causes
from perfproof.model.probe import Probing
from perfproof.model.revision import Revision
from perfproof.model.rules import Rules


class Outcome(IntEnum):
    """How a request ended. ``OK`` and ``RESENT`` count as completed; ``DROPPED`` and ``NOT_STARTED`` were never sent.

    ``NOT_STARTED`` are the steps of a flow after one that failed; nobody intended them at any moment. ``RESENT`` ones
    met a connection that the service was just closing, and were answered on another: their time is not the service's.
    ``LOST`` ones met such a connection and could not be sent again, since they may change something: it counts neither
    as sent nor as failed. ``MESSAGE`` is no request: it is a message of a stream, from the one before to its arrival;
    the first of a stream, from when it was sent on, is marked as one that connected.
    """

    OK = 0
    BAD_STATUS = 1
    UNEXPECTED = 2
    TIMEOUT = 3
    CONNECT = 4
    CLOSED = 5
    PROTOCOL = 6
    DROPPED = 7
    NOT_STARTED = 8
    RESENT = 9
    LOST = 10
    MESSAGE = 11


COMPLETED = (Outcome.OK, Outcome.RESENT)
"""What counts as completed; for times, only ``OK`` does."""
LEFT_OUT = (Outcome.NOT_STARTED, Outcome.LOST, Outcome.MESSAGE)
"""What is neither sent nor failed."""


SAMPLE_COLUMNS: dict[str, str] = {
    "arm": "int8",
    "pair": "int16",
    "request": "int16",
    "variant": "int32",
    "intended_ns": "int64",
    "sent_ns": "int64",
    "first_byte_ns": "int64",
    "done_ns": "int64",
    "status": "int16",
    "bytes": "int64",
    "outcome": "int8",
    "reconnected": "int8",
    "id": "int64",
}
"""Column name -> NumPy type of one sample. ``request`` indexes ``RunInfo.requests``; ``variant`` is the index of the
combination of values; ``bytes`` is the body as it came over the wire; ``pair`` is the block pair within the round.
``reconnected`` is 1 where a connection was opened for the request, 2 where that was the second it was sent on.
A time that never came (a dropped request was not sent, a failed one has no first byte) is 0; ``done_ns`` is always
set."""


HISTOGRAM_COLUMNS: dict[str, str] = {
    "arm": "int8",
    "pair": "int16",
    "request": "int16",
    "variant": "int32",
    "outcome": "int8",
    "status": "int16",
    "settled": "int8",
    "since": "int8",
    "bucket": "int32",
    "count": "int64",
    "total_ns": "int64",
    "bytes": "int64",
    "late": "int64",
}
"""Column name -> NumPy type of one bucket of a histogram (model/histogram.py), where requests are not kept one by one.
``since`` is 0 for latency (from the intended start, of every request) and 1 for service time (from sending, of the
completed ones); ``settled`` tells whether they were meant for a later moment than the first of their block.
``total_ns`` is the exact sum of the durations in the bucket, ``bytes`` that of the bodies, ``late`` counts those sent
late."""


def settle_ns(block_ns: int) -> int:
    """Return how long a block of ``block_ns`` still meets the other arm's caches: requests meant for then do not count.

    A tenth of it, at most 50 ms: what a short block loses at its start, both arms lose.
    """
    return min(50_000_000, block_ns // 10)


LATE_NS = 1_000_000
"""A request sent more than this after its intended start was late."""

MOST_VARIANTS = 64
"""Histograms tell the variants of a request apart up to this many of them."""


@dataclass(frozen=True)
class Samples:
    """Samples of one round as columns of equal length, in order of completion.

    Made of histograms, a sample stands for as many requests as its column ``count`` says: their mean duration lies
    between a start at 0 and ``done_ns``; ``settled``, ``late`` and ``bytes`` (their sum) are as in HISTOGRAM_COLUMNS.
    """

    columns: Mapping[str, npt.NDArray[Any]]

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.columns["arm"])

    @property
    def counts(self) -> npt.NDArray[np.int64] | None:
        """Return how many requests each row stands for; None where every request has a row of its own."""
        return self.columns.get("count")

    def __getitem__(self, name: str) -> npt.NDArray[Any]:
        """Return one column."""
        return self.columns[name]

    def select(self, mask: npt.NDArray[np.bool_]) -> Samples:
        """Return the samples where ``mask`` holds."""
        return Samples({name: column[mask] for name, column in self.columns.items()})

    @staticmethod
    def empty() -> Samples:
        """Return a table without rows."""
        return Samples({name: np.empty(0, dtype=kind) for name, kind in SAMPLE_COLUMNS.items()})


@dataclass(frozen=True, kw_only=True)
class BlockFigures:
    """What the load process knows of one stretch of load on one arm: when, what was asked and what came of it.

    ``sent = completed + failed`` and ``intended = sent + dropped``. ``late`` counts requests that the generator came to
    more than 1 ms after their intended start; ``generator_cpu_ns`` is the CPU time it needed (turning its loop just
    before a request is due is not counted); ``lag_max_ns`` is the longest its event loop was held up; ``steal_ns`` is
    what the hypervisor took from this machine's CPUs meanwhile. ``started_ns`` and ``ended_ns`` bound the schedule.
    ``not_started`` counts the steps after a failed one of their flow, ``unfed`` the requests left out because a feed
    had no more rows; neither is in ``intended``. ``waited_ns`` is how long the generator was ready to run and waited
    for a CPU, ``run_queue`` how many programs of its machine were running or ready to, on average. ``opened``
    connections were opened for requests, which took ``connecting_ns`` in all. ``resent`` and ``lost`` count those
    outcomes; lost requests are in neither ``intended`` nor ``sent``. ``turns_ns`` is how long users of the closed model
    took for all their turns (request and think time), on average: the last is counted whole, like its request (0: no
    users).
    """

    started_ns: int
    ended_ns: int
    intended: int
    sent: int
    completed: int
    failed: int
    dropped: int
    late: int
    generator_cpu_ns: int
    lag_max_ns: int
    steal_ns: int
    not_started: int = 0
    unfed: int = 0
    waited_ns: int = 0
    run_queue: float = 0.0
    opened: int = 0
    connecting_ns: int = 0
    resent: int = 0
    lost: int = 0
    turns_ns: int = 0


@dataclass(frozen=True, kw_only=True)
class Block(BlockFigures):
    """One stretch of load of a round, with its place in it.

    ``service_cpu_ns`` is the CPU time of the whole process tree between just before and just after the block (None for
    a remote service). ``rate`` is what a search for the capacity asked for, in requests per second.

    A ``paired`` block is a stretch in which the arms were asked in turn, request by request: each arm has a block of
    it with the same times and the same figures of the generator; ``pair`` is the number of the stretch.
    """

    arm: int
    pair: int
    position: int
    service_cpu_ns: int | None
    rate: float | None = None
    paired: bool = False

    @property
    def paced_ns(self) -> int:
        """Return the time in which the requests of the block were made, for figures per second."""
        return self.turns_ns or self.ended_ns - self.started_ns


PROCESS_COLUMNS: dict[str, str] = {
    "t_ns": "int64",
    "arm": "int8",
    "processes": "int16",
    "rss": "int64",
    "pss": "int64",
    "uss": "int64",
    "cpu_ns": "int64",
}
"""Column name -> NumPy type of one sample of a process tree; bytes; -1 where it was not read at that instant."""


@dataclass(frozen=True)
class ArmRound:
    """One start of one arm within a round.

    ``memory_peak`` and ``memory_steady`` are bytes over the process tree (``memory_kind`` says which: pss, uss or rss);
    None when not measured. ``cold_processes`` counts worker processes that served nothing in the warm-up.
    ``idle_cpu_ns`` is the CPU time that the service used in ``idle_ns`` during which it was asked nothing.
    ``alone_ns`` is the median service time of a few requests that were sent one at a time once it was warm; 0 where
    that was not looked at.
    """

    arm: int
    start_seconds: float
    processes: int
    warmup_requests: int
    warmup_seconds: float
    steady: bool
    cold_processes: int = 0
    memory_start: int | None = None
    memory_peak: int | None = None
    memory_steady: int | None = None
    memory_kind: Literal["pss", "uss", "rss", "none"] = "none"
    restarts: int = 0
    died: str | None = None
    idle_ns: int = 0
    idle_cpu_ns: int = 0
    alone_ns: int = 0


@dataclass(frozen=True)
class Collected:
    """What one of the service's own metrics did over one stretch of load (``pair``) on one arm, as the service told it.

    A ``counter`` rose by ``rise`` over ``sent`` requests and ``seconds`` between the two scrapes; what a scrape itself
    adds is taken off. A ``mean`` rose by ``rise`` in its sum and by ``count`` in its number of observations (a share:
    in what it is divided by). A ``gauge`` was ``rise`` on average of both scrapes, ``last`` at the later and ``most``
    at the higher. Where ``problem`` says why there is nothing, all are 0.
    """

    arm: int
    pair: int
    metric: str
    kind: Literal["counter", "gauge", "mean", "none"]
    rise: float = 0.0
    count: float = 0.0
    last: float = 0.0
    most: float = 0.0
    sent: int = 0
    seconds: float = 0.0
    problem: str = ""


OTHERS = "others"
"""The text of those troubles that are not told one by one, since there are too many different ones."""


@dataclass(frozen=True)
class Trouble:
    """Something that went wrong in the code of a Locust file, ``count`` times; ``arm`` is -1 where it has none.

    ``kind`` is ``task`` (a task ended with an exception while it was measured), ``start`` (requests that failed before
    the first task), ``listener`` (a listener or ``on_stop`` failed), ``stopped`` (users ended by themselves), ``stray``
    (requests outside of the arm's blocks) or ``refused`` (a connection to a host that is not allowed). ``answer`` also
    comes about without such a file: a measured response was not as expected.
    """

    arm: int
    kind: str
    text: str
    count: int = 1


@dataclass(frozen=True)
class Round:
    """A fresh start of every arm, warm-up, then blocks: the statistical unit. ``number`` counts from 1.

    ``service`` holds the service times where ``samples`` were made of histograms, which hold latencies alone.
    ``messages`` are those of streams, which are no samples of requests (None: there were no streams).
    """

    number: int
    arms: tuple[ArmRound, ...]
    blocks: tuple[Block, ...]
    samples: Samples
    processes: Mapping[str, npt.NDArray[Any]] = field(default_factory=dict)
    complete: bool = True
    problem: str | None = None
    troubles: tuple[Trouble, ...] = ()
    service: Samples | None = None
    collected: tuple[Collected, ...] = ()
    messages: Samples | None = None


@dataclass(frozen=True)
class Environment:
    """Fingerprint of the machine: what must be alike for two runs to be comparable.

    ``facts`` are named strings (cpu model, cores, memory, kernel, governor, python, perfproof, affinity ...).
    """

    facts: Mapping[str, str]
    hash: str


@dataclass(frozen=True)
class RunInfo:
    """Identity of a run: one recorded execution of a scenario, over one arm, two or more.

    ``arms`` and ``requests`` give the meaning of the sample columns; ``variants`` holds, per request, a label for each
    combination of values. ``settings`` are the load and rounds as measured (plain JSON values, no secrets).
    ``revision`` is that of the last arm's folder (the candidate's); None outside of a git repository. ``owner`` is the
    process that measures (core/owner.py). ``interrupted_in`` names what was interrupted where it was not the rounds.
    ``scenario_file`` is where the scenario was read; after the rounds ``resumed_after`` there was a pause. ``took`` are
    the seconds of its parts (before, start, probe, round: a start of one round and a whole one on average, causes,
    count, the whole measurement, and what the command took outside of it), from which the next run is estimated.
    """

    id: str
    kind: Literal["run", "ab", "noise", "capacity", "count", "checks"]
    label: str | None
    scenario_name: str
    scenario_hash: str
    arms: tuple[str, ...]
    arm_details: tuple[Mapping[str, str], ...]
    requests: tuple[str, ...]
    variants: tuple[tuple[str, ...], ...]
    settings: Mapping[str, Any]
    environment: Environment
    started_at: str
    rules: Rules = field(default_factory=Rules)
    status: Literal["running", "complete", "interrupted", "failed"] = "running"
    problem: str | None = None
    revision: Revision | None = None
    owner: str = ""
    interrupted_in: str = ""
    scenario_file: str = ""
    resumed_after: tuple[int, ...] = ()
    took: Mapping[str, float] = field(default_factory=dict)

    @property
    def arms_hash(self) -> str:
        """Return a fingerprint of what was compared: the arms' names and how each was started, the environment too."""
        arms = [[name, sorted(details.items())] for name, details in zip(self.arms, self.arm_details, strict=False)]
        return hashlib.sha256(json.dumps(arms).encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Recording:
    """A run as read back: its identity, its sealed rounds, and what its other passes observed."""

    info: RunInfo
    rounds: tuple[Round, ...]
    probing: Probing | None = None
    causes: Causes | None = None
    instructions: Instructions | None = None
    checked: Checked | None = None


def first_moment(rounds: Sequence[Round]) -> int:
    """Return when the first block of some rounds began, in ns of the run's own clock; 0 where there is none."""
    return min((block.started_ns for each in rounds for block in each.blocks), default=0)
