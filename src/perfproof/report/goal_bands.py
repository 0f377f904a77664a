"""Where a chart shows what was promised: a goal, against the line of the baseline. Pure: places, no drawing."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from statistics import median

import numpy as np

from perfproof.model import formatting
from perfproof.model.result import Comparison, Curve
from perfproof.model.scenario import Goal

Goals = Mapping[str, Goal]
"""The goals of one request name by metric."""

_QUANTILES = {
    "latency_p50": 50.0,
    "latency_p95": 95.0,
    "latency_p99": 99.0,
    "latency_under_load_p50": 50.0,
    "latency_under_load_p95": 95.0,
    "latency_under_load_p99": 99.0,
}
_LEVELS = {
    "latency_over_time": ("latency_p50", "latency_under_load_p50"),
    "cpu_over_time": ("cpu_per_request",),
    "memory_over_time": ("memory_peak", "memory_steady"),
}
"""Charts of a metric over time, and the metrics whose level they show."""


@dataclass(frozen=True)
class GoalBand:
    """A stretch of one chart, in the chart's units, that a goal asks for.

    ``low`` and ``high`` are its ends along ``axis``. It goes across the whole chart (``at`` None), stands at one place
    of the other axis (``at``), or follows the points ``x`` (then there are as many ends as points).
    """

    goal: Goal
    axis: str
    low: tuple[float, ...]
    high: tuple[float, ...]
    at: float | None = None
    x: tuple[float, ...] = ()

    @property
    def words(self) -> str:
        """Return "goal p95 20–30 %"."""
        return f"goal {formatting.title(self.goal.metric, short=True)} {formatting.goal(self.goal)}"


def goals_of(comparisons: Iterable[Comparison]) -> dict[str, dict[str, Goal]]:
    """Return the goals by request name and metric."""
    found: dict[str, dict[str, Goal]] = {}
    for row in comparisons:
        if row.goal is not None:
            found.setdefault(row.request, {})[row.metric] = row.goal
    return found


def bands(key: str, baseline: Curve, goals: Goals) -> list[GoalBand]:
    """Return the bands of the chart ``key`` (of ``Detail.charts``, or "queries") against the line of the baseline."""
    points = [(x, y) for x, y in zip(baseline.x, baseline.y, strict=False) if math.isfinite(x) and math.isfinite(y)]
    if not points:
        return []
    if key == "queries" and "queries_per_request" in goals:
        goal = goals["queries_per_request"]
        low, high = zip(*(goal.asks(y) for _, y in points), strict=True)
        return [GoalBand(goal, "y", low, high, x=tuple(x for x, _ in points))]
    if key in _LEVELS:
        name = next((name for name in _LEVELS[key] if name in goals), "")
        ys = [y for _, y in points]
        return [_across(goals[name], max(ys) if name == "memory_peak" else median(ys))] if name else []
    found = []
    for metric, goal in goals.items():
        place = _QUANTILES.get(metric)
        if place is None:
            continue
        if key in ("percentiles", "service_time"):
            found += _at(goal, "y", place, points)
        elif key == "ecdf":
            found += _at(goal, "x", place, [(y, x) for x, y in points])
    return found


def _across(goal: Goal, value: float) -> GoalBand:
    low, high = goal.asks(value)
    return GoalBand(goal, "y", (low,), (high,))


def _at(goal: Goal, axis: str, place: float, points: list[tuple[float, float]]) -> list[GoalBand]:
    """Return the band at a percentile; none where the line was cut before it."""
    places, values = zip(*sorted(points), strict=True)
    if not places[0] <= place <= places[-1]:
        return []
    low, high = goal.asks(float(np.interp(place, places, values)))
    return [GoalBand(goal, axis, (low,), (high,), at=place)]
