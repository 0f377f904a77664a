"""The distributions that verdicts rest on: normal, Student's t, F and beta, and what ranks are compared with.

All but the normal are one function, the regularized incomplete beta function (``beta_cdf``), as a continued fraction
evaluated by Lentz's method (Press et al., Numerical Recipes, 6.4) behind a factor that Loader's form of the binomial
density keeps exact for large counts (Loader 2000, "Fast and accurate computation of binomial probabilities").

Of many values with large counts the density is integrated instead, which takes a thousand times fewer steps than the
fraction does near the middle.

Rejected: SciPy, which these were taken from before. It is 114 MB to install, a fifth of everything, and takes a
quarter of a second to import in each command, for nine functions. It stays where it counts: the tests hold every
function here against SciPy's, over far more than the range that is used.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from statistics import NormalDist
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

_CLOSE = 4e-16
"""Relative change below which a sum or a root no longer moves."""
_SETTLED = 1e-10
"""Relative size of Newton's step from which on a further one would change nothing: each doubles the digits."""
_MOST_TERMS = 100_000
"""Terms of the fraction; it takes about as many as the square root of its larger argument."""
_BELL = 60.0
"""Smaller argument from which a beta density is so much of a bell that it is integrated."""
_REACH, _NODES = 12.0, 64
"""Standard deviations beyond which nothing of it is left that counts, and points at which it is evaluated."""
_AS_NORMAL = 1e10
"""Degrees of freedom from which Student's t is the normal distribution to ten digits."""


def normal_cdf(value: float) -> float:
    """Return the probability that a standard normal value is at most ``value``."""
    return 0.5 * math.erfc(-value / math.sqrt(2))


def normal_quantile(probability: float) -> float:
    """Return the value that a standard normal one does not exceed with ``probability``."""
    return NormalDist().inv_cdf(probability)


def student_cdf(df: float, value: float) -> float:
    """Return the probability that Student's t with ``df`` degrees of freedom is at most ``value``."""
    if math.isnan(value) or math.isnan(df):
        return math.nan
    if df > _AS_NORMAL:
        return normal_cdf(value)
    square = value * value
    tail = 0.5 * _beta(df / 2, 0.5, df / (df + square), 1.0 if math.isinf(square) else square / (df + square))
    return tail if value < 0 else 1 - tail


@lru_cache(maxsize=8192)
def student_quantile(df: float, probability: float) -> float:
    """Return the value that Student's t with ``df`` degrees of freedom does not exceed with ``probability``."""
    if math.isnan(df):
        return math.nan
    if probability < 0.5:
        return -student_quantile(df, 1 - probability)
    start = normal_quantile(probability)
    if df > _AS_NORMAL or probability == 0.5:
        return start
    log_scale = math.lgamma((df + 1) / 2) - math.lgamma(df / 2) - 0.5 * math.log(df * math.pi)

    def density(value: float) -> float:
        return math.exp(log_scale - (df + 1) / 2 * math.log1p(value * value / df))

    high = max(2 * start, 1.0)
    while student_cdf(df, high) < probability:
        high *= 4
    return _root(lambda value: student_cdf(df, value), density, probability, 0.0, high, start)


def f_survival(numerator: float, denominator: float, value: float) -> float:
    """Return the probability that F with these degrees of freedom is above ``value``."""
    scaled = denominator + numerator * value
    return _beta(denominator / 2, numerator / 2, denominator / scaled, numerator * value / scaled)


def beta_cdf(a: float, b: float, values: Floats) -> Floats:
    """Return the regularized incomplete beta function of each of ``values`` (from 0 to 1)."""
    if min(a, b) > _BELL:
        return _integrated(a, b, values)
    found = np.where(values >= 1, 1.0, 0.0)
    inside = (values > 0) & (values < 1)
    low = inside & (values < (a + 1) / (a + b + 2))
    high = inside & ~low
    for mask, first, second in ((low, a, b), (high, b, a)):
        if mask.any():
            x = values[mask] if mask is low else 1 - values[mask]
            tail = _factor(first, second, x, 1 - x, np) / first * _fraction(first, second, x, np.max)
            found[mask] = tail if mask is low else 1 - tail
    return found


def _integrated(a: float, b: float, values: Floats) -> Floats:
    """Return the same of a density that is bell-shaped: its integral from where it begins, or to where it ends."""
    mean = a / (a + b)
    spread = math.sqrt(mean * (1 - mean) / (a + b + 1))
    left = values < mean
    begin = np.where(left, np.maximum(0.0, np.minimum(values, mean) - _REACH * spread), values)
    end = np.where(left, values, np.minimum(1.0, np.maximum(values, mean) + _REACH * spread))
    half = (end - begin) / 2
    nodes, weights = _gauss()
    found = np.zeros(len(values))
    for node, weight in zip(nodes, weights, strict=True):
        x = np.clip(begin + half * (1 + node), 1e-300, 1 - 1e-16)
        found += weight * _factor(a, b, x, 1 - x, np) / (x * (1 - x))
    found *= half
    shares: Floats = np.where(values <= 0, 0.0, np.where(values >= 1, 1.0, np.where(left, found, 1 - found)))
    return shares


@lru_cache(maxsize=1)
def _gauss() -> tuple[Floats, Floats]:
    """Return nodes and weights of Gauss and Legendre's integral over -1 to 1."""
    nodes, weights = np.polynomial.legendre.leggauss(_NODES)
    return nodes, weights


def beta_quantile(a: float, b: float, probability: float) -> float:
    """Return the value that a beta variable does not exceed with ``probability``."""

    def density(x: float) -> float:
        return float(_factor(a, b, x, 1 - x, math)) / (x * (1 - x))

    return _root(lambda x: _beta(a, b, x, 1 - x), density, probability, 0.0, 1.0, a / (a + b))


def log_choose(count: int, chosen: npt.NDArray[np.int64]) -> Floats:
    """Return the logarithm of how many ways there are to choose so many of ``count``."""
    factorials = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, count + 1)))])
    ways: Floats = factorials[count] - factorials[chosen] - factorials[count - chosen]
    return ways


def ranks(values: Floats) -> Floats:
    """Return the rank of each value, from 1; equal ones share the mean of theirs."""
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    shared: Floats = (np.cumsum(count) - (count - 1) / 2)[place.reshape(-1)]
    return shared


def _beta(a: float, b: float, x: float, y: float) -> float:
    """Return the regularized incomplete beta function of ``x``; ``y`` is 1 - x, which the caller knows better."""
    if x <= 0 or y <= 0:
        return 0.0 if x <= 0 else 1.0
    if x < (a + 1) / (a + b + 2):
        return float(_factor(a, b, x, y, math) / a * _fraction(a, b, x, float))
    return 1 - float(_factor(a, b, x, y, math) / b * _fraction(b, a, y, float))


def _factor(a: float, b: float, x: Any, y: Any, module: Any) -> Any:
    """Return x^a y^b / B(a, b), of one value (``module`` math) or many (numpy).

    Three gamma functions of a million cancel to a number near 1 and take ten digits along; their differences from
    Stirling's formula do not.
    """
    n = a + b
    apart = _beyond_stirling(n) - _beyond_stirling(a) - _beyond_stirling(b)
    moved = b * x - a * y
    exponent = apart + a * _log(n * x / a, moved / a, module) + b * _log(n * y / b, -moved / b, module)
    return module.exp(exponent) * math.sqrt(a * b / (2 * math.pi * n))


def _log(value: Any, above: Any, module: Any) -> Any:
    """Return the logarithm of a value that is 1 + ``above``: near 1 its last digits are in ``above`` alone."""
    if module is math:
        return math.log1p(above) if abs(above) < 0.5 else math.log(value)
    return np.where(abs(above) < 0.5, np.log1p(np.maximum(above, -0.5)), np.log(value))


def _beyond_stirling(z: float) -> float:
    """Return the logarithm of z! without that of Stirling's formula."""
    if z < 16:
        return math.lgamma(z + 1) - (z + 0.5) * math.log(z) + z - 0.5 * math.log(2 * math.pi)
    square = z * z
    return (1 / 12 - (1 / 360 - (1 / 1260 - (1 / 1680 - 1 / 1188 / square) / square) / square) / square) / z


def _fraction(a: float, b: float, x: Any, largest: Callable[[Any], float]) -> Any:
    """Return the continued fraction of one value or many; it converges where x < (a + 1) / (a + b + 2).

    ``largest`` gives the largest of what ``x`` is. No denominator comes near 0 there, so Lentz's guard is left out.
    """
    c = 1.0
    d = 1 / (1 - (a + b) * x / (a + 1))
    found = d
    for m in range(1, _MOST_TERMS):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        d = 1 / (1 + even * d)
        c = 1 + even / c
        found = found * d * c
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        d = 1 / (1 + odd * d)
        c = 1 + odd / c
        step = d * c
        found = found * step
        if largest(abs(step - 1)) < _CLOSE:
            break
    return found


def _root(
    cdf: Callable[[float], float],
    density: Callable[[float], float],
    probability: float,
    low: float,
    high: float,
    start: float,
) -> float:
    """Return where ``cdf`` reaches ``probability`` between ``low`` and ``high``.

    By Newton's steps, and by halving where one of them leaves what is left of the interval. At its end a step is as
    small as what ``cdf`` is rounded by, and would go on back and forth.
    """
    x = start
    for _ in range(200):
        gap = cdf(x) - probability
        low, high = (low, x) if gap > 0 else (x, high)
        slope = density(x)
        new = x - gap / slope if slope > 0 else math.nan
        if abs(new - x) <= _SETTLED * abs(new):
            return new
        if not low < new < high:
            new = (low + high) / 2
            if abs(new - x) <= _CLOSE * abs(new):
                return new
        x = new
    return x
