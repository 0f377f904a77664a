"""Where the level of a series changed: rank statistics, a permutation test, and splitting again on both sides.

For every possible split, the ranks of one side are summed (the statistic of Wilcoxon 1945 and Mann & Whitney 1947) and
turned into how surprising that is; the most surprising split is the candidate (Pettitt 1979, and Ross, Tasoulis & Adams
2011, who standardise). It is held against the same maximum of shuffled series. Ranks make the answer independent of the
unit and of how far a single bad run lies off, and make the null distribution depend on the length alone, so it is
computed once per length. A significant split is applied and both sides are searched again (binary segmentation, Scott &
Knott 1974): on a flat series the first test decides, so the false alarm rate is the level of one test. That holds for
runs that differ independently; a machine that drifts from day to day raises more (`benchmarks/changepoints.py`).

Rejected: ruptures, whose penalties are not probabilities (a false alarm rate would have to be tuned per project), and
apache-otava, which brings the client libraries of three clouds along.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise

import numpy as np
import numpy.typing as npt
from scipy.special import gammaln
from scipy.stats import rankdata

from perfproof.model.history import ChangePoint

LEVEL = 0.005
"""How often a flat history may be said to have changed: once in 200."""
SMALLEST = 0.02
"""Steps below this fraction are not reported, however clear: the smallest rise that a gate calls a regression."""
SIDE = 3
"""Runs needed on either side of a change: fewer cannot tell a step from a bad day."""
SHUFFLES = 9999

Floats = npt.NDArray[np.float64]


def change_points(values: Sequence[float], *, level: float = LEVEL, smallest: float = SMALLEST) -> list[ChangePoint]:
    """Return the changes of level of ``values`` (finite, oldest first), in order; the same input gives the same answer.

    A step is reported when its probability under chance is at most ``level`` and the medians on its sides differ by at
    least the fraction ``smallest``.
    """
    series = np.asarray(values, dtype=np.float64)
    if not np.isfinite(series).all():
        raise ValueError("a series to search must be finite")
    found: dict[int, float] = {}
    _search(series, 0, level, found)
    while found:
        steps = _described(series, found)
        slight = [step for step in steps if step.change is not None and abs(step.change) < smallest]
        if not slight:
            return steps
        # Taking the least one out joins its sides, whose medians then decide about its neighbours.
        del found[min(slight, key=lambda step: abs(step.change or 0.0)).index]
    return []


def _search(series: Floats, offset: int, level: float, found: dict[int, float]) -> None:
    if len(series) < 2 * SIDE:
        return
    statistics = split_statistics(rankdata(series)[None, :])[0]
    at = int(np.argmax(statistics))
    # Sums of midranks may differ in the last bit from sums of whole ranks.
    reached = int(np.count_nonzero(_null(len(series)) >= statistics[at] - 1e-9))
    probability = (1 + reached) / (1 + SHUFFLES)
    if probability > level:
        return
    split = at + SIDE
    found[offset + split] = probability
    _search(series[:split], offset, level, found)
    _search(series[split:], offset + split, level, found)


def split_statistics(ranks: Floats) -> Floats:
    """Return, per row of ranks, how surprising each split that leaves ``SIDE`` runs on either side would be by chance.

    Under chance the sum of the first k of n ranks has mean k (n + 1) / 2 and variance k (n - k) (n + 1) / 12, so its
    standardised value z has a log probability near -z²/2. Near the ends that falls far short: the few newest runs all
    being the highest is much rarer than its z (at most z_max) says, and such steps are what one waits for. So a term in
    z⁴, the next one of the expansion, is added that makes the log probability right there too: -log C(n, k). Any
    weighting keeps the false alarm rate, for the shuffled series are weighted alike. A constant row is 0 throughout.
    """
    length = ranks.shape[1]
    first = np.arange(SIDE, length - SIDE + 1)
    sums = np.cumsum(ranks, axis=1)[:, first - 1]
    apart = first * (length - first)
    squared = (sums - first * (length + 1) / 2) ** 2 / (apart * (length + 1) / 12)
    furthest = 3 * apart / (length + 1)
    separated = gammaln(length + 1) - gammaln(first + 1) - gammaln(length - first + 1)
    surprise: Floats = squared / 2 + (separated - furthest / 2) * (squared / furthest) ** 2
    return surprise


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
