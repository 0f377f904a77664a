"""How a statement's count grows with the rows returned: the largest slope between neighbouring sizes.

A fitted line was rejected: an identity map that remembers parents saturates, and the flat part would hide the growth
between the small sizes; a threshold on counts was rejected: it accuses constant preambles and misses short lists.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from perfproof.model.probe import ProbedRequest, ProbedSize
from perfproof.model.queries import N_PLUS_ONE

FEWEST_MORE = 2
"""Further calls below which it is not: three different numbers of rows always bring so many."""
FEWEST = 3
"""Distinct numbers of rows below which nothing is concluded."""


@dataclass(frozen=True)
class SlopePoint:
    """One size: rows returned (x) and the fewest and most calls of a statement (y)."""

    x: int
    low: int
    high: int


@dataclass(frozen=True)
class Slope:
    """The steepest step of a statement's count. ``sure`` counts from the most calls below to the fewest above.

    ``grown`` is by how many calls it surely rises from any size to any larger one.
    """

    steepest: float
    sure: float
    grown: int

    @property
    def rises(self) -> bool:
        """Tell whether there surely are more calls at some size than at the one before."""
        return self.sure > 0

    @property
    def n_plus_one(self) -> bool:
        """Tell whether it runs once for each row; one call more, from some size on, is a condition and no loop."""
        return self.sure >= N_PLUS_ONE and self.grown >= FEWEST_MORE


def x_of(size: ProbedSize) -> int | None:
    """Return the rows returned, or the size asked for where the response is no list that could be counted."""
    return size.answer.rows if size.answer.rows is not None else size.size


def distinct(request: ProbedRequest) -> int:
    """Return how many different numbers of rows were seen."""
    return len({x for size in request.sizes if (x := x_of(size)) is not None})


def points_of(request: ProbedRequest) -> dict[str, list[SlopePoint]]:
    """Return the points of every statement of the application by its key, in rising order of rows.

    Sizes that returned the same number of rows are one point. A statement that did not run at a size has 0 calls there.
    """
    calls: dict[int, list[Mapping[str, tuple[int, int]]]] = {}
    for size in request.sizes:
        x = x_of(size)
        if x is not None and size.statements is not None:
            counted = {e.count.statement.key: (e.count.calls, e.most) for e in size.statements if e.application}
            calls.setdefault(x, []).append(counted)
    keys = dict.fromkeys(key for counted in calls.values() for each in counted for key in each)
    found: dict[str, list[SlopePoint]] = {}
    for key in keys:
        for x in sorted(calls):
            seen = [each.get(key, (0, 0)) for each in calls[x]]
            point = SlopePoint(x, min(low for low, _ in seen), max(high for _, high in seen))
            found.setdefault(key, []).append(point)
    return found


def rises(one: ProbedSize, two: ProbedSize) -> list[int]:
    """Return how many more calls each statement of the application has at the second of two sizes."""
    before, after = (
        {e.count.statement.key: e.count.calls for e in size.statements or () if e.application} for size in (one, two)
    )
    return [calls - before.get(key, 0) for key, calls in after.items()]


def together_points(request: ProbedRequest, keys: Collection[str]) -> list[SlopePoint]:
    """Return the points of several statements added up, in rising order of rows."""
    found: dict[int, list[tuple[int, int]]] = {}
    for size in request.sizes:
        x = x_of(size)
        if x is not None and size.statements is not None:
            mine = [each for each in size.statements if each.application and each.count.statement.key in keys]
            found.setdefault(x, []).append((sum(e.count.calls for e in mine), sum(e.most for e in mine)))
    return [SlopePoint(x, min(low for low, _ in found[x]), max(high for _, high in found[x])) for x in sorted(found)]


def slope(points: Sequence[SlopePoint]) -> Slope | None:
    """Return the steepest step; None with fewer than three distinct numbers of rows."""
    ordered = sorted(points, key=lambda point: point.x)
    if len({point.x for point in ordered}) < FEWEST:
        return None
    steps = [
        ((b.low + b.high - a.low - a.high) / 2 / (b.x - a.x), (b.low - a.high) / (b.x - a.x))
        for a, b in pairwise(ordered)
        if b.x > a.x
    ]
    return Slope(
        steepest=max(mean for mean, _ in steps),
        sure=max(sure for _, sure in steps),
        grown=max(b.low - a.high for at, a in enumerate(ordered) for b in ordered[at + 1 :]),
    )
