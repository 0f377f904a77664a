"""The row ``error_rate``, judged by rounds, and what a rise of errors forbids elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from perfproof.core.numbers import in_unit
from perfproof.model.metrics import ALL, METRICS
from perfproof.model.result import Comparison, Estimate, Level, Verdict
from perfproof.model.scenario import Goal
from perfproof.stats.failures import Failures, level, rise
from perfproof.stats.intervals import Interval
from perfproof.verdict.rows import Row, Terms, goal_of, role_of

_METRIC = METRICS["error_rate"]
_IMMATERIAL = 0.001
"""A rate whose interval rises by less than this (0.1 percentage points) is as good as unchanged."""


def error_rows(first: Mapping[str, Failures], second: Mapping[str, Failures], terms: Terms, rounds: int) -> list[Row]:
    """Return the row of ``all`` and of every request name that failed at all or has a goal."""
    names = [ALL, *(name for name in first if name != ALL and name in second)]
    return [
        _row(name, first[name], second[name], terms, rounds)
        for name in names
        if name == ALL or first[name].failed + second[name].failed or goal_of(terms.rules, _METRIC, name)
    ]


def _row(name: str, first: Failures, second: Failures, terms: Terms, rounds: int) -> Row:
    """Judge one pair of failure rates, as a difference: a ratio to hardly any failure means nothing."""
    interval = rise(first, second, terms.confidence, paired=terms.paired)
    goal = goal_of(terms.rules, _METRIC, name)
    base = first.rate
    comparison = Comparison(
        _METRIC.name,
        name,
        _METRIC.unit,
        baseline=base,
        candidate=second.rate,
        change=second.rate / base - 1 if base else None,
        ci_low=interval.low / base if base and interval.low is not None else None,
        ci_high=interval.high / base if base and interval.high is not None else None,
        confidence=interval.confidence if base else None,
        verdict=_verdict(first, second, interval, goal),
        role=role_of(terms, _METRIC, name),
        rounds=rounds,
        goal=goal,
        notes=_notes(first, second),
    )
    return Row(comparison, interval, interval.p_above(), interval.p_below())


def _verdict(first: Failures, second: Failures, interval: Interval, goal: Goal | None) -> Verdict:
    """Return what the interval of the difference says."""
    if first.failed + second.failed == 0:
        return Verdict.EQUIVALENT
    low, high = interval.low, interval.high
    if low is None or high is None:
        return Verdict.INCONCLUSIVE
    asked = None if goal is None else -goal.improve * first.rate
    if asked is not None and first.failed and high <= asked:
        return Verdict.MET
    if low > -_IMMATERIAL and high < _IMMATERIAL:
        return Verdict.EQUIVALENT
    if low > 0:
        return Verdict.REGRESSED
    if asked is not None and low > asked:
        return Verdict.GOAL_MISSED
    return Verdict.IMPROVED if high < 0 else Verdict.INCONCLUSIVE


def _notes(first: Failures, second: Failures) -> tuple[str, ...]:
    """Return how many failed, and in how many rounds."""
    if not first.failed + second.failed:
        return ()
    told = f"{second.failed:,} of {second.sent:,} requests failed, {first.failed:,} of {first.sent:,} before"
    hit = failing_rounds(second)
    if second.failed > 1 and hit == 1 and len(second.rates) > 1:
        told += f"; all of them in one of {len(second.rates)} rounds, which is no proof of a rise"
    return (told,)


def failing_rounds(each: Failures) -> int:
    """Return the number of rounds in which requests failed."""
    return sum(rate > 0 for rate in each.rates)


def error_levels(
    tables: Sequence[Mapping[str, Failures]], arms: Sequence[str], confidence: float, rounds: int
) -> list[Level]:
    """Return the failure rate of each arm and request name with its interval."""
    return [
        Level(
            _METRIC.name,
            name,
            arm,
            _METRIC.unit,
            Estimate(each.rate, *level(each, confidence), confidence, rounds),
        )
        for name in ([ALL, *(n for n in tables[0] if n != ALL)] if tables else [])
        for arm, table in zip(arms, tables, strict=True)
        if name in table and (each := table[name]).sent
    ]


def forbid_gains(rows: Sequence[Row], first: Mapping[str, Failures], second: Mapping[str, Failures]) -> list[Row]:
    """Withdraw every gain where the candidate fails more often: a request that fails is not a request made faster.

    It does where the rise is sure, or where it is more than nothing (0.1 percentage points) and seen in several rounds.
    A single failure among many requests is no doubt about those that completed.
    """
    errors = {row.comparison.request: row.comparison for row in rows if row.comparison.metric == _METRIC.name}
    guarded = []
    for row in rows:
        name = row.comparison.request
        gained = row.comparison.verdict in (Verdict.IMPROVED, Verdict.MET) and row.comparison.metric != _METRIC.name
        if gained and name in errors and _forbids(errors[name], first[name], second[name]):
            told = f"{in_unit(first[name].rate, 'ratio')} to {in_unit(second[name].rate, 'ratio')}"
            notes = (*row.comparison.notes, f"errors rose from {told}: no gain is concluded")
            row = replace(row, comparison=replace(row.comparison, verdict=Verdict.INCONCLUSIVE, notes=notes))
        guarded.append(row)
    return guarded


def _forbids(errors: Comparison, first: Failures, second: Failures) -> bool:
    more = second.rate - first.rate >= _IMMATERIAL and failing_rounds(second) > 1
    return errors.verdict is Verdict.REGRESSED or (errors.verdict is not Verdict.EQUIVALENT and more)
