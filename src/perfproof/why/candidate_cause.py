"""What the measurement says moved: the judged rows that a cause may explain."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from perfproof.model.levers import HttpFacts, PoolFacts, QueryPlan
from perfproof.model.metrics import ALL, COUNTED, METRICS
from perfproof.model.profile import MemoryProfile
from perfproof.model.result import Comparison, QueryDetail, Verdict
from perfproof.model.why import Lever, Mechanism
from perfproof.verdict.sentence import describe
from perfproof.why.difference import FunctionPairing


@dataclass(frozen=True)
class Sides:
    """Everything known of one request name (or of all) on both arms, each None where it was not observed."""

    request: str
    outcomes: Outcomes
    http: tuple[HttpFacts | None, HttpFacts | None] = (None, None)
    plans: tuple[tuple[QueryPlan, ...], tuple[QueryPlan, ...]] = ((), ())
    pools: tuple[PoolFacts | None, PoolFacts | None] = (None, None)
    queries: QueryDetail | None = None
    profile: FunctionPairing | None = None
    memory: tuple[MemoryProfile | None, MemoryProfile | None] = (None, None)


@dataclass(frozen=True)
class CandidateCause:
    """A lever whose mechanism was observed on one request.

    ``towards`` is the way its mechanism moved and its outcome must follow: -1 less work, 1 more. ``metrics`` are the
    rows that count as its outcome. ``told`` says the mechanism in words that begin a sentence; ``ms`` is the time per
    request it accounts for by its own evidence, None where only the latency can say. ``doubt``, if set, is why it must
    not be claimed even if the outcome followed.
    """

    lever: Lever
    request: str
    towards: int
    mechanisms: tuple[Mechanism, ...]
    metrics: tuple[str, ...]
    told: str
    ms: float | None = None
    doubt: str = ""
    evidence: Mapping[str, Any] = field(default_factory=dict)


LATENCY = ("latency_p50", "latency_mean", "latency_p95")
MEMORY = ("memory_peak", "memory_steady", "memory_growth")
TIME = (*LATENCY, "cpu_per_request")
WORK = (*TIME, COUNTED)
_MOVED = {Verdict.MET, Verdict.GOAL_MISSED, Verdict.IMPROVED, Verdict.REGRESSED}
"""Verdicts of a row whose whole interval lies on one side of no change, after the correction for many questions."""


def direction(row: Comparison) -> int:
    """Return -1 for a row that surely fell, 1 for one that surely rose, 0 for all others."""
    crosses = row.ci_low is not None and row.ci_high is not None and row.ci_low <= 0 <= row.ci_high
    if row.verdict not in _MOVED or crosses:  # a goal may be missed for sure while the sign of the change is open
        return 0
    if row.change:
        return 1 if row.change > 0 else -1
    before, after = row.baseline or 0.0, row.candidate or 0.0
    return (after > before) - (after < before)


@dataclass(frozen=True)
class Outcomes:
    """The judged rows of a result; ``rates`` are requests per second by request name, 0 where unknown."""

    rows: Sequence[Comparison]
    rates: Mapping[str, float]

    def moved(self, request: str, metrics: Iterable[str]) -> list[Comparison]:
        """Return the rows of ``request`` that moved, and of ``all`` those that single requests do not have.

        Where a scenario has one request, ``all`` is that request.
        """
        wanted = set(metrics)
        alone = len({row.request for row in self.rows if row.request != ALL}) <= 1
        return [
            row
            for row in self.rows
            if row.metric in wanted
            and direction(row)
            and (row.request == request or (row.request == ALL and (alone or not METRICS[row.metric].per_request)))
        ]

    def following(self, request: str, metrics: Iterable[str], towards: int) -> list[Comparison]:
        """Return the moved rows that went ``towards`` (-1 or 1).

        Where all together did not move for sure, single requests speak for them unless one of them contradicts.
        """
        wanted = tuple(metrics)
        found = [row for row in self.moved(request, wanted) if direction(row) == towards]
        if found or request != ALL:
            return found
        single = self.anything(wanted)
        return single if all(direction(row) == towards for row in single) else []

    def anything(self, metrics: Iterable[str]) -> list[Comparison]:
        """Return every row of these metrics that moved, of any request."""
        wanted = set(metrics)
        return [row for row in self.rows if row.metric in wanted and direction(row)]

    def gained_ms(self, request: str) -> float | None:
        """Return how much the mean latency of ``request`` changed (ms, negative: saved), or its median; else None."""
        for metric in ("latency_mean", "latency_p50"):
            for row in self.rows:
                known = row.metric == metric and row.request == request
                if known and row.baseline is not None and row.candidate is not None:
                    return row.candidate - row.baseline
        return None

    def value(self, request: str, metric: str) -> Comparison | None:
        """Return the row of one metric, moved or not."""
        return next((row for row in self.rows if (row.metric, row.request) == (metric, request)), None)

    def rate(self, request: str) -> float:
        """Return requests per second."""
        return self.rates.get(request, 0.0)


def in_words(rows: Sequence[Comparison], most: int = 3) -> str:
    """Return moved rows as ``p50 latency of list −24.1 % (98 % CI −26.0 to −22.1 %); ...``, one of latency alone."""
    order = {name: at for at, name in enumerate(METRICS)}
    ranked = sorted(rows, key=lambda row: (row.request == ALL, order.get(row.metric, len(order))))
    first = next((row for row in ranked if row.metric in LATENCY), None)
    return "; ".join(describe(row) for row in [r for r in ranked if r is first or r.metric not in LATENCY][:most])
