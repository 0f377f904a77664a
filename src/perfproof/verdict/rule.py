"""The rule that turns one interval into one verdict, and the correction for asking many questions at once."""

from __future__ import annotations

from collections.abc import Sequence

from perfproof.model.metrics import Better
from perfproof.model.result import Verdict


def judge(
    value: float,
    low: float | None,
    high: float | None,
    *,
    goal: float | None = None,
    margin: float = 0.03,
    regression: float = 0.03,
    better: Better = "lower",
) -> Verdict:
    """Return the verdict of one row; ``value`` and its interval are changes (candidate / baseline - 1).

    The first rule that matches wins (docs/statistics.md). ``met`` comes before ``equivalent`` so that a goal smaller
    than the margin can be met; where the interval leaves such a goal open, so does the verdict. A goal that the whole
    interval falls short of is missed, also while the sign of the change is open.
    """
    if low is None or high is None:
        return Verdict.INCONCLUSIVE
    if better == "higher":
        value, low, high = -value, -high, -low
    if goal is not None and high <= -goal:
        return Verdict.MET
    missed = goal is not None and low > -goal
    if -margin < low and high < margin and (goal is None or missed):
        return Verdict.EQUIVALENT
    if low > 0 and value >= regression:
        return Verdict.REGRESSED
    if missed:
        return Verdict.GOAL_MISSED
    if high < 0:
        return Verdict.IMPROVED
    return Verdict.INCONCLUSIVE


def holm(p_values: Sequence[float], alpha: float) -> tuple[bool, ...]:
    """Return which hypotheses fall when at most ``alpha`` of all families may hold a false one (Holm 1979)."""
    order = sorted(range(len(p_values)), key=p_values.__getitem__)
    rejected = [False] * len(p_values)
    for rank, index in enumerate(order):
        if p_values[index] > alpha / (len(p_values) - rank):
            break
        rejected[index] = True
    return tuple(rejected)
