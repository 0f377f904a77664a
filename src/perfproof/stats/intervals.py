"""From one number per round to a value with its interval; everything on the scale it is given (logs or differences)."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, isfinite, sqrt

import numpy as np

from perfproof.model.rules import DayToDay
from perfproof.stats.distributions import f_survival, student_cdf, student_quantile
from perfproof.stats.quantiles import Floats

SD_FLOOR = 0.0005
"""Rounds that agree to the last bit (memory often does) still are only known to about 0.05 %."""

PRIOR_ROUNDS = 8
"""A stored spread from fewer rounds than this says too little about the variance to help."""

_PRIOR_DOUBT = 0.01
"""Below half of this probability (F test) today's rounds spread more than the prior says, and today's alone count."""


@dataclass(frozen=True)
class Interval:
    """A value, its standard error with degrees of freedom ``df``, and its interval at ``confidence``.

    ``sd`` is that of one round; ``low`` and ``high`` are None when there are too few rounds to know. ``apart`` is the
    part of ``se`` that no number of rounds takes away: two runs of one version differ by it.
    """

    value: float
    low: float | None
    high: float | None
    confidence: float | None
    rounds: int
    sd: float = inf
    se: float = inf
    df: float = 0.0
    apart: float = 0.0

    def p_above(self, threshold: float = 0.0) -> float:
        """Return the one-sided p-value of the claim "the true value is above ``threshold``"."""
        if self.df <= 0:
            return 1.0
        return student_cdf(self.df, -(self.value - threshold) / self.se)

    def p_below(self, threshold: float = 0.0) -> float:
        """Return the one-sided p-value of the claim "the true value is below ``threshold``"."""
        return 1.0 - self.p_above(threshold) if self.df > 0 else 1.0


def t_quantile(confidence: float, df: float) -> float:
    """Return the two-sided Student t quantile."""
    return student_quantile(df, 0.5 + confidence / 2) if df > 0 else inf


@dataclass(frozen=True)
class Prior:
    """What identical arms showed before: the standard deviation of a round with its degrees of freedom."""

    sd: float
    df: float


def pooled_sd(sd: float, df: float, prior: Prior | None) -> tuple[float, float]:
    """Return the standard deviation and degrees of freedom after learning from ``prior``.

    The moderated t of Smyth (2004, Stat. Appl. Genet. Mol. Biol. 3:3): variances are averaged by their degrees of
    freedom. The prior's count is halved (variances differ a little from day to day) and it is dropped when today's
    variance is plainly larger. It is kept when today's is smaller: two rounds often agree by luck, and that luck is
    what the prior is for.
    """
    if prior is None or df <= 0 or prior.df < PRIOR_ROUNDS - 1 or prior.sd <= 0:
        return sd, df
    ratio = (sd / prior.sd) ** 2
    if f_survival(df, prior.df, ratio) < _PRIOR_DOUBT / 2:
        return sd, df
    weight = prior.df / 2
    return sqrt((df * sd**2 + weight * prior.sd**2) / (df + weight)), df + weight


STARTS: dict[str, float] = {
    "latency_p50": 0.010,
    "latency_mean": 0.015,
    "latency_p95": 0.05,
    "latency_p99": 0.10,
    "cpu_per_request": 0.013,
}
"""What two starts of one program differ by (standard deviation of a round's change), where requests are paired.

What rounds of four services differed by, less what their own pairs left open, which ``prior_of_starts`` adds back as
it is in each run; of p95 nothing was left and half of what there was is kept for caution, of p99 twice that
(docs/statistics.md has the table). With it two starts can carry a verdict on a large change, and it hardly counts
beside ten.
"""
STARTS_DF = 8.0


def prior_of_starts(metric: str, errors: Floats | None) -> Prior | None:
    """Return the prior for paired rounds: what starts differ by, and what a round of few pairs leaves open."""
    if metric not in STARTS:
        return None
    known = errors[np.isfinite(errors)] if errors is not None else np.empty(0)
    within = float((known**2).mean()) if len(known) else 0.0
    return Prior(sqrt(STARTS[metric] ** 2 + within), STARTS_DF)


def one_sample(values: Floats, confidence: float, prior: Prior | None = None, floor: float = SD_FLOOR) -> Interval:
    """Return the mean of one value per round with its Student t interval; without an interval for a single round."""
    count = len(values)
    if count == 0:
        return Interval(float("nan"), None, None, None, 0)
    value = float(values.mean())
    if count == 1:
        return Interval(value, None, None, None, 1)
    sd, df = pooled_sd(max(float(values.std(ddof=1)), floor), count - 1, prior)
    se = sd / sqrt(count)
    half = t_quantile(confidence, df) * se
    return Interval(value, value - half, value + half, confidence, count, sd, se, df)


def two_samples(
    first: Floats, second: Floats, confidence: float, floor: float = SD_FLOOR, day: DayToDay | None = None
) -> Interval:
    """Return mean(second) - mean(first) with Welch's interval (Welch 1947): rounds of two runs are not paired.

    What runs of one version differ by from day to day widens it, with the degrees of freedom of Satterthwaite (1946).
    It is never narrower than without, whatever the degrees of freedom.
    """
    counts = len(first), len(second)
    if min(counts) == 0:
        return Interval(float("nan"), None, None, None, 0)
    value = float(second.mean() - first.mean())
    if min(counts) == 1:
        return Interval(value, None, None, None, min(counts))
    variances = [max(float(side.std(ddof=1)), floor) ** 2 / len(side) for side in (first, second)]
    rounds = sum(variances)
    doubts = sum(v**2 / (n - 1) for v, n in zip(variances, counts, strict=True))
    df = rounds**2 / doubts
    between = 0.0
    if day is not None:
        # Twice, for both runs had a day of their own.
        between = 2 * day.sd**2
        # The share of the rounds was taken out of ``sd``, not out of what is uncertain about it.
        df = min(df, (rounds + between) ** 2 / (doubts + (2 * day.run_sd**2) ** 2 / day.df))
    se = sqrt(rounds + between)
    half = t_quantile(confidence, df) * se
    # sd per round as if the rounds had been paired, so that "how many more rounds" uses one formula.
    sd = sqrt(rounds * min(counts))
    return Interval(value, value - half, value + half, confidence, min(counts), sd, se, df, sqrt(between))


def half_width(sd: float, rounds: int, confidence: float, extra_df: float = 0.0, apart: float = 0.0) -> float:
    """Return the half-width to expect from ``rounds`` rounds of standard deviation ``sd``; ``apart`` as in Interval."""
    if rounds < 2:
        return inf
    return t_quantile(confidence, rounds - 1 + extra_df) * sqrt(sd**2 / rounds + apart**2)


def smallest_effect(sd: float, rounds: int, confidence: float, power: float = 0.95, extra_df: float = 0.0) -> float:
    """Return the effect whose interval leaves zero out with probability ``power`` (same scale as ``sd``).

    The usual sum of two t quantiles instead of the noncentral t: within 2 % of it from four rounds on.
    """
    df = rounds - 1 + extra_df
    if rounds < 2 or not isfinite(sd):
        return inf
    return (t_quantile(confidence, df) + student_quantile(df, power)) * sd / sqrt(rounds)


def geometric(logs: Floats) -> float:
    """Return the geometric mean from logarithms, NaN when empty."""
    return float(np.exp(logs.mean())) if len(logs) else float("nan")
