"""All starts of a search together: the knee of each arm with its interval, and how much more the candidate holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import log

import numpy as np

from perfproof.capacity import text
from perfproof.capacity.search import FoundRate, settle
from perfproof.capacity.steps import leading, steps_of
from perfproof.errors import ExitCode
from perfproof.model.metrics import ALL, METRICS
from perfproof.model.recording import Recording
from perfproof.model.result import (
    CapacityEstimate,
    CapacitySearch,
    CapacityStep,
    Comparison,
    Estimate,
    Level,
    Result,
    Verdict,
)
from perfproof.model.rules import Rules
from perfproof.stats import alpha_spending
from perfproof.stats.columns import Side, measured_seconds, seconds_per_round
from perfproof.stats.series import Series
from perfproof.verdict.budgets import check_budgets
from perfproof.verdict.comparability import describe
from perfproof.verdict.findings import find
from perfproof.verdict.health import deaths, doubts
from perfproof.verdict.rows import Terms, levels_of, ratio_row

_CODES = {
    Verdict.MET: ExitCode.PASSED,
    Verdict.IMPROVED: ExitCode.PASSED,
    Verdict.EQUIVALENT: ExitCode.PASSED,
    Verdict.GOAL_MISSED: ExitCode.FAILED,
    Verdict.REGRESSED: ExitCode.FAILED,
    Verdict.INCONCLUSIVE: ExitCode.INCONCLUSIVE,
    Verdict.INVALID: ExitCode.INVALID,
}


@dataclass(frozen=True)
class _Arm:
    """What the starts of one arm found."""

    side: Side
    found: tuple[FoundRate, ...]
    steps: tuple[CapacityStep, ...]

    @property
    def bound(self) -> FoundRate | None:
        """Return the first start that did not bracket the knee; None if all did."""
        return next((found for found in self.found if found.bound), None)


def conclude_capacity(recording: Recording) -> Result:
    """Return the result of a search for the capacity of one arm or two, from its evidence alone."""
    info = recording.info
    arms = [_arm(Side(recording, number)) for number in range(min(len(info.arms), 2))]
    sides = [arm.side for arm in arms]
    starts = min(len(arm.found) for arm in arms)
    terms = Terms(info.rules, alpha_spending.confidence(1, 1), seconds_per_round=seconds_per_round(recording))
    series = Series(METRICS["capacity"], ALL, tuple(_logs(arm, starts) for arm in arms))
    names = [side.name for side in sides]
    levels = levels_of(series, names, terms.confidence)
    knees = tuple(_knee(arm, levels) for arm in arms if arm.found)
    row = ratio_row(series, terms).comparison if len(arms) == 2 and starts else None
    reasons = deaths(sides) or ([] if starts else ["no start was completed."])
    if row is not None:
        row = replace(row, role="goal" if row.goal else "gate")
        row = replace(row, verdict=Verdict.INVALID) if reasons else _bounded(row, knees)
    budgets = check_budgets(_rates_only(info.rules), levels, names[-1], info.requests)
    broken = any(check.broken for check in budgets)
    verdict = _verdict(row, knees, bool(reasons), broken)
    if verdict in (Verdict.MET, Verdict.IMPROVED, Verdict.EQUIVALENT) and any(check.open for check in budgets):
        verdict = Verdict.INCONCLUSIVE
    shown = leading(info.rules)
    return Result(
        kind="capacity",
        scenario=info.scenario_name,
        run_ids=(info.id,),
        arms=tuple(names),
        verdict=verdict,
        sentence=text.sentence(verdict, row, knees, budgets, info, reasons),
        exit_code=int(_CODES[verdict]),
        rounds=starts,
        planned_rounds=info.rules.planned_rounds,
        seconds=measured_seconds(recording),
        comparisons=(row,) if row is not None else (),
        levels=tuple(levels),
        budgets=budgets,
        findings=find(sides, [{} for _ in sides]),
        comparability=describe(sides, info.rules, [*doubts(sides), *text.bounds(knees, sides[-1])]),
        started_at=info.started_at,
        advice=text.advice(verdict, row, knees, sides[-1]),
        capacity=CapacitySearch(
            metric=shown.metric if shown else "",
            unit=METRICS[shown.metric].unit if shown else "",
            limit=shown.limit if shown else float("nan"),
            knees=knees,
            steps=tuple(step for arm in arms for step in arm.steps),
        ),
    )


def _arm(side: Side) -> _Arm:
    """Return what every complete start of one arm found."""
    tried = [steps_of(side.recording, a_round, side.arm) for a_round in side.rounds]
    found = tuple(knee for steps in tried if (knee := settle(steps)) is not None)
    return _Arm(side, found, tuple(step for steps in tried for step in steps))


def _logs(arm: _Arm, starts: int) -> np.ndarray:
    return np.array([log(found.rate) if found.rate > 0 else np.nan for found in arm.found[:starts]], dtype=np.float64)


def _knee(arm: _Arm, levels: Sequence[Level]) -> CapacityEstimate:
    """Return the knee of one arm; one start without a bracket makes it a bound."""
    level = next((level for level in levels if level.arm == arm.side.name), None)
    estimate = level.estimate if level else Estimate(0.0, None, None, None, 0)
    rates, bound = tuple(found.rate for found in arm.found), arm.bound
    return CapacityEstimate(arm.side.name, estimate, rates, bound.bound if bound else "", bound.why if bound else "")


def _bounded(row: Comparison, knees: Sequence[CapacityEstimate]) -> Comparison:
    """Return the row as far as it stands where an arm's knee is only known to lie beyond the rates tried."""
    first, second = (knee.bound for knee in knees)
    if not first and not second:
        return row
    # Better than a bound that lies below the truth still is better; nothing else follows from bounds.
    holds = {Verdict.IMPROVED, Verdict.MET} if first != "at least" and second != "below" else set()
    holds |= {Verdict.REGRESSED} if first != "below" and second != "at least" else set()
    limits = " and ".join(f"{knee.arm} is only known to be {knee.bound} that" for knee in knees if knee.bound)
    verdict = row.verdict if row.verdict in holds else Verdict.INCONCLUSIVE
    return replace(row, verdict=verdict, notes=(limits,))


def _verdict(row: Comparison | None, knees: Sequence[CapacityEstimate], void: bool, broken: bool) -> Verdict:
    if void or not knees:
        return Verdict.INVALID
    blind = any(knee.why in ("generator", "connections") for knee in knees)
    if row is None:
        knee = knees[0]
        if blind:
            return Verdict.INVALID
        return Verdict.GOAL_MISSED if broken or knee.bound == "below" else Verdict.MET
    if row.verdict is Verdict.REGRESSED:
        return row.verdict
    if broken:
        return Verdict.GOAL_MISSED
    return Verdict.INVALID if blind and row.verdict is Verdict.INCONCLUSIVE else row.verdict


def _rates_only(rules: Rules) -> Rules:
    """Return the rules with only those budgets that a capacity itself can keep or break."""
    return replace(rules, budgets=tuple(budget for budget in rules.budgets if budget.metric == "capacity"))
