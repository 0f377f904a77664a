"""Time per request of one function on both arms, with an interval over slices, and which of many really differ.

A slice is a stretch of load; those of the arms alternate. Time per request is time over all slices by requests over all
slices (a ratio), its variance comes from how the slices scatter around it, and never counts as less than that of the
samples themselves, since a function seen in no sample may have been missed. The arms are compared by Welch's t.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, sqrt

from perfproof.stats.distributions import student_cdf
from perfproof.stats.intervals import t_quantile
from perfproof.verdict.rule import holm
from perfproof.why.function_times import Floats

CONFIDENCE = 0.95
ALPHA = 0.01
"""Chance that any function of a request is called changed on identical arms, before the floors below."""
START_SHARE = 0.05
"""A start's memory layout alone makes a whole arm some per cent slower, and slices cannot see that: the change of a
function must surely be more than this share of its own time."""
MOST_DEGREES = 60
FLOOR_MS = 0.02
FLOOR_SHARE = 0.02
EXACT_SHARE = 0.005
"""What is neither 0.02 ms nor 2 % of the request is no news, however sure."""


@dataclass(frozen=True)
class TimeDifference:
    """Milliseconds per request on both arms and their difference; ``p`` of the claim that there is none to tell."""

    baseline: float
    candidate: float
    change: float
    low: float | None
    high: float | None
    p: float


def compare(before: Floats, before_counts: Floats, after: Floats, after_counts: Floats, tick_ns: int) -> TimeDifference:
    """Return the difference of two series of nanoseconds by slice, sampled every ``tick_ns``."""
    one, one_var, one_df = _rate(before, before_counts, tick_ns)
    two, two_var, two_df = _rate(after, after_counts, tick_ns)
    change = two - one
    variance = one_var + two_var
    if min(one_df, two_df) < 1 or variance <= 0:
        return TimeDifference(one, two, change, None, None, 1.0)
    df = variance**2 / (one_var**2 / one_df + two_var**2 / two_df)
    error = sqrt(variance)
    half = t_quantile(CONFIDENCE, df) * error
    beyond = abs(change) - START_SHARE * max(one, two)
    p = 2 * student_cdf(df, -beyond / error) if beyond > 0 else 1.0
    return TimeDifference(one, two, change, change - half, change + half, min(1.0, p))


def floor_ms(whole: TimeDifference, *, exact: bool = False) -> float:
    """Return the change below which nothing of a request is worth telling; what was counted (``exact``) is sharper."""
    most = max(whole.baseline, whole.candidate)
    return EXACT_SHARE * most if exact else max(FLOOR_MS, FLOOR_SHARE * most)


def changed(differences: Sequence[TimeDifference], floor: float) -> tuple[bool, ...]:
    """Return which differences are sure and large enough; those that never could be are not counted as questions."""
    asked = [at for at, each in enumerate(differences) if max(each.baseline, each.candidate) >= floor]
    sure = holm([differences[at].p for at in asked], ALPHA)
    found = [False] * len(differences)
    for at, true in zip(asked, sure, strict=True):
        found[at] = true and abs(differences[at].change) >= floor
    return tuple(found)


def _rate(ns: Floats, counts: Floats, tick_ns: int) -> tuple[float, float, float]:
    """Return milliseconds per request, its variance and degrees of freedom."""
    requests = float(counts.sum())
    if not requests:
        return 0.0, inf, 0.0
    used = counts > 0
    slices = int(used.sum())
    rate = float(ns.sum()) / requests
    sampled = tick_ns * max(float(ns.sum()), tick_ns) / requests**2
    scatter = 0.0
    if slices > 1:
        residuals = ns[used] - rate * counts[used]
        scatter = slices / (slices - 1) * float((residuals**2).sum()) / requests**2
    # Where slices scatter by less than sampling alone must, its variance stands, which the number of samples tells.
    known = scatter >= sampled or slices < 2
    degrees = slices - 1 if known else max(slices - 1, min(MOST_DEGREES, int(ns.sum() / tick_ns)))
    return rate / 1e6, max(scatter, sampled) / 1e12, float(degrees)
