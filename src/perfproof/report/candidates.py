"""What reports show of several candidates together: one line each, and the candidates two by two."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from perfproof.errors import UsageError
from perfproof.model import formatting
from perfproof.model.metrics import ALL, COUNTED
from perfproof.model.result import Comparison, Result
from perfproof.report import proofs
from perfproof.verdict import display_rows
from perfproof.verdict.guards import primary_rows

COLUMNS = ("latency_p50", "cpu_per_request", "memory_peak", COUNTED)
"""What is shown of each candidate, beside what decides; metrics that were not measured have no column."""
MOST_COLUMNS = 4


@dataclass(frozen=True)
class Line:
    """One candidate against the first version: its verdict, and a cell (change, interval, tone) for each metric."""

    arm: str
    symbol: str
    word: str
    tone: display_rows.Tone
    sentence: str
    cells: tuple[tuple[str, str, str], ...]


def shown_metrics(result: Result) -> list[str]:
    """Return the metrics of all requests that the candidates are shown by: those that decide, then the usual ones."""
    measured = {row.metric for row in result.comparisons if row.request == ALL and formatting.known(row.change)}
    deciding = [row.metric for part in result.candidates for row in primary_rows(part.comparisons)]
    return [name for name in dict.fromkeys([*deciding, *COLUMNS]) if name in measured][:MOST_COLUMNS]


def lines(result: Result) -> list[Line]:
    """Return a line for each candidate, in the run's order."""
    metrics = shown_metrics(result)
    found = []
    for part in result.candidates:
        symbol, word, tone = display_rows.headline(part)
        known = {row.metric: row for row in part.comparisons if row.request == ALL}
        cells = tuple(_cell(known[name]) if name in known else ("", "", "calm") for name in metrics)
        found.append(Line(part.arms[-1], symbol, word, tone, part.sentence, cells))
    return found


def _cell(row: Comparison) -> tuple[str, str, str]:
    return (
        formatting.change(row.change, typical=row.typical),
        formatting.interval(row.ci_low, row.ci_high),
        display_rows.tone_of(row),
    )


def versus(result: Result) -> list[tuple[str, str, str, str]]:
    """Return the candidates two by two: ``fix-b against fix-a``, change, interval and verdict."""
    if result.ranking is None:
        return []
    return [
        (
            f"{each.second} against {each.first}",
            formatting.change(each.row.change, typical=each.row.typical),
            formatting.interval(each.row.ci_low, each.row.ci_high),
            f"{display_rows.SYMBOLS[each.row.verdict]} {each.row.verdict}",
        )
        for each in result.ranking.versus
    ]


@dataclass(frozen=True)
class ClaimLine:
    """A claim, what it asks for, and what came of it with each candidate."""

    claim: str
    asked: str
    cells: tuple[proofs.ProofLine, ...]


def claims(result: Result) -> list[ClaimLine]:
    """Return a line for each claim, with a cell for each candidate in the run's order."""
    found = zip(*(proofs.lines(part) for part in result.candidates), strict=True)
    return [ClaimLine(cells[0].claim, f"{cells[0].about}: {cells[0].asked}", cells) for cells in found]


def final_word(result: Result) -> str:
    """Return which version is best, or that it is not decided; where nothing can be ranked, the whole sentence."""
    return result.ranking.sentence if result.ranking is not None else result.sentence


def rows_of_each(result: Result) -> list[tuple[str, Sequence[Comparison]]]:
    """Return the rows of each candidate, which name it."""
    return [
        (part.arms[-1], [row for row in result.comparisons if row.arm == part.arms[-1]]) for part in result.candidates
    ]


def one_alone(result: Result, ending: str) -> Result:
    """Return a result of at most two versions as it is; UsageError for a format that has room for no more."""
    if not result.candidates:
        return result
    names = [part.arms[-1] for part in result.candidates]
    raise UsageError(
        f"a {ending} page has room for one candidate, and the run has {len(names)}",
        hint=f"name one: perfproof report {result.run_ids[0]} --arm {names[-1]} -o report{ending} "
        f"(it has {', '.join(names)}); .html and .md show all",
    )
