"""What was counted stands although nothing that was timed does. Pure.

A load generator that is kept waiting, requests that could not be sent and a service that never became steady void every
latency; that a request makes eleven queries where it made one, they do not change. On a busy machine, in CI above all,
counts are what is left to judge by, and a regression that they prove must not pass for an invalid measurement.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from perfproof.core.numbers import listed
from perfproof.errors import ExitCode
from perfproof.model.metrics import COUNTED, METRICS
from perfproof.model.result import BudgetCheck, Comparison, Verdict
from perfproof.verdict.conclude import regressions
from perfproof.verdict.sentence import TIMES_ARE_VOID, describe

_MISSED = (Verdict.GOAL_MISSED, Verdict.EQUIVALENT)


def is_counted(metric: str) -> bool:
    """Tell whether a metric comes from a probe, a count or a check, which load and its troubles have no part in."""
    known = METRICS[metric]
    return known.exact or bool(known.check) or metric == COUNTED


def void_timed(rows: Sequence[Comparison]) -> list[Comparison]:
    """Return the rows with those void that were timed."""
    return [row if is_counted(row.metric) else replace(row, verdict=Verdict.INVALID) for row in rows]


def open_timed(budgets: Sequence[BudgetCheck], reason: str) -> tuple[BudgetCheck, ...]:
    """Return the checks with those open that are about something timed; ``reason`` says why nothing timed stands."""
    why = f"{TIMES_ARE_VOID}{reason.rstrip('.')}"
    return tuple(
        each if is_counted(each.metric) or each.value is None else replace(each, broken=False, why=why)
        for each in budgets
    )


def conclude_counted(rows: Sequence[Comparison], budgets: Sequence[BudgetCheck]) -> tuple[Verdict, ExitCode]:
    """Return verdict and exit code by what was counted: it can fail a run whose times are void, never pass it."""
    counted = [row for row in rows if is_counted(row.metric)]
    if regressions(counted):
        return Verdict.REGRESSED, ExitCode.FAILED
    missed = any(row.role == "goal" and row.verdict in _MISSED for row in counted)
    if missed or any(check.broken for check in budgets if is_counted(check.metric)):
        return Verdict.GOAL_MISSED, ExitCode.FAILED
    return Verdict.INVALID, ExitCode.INVALID


def counted_all_the_same(rows: Sequence[Comparison]) -> str:
    """Return what improved by count, to stand beside why nothing else is known; empty where nothing did."""
    better = [row for row in rows if is_counted(row.metric) and row.verdict in (Verdict.IMPROVED, Verdict.MET)]
    return f" Counted all the same: {listed([describe(row) for row in better], 3)}." if better else ""
