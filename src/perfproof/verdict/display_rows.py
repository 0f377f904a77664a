"""Which rows a report shows and in which order. Pure; shared by every renderer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from perfproof.core.numbers import listed
from perfproof.model import formatting
from perfproof.model.metrics import ALL, METRICS
from perfproof.model.result import BudgetCheck, Comparison, Detail, Level, Result, Verdict

SYMBOLS: dict[Verdict, str] = {
    Verdict.MET: "✓",
    Verdict.IMPROVED: "+",
    Verdict.GOAL_MISSED: "◐",
    Verdict.EQUIVALENT: "≈",
    Verdict.INCONCLUSIVE: "?",
    Verdict.REGRESSED: "✗",
    Verdict.INVALID: "!",
}
"""One sign per verdict, so that colour never carries it alone."""

Tone = Literal["good", "bad", "warn", "calm", "void"]
"""What a word means for the reader; every renderer has one colour for each."""

TONES: dict[Verdict, Tone] = {
    Verdict.MET: "good",
    Verdict.IMPROVED: "good",
    Verdict.GOAL_MISSED: "warn",
    Verdict.EQUIVALENT: "calm",
    Verdict.INCONCLUSIVE: "warn",
    Verdict.REGRESSED: "bad",
    Verdict.INVALID: "void",
}

_URGENCY = {
    Verdict.REGRESSED: 0,
    Verdict.INVALID: 1,
    Verdict.GOAL_MISSED: 2,
    Verdict.MET: 3,
    Verdict.IMPROVED: 4,
    Verdict.INCONCLUSIVE: 5,
    Verdict.EQUIVALENT: 6,
}
_METRIC_ORDER = {name: position for position, name in enumerate(METRICS)}


def headline(result: Result) -> tuple[str, str, Tone]:
    """Return the sign, the word and the tone that stand above the sentence.

    A single run compares nothing, so none of the seven verdicts but ``invalid`` would say what happened. Of several
    candidates it is that of the worst, with its name.
    """
    if result.candidates:
        deciding = [part for part in result.candidates if part.verdict is result.verdict]
        symbol, word, tone = headline(deciding[0])
        who = "" if len(deciding) == len(result.candidates) else f": {listed([p.arms[-1] for p in deciding], most=8)}"
        return symbol, f"{word}{who}", tone
    if result.proofs and result.verdict is not Verdict.INVALID:
        return _of_claims(result)
    if (
        result.kind == "run" or (result.kind in ("count", "checks") and result.alone)
    ) and result.verdict is not Verdict.INVALID:
        if any(budget.broken for budget in result.budgets):
            return "✗", "budget broken", "bad"
        if any(budget.open for budget in result.budgets):
            return "?", "budget open", "warn"
        return "●", "recorded", "calm"
    if result.kind == "capacity" and result.alone and result.verdict is not Verdict.INVALID:
        return ("●", "found", "calm") if result.verdict is Verdict.MET else ("✗", "budget broken", "bad")
    goals = [row for row in result.comparisons if row.role == "goal"]
    if result.verdict is Verdict.REGRESSED and goals and all(row.verdict is Verdict.MET for row in goals):
        return "✗", "not passed", "bad"  # the goal is met, and a guard stands against it: the sentence says which
    if result.verdict is Verdict.EQUIVALENT and any(row.role == "goal" for row in result.comparisons):
        return "✗", "goal missed", "bad"  # as the sentence says: no difference is what the goal did not ask for
    return SYMBOLS[result.verdict], result.verdict.value, TONES[result.verdict]


def _of_claims(result: Result) -> tuple[str, str, Tone]:
    """Return what came of the claims in a word; where something else failed than they, that it did not pass."""
    states = {proof.state for proof in result.proofs}
    if "refuted" in states:
        return "✗", "refuted", "bad"
    if result.exit_code == 1:
        return "✗", "not passed", "bad"
    if "open" in states:
        return "?", "not decided", "warn"
    return ("✓", "proven", "good") if result.exit_code == 0 else ("?", "not decided", "warn")


def budget_state(budget: BudgetCheck) -> tuple[str, Tone]:
    """Return what came of a budget, with its sign, and the tone."""
    if budget.open:
        return "? open", "warn"
    return ("✗ broken", "bad") if budget.broken else ("✓ kept", "good")


def by_weight(budgets: Sequence[BudgetCheck]) -> list[BudgetCheck]:
    """Return budgets as they are shown: the broken ones first, then the open ones."""
    return sorted(budgets, key=lambda budget: (not budget.broken, not budget.open))


def noise(row: Comparison) -> bool:
    """Tell whether the row's change is not told apart from none."""
    return row.verdict in {Verdict.EQUIVALENT, Verdict.INCONCLUSIVE}


def verdict_words(row: Comparison) -> str:
    """Return the verdict with the goal it speaks of: "met 20 %", "short of 20 %"."""
    if row.goal and row.verdict is Verdict.MET:
        return f"met {formatting.share(row.goal.stretch if row.stretch_met else row.goal.improve)}"
    if row.goal and row.verdict is Verdict.GOAL_MISSED:
        return f"short of {formatting.share(row.goal.improve)}"
    if row.accepted:
        return "accepted"
    return row.verdict.value


def tone_of(row: Comparison) -> Tone:
    """Return the tone of a row: that of its verdict, unless the rules accept what got worse."""
    return "warn" if row.accepted else TONES[row.verdict]


def gated(rows: Iterable[Comparison]) -> list[Comparison]:
    """Return the rows that carry a goal or guard against regression."""
    return [row for row in rows if row.role != "shown"]


def by_impact(rows: Sequence[Comparison]) -> list[Comparison]:
    """Order rows: ``all`` first, then request names by the largest time saved or lost, metrics in their usual order.

    Losses count like savings: a request that lost much belongs to the top, not to the bottom.
    """
    weight = request_impact(rows)
    return sorted(rows, key=lambda row: (*_request_key(row.request, weight), _metric_key(row.metric)))


def most_urgent(rows: Sequence[Comparison], limit: int) -> tuple[list[Comparison], int]:
    """Return at most ``limit`` rows, keeping their order, and how many were left out.

    Rows of ``all`` stay; then regressions go before goals, goals before noise.
    """
    if len(rows) <= limit:
        return list(rows), 0
    ranked = sorted(
        range(len(rows)),
        key=lambda at: (rows[at].request != ALL, _URGENCY[rows[at].verdict], -abs(rows[at].impact), at),
    )
    kept = sorted(ranked[:limit])
    return [rows[at] for at in kept], len(rows) - limit


def details_by_impact(details: Sequence[Detail], rows: Sequence[Comparison]) -> list[Detail]:
    """Order details as ``by_impact`` orders their rows."""
    weight = request_impact(rows)
    return sorted(details, key=lambda detail: _request_key(detail.request, weight))


def levels_in_order(levels: Sequence[Level]) -> list[Level]:
    """Order levels: ``all`` first, requests as they came, metrics in their usual order."""
    first: dict[str, int] = {}
    for level in levels:
        first.setdefault(level.request, len(first))
    return sorted(levels, key=lambda level: (level.request != ALL, first[level.request], _metric_key(level.metric)))


def request_impact(rows: Iterable[Comparison]) -> dict[str, float]:
    """Return, per request name, the largest absolute impact of its rows."""
    weight: dict[str, float] = {}
    for row in rows:
        weight[row.request] = max(weight.get(row.request, 0.0), abs(row.impact))
    return weight


def top(counts: Mapping[str, int], limit: int) -> tuple[list[tuple[str, int]], int]:
    """Return the ``limit`` most frequent entries and how many others there are."""
    ranked = sorted(counts.items(), key=lambda entry: (-entry[1], entry[0]))
    return ranked[:limit], max(0, len(ranked) - limit)


def _request_key(request: str, weight: Mapping[str, float]) -> tuple[bool, float, str]:
    return request != ALL, -weight.get(request, 0.0), request


def _metric_key(metric: str) -> int:
    return _METRIC_ORDER.get(metric, len(_METRIC_ORDER))
