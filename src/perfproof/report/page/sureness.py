"""How sure a result is: one word, and the numbers behind it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from perfproof.core.numbers import count_of, sureness
from perfproof.model import formatting
from perfproof.model.metrics import ALL, METRICS
from perfproof.model.result import Comparison, Result, Verdict
from perfproof.report.page.headline import decisive_rows, goals_of


@dataclass(frozen=True)
class Sureness:
    """How sure it is: one word, and the numbers behind it."""

    word: str
    numbers: tuple[str, ...]


def sureness_of(result: Result) -> Sureness:
    """Return one word and the numbers behind it (docs/reports.md says what each word asks for)."""
    decisive = decisive_rows(result)
    doubts = len(result.comparability.warnings) + sum(each.kind == "response_changed" for each in result.findings)
    numbers = [text for text in (_confidence(decisive), _starts(result, decisive), _answered(result)) if text]
    numbers += [count_of(doubts, "doubt")] if doubts else []
    return Sureness(_sure_word(result, decisive, doubts), tuple(numbers))


def _sure_word(result: Result, decisive: Sequence[Comparison], doubts: int) -> str:
    if result.verdict is Verdict.INVALID:
        return "Not at all"
    if not decisive or result.kind == "noise":
        return "Measured" if result.levels or result.comparisons else "Not at all"
    open_goal = result.verdict is Verdict.IMPROVED and bool(goals_of(result))
    if result.verdict is Verdict.INCONCLUSIVE or open_goal:
        return "Unsure"
    if doubts:
        return "Likely"
    exact = all(row.metric in METRICS and METRICS[row.metric].exact for row in decisive)
    return "Exact" if exact else "Sure"


def _confidence(decisive: Sequence[Comparison]) -> str:
    known = [row.confidence for row in decisive if row.confidence is not None and row.ci_low is not None]
    if known:
        return f"{sureness(min(known))} confidence"
    exact = decisive and all(row.metric in METRICS and METRICS[row.metric].exact for row in decisive)
    return "counted, not estimated" if exact else ""


def _starts(result: Result, decisive: Sequence[Comparison]) -> str:
    """Return in how many fresh starts the change that decides went the same way."""
    if not result.rounds:
        return ""
    rounds = [row.round_changes for row in decisive if row.round_changes and formatting.known(row.change)]
    starts = count_of(result.rounds, "fresh start")
    if not rounds or result.verdict in (Verdict.EQUIVALENT, Verdict.INCONCLUSIVE):
        return f"{starts} of {'the' if len(result.arms) == 1 else 'each'} version"
    lead = next(row for row in decisive if row.round_changes and formatting.known(row.change))
    same = sum((each > 0) == ((lead.change or 0.0) > 0) for each in lead.round_changes)
    return f"{same} of {count_of(len(lead.round_changes), 'fresh start')} of each version agree"


def _answered(result: Result) -> str:
    whole = next((detail for detail in result.details if detail.request == ALL), None)
    if whole is None:
        return ""
    number = sum(counts.get("completed", 0) for counts in whole.counts.values())
    return f"{formatting.count(number)} requests answered" if number else ""
