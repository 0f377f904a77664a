"""What came of each claim: proven, refuted or open, read off the rows and budgets that are judged anyway. Pure.

A claim is a goal or a budget with a sentence. Nothing is judged here a second time: a claim says what its goal's rows
or its budget's checks say, so no claim can be proven in a run whose rows say otherwise.
"""

from __future__ import annotations

from collections.abc import Sequence

from perfproof.core.numbers import count_of, listed, upper_first
from perfproof.errors import ExitCode
from perfproof.model.metrics import ALL, COUNTED, METRICS
from perfproof.model.result import BudgetCheck, Comparison, Proof, ProofState, Verdict
from perfproof.model.scenario import Claim, Goal
from perfproof.verdict.conclude import regressions
from perfproof.verdict.counted import is_counted
from perfproof.verdict.sentence import broken_budgets, describe, moved, open_budgets

DECIDED = (Verdict.MET, Verdict.GOAL_MISSED, Verdict.EQUIVALENT, Verdict.REGRESSED)
"""Verdicts of a row with a goal that more rounds would not change."""
_MISSED = DECIDED[1:]
_PROBED = ("queries", "rows")
_MOST_NAMED = 4


def prove(
    claims: Sequence[Claim],
    rows: Sequence[Comparison],
    budgets: Sequence[BudgetCheck],
    invalid: Sequence[str] = (),
    *,
    counted: bool = False,
) -> tuple[Proof, ...]:
    """Return what came of each claim, in their order; where ``invalid`` says why nothing can be said, all are open.

    With ``counted`` that holds of what was timed alone.
    """
    return tuple(
        _proof(claim, rows, budgets, () if counted and is_counted(claim.metric) else invalid) for claim in claims
    )


def measured_by(metric: str) -> str:
    """Return the part of a measurement that a metric comes from: ``rounds``, ``probe``, ``count``, or a check."""
    known = METRICS[metric]
    if known.check:
        return known.check
    if metric == COUNTED:
        return "count"
    return "probe" if known.unit in _PROBED or metric in ("db_time_per_request", "response_bytes") else "rounds"


def after_the_rounds(metric: str) -> bool:
    """Tell whether a metric is known only once the rounds are over, so that no look at them can decide it."""
    return bool(METRICS[metric].check) or metric == COUNTED


def _proof(claim: Claim, rows: Sequence[Comparison], budgets: Sequence[BudgetCheck], invalid: Sequence[str]) -> Proof:
    mine = tuple(row for row in rows if row.metric == claim.metric and _about(claim, row.request))
    checks: tuple[BudgetCheck, ...] = ()
    if claim.goal is not None:
        mine = tuple(row for row in mine if row.goal is not None and _alike(row.goal, claim.goal))
        state, why = _of_goal(mine)
    else:
        limit = None if claim.budget is None else claim.budget.limit
        checks = tuple(
            check
            for check in budgets
            if check.metric == claim.metric and check.limit == limit and _about(claim, check.request)
        )
        told = {check.request for check in checks}
        mine = tuple(row for row in mine if row.request in told)
        state, why = _of_budget(checks)
    if invalid:
        state, why = "open", f"the measurement is invalid: {invalid[0].rstrip('.')}"
    return Proof(claim, state, measured_by(claim.metric), mine, checks, why)


def _about(claim: Claim, request: str) -> bool:
    if claim.requests:
        return request in claim.requests
    return (request != ALL) if METRICS[claim.metric].per_request else request == ALL


def _alike(one: Goal, other: Goal) -> bool:
    return (one.improve, one.stretch) == (other.improve, other.stretch)


def _of_goal(rows: Sequence[Comparison]) -> tuple[ProofState, str]:
    verdicts = {row.verdict for row in rows}
    if verdicts & set(_MISSED):
        return "refuted", ""
    if verdicts == {Verdict.MET}:
        return "proven", ""
    if not rows:
        return "open", "one version was measured, and a change takes two"
    unclear = next(row for row in rows if row.verdict is not Verdict.MET)
    return "open", unclear.notes[-1] if unclear.notes else "not decided"


def _of_budget(checks: Sequence[BudgetCheck]) -> tuple[ProofState, str]:
    if any(check.broken for check in checks):
        return "refuted", ""
    unclear = next((check for check in checks if check.open), None)
    if unclear is not None:
        return "open", unclear.why
    return ("proven", "") if checks else ("open", "nothing measured it")


def settled(proofs: Sequence[Proof], rows: Sequence[Comparison], budgets: Sequence[BudgetCheck]) -> bool:
    """Tell whether rounds have decided every claim that they can decide."""
    goals = [row for row in rows if row.role == "goal" and not after_the_rounds(row.metric)]
    unsure = [check for check in budgets if check.open and check.value is not None]
    unsure = [check for check in unsure if not after_the_rounds(check.metric)]
    return bool(proofs) and not unsure and all(row.verdict in DECIDED for row in goals)


def conclude_claims(
    verdict: Verdict,
    code: ExitCode,
    proofs: Sequence[Proof],
    rows: Sequence[Comparison],
    budgets: Sequence[BudgetCheck],
) -> tuple[Verdict, ExitCode]:
    """Return verdict and exit code where there are claims: without a goal it is they that decide, not p50 and CPU.

    What fails without them (a guard, another goal or budget) fails with them.
    """
    if not proofs or verdict is Verdict.INVALID or code is ExitCode.FAILED:
        return verdict, code
    demanded = all(row.verdict is Verdict.MET for row in rows if row.role == "goal")
    kept = not any(check.open or check.broken for check in budgets)
    if demanded and kept and all(proof.state == "proven" for proof in proofs):
        return Verdict.MET, ExitCode.PASSED
    return (verdict, code) if code is ExitCode.INCONCLUSIVE else (Verdict.INCONCLUSIVE, ExitCode.INCONCLUSIVE)


def sentence_of(proofs: Sequence[Proof], rows: Sequence[Comparison], budgets: Sequence[BudgetCheck]) -> str:
    """Return how many claims are proven, those that are not by name, and what fails beside them."""
    total = count_of(len(proofs), "claim")
    by = {state: [proof for proof in proofs if proof.state == state] for state in ("proven", "refuted", "open")}
    parts = [
        ("proven" if len(proofs) == 1 else f"all {total} proven")
        if len(by["proven"]) == len(proofs)
        else f"{len(by['proven'])} of {total} proven"
    ]
    named = {state: listed([_named(proof) for proof in by[state]], _MOST_NAMED) for state in ("refuted", "open")}
    parts += [f"{state}: {told}" for state, told in named.items() if told]
    parts += _besides(proofs, rows, budgets)
    text = "; ".join(parts)
    return f"{upper_first(text)}."


def _named(proof: Proof) -> str:
    return f"“{proof.claim.text.rstrip('.')}”{f' ({told})' if (told := _shortly(proof)) else ''}"


def _shortly(proof: Proof) -> str:
    """Return what speaks against a claim that is not proven, in few words."""
    if proof.state == "open":
        return proof.why.rstrip(".")
    broken = [check for check in proof.checks if check.broken]
    if broken:
        told = broken_budgets(broken[:1])
        more = f" and {len(broken) - 1} more" if len(broken) > 1 else ""
        return told[told.index(": ") + 2 :] + more
    missed = [row for row in proof.rows if row.verdict in _MISSED]
    more = f" and {len(missed) - 1} more" if len(missed) > 1 else ""
    return f"{describe(missed[0])}{more}" if missed else ""


def unclaimed(
    proofs: Sequence[Proof], rows: Sequence[Comparison], budgets: Sequence[BudgetCheck]
) -> tuple[list[Comparison], list[Comparison], list[BudgetCheck]]:
    """Return what no claim is about: rows that got worse, rows with a goal, and budgets."""
    shown = {(row.metric, row.request) for proof in proofs for row in proof.rows if proof.claim.goal is not None}
    claimed = {(check.metric, check.request, check.limit) for proof in proofs for check in proof.checks}
    limited = {(metric, request) for metric, request, _ in claimed}
    worse = [row for row in regressions(rows) if (row.metric, row.request) not in shown | limited]
    goals = [row for row in rows if row.role == "goal" and (row.metric, row.request) not in shown]
    rest = [check for check in budgets if (check.metric, check.request, check.limit) not in claimed]
    return worse, goals, rest


def _besides(proofs: Sequence[Proof], rows: Sequence[Comparison], budgets: Sequence[BudgetCheck]) -> list[str]:
    """Return what no claim is about and keeps the run from passing all the same."""
    limited = {(check.metric, check.request) for proof in proofs for check in proof.checks}
    worse, goals, rest = unclaimed(proofs, rows, budgets)
    worse += [row for row in regressions(rows) if (row.metric, row.request) in limited]
    missed = [row for row in goals if row.verdict is not Verdict.MET and row not in worse]
    found = [
        f"not claimed, but worse: {listed([moved(row) for row in worse], _MOST_NAMED)}" if worse else "",
        f"a goal without a claim is not met: {listed([describe(row) for row in missed], _MOST_NAMED)}"
        if missed
        else "",
        broken_budgets(rest),
        open_budgets(rest),
    ]
    return [f"{text[0].lower()}{text[1:]}" for text in found if text]
