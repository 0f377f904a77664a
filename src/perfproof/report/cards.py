"""The figures of all requests together, for a glance."""

from __future__ import annotations

from dataclasses import dataclass

from perfproof.model import formatting
from perfproof.model.metrics import ALL
from perfproof.model.result import Comparison, Result
from perfproof.verdict import display_rows

MAX_CARDS = 6


@dataclass(frozen=True)
class Card:
    """One figure: what, the big number, what it was and is, its interval, and the verdict with its tone."""

    title: str
    big: str
    small: str
    interval: str
    word: str
    tone: display_rows.Tone


def cards(result: Result) -> list[Card]:
    """Return the changes that decide or, of a single run, what was measured."""
    ordered = display_rows.by_impact(result.comparisons)
    deciding = [
        row for row in display_rows.gated(ordered) or ordered if row.request == ALL and formatting.known(row.change)
    ]
    if deciding or result.comparisons:
        return [_change(row) for row in deciding[:MAX_CARDS]]
    alone = [level for level in display_rows.levels_in_order(result.levels) if level.request == ALL]
    return [
        Card(
            formatting.title(level.metric),
            formatting.value(level.estimate.value, level.unit),
            "",
            formatting.value_range(level.estimate.low, level.estimate.high, level.unit),
            "",
            "calm",
        )
        for level in alone[:MAX_CARDS]
    ]


def _change(row: Comparison) -> Card:
    return Card(
        formatting.title(row.metric),
        formatting.change(row.change, typical=row.typical),
        f"{formatting.value(row.baseline, row.unit)} → {formatting.value(row.candidate, row.unit)}",
        formatting.interval(row.ci_low, row.ci_high),
        f"{display_rows.SYMBOLS[row.verdict]} {display_rows.verdict_words(row)}",
        display_rows.tone_of(row),
    )
