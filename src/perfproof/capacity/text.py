"""A search for the capacity in plain words."""

from __future__ import annotations

from collections.abc import Sequence

from perfproof.capacity.steps import searched
from perfproof.core.numbers import count_of, digits, in_unit, listed, sureness
from perfproof.model.metrics import METRICS
from perfproof.model.recording import RunInfo
from perfproof.model.result import BudgetCheck, CapacityEstimate, Comparison, Verdict
from perfproof.model.rules import Rules
from perfproof.stats.columns import Side
from perfproof.verdict.health import reinforcement
from perfproof.verdict.sentence import broken_budgets, describe, invalid

_LEADS = {
    Verdict.MET: "Goal met",
    Verdict.GOAL_MISSED: "Goal missed",
    Verdict.IMPROVED: "Improved",
    Verdict.EQUIVALENT: "No difference",
    Verdict.REGRESSED: "Regressed",
    Verdict.INCONCLUSIVE: "Not decided",
    Verdict.INVALID: "Invalid",
}


def rate(value: float) -> str:
    """Return ``4,210/s`` or ``98.4/s``."""
    return f"{value:,.0f}/s" if value >= 100 else f"{digits(value, 3)}/s"


def kept(rules: Rules) -> str:
    """Return what was to be kept: ``p95 latency within 100 ms and error rate within 1 %``."""
    told = [
        f"{METRICS[budget.metric].title} within {in_unit(budget.limit, METRICS[budget.metric].unit)}"
        for budget in searched(rules)
    ]
    return listed(told)


def held(knee: CapacityEstimate) -> str:
    """Return ``98.4/s (98 % CI 97 to 99.8)``, or the bound that is known."""
    estimate = knee.estimate
    if not estimate.value:
        return "an unknown rate"
    if knee.bound:
        return f"{knee.bound} {rate(estimate.value)}"
    if estimate.low is None or estimate.high is None or estimate.confidence is None:
        return rate(estimate.value)
    ends = f"{rate(estimate.low).removesuffix('/s')} to {rate(estimate.high).removesuffix('/s')}"
    return f"{rate(estimate.value)} ({sureness(estimate.confidence)} CI {ends})"


def reason(knee: CapacityEstimate) -> str:
    """Return why a knee is only a bound; empty if it is not."""
    if not knee.bound:
        return ""
    if knee.why == "generator":
        return "there the load generator was saturated, not the service"
    if knee.why == "connections":
        return "there every connection of the load generator was busy while the service still kept the budget"
    if knee.why == "highest":
        return "the highest rate that was tried"
    return f"even there it broke a budget: {knee.why}"


def sentence(
    verdict: Verdict,
    row: Comparison | None,
    knees: Sequence[CapacityEstimate],
    budgets: Sequence[BudgetCheck],
    info: RunInfo,
    reasons: Sequence[str],
) -> str:
    """Return what was found, in one sentence."""
    if reasons or not knees:
        return invalid(reasons)
    with_reason = [f"{knee.arm} holds {held(knee)}{_bracketed(reason(knee))}" for knee in knees]
    terms = f"with {kept(info.rules)}, over {count_of(len(knees[0].starts), 'fresh start')}"
    broken = broken_budgets(budgets)
    if row is None:
        lead = {Verdict.INVALID: "Invalid: ", Verdict.GOAL_MISSED: f"{broken}; " if broken else ""}.get(verdict, "")
        return f"{lead}{with_reason[0]} {terms}."
    body = f"{describe(row)}: {' and '.join(with_reason)}, {terms}"
    return f"{f'{broken}; ' if broken else ''}{_LEADS[verdict]}: {body}."


def bounds(knees: Sequence[CapacityEstimate], side: Side) -> list[str]:
    """Return what keeps knees from being known, as doubts."""
    return [
        f"The capacity of {knee.arm} is not known: {held(knee)}, {reason(knee)}{_way_out(knee, side)}."
        for knee in knees
        if knee.bound and knee.why in ("generator", "connections", "highest")
    ]


def advice(verdict: Verdict, row: Comparison | None, knees: Sequence[CapacityEstimate], side: Side) -> str | None:
    """Return one line on what to do next, where there is something to do."""
    limited = next((knee for knee in knees if knee.bound == "at least"), None)
    if limited is not None and verdict in (Verdict.INVALID, Verdict.INCONCLUSIVE):
        return f"To find the capacity of {limited.arm}{_way_out(limited, side).replace(':', ',', 1)}."
    if verdict is Verdict.INCONCLUSIVE and row is not None and row.notes:
        return row.notes[-1].replace("round", "start")
    return None


def _way_out(knee: CapacityEstimate, side: Side) -> str:
    if knee.why == "generator":
        return f": {reinforcement(side)}"
    if knee.why == "connections":
        return ": raise `load.connections`"
    return ": raise `capacity.to`" if knee.why == "highest" else ""


def _bracketed(text: str) -> str:
    return f" ({text})" if text else ""
