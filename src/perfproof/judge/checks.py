"""From the facts of checks to rows, levels, budgets and findings, in the words that hold for every metric.

What is counted or shared out is exact: any change counts, and there is no interval. What was measured several times
is judged as rounds are. What could not be measured stays open, with the reason and what to do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import isfinite, log
from typing import Literal

import numpy as np

from perfproof.checks import registry
from perfproof.core.numbers import count_of, in_unit, listed, upper_first
from perfproof.errors import ExitCode, UsageError
from perfproof.model.checks import ArmFacts, Checked, CheckFacts, Compared, Measure
from perfproof.model.metrics import METRICS, Metric
from perfproof.model.recording import Recording
from perfproof.model.result import BudgetCheck, Comparison, Estimate, Fact, Finding, Level, Result, Role, Verdict
from perfproof.model.rules import Rules
from perfproof.stats import alpha_spending
from perfproof.stats.columns import Side
from perfproof.stats.series import Series
from perfproof.verdict.additions import Conclusion
from perfproof.verdict.budgets import check_budgets
from perfproof.verdict.claims import missing_goals
from perfproof.verdict.comparability import describe
from perfproof.verdict.conclude import conclude, regressions
from perfproof.verdict.exact import TIMED_ON_ONE_START, exact_row
from perfproof.verdict.findings import in_order
from perfproof.verdict.guards import accept
from perfproof.verdict.proofs import conclude_claims, prove, sentence_of
from perfproof.verdict.rows import Terms, goal_of, ratio_row
from perfproof.verdict.sentence import broken_budgets, invalid, kept_budgets, open_budgets
from perfproof.verdict.sentence import describe as row_in_words


def conclude_checked(checked: Checked | None, rules: Rules, arms: Sequence[str]) -> Conclusion:
    """Return what the checks add to the result of ``arms``; an empty conclusion for a run without any."""
    if checked is None or not checked.checks:
        return Conclusion()
    rows: list[Comparison] = []
    levels: list[Level] = []
    findings: list[Finding] = []
    warnings: list[str] = []
    uncounted: dict[tuple[str, str], str] = {}
    for each in checked.checks:
        compared = compare_facts(each, arms)
        findings += compared.findings
        warnings += compared.notes
        for measure in compared.measures:
            if measure.metric not in METRICS:
                warnings.append(f"{each.check} told of {measure.metric}, which is no metric: it is left out.")
                continue
            metric = METRICS[measure.metric]
            cut = _cut_short(each)
            if len(arms) == 2:
                row = _row(measure, metric, rules)
                if cut and row.verdict in (Verdict.MET, Verdict.IMPROVED, Verdict.EQUIVALENT):
                    row = replace(row, verdict=Verdict.INCONCLUSIVE, notes=(*row.notes, cut))
                rows.append(row)
            levels += _levels(measure, metric, arms)
            if cut:
                uncounted[metric.name, measure.request] = cut
            if measure.candidate is None:
                uncounted[metric.name, measure.request] = measure.why or "the check did not tell why"
    asked = sum(arm.requests for each in checked.checks for arm in each.arms)
    told = f"{listed([each.check for each in checked.checks], 9)} by {count_of(asked, 'request')}"
    return Conclusion(
        rows=tuple(rows),
        levels=tuple(levels),
        findings=in_order(findings),
        facts=(Fact("checked", told, told),),
        warnings=tuple(dict.fromkeys(warnings)),
        uncounted=uncounted,
    )


def across_checks(
    baseline: Checked | None, candidate: Checked | None, runs: Sequence[str], labels: Sequence[str]
) -> Checked | None:
    """Return the last arms (``runs``) of two recorded runs as one pass called ``labels``, of the checks both made."""
    if baseline is None or candidate is None:
        return None
    found = []
    for after in candidate.checks:
        before = next((each for each in baseline.checks if each.check == after.check), None)
        if before is None or before.version != after.version:
            continue
        sides = zip((before, after), runs, labels, strict=True)
        arms = tuple(replace(arm, arm=label) for side, run, label in sides for arm in side.arms if arm.arm == run)
        found.append(replace(after, arms=arms))
    return Checked(tuple(found))


def compare_facts(facts: CheckFacts, arms: Sequence[str]) -> Compared:
    """Return what one check says of its facts; where it cannot say anything, all its measures are open."""
    try:
        check = registry.find(facts.check)
    except UsageError as error:
        return Compared(notes=(f"{facts.check} was not judged: {error.what}.",))
    if check is None:
        return Compared(notes=(f"{facts.check} was not judged: install the package that has this check.",))
    notes = _left_out(facts)
    sides = [
        next((arm for arm in facts.arms if arm.arm == name), ArmFacts(name, problem="it was not asked"))
        for name in arms
    ]
    problem = next((f"{side.arm}: {side.problem}" for side in sides if side.problem), "")
    if check.version != facts.version:
        problem = f"its facts are of version {facts.version}, and this one reads {check.version}: check again"
    if not problem:
        try:
            before = sides[0].facts if len(sides) == 2 else None
            found = check.compare(before, sides[-1].facts, facts.settings)
        except (KeyError, TypeError, ValueError, AttributeError, LookupError) as error:
            problem = f"its facts make no sense ({type(error).__name__}): check again"
        else:
            return replace(found, notes=(*notes, *found.notes))
    measures = tuple(Measure(metric.name, None, why=problem) for metric in check.metrics)
    return Compared(measures, notes=(*notes, f"{facts.check} could not be judged: {problem}."))


def _left_out(facts: CheckFacts) -> list[str]:
    """Return what was not done, once where it holds for every arm."""
    texts = dict.fromkeys(text for arm in facts.arms for text in arm.left_out)
    found = []
    for text in texts:
        arms = [arm.arm for arm in facts.arms if text in arm.left_out]
        where = f" on {arms[0]}" if len(arms) < len(facts.arms) else ""
        found.append(f"{facts.check}{where}: {text}.")
    return found + [
        f"{facts.check} on {arm.arm} ended {arm.ended}: not all was asked." for arm in facts.arms if arm.ended
    ]


def _cut_short(facts: CheckFacts) -> str:
    """Return why nothing can be said to hold: an arm was not asked to the end; "" where all were."""
    ended = next((arm for arm in facts.arms if arm.ended), None)
    return "" if ended is None else f"{ended.arm} was not asked to the end: it ended {ended.ended}"


def _row(measure: Measure, metric: Metric, rules: Rules) -> Comparison:
    if len(measure.repeats) == 2 and all(len(each) > 1 for each in measure.repeats):
        return _repeated(measure, metric, rules)
    goal = goal_of(rules, metric, measure.request)
    before, after = measure.baseline, measure.candidate
    role: Role = "goal" if goal else "shown" if measure.shown else "gate"
    verdict, stretch = Verdict.INCONCLUSIVE, None
    notes = measure.notes
    if before is None or after is None:
        notes = (*notes, measure.why or "was not measured on both arms")
    elif metric.exact:
        gain = _gain(before, after, metric)
        verdict = _judged(gain, goal.improve if goal else None)
        stretch = gain >= goal.stretch if goal is not None and goal.stretch is not None else None
    else:
        notes = (*notes, TIMED_ON_ONE_START)
    return exact_row(
        metric, measure.request, (before, after), verdict, role, goal=goal, stretch_met=stretch, notes=notes
    )


def _gain(before: float, after: float, metric: Metric) -> float:
    """Return how much better the candidate is, as goals count it; what began at nothing has gained without bound."""
    better = after - before if metric.better == "higher" else before - after
    return 0.0 if not better else better / before if before else better * float("inf")


def _judged(gain: float, goal: float | None) -> Verdict:
    if goal is not None and gain >= goal - 1e-9:
        return Verdict.MET
    if not gain:
        return Verdict.EQUIVALENT
    if gain < 0:
        return Verdict.REGRESSED
    return Verdict.GOAL_MISSED if goal is not None else Verdict.IMPROVED


def _repeated(measure: Measure, metric: Metric, rules: Rules) -> Comparison:
    sides = [np.array([log(value) if value > 0 else float("nan") for value in side]) for side in measure.repeats]
    terms = Terms(rules, alpha_spending.confidence(1, 1, candidates=rules.candidates), paired=False)
    row = ratio_row(Series(metric, measure.request, tuple(sides)), terms).comparison
    role: Role = "goal" if row.goal else "shown" if measure.shown else "gate"
    return replace(row, role=role, notes=(*measure.notes, *row.notes))


def _levels(measure: Measure, metric: Metric, arms: Sequence[str]) -> list[Level]:
    values = (measure.baseline, measure.candidate)[-len(arms) :]
    return [
        Level(metric.name, measure.request, arm, metric.unit, Estimate(value, None, None, None, 0))
        for arm, value in zip(arms, values, strict=True)
        if value is not None and isfinite(value)
    ]


def conclude_checks(recording: Recording) -> Result:
    """Return the result of a run that made checks and did nothing else."""
    info = recording.info
    sides = [Side(recording, arm) for arm in range(min(2, len(info.arms)))]
    return _of_checks("checks", sides, recording.checked, list(info.arms[:2]), ())


def compare_checks(
    baseline: Recording, candidate: Recording, mismatches: Sequence[str], *, force: bool = False
) -> Result:
    """Return the comparison of two runs that only made checks; the machine does not matter to them."""
    sides = [Side(recording, len(recording.info.arms) - 1) for recording in (baseline, candidate)]
    names = [side.name for side in sides]
    labels = names if names[0] != names[1] else ["baseline", "candidate"]
    found = across_checks(baseline.checked, candidate.checked, names, labels)
    reasons = [text for text in mismatches if not text.startswith("the environments")]
    return _of_checks("compare", sides, found, labels, () if force else reasons)


def _of_checks(
    kind: Literal["checks", "compare"],
    sides: Sequence[Side],
    checked: Checked | None,
    arms: Sequence[str],
    reasons: Sequence[str],
) -> Result:
    info = sides[-1].recording.info
    found = conclude_checked(checked, info.rules, arms)
    if checked is None or not checked.checks:
        reasons = (*reasons, "no check was made.")
    budgets = check_budgets(info.rules, found.levels, arms[-1], info.requests, found.uncounted)
    rows: list[Comparison] = []
    claims = info.rules.claims if len(arms) == 2 else [each for each in info.rules.claims if each.budget is not None]
    if len(arms) == 2:
        rows = [replace(row, verdict=Verdict.INVALID) for row in found.rows] if reasons else list(found.rows)
        rows += missing_goals(rows, info.rules, info.requests)
        rows = accept(rows, (), info.rules.policy)
        verdict, code = conclude(rows, budgets, valid=not reasons)
    elif reasons:
        verdict, code = Verdict.INVALID, ExitCode.INVALID
    elif any(check.broken for check in budgets):
        verdict, code = Verdict.GOAL_MISSED, ExitCode.FAILED
    elif any(check.open for check in budgets) or not found.levels:
        verdict, code = Verdict.INCONCLUSIVE, ExitCode.INCONCLUSIVE
    else:
        verdict, code = Verdict.MET, ExitCode.PASSED
    proofs = prove(claims, rows, budgets, reasons)
    if len(arms) == 2:
        verdict, code = conclude_claims(verdict, code, proofs, rows, budgets)
    text = invalid(reasons) if reasons else _sentence(verdict, rows, found, budgets, arms)
    if proofs and not reasons:
        text = sentence_of(proofs, rows, budgets)
    known = describe(sides, info.rules, ())
    facts = tuple(fact for fact in known.facts if fact.name != "rounds")
    return Result(
        kind=kind,
        scenario=info.scenario_name,
        run_ids=tuple(dict.fromkeys(side.recording.info.id for side in sides)),
        arms=tuple(arms),
        verdict=verdict,
        sentence=text,
        exit_code=int(code),
        rounds=0,
        planned_rounds=0,
        seconds=checked.seconds if checked else 0.0,
        comparisons=tuple(rows),
        levels=found.levels,
        budgets=budgets,
        findings=found.findings,
        comparability=replace(known, facts=(*facts, *found.facts), warnings=(*known.warnings, *found.warnings)),
        started_at=info.started_at,
        proofs=proofs,
    )


_LEADS: Mapping[Verdict, str] = {
    Verdict.MET: "Goal met",
    Verdict.GOAL_MISSED: "Goal missed",
    Verdict.IMPROVED: "Improved",
    Verdict.EQUIVALENT: "No difference",
    Verdict.REGRESSED: "Regressed",
    Verdict.INCONCLUSIVE: "Not decided",
}


def _sentence(
    verdict: Verdict, rows: Sequence[Comparison], found: Conclusion, budgets: Sequence[BudgetCheck], arms: Sequence[str]
) -> str:
    """Return the verdict in words: budgets first, then the rows that decide (or, of one arm, its levels)."""
    parts = [part for part in (broken_budgets(budgets), open_budgets(budgets)) if part]
    if len(arms) < 2:
        shown = [level for level in found.levels if METRICS[level.metric].exact]
        told = [f"{METRICS[level.metric].title} {in_unit(level.estimate.value, level.unit)}" for level in shown]
        body = f"checked {arms[0]}: {listed(told, 4) or 'nothing could be measured'}"
        if not parts and budgets:
            parts = [kept_budgets(budgets)]
    else:
        body = _compared(verdict, rows)
    text = "; ".join([*parts, body])
    return f"{upper_first(text)}."


def _compared(verdict: Verdict, rows: Sequence[Comparison]) -> str:
    goals = [row for row in rows if row.role == "goal"]
    chosen = goals or [row for row in rows if row.role == "gate"]
    if verdict is Verdict.REGRESSED:
        chosen = regressions(rows)
    elif verdict is Verdict.IMPROVED and not goals:
        chosen = [row for row in chosen if row.verdict is Verdict.IMPROVED]
    elif verdict is Verdict.GOAL_MISSED and goals:
        chosen = [row for row in goals if row.verdict is not Verdict.MET] or goals
    known = [row for row in chosen if row.baseline is not None and row.candidate is not None]
    lead = _LEADS[verdict]
    if verdict is Verdict.GOAL_MISSED and not any(row.verdict is not Verdict.MET for row in goals):
        lead = "goal met" if goals else "checked"
    if not known:
        return f"{lead}: nothing comparable was measured"
    return f"{lead}: {listed([row_in_words(row) for row in known], 4)}"
