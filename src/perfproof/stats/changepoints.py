"""Where the level of a series changed: rank statistics, a permutation test, and splitting again on both sides.

For every possible split, the ranks of one side are summed (the statistic of Wilcoxon 1945 and Mann & Whitney 1947) and
turned into how surprising that is; the most surprising split is the candidate (Pettitt 1979, and Ross, Tasoulis & Adams
2011, who standardise). It is held against the same maximum of shuffled series. Ranks make the answer independent of the
unit and of how far a single bad run lies off, and make the null distribution depend on the length alone, so it is
computed once per length. A significant split is applied and both sides are searched again (binary segmentation, Scott &
Knott 1974): on a flat series the first test decides, so the false alarm rate is the level of one test.

Machines drift: neighbouring runs are alike, and shuffling destroys just that. So where what is left between the steps
shows that runs follow their neighbours, the search is made again with the statistic scaled by how much more a sum of
such runs varies (exactly so for a first-order autoregression; its coefficient is corrected for the bias of short
series). A step far wider than what is left varies by is kept as it is: drift does not jump. What that does to false
alarms and to real steps is in `benchmarks/changepoints.py`.

Rejected: shuffling whole blocks of runs (histories are too short for blocks that are both long and many); whitening the
series before it is ranked (it turns a step into a spike); ruptures, whose penalties are not probabilities (a false
alarm rate would have to be tuned per project); apache-otava, which brings the client libraries of three clouds along.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from perfproof.model.history import ChangePoint, Point, Stretch, Trend
from perfproof.stats.distributions import log_choose
from perfproof.stats.distributions import ranks as ranks_of

LEVEL = 0.005
"""How often a flat history may be said to have changed: once in 200."""
SMALLEST = 0.02
"""Steps below this fraction are not reported, however clear: machines drift by as much."""
SIDE = 3
"""Runs needed on either side of a change: fewer cannot tell a step from a bad day."""
SHUFFLES = 9999
DEPENDENT = 0.5
"""Standard errors by which the estimated dependence of neighbours must exceed zero to be believed."""
MOST_DEPENDENT = 0.9
WIDE = 5.0
"""A step of this many standard deviations of a single run is no drift."""

Floats = npt.NDArray[np.float64]


def change_points(values: Sequence[float], *, level: float = LEVEL, smallest: float = SMALLEST) -> list[ChangePoint]:
    """Return the changes of level of ``values`` (finite, oldest first), in order; the same input gives the same answer.

    A step is reported when its probability under chance is at most ``level`` and the medians on its sides differ by at
    least the fraction ``smallest``.
    """
    series = np.asarray(values, dtype=np.float64)
    if not np.isfinite(series).all():
        raise ValueError("a series to search must be finite")
    found = _found(series, level)
    while found:
        steps = _described(series, found)
        slight = [step for step in steps if step.change is not None and abs(step.change) < smallest]
        if not slight:
            return steps
        # Taking the least one out joins its sides, whose medians then decide about its neighbours.
        del found[min(slight, key=lambda step: abs(step.change or 0.0)).index]
    return []


def _found(series: Floats, level: float) -> dict[int, float]:
    """Return splits with their probabilities: first as if runs were independent, then as dependent as what is left."""
    found: dict[int, float] = {}
    _search(series, 0, len(series), 0.0, level, found)
    if not found:
        return {}
    edges = [0, *sorted(found), len(series)]
    medians = [float(np.median(series[start:end])) for start, end in pairwise(edges)]
    left = series - np.repeat(medians, np.diff(edges))
    share = dependence(left, len(medians))
    if share == 0:
        return found
    spread = 1.4826 * float(np.median(np.abs(left)))
    steps = np.abs(np.diff(medians))
    sure = {at: found[at] for at, step in zip(edges[1:-1], steps, strict=True) if step >= WIDE * spread}
    for start, end in pairwise([0, *sure, len(series)]):
        _search(series, start, end, share, level, sure)
    return sure


def _search(series: Floats, start: int, end: int, share: float, level: float, found: dict[int, float]) -> None:
    """Add the splits of a stretch of the series, in which runs follow their neighbours by ``share``."""
    length = end - start
    if length < 2 * SIDE:
        return
    statistics = split_statistics(ranks_of(series[start:end])[None, :], share)[0]
    at = int(np.argmax(statistics))
    # Sums of midranks may differ in the last bit from sums of whole ranks.
    reached = int(np.count_nonzero(_null(length) >= statistics[at] - 1e-9))
    probability = (1 + reached) / (1 + SHUFFLES)
    if probability > level:
        return
    split = start + at + SIDE
    found[split] = probability
    _search(series, start, split, share, level, found)
    _search(series, split, end, share, level, found)


def dependence(left: Floats, levels: int) -> float:
    """Return the coefficient with which a run follows the one before it, of a series whose ``levels`` were taken out.

    It is the correlation of the ranks of neighbours (a single bad run counts little), corrected by what fitted levels
    take from it in short series, cut to at most ``MOST_DEPENDENT``, and 0 unless it stands out.
    """
    length = len(left)
    ranks = ranks_of(left) - (length + 1) / 2
    power = float(ranks @ ranks)
    if power == 0:
        return 0.0
    taken = levels / length
    kept = max(1 - 4.5 * taken, 0.4)
    share = (float(ranks[1:] @ ranks[:-1]) / power + 1.5 * taken) / kept
    return min(share, MOST_DEPENDENT) if share > DEPENDENT / (kept * length**0.5) else 0.0


def split_statistics(ranks: Floats, share: float = 0.0) -> Floats:
    """Return, per row of ranks, how surprising each split that leaves ``SIDE`` runs on either side would be by chance.

    Under chance the sum of the first k of n ranks has mean k (n + 1) / 2 and variance k (n - k) (n + 1) / 12, so its
    standardised value z has a log probability near -z²/2. Near the ends that falls far short: the few newest runs all
    being the highest is much rarer than its z (at most z_max) says, and such steps are what one waits for. So a term in
    z⁴, the next one of the expansion, is added that makes the log probability right there too: -log C(n, k). Any
    weighting keeps the false alarm rate, for the shuffled series are weighted alike. A constant row is 0 throughout.
    With a ``share`` by which runs follow their neighbours the sums are scaled to what they would be without it.
    """
    length = ranks.shape[1]
    first = np.arange(SIDE, length - SIDE + 1)
    sums = np.cumsum(ranks, axis=1)[:, first - 1]
    apart = first * (length - first)
    squared = (sums - first * (length + 1) / 2) ** 2 / (apart * (length + 1) / 12)
    if share:
        squared = squared / _inflation(length, round(share, 2))
    furthest = 3 * apart / (length + 1)
    separated = log_choose(length, first)
    surprise: Floats = squared / 2 + (separated - furthest / 2) * (squared / furthest) ** 2
    return surprise


@lru_cache(maxsize=256)
def _inflation(length: int, share: float) -> Floats:
    """Return by what factor the variance of each split's sum grows when runs follow their neighbours by ``share``.

    The sum of the first k runs about the mean of all is a weighted sum of the runs; its variance follows from their
    covariances ``share ** distance``. The variance of the ranks themselves is known, so what the covariances take from
    the variance within the series is divided out.
    """
    places = np.arange(length)
    first = np.arange(SIDE, length - SIDE + 1)
    covariance = share ** np.abs(places[:, None] - places)
    # Sums of the covariance over the first k rows, over the first k rows and columns, and over everything.
    by_row = covariance.sum(axis=1).cumsum()
    square = covariance.cumsum(axis=0).cumsum(axis=1).diagonal()
    ahead = first / length
    varies = square[first - 1] - 2 * ahead * by_row[first - 1] + ahead**2 * by_row[-1]
    within = 1 - (by_row[-1] / length - 1) / (length - 1)
    grown: Floats = varies / (first * (length - first) / length) / within
    return grown


@lru_cache(maxsize=256)
def _null(length: int) -> Floats:
    """Return the largest statistic of ``SHUFFLES`` shuffled series of ``length`` runs; always the same shuffles."""
    generator = np.random.default_rng([length, SHUFFLES])
    ranks = np.tile(np.arange(1.0, length + 1), (SHUFFLES, 1))
    largest: Floats = split_statistics(generator.permuted(ranks, axis=1)).max(axis=1)
    return largest


def _described(series: Floats, found: dict[int, float]) -> list[ChangePoint]:
    edges = [0, *sorted(found), len(series)]
    medians = [float(np.median(series[start:end])) for start, end in pairwise(edges)]
    return [
        ChangePoint(index, before, after, after / before - 1 if before else None, found[index])
        for index, (before, after) in zip(edges[1:-1], pairwise(medians), strict=True)
    ]


def trend(scenario: str, metric: str, request: str, unit: str, points: Iterable[Point]) -> Trend:
    """Return the points as a trend, with the change points of each stretch.

    Points of another scenario hash or environment form a stretch of their own, however the runs alternate: a machine
    that is faster is no improvement of the code. Points that say what they rest on are joined by that instead, across
    machines. Points without a finite value are left out.
    """
    groups: dict[tuple[object, ...], list[Point]] = {}
    for point in sorted(points, key=lambda point: (point.started_at, point.run)):
        if math.isfinite(point.estimate.value):
            where = tuple(sorted(point.basis.items())) or point.environment_hash
            groups.setdefault((point.scenario_hash, where), []).append(point)
    stretches = (
        Stretch(
            found[0].scenario_hash,
            found[0].environment_hash,
            tuple(found),
            tuple(change_points([point.estimate.value for point in found])),
            found[0].basis,
        )
        for found in groups.values()
    )
    return Trend(scenario, metric, request, unit, tuple(stretches))
