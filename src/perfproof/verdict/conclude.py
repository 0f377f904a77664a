"""From rows and budgets to the one verdict of the run and the exit code."""

from __future__ import annotations

from collections.abc import Sequence

from perfproof.errors import ExitCode
from perfproof.model.result import BudgetCheck, Comparison, Verdict
from perfproof.verdict.guards import primary_rows

WORST_FIRST = (ExitCode.FAILED, ExitCode.INVALID, ExitCode.INCONCLUSIVE, ExitCode.PASSED)
"""Of several candidates: what is proven of one stands, whatever could not be measured of another."""
_MISSED = {Verdict.GOAL_MISSED, Verdict.EQUIVALENT, Verdict.REGRESSED}


def regressions(rows: Sequence[Comparison]) -> list[Comparison]:
    """Return the guarded rows that got worse, without those that the rules accept."""
    return [row for row in rows if row.role != "shown" and row.verdict is Verdict.REGRESSED and not row.accepted]


def guarded(rows: Sequence[Comparison]) -> list[Comparison]:
    """Return the guards that keep goals from passing that are all met; nothing where a goal is not."""
    goals = [row for row in rows if row.role == "goal"]
    return regressions(rows) if goals and all(row.verdict is Verdict.MET for row in goals) else []


def conclude(rows: Sequence[Comparison], budgets: Sequence[BudgetCheck], *, valid: bool) -> tuple[Verdict, ExitCode]:
    """Return the verdict and exit code of two arms.

    A regression of any guarded row that is not accepted outweighs every gain, and a broken budget is ``short`` of what
    was demanded. A budget that could not be measured leaves open what would have passed.
    """
    if not valid:
        return Verdict.INVALID, ExitCode.INVALID
    if regressions(rows):
        return Verdict.REGRESSED, ExitCode.FAILED
    broken = any(check.broken for check in budgets)
    decisive = primary_rows(rows)
    verdicts = {Verdict.EQUIVALENT if row.accepted else row.verdict for row in decisive}
    goals = any(row.role == "goal" for row in decisive)
    verdict, code = _of_goals(verdicts) if goals else _without_goals(verdicts)
    if broken:
        return Verdict.GOAL_MISSED, ExitCode.FAILED
    if code is ExitCode.PASSED and any(check.open for check in budgets):
        return Verdict.INCONCLUSIVE, ExitCode.INCONCLUSIVE
    return verdict, code


def _of_goals(verdicts: set[Verdict]) -> tuple[Verdict, ExitCode]:
    """Conclude from the verdicts of the goal rows."""
    if verdicts == {Verdict.MET}:
        return Verdict.MET, ExitCode.PASSED
    if verdicts == {Verdict.EQUIVALENT}:
        return Verdict.EQUIVALENT, ExitCode.FAILED
    if verdicts & _MISSED:
        return Verdict.GOAL_MISSED, ExitCode.FAILED
    if verdicts & {Verdict.IMPROVED, Verdict.MET}:
        return Verdict.IMPROVED, ExitCode.INCONCLUSIVE
    return Verdict.INCONCLUSIVE, ExitCode.INCONCLUSIVE


def _without_goals(verdicts: set[Verdict]) -> tuple[Verdict, ExitCode]:
    """Conclude from the verdicts of the primary rows."""
    if Verdict.IMPROVED in verdicts:
        return Verdict.IMPROVED, ExitCode.PASSED
    if verdicts == {Verdict.EQUIVALENT}:
        return Verdict.EQUIVALENT, ExitCode.PASSED
    return Verdict.INCONCLUSIVE, ExitCode.INCONCLUSIVE


def decided(rows: Sequence[Comparison]) -> bool:
    """Tell whether the verdict of the run is known.

    It is when a goal is missed or all are met and, without goals, when every primary row has its answer.
    """
    decisive = primary_rows(rows)
    verdicts = {row.verdict for row in decisive}
    if any(row.role == "goal" for row in decisive):
        return bool(verdicts & _MISSED) or verdicts == {Verdict.MET}
    return bool(decisive) and verdicts <= _MISSED | {Verdict.IMPROVED}
