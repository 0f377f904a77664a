"""How much runs of one version differ from day to day: what rounds of two runs cannot show (docs/statistics.md).

Pure: runs of the same code, recorded again and again, in; a standard deviation for each metric and request name out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from math import isfinite, log, sqrt

from perfproof.core.numbers import count_of, listed, percent
from perfproof.model.history import Point
from perfproof.model.metrics import ALL, METRICS
from perfproof.model.result import Estimate
from perfproof.model.rules import DayToDay
from perfproof.stats.intervals import t_quantile

Repeats = Mapping[tuple[str, str], Sequence[Sequence[Point]]]
"""Metric and request name -> for each version of the code the points of its runs, oldest first."""

APART = timedelta(hours=1)
"""Runs that follow each other more closely share the machine's state and count as one."""
LEAST = 3
"""Degrees of freedom below which nothing is known: with fewer a single odd day would decide."""


def days(repeats: Repeats) -> tuple[DayToDay, ...]:
    """Return what is known of each metric and request name; nothing where too few runs were repeated."""
    found = (day_to_day(metric, request, versions) for (metric, request), versions in repeats.items())
    return tuple(each for each in found if each is not None)


def day_to_day(metric: str, request: str, versions: Iterable[Sequence[Point]]) -> DayToDay | None:
    """Return the spread of runs around the mean of their version, pooled over the versions.

    The variance of the levels as measured holds what rounds vary by as well; that part is known from each run's own
    interval and taken out (one-way random effects, by the method of moments).
    """
    squares, df, within = 0.0, 0, []
    for points in versions:
        known = [(log(p.estimate.value), error) for p in _apart(points) if (error := _error(p.estimate)) is not None]
        if len(known) < 2:
            continue
        mean = sum(level for level, _ in known) / len(known)
        squares += sum((level - mean) ** 2 for level, _ in known)
        df += len(known) - 1
        within += [error**2 for _, error in known]
    if df < LEAST:
        return None
    variance = squares / df
    beyond = max(0.0, variance - sum(within) / len(within))
    return DayToDay(metric, request, sqrt(beyond), sqrt(variance), df)


def _apart(points: Sequence[Point]) -> list[Point]:
    """Return the points that lie at least ``APART`` behind the one kept before."""
    kept: list[Point] = []
    for point in points:
        if not kept or _moment(point) - _moment(kept[-1]) >= APART:
            kept.append(point)
    return kept


def _moment(point: Point) -> datetime:
    return datetime.fromisoformat(point.started_at)


def _error(estimate: Estimate) -> float | None:
    """Return the standard error of the logarithm of an estimate; None where its interval does not tell."""
    value, low, high, sure = estimate.value, estimate.low, estimate.high, estimate.confidence
    if low is None or high is None or sure is None or estimate.rounds < 2:
        return None
    if not (0 < low <= value <= high and isfinite(high)):
        return None
    return log(high / low) / 2 / t_quantile(sure, estimate.rounds - 1)


def doubt(known: Sequence[DayToDay]) -> str:
    """Return what a reader must know of two runs that were recorded at different times."""
    text = "The runs were recorded at different times: drift of the machine between them is not cancelled"
    shown = [each for each in known if each.request == ALL and each.metric in ("latency_p50", "cpu_per_request")]
    if not shown:
        return (
            f"{text}, and how much runs of one version differ here is not known: `perfproof ab` measures both together."
        )
    spreads = listed([f"{percent(each.sd, signed=False)} in {METRICS[each.metric].title}" for each in shown])
    times = count_of(max(each.df for each in shown), "repetition")
    return f"{text}, but the intervals allow for what runs of one version differ by here: {spreads} ({times})."
