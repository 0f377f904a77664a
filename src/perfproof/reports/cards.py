"""The figures of all requests together, for a glance."""

from __future__ import annotations

from dataclasses import dataclass

from perfproof.model.metrics import ALL
from perfproof.model.result import Comparison, Result
from perfproof.reports import figures, rows

MAX_CARDS = 6


@dataclass(frozen=True)
class Card:
    """One figure: what, the big number, what it was and is, its interval, and the verdict with its tone."""

    title: str
    big: str
    small: str
    interval: str
    word: str
    tone: rows.Tone


def cards(result: Result) -> list[Card]:
    """Return the changes that decide or, of a single run, what was measured."""
    ordered = rows.by_impact(result.comparisons)
    deciding = [row for row in rows.gated(ordered) or ordered if row.request == ALL and figures.known(row.change)]
    if deciding or result.comparisons:
        return [_change(row) for row in deciding[:MAX_CARDS]]
    alone = [level for level in rows.levels_in_order(result.levels) if level.request == ALL]
    return [
        Card(
            figures.title(level.metric),
            figures.value(level.estimate.value, level.unit),
            "",
            figures.value_range(level.estimate.low, level.estimate.high, level.unit),
            "",
            "calm",
        )
        for level in alone[:MAX_CARDS]
    ]


def _change(row: Comparison) -> Card:
    return Card(
        figures.title(row.metric),
        figures.change(row.change, typical=row.typical),
        f"{figures.value(row.baseline, row.unit)} → {figures.value(row.candidate, row.unit)}",
        figures.interval(row.ci_low, row.ci_high),
        f"{rows.SYMBOLS[row.verdict]} {rows.verdict_words(row)}",
        rows.tone_of(row),
    )
