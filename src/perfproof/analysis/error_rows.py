"""The row ``error_rate``: exact statistics on counts, and what a rise of errors forbids elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import isfinite

from perfproof.analysis.failures import Failures, p_rise, rate_interval, ratio_interval
from perfproof.analysis.intervals import Interval
from perfproof.analysis.rows import Row, Terms, goal_of, role_of
from perfproof.analysis.words import in_unit
from perfproof.model.metrics import ALL, METRICS
from perfproof.model.result import Comparison, Estimate, Level, Verdict

_METRIC = METRICS["error_rate"]
_IMMATERIAL = 0.001
"""A rate whose interval rises by less than this (0.1 percentage points) is as good as unchanged."""


def error_rows(first: Mapping[str, Failures], second: Mapping[str, Failures], terms: Terms, rounds: int) -> list[Row]:
    """Return the row of ``all`` and of every request name that failed at all."""
    names = [ALL, *(name for name in first if name != ALL and name in second)]
    return [
        _row(name, first[name], second[name], terms, rounds)
        for name in names
        if name == ALL or first[name].failed + second[name].failed
    ]


def _row(name: str, first: Failures, second: Failures, terms: Terms, rounds: int) -> Row:
    """Judge one pair of failure rates."""
    low, high = ratio_interval(first, second, terms.confidence)
    p_worse = p_rise(first, second)
    goal = goal_of(terms.rules, _METRIC, name)
    ratio = first.failed > 0
    if goal is not None and ratio and high <= 1 - goal.improve:
        verdict = Verdict.MET
    elif low > 1:
        verdict = Verdict.REGRESSED
    elif high < 1:
        verdict = Verdict.IMPROVED
    elif first.failed + second.failed == 0 or rate_interval(second.failed, second.sent, terms.confidence)[1] < (
        first.rate + _IMMATERIAL
    ):
        verdict = Verdict.EQUIVALENT
    else:
        verdict = Verdict.INCONCLUSIVE
    notes = (f"{second.failed:,} of {second.sent:,} requests failed, {first.failed:,} of {first.sent:,} before",)
    comparison = Comparison(
        _METRIC.name,
        name,
        _METRIC.unit,
        baseline=first.rate,
        candidate=second.rate,
        change=second.rate / first.rate - 1 if ratio else None,
        ci_low=low - 1 if ratio else None,
        ci_high=high - 1 if ratio and isfinite(high) else None,
        confidence=terms.confidence if ratio else None,
        verdict=verdict,
        role=role_of(terms, _METRIC, name),
        rounds=rounds,
        goal=goal,
        notes=notes if first.failed + second.failed else (),
    )
    return Row(comparison, Interval(float("nan"), None, None, None, rounds), p_worse)


def error_levels(
    tables: Sequence[Mapping[str, Failures]], arms: Sequence[str], confidence: float, rounds: int
) -> list[Level]:
    """Return the failure rate of each arm and request name with its exact interval."""
    return [
        Level(
            _METRIC.name,
            name,
            arm,
            _METRIC.unit,
            Estimate(each.rate, *rate_interval(each.failed, each.sent, confidence), confidence, rounds),
        )
        for name in ([ALL, *(n for n in tables[0] if n != ALL)] if tables else [])
        for arm, table in zip(arms, tables, strict=True)
        if name in table and (each := table[name]).sent
    ]


def forbid_gains(rows: Sequence[Row], first: Mapping[str, Failures], second: Mapping[str, Failures]) -> list[Row]:
    """Withdraw every gain where the candidate fails more often: a request that fails is not a request made faster."""
    guarded = []
    for row in rows:
        name = row.comparison.request
        before, after = first.get(name), second.get(name)
        if (
            row.comparison.verdict in (Verdict.IMPROVED, Verdict.MET)
            and before is not None
            and after is not None
            and after.rate > before.rate
            and row.comparison.metric != _METRIC.name
        ):
            rise = f"{in_unit(before.rate, 'ratio')} to {in_unit(after.rate, 'ratio')}"
            note = f"errors rose from {rise}: no gain is concluded"
            notes = (*row.comparison.notes, note)
            row = replace(row, comparison=replace(row.comparison, verdict=Verdict.INCONCLUSIVE, notes=notes))
        guarded.append(row)
    return guarded
