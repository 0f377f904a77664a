"""Rows and levels of the service's own metrics: judged as every other noisy metric, shown unless a goal names them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import isfinite

import numpy as np

from perfproof.model.metrics import METRICS
from perfproof.model.result import Comparison, Estimate, Level, Verdict
from perfproof.stats.collected import Told, collected_series, told, untold
from perfproof.stats.columns import Side
from perfproof.stats.intervals import SD_FLOOR, Interval, one_sample
from perfproof.stats.series import Series
from perfproof.verdict.additions import Conclusion
from perfproof.verdict.rows import Row, Terms, estimate, goal_of, levels_of, ratio_row
from perfproof.verdict.rule import judge

_SAME = 1e-9
_NOTHING = Interval(float("nan"), None, None, None, 0)


def collected_rows(sides: Sequence[Side], terms: Terms) -> list[Row]:
    """Return a row per metric that was asked for, also of those that one side did not tell."""
    found = []
    tellings = [told(side) for side in sides]
    for series in collected_series(tellings):
        why = _open(sides, tellings, series.metric.name)
        if why:
            found.append(_open_row(series, terms, why))
        else:
            found.append(ratio_row(series, terms) if series.logs else difference_row(series, terms))
    return found


def collected_levels(sides: Sequence[Side], names: Sequence[str], confidence: float) -> list[Level]:
    """Return each metric of each arm on its own."""
    found = []
    for series in collected_series([told(side) for side in sides]):
        levels = levels_of(series, names, confidence) if series.logs else _plain_levels(series, names, confidence)
        found += [_exactly(level, series, names.index(level.arm)) for level in levels]
    return found


def _exactly(level: Level, series: Series, side: int) -> Level:
    """Return a level without an interval's width where every round told the same: a pool of 5 keeps a budget of 5."""
    values = series.known(side)
    if len(values) < 2 or float(np.ptp(values)) > _SAME * max(1.0, float(np.abs(values).max())):
        return level
    value = float(f"{level.estimate.value:.12g}")
    return replace(level, estimate=replace(level.estimate, value=value, low=value, high=value))


def collected_doubts(sides: Sequence[Side], names: Sequence[str]) -> Conclusion:
    """Return what could not be collected: as warnings, and of the last arm why a budget on it is open."""
    warnings: list[str] = []
    uncounted: dict[tuple[str, str], str] = {}
    tellings = [told(side) for side in sides]
    for series in collected_series(tellings):
        name = series.metric.name
        for telling, arm in zip(tellings, names, strict=True):
            why = untold(telling, name)
            if why:
                warnings.append(f"{name} of {arm} is open: {why}.")
        if why := untold(tellings[-1], name):
            uncounted[name, series.request] = why
    return Conclusion(warnings=tuple(warnings), uncounted=uncounted)


def _open(sides: Sequence[Side], tellings: Sequence[Told], name: str) -> str:
    whys = [(side.name, untold(telling, name)) for side, telling in zip(sides, tellings, strict=True)]
    return next((f"{arm}: {why}" for arm, why in reversed(whys) if why), "")


def _open_row(series: Series, terms: Terms, why: str) -> Row:
    """Return the row of a metric that one side does not tell; what the other tells is shown."""
    known = [series.known(side) for side in range(2)]
    values = [float(np.mean(np.exp(each) if series.logs else each)) if len(each) else None for each in known]
    goal = goal_of(terms.rules, series.metric, series.request)
    row = Comparison(
        metric=series.metric.name,
        request=series.request,
        unit=series.metric.unit,
        baseline=values[0],
        candidate=values[1],
        change=None,
        ci_low=None,
        ci_high=None,
        confidence=None,
        verdict=Verdict.INCONCLUSIVE,
        role="goal" if goal else "shown",
        rounds=0,
        goal=goal,
        notes=(why,),
    )
    return Row(row, _NOTHING, 1.0)


def difference_row(series: Series, terms: Terms) -> Row:
    """Return the row of values of which some are 0: compared as a difference, told as a share of the baseline.

    From nothing no share can be told: then only the direction is judged, and a goal is met by any sure gain.
    """
    known = [series.known(0), series.known(1)]
    means = [float(side.mean()) for side in known]
    size = max(abs(mean) for mean in means)
    interval = estimate(series, terms, floor=SD_FLOOR * size if size else SD_FLOOR)
    goal, better = goal_of(terms.rules, series.metric, series.request), series.metric.better
    base = means[0]
    change: float | None
    low: float | None
    high: float | None
    change, low, high = None, None, None
    notes: list[str] = []
    if not size:
        change, verdict = 0.0, Verdict.EQUIVALENT
        notes.append("0 in every round of both")
    elif base > 0:
        change = interval.value / base
        low, high = (None if end is None else end / base for end in (interval.low, interval.high))
        verdict = judge(
            change,
            low,
            high,
            goal=goal.improve if goal else None,
            margin=terms.rules.margin,
            regression=terms.rules.regression,
            better=better,
        )
        notes.append("0 in some rounds, so it is compared as a difference")
    else:
        verdict = _from_nothing(interval, better == "higher", goal is not None)
        notes.append("0 in every round of the baseline, so no share can be told")
    row = Comparison(
        metric=series.metric.name,
        request=series.request,
        unit=series.metric.unit,
        baseline=base,
        candidate=means[1],
        change=change,
        ci_low=low,
        ci_high=high,
        confidence=interval.confidence if low is not None else None,
        verdict=verdict,
        role="goal" if goal else "shown",
        rounds=interval.rounds,
        goal=goal,
        notes=tuple(notes),
    )
    rise, fall = interval.p_above(), interval.p_below()
    return Row(row, interval, *((rise, fall) if better == "lower" else (fall, rise)))


def _from_nothing(interval: Interval, higher: bool, goal: bool) -> Verdict:
    if interval.low is None or interval.high is None or interval.low <= 0 <= interval.high:
        return Verdict.INCONCLUSIVE
    if (interval.low > 0) is higher:
        return Verdict.MET if goal else Verdict.IMPROVED
    return Verdict.REGRESSED


def _plain_levels(series: Series, names: Sequence[str], confidence: float) -> list[Level]:
    found = []
    for side, name in enumerate(names):
        values = series.known(side)
        if not len(values):
            continue
        interval = one_sample(values, confidence, floor=SD_FLOOR * max(float(np.abs(values).max()), SD_FLOOR))
        low = interval.low if interval.low is None or not isfinite(interval.low) else max(0.0, interval.low)
        measured = Estimate(interval.value, low, interval.high, interval.confidence, interval.rounds)
        found.append(Level(series.metric.name, series.request, name, METRICS[series.metric.name].unit, measured))
    return found
