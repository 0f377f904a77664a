"""From a result and a policy to the outcome of a gate. Pure: the verdicts are taken as they are, never made anew."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from perfproof.core.numbers import count_of, in_unit, percent
from perfproof.errors import ExitCode
from perfproof.model.gate import CheckKind, GateResult, GateRow, Outcome
from perfproof.model.metrics import ALL, METRICS
from perfproof.model.policy import GateRule, Policy, Severity, WhenOpen
from perfproof.model.result import BudgetCheck, Comparison, Proof, Result, Verdict
from perfproof.verdict.conclude import WORST_FIRST
from perfproof.verdict.guards import PRICE, WARNING, accept, effective, primary_rows
from perfproof.verdict.sentence import broken_budgets, describe

_FAILED: dict[Severity, Outcome] = {"warn": "warned", "error": "failed"}
_OPEN = {Verdict.INCONCLUSIVE, Verdict.INVALID}


def judge(result: Result, policy: Policy, *, notes: Sequence[str] = (), provisional: bool = False) -> GateResult:
    """Return what ``policy`` makes of ``result``.

    Exit codes: 4 for an invalid measurement, whatever the policy; else 1 if a check failed; else 3 if one that is not
    decided is to fail; else 0. Of several candidates each has to pass; one that fails outweighs one that is invalid.
    """
    if result.candidates:
        return _together(result, [judge(each, policy) for each in result.candidates], notes, provisional)
    compared = accept(result.comparisons, result.queries, policy)
    decisive = {(row.metric, row.request) for row in primary_rows(compared)}
    rows = [_comparison(row, policy, (row.metric, row.request) in decisive) for row in compared]
    rows += [_budget(check, policy) for check in result.budgets]
    found = tuple(_claimed(result.proofs, [row for row in rows if row is not None]))
    if result.verdict is Verdict.INVALID:
        why = "the measurement is invalid, and no check was made"
        found = tuple(replace(row, outcome="skipped", reason=why, open="pass") for row in found)
        code = ExitCode.INVALID
    elif any(row.outcome == "failed" for row in found):
        code = ExitCode.FAILED
    elif any(row.verdict is Verdict.INVALID and row.role != "shown" for row in compared):
        code = ExitCode.INVALID  # a policy may let pass what was counted; nothing timed has passed by that
    elif any(row.outcome == "skipped" and row.open == "fail" for row in found):
        code = ExitCode.INCONCLUSIVE
    else:
        code = ExitCode.PASSED
    return GateResult(result, found, int(code), _summary(found, code, provisional), tuple(notes), provisional)


def _together(result: Result, gates: Sequence[GateResult], notes: Sequence[str], provisional: bool) -> GateResult:
    """Return one gate of the gates of all candidates: every check, named by its candidate, and the worst outcome."""
    code = min((ExitCode(each.exit_code) for each in gates), key=WORST_FIRST.index)
    rows = tuple(
        replace(row, arm=gate.result.arms[-1], reason=f"{gate.result.arms[-1]}: {row.reason}")
        for gate in gates
        for row in gate.rows
    )
    summary = _summary(rows, code, provisional)
    words = {ExitCode.PASSED: "passes", ExitCode.FAILED: "fails", ExitCode.INVALID: "is invalid"}
    told = [f"{gate.result.arms[-1]} {words.get(ExitCode(gate.exit_code), 'is not decided')}" for gate in gates]
    return GateResult(result, rows, int(code), f"{summary} {', '.join(told)}.", tuple(notes), provisional)


def _comparison(row: Comparison, policy: Policy, decisive: bool) -> GateRow | None:
    """Return the check of a row that carries a goal or guards against regression; None where there is none."""
    rule = effective(policy, row.metric, row.request)
    if row.role == "shown" or rule.level == "off":
        return None
    level, inconclusive = _settled(rule, policy, decisive)
    kind: CheckKind = "goal" if row.role == "goal" else "regression"
    base = GateRow(row.metric, row.request, kind, "passed", describe(row) + ".", inconclusive, comparison=row)
    failed = replace(base, outcome=_FAILED[level])
    verdict, told = row.verdict, describe(row)
    if verdict is Verdict.REGRESSED:
        if row.accepted and row.accepted != WARNING:
            outcome: Outcome = "warned" if row.accepted.startswith(PRICE) else "passed"
            return replace(base, outcome=outcome, reason=f"{told}: worse, but {row.accepted}.")
        return replace(failed, reason=f"{told}: worse.")
    if verdict in _OPEN or (kind == "goal" and verdict is Verdict.IMPROVED):
        what = "whether the goal is met is not decided" if kind == "goal" else "not decided"
        advice = f"; {row.notes[-1]}" if row.notes else ""
        return replace(base, outcome="skipped", reason=f"{told}: {what}{advice}".rstrip(".") + ".")
    if kind == "goal" and verdict in (Verdict.GOAL_MISSED, Verdict.EQUIVALENT):
        goal = percent(row.goal.improve, signed=False) if row.goal else "the goal"
        return replace(failed, reason=f"{told}: short of {goal}.")
    return base


def _budget(check: BudgetCheck, policy: Policy) -> GateRow | None:
    """Return the check of an absolute limit; None where the policy turns it off."""
    rule = effective(policy, check.metric, check.request)
    if rule.level == "off":
        return None
    level, inconclusive = _settled(rule, policy, decisive=True)
    name = METRICS[check.metric].title + ("" if check.request == ALL else f" of {check.request}")
    base = GateRow(check.metric, check.request, "budget", "passed", f"{name}: the budget holds.", inconclusive)
    base = replace(base, budget=check)
    if check.open:
        known = "not measured" if check.value is None else in_unit(check.value, check.unit)
        reason = f"{name}: {known}, so its budget is open: {check.why.rstrip('.')}."
        return replace(base, outcome="skipped", reason=reason)
    if check.broken:
        return replace(base, outcome=_FAILED[level], reason=f"{broken_budgets([check])}.")
    return base


_OUTCOMES: tuple[Outcome, ...] = ("failed", "warned", "skipped", "passed")


def _claimed(proofs: Sequence[Proof], rows: Sequence[GateRow]) -> list[GateRow]:
    """Return the checks with one for each claim in place of those of its goal or budget, in the claims' order.

    The policy was applied to each of them: a claim is as bad as the worst. One on which the policy says nothing is
    checked is left out.
    """
    found: list[GateRow] = []
    taken: set[int] = set()
    for proof in proofs:
        kind = "budget" if proof.claim.budget is not None else "goal"
        about = {(check.metric, check.request) for check in proof.checks}
        about = about or {(row.metric, row.request) for row in proof.rows}
        limit = proof.claim.budget.limit if proof.claim.budget is not None else None
        mine = [
            row
            for row in rows
            if row.kind == kind
            and (row.metric, row.request) in about
            and (row.budget is None or row.budget.limit == limit)
        ]
        if not mine:
            continue
        taken |= {id(row) for row in mine}
        worst = min(mine, key=lambda row: (_OUTCOMES.index(row.outcome), row.open != "fail"))
        more = f" (and {count_of(len(mine) - 1, 'more figure')})" if len(mine) > 1 else ""
        reason = f"{proof.claim.text.rstrip('.')}: {proof.state}; {worst.reason.rstrip('.')}{more}."
        alone = len(mine) == 1
        found.append(
            replace(
                worst,
                kind="claim",
                request=worst.request if alone else ALL,
                reason=reason,
                claim=proof.claim.text,
                comparison=worst.comparison if alone else None,
                budget=worst.budget if alone else None,
            )
        )
    return [*found, *(row for row in rows if id(row) not in taken)]


def _settled(rule: GateRule, policy: Policy, decisive: bool) -> tuple[Severity, WhenOpen]:
    """Return the level and what not being decided does, with the defaults for what nothing says."""
    usual: WhenOpen = (policy.inconclusive or "fail") if decisive else "pass"
    return rule.level or "error", rule.inconclusive or usual


def _summary(rows: Sequence[GateRow], code: ExitCode, provisional: bool) -> str:
    """Return one sentence: ``Gate passed: of 9 checks, 7 passed, 2 not decided (which passes by policy).``."""
    word = {ExitCode.PASSED: "passed", ExitCode.FAILED: "failed", ExitCode.INVALID: "invalid"}.get(code, "not decided")
    lead = f"Gate {word}{' (provisional)' if provisional else ''}"
    if code is ExitCode.INVALID:
        return f"{lead}: an invalid measurement decides nothing, whatever the policy."
    if not rows:
        return f"{lead}: there was nothing to check."
    outcomes = Counter(row.outcome for row in rows)
    parts = [f"{outcomes[outcome]} {outcome}" for outcome in ("failed", "warned", "passed") if outcomes[outcome]]
    undecided = Counter(row.open for row in rows if row.outcome == "skipped")
    verbs = {"fail": "which fails by policy", "warn": "a warning by policy", "pass": "which passes by policy"}
    parts += [f"{undecided[what]} not decided ({verbs[what]})" for what in ("fail", "warn", "pass") if undecided[what]]
    return f"{lead}: of {count_of(len(rows), 'check')}, {', '.join(parts)}."
