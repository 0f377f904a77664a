"""Whether memory grows with requests: told of starts that served long enough for a heap to have settled, or not at all.

A young heap fills: memory of a Node service rose by 36 MiB per 1,000 requests and stood still after 1,600, that of a
Django service after 120. A slope over the few hundred requests of an ordinary round is therefore no growth, and neither
intervals nor more rounds make it one. What tells is one start that has served thousands of requests: the first half of
them is left to the heap, and in the second memory must go on rising at the same pace.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from perfproof.model.recording import COMPLETED, Round
from perfproof.stats.columns import Ints, Side, process_rows
from perfproof.stats.quantiles import Floats, theil_sen, thin

ENOUGH_SERVED = 5_000
"""Requests that one start must have served in its measured blocks; three times what it took Node's heap to settle."""
_PARTS = 4
_FEWEST_POINTS = 5 * _PARTS
_MOST_POINTS = 400
_SAME_PACE = 0.75
_SMALL = 10 * 1024.0
_SMALL_SHARE = 0.001


@dataclass(frozen=True)
class Growth:
    """Memory of one start: bytes per 1,000 requests, whether it rose steadily, its mean (bytes), requests served."""

    slope: float
    steady: bool
    memory: float
    served: int


def growth(side: Side) -> Floats:
    """Return the growth of each start in bytes per 1,000 requests; NaN where nothing can be told.

    That is where a start served too little, and where its memory still changes but not steadily: a heap that settles.
    """
    starts = growth_of_starts(side)
    told = [each is not None and (each.steady or abs(each.slope) <= material(each.memory)) for each in starts]
    return np.array([each.slope if each and known else np.nan for each, known in zip(starts, told, strict=True)])


def material(memory: float) -> float:
    """Return the growth in bytes per 1,000 requests up to which memory as good as stands still."""
    return max(_SMALL, _SMALL_SHARE * memory)


def growth_of_starts(side: Side) -> list[Growth | None]:
    """Return the growth of each start; None where it served too little to tell."""
    return [_growth(a_round, side.arm) for a_round in side.rounds]


def _growth(a_round: Round, arm: int) -> Growth | None:
    """Return the growth of one start: from PSS, or from RSS where PSS was read too seldom.

    The slope (Sen 1968) is that of the second half of the requests or of its second half, whichever is less steep: a
    heap that is about to settle has no growth.
    """
    served = _served(a_round, arm)
    if served is None or not a_round.processes:
        return None
    begin, count = served
    for kind in ("pss", "rss"):
        times, values = process_rows(a_round, arm, kind)
        inside = times >= begin
        x, y = count(times[inside]), values[inside].astype(np.float64)
        total = float(x.max(initial=0.0))
        late = x >= total / 2
        if total < ENOUGH_SERVED or late.sum() < _FEWEST_POINTS:
            continue
        x, y = x[late], y[late]
        index = thin(len(x), _MOST_POINTS)
        x, y = x[index], y[index]
        last = x >= (x[0] + x[-1]) / 2
        slopes = sorted((theil_sen(x, y), theil_sen(x[last], y[last])), key=abs)
        slope = slopes[0] if slopes[0] * slopes[1] > 0 else 0.0
        return Growth(slope * 1000, _steady(x, y, slopes), float(y.mean()), int(total))
    return None


def _steady(x: Floats, y: Floats, slopes: list[float]) -> bool:
    """Tell whether memory rose in every part, and at the end at the pace of the whole."""
    bounds = np.searchsorted(x, np.linspace(x[0], x[-1], _PARTS + 1)[1:-1])
    levels = [float(np.median(part)) for part in np.split(y, bounds) if len(part)]
    rising = len(levels) == _PARTS and all(np.diff(levels) > 0)
    return bool(rising and slopes[0] > 0 and slopes[0] >= _SAME_PACE * slopes[1])


def _served(a_round: Round, arm: int) -> tuple[int, Callable[[Ints], Floats]] | None:
    """Return when the first request was completed, and how many were at given moments; None if none was.

    Where only histograms were kept, the requests of a block count as spread evenly over it.
    """
    samples = a_round.samples
    if samples.counts is None:
        done = np.sort(samples["done_ns"][(samples["arm"] == arm) & np.isin(samples["outcome"], COMPLETED)])
        return (int(done[0]), lambda times: np.searchsorted(done, times).astype(np.float64)) if len(done) else None
    blocks = sorted((b for b in a_round.blocks if b.arm == arm and b.completed), key=lambda block: block.started_ns)
    if not blocks:
        return None
    moments = [moment for block in blocks for moment in (block.started_ns, block.ended_ns)]
    reached = np.cumsum([block.completed for block in blocks])
    counts = [count for last, block in zip(reached, blocks, strict=True) for count in (last - block.completed, last)]
    return blocks[0].started_ns, lambda times: np.interp(times, moments, counts)
