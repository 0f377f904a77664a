"""Quantiles and slopes of plain arrays: no samples, arms or rounds in here."""

from __future__ import annotations

from functools import lru_cache
from math import ceil, floor, sqrt

import numpy as np
import numpy.typing as npt

from perfproof.stats.distributions import beta_cdf

Floats = npt.NDArray[np.float64]

_REACH = 8.0
"""Weights further than this many standard deviations from the quantile are below 1e-12 and are left out."""
_FEW = 2000
"""Below this count all weights are made: the beta density is not yet bell-shaped enough to cut."""


@lru_cache(maxsize=8192)
def _weights(count: int, quantile: float) -> tuple[int, Floats]:
    """Return the first index and the weights of the Harrell-Davis estimator for ``count`` sorted values."""
    first, last = _reach(count, quantile)
    weights = np.diff(_shares(count, quantile, np.arange(first, last + 1)))
    weights /= weights.sum()
    weights.setflags(write=False)
    return first, weights


def _counted_weights(reached: npt.NDArray[np.int64], quantile: float) -> Floats:
    """Return the same of values of which so many are up to each: the sums of the weights of those that are equal."""
    count = int(reached[-1])
    first, last = _reach(count, quantile)
    shares = (reached >= last).astype(np.float64)
    within = (reached > first) & (reached < last)
    ends = _shares(count, quantile, np.array([first, last]))
    # A histogram has thousands of values, nearly all of which are out of reach.
    shares[within] = (_shares(count, quantile, reached[within]) - ends[0]) / (ends[1] - ends[0])
    weights: Floats = np.diff(shares, prepend=0.0)
    return weights


def _reach(count: int, quantile: float) -> tuple[int, int]:
    """Return how many values lie below the first and up to the last that have a weight."""
    spread = count if count < _FEW else _REACH * sqrt(quantile * (1 - quantile) / (count + 2)) * count
    return max(0, floor(quantile * count - spread)), min(count, ceil(quantile * count + spread))


def _shares(count: int, quantile: float, reached: npt.NDArray[np.int64]) -> Floats:
    """Return which share of all weight the first values have, so many of them as ``reached`` says."""
    return beta_cdf((count + 1) * quantile, (count + 1) * (1 - quantile), reached / count)


def harrell_davis(
    values: npt.NDArray[np.number], quantile: float, counts: npt.NDArray[np.int64] | None = None
) -> float:
    """Return a quantile of *sorted* ``values``: the mean of order statistics weighted by a beta density.

    ``counts`` says how often each value occurs; the result is exactly that of the values written out.

    Steadier than one order statistic for few values and for gaps in the distribution (Harrell & Davis 1982,
    Biometrika 69:635). The weights depend on the count alone, so they are kept, and only those that matter are made:
    ``scipy.stats.mstats.hdquantiles`` makes all of them each time. NaN when empty.
    """
    if len(values) == 0:
        return float("nan")
    if counts is not None:
        return float(np.dot(values.astype(np.float64), _counted_weights(np.cumsum(counts), quantile)))
    first, weights = _weights(len(values), quantile)
    return float(np.dot(values[first : first + len(weights)].astype(np.float64), weights))


def theil_sen(x: Floats, y: Floats) -> float:
    """Return the median of all pairwise slopes (Sen 1968), NaN when no two ``x`` differ; for a few hundred points."""
    dx, dy = x[:, None] - x[None, :], y[:, None] - y[None, :]
    rising = dx > 0
    return float(np.median(dy[rising] / dx[rising])) if rising.any() else float("nan")


MOST_POINTS = 400
"""Points of one curve."""


def thin(count: int, most: int = MOST_POINTS) -> npt.NDArray[np.int64]:
    """Return at most ``most`` indices spread evenly over ``count`` values, first and last included."""
    return np.unique(np.linspace(0, count - 1, min(count, most)).round().astype(np.int64))
