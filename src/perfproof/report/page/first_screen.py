"""What a report says first, to people who will read nothing else. Pure: a result in, words and places out.

In this order: the verdict, what was promised and what was reached; before and after in one chart; queries, memory and
CPU; what it means per day; how sure that is; why. ``docs/reports.md`` says for whom and why so. The page and the slide
both draw this, and nothing of the laboratory (generator, environment, intervals) is in it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from perfproof.model import formatting
from perfproof.model.result import Result, Verdict
from perfproof.report import proofs
from perfproof.report.before_after import Bars, before_after
from perfproof.report.page.headline import LONGEST_HEADLINE, headline_of, word_of
from perfproof.report.page.lines import MOST_LINES, lines_of
from perfproof.report.page.reasons import Reasons, reasons_of
from perfproof.report.page.sureness import Sureness, sureness_of
from perfproof.report.page.tiles import Tile, tiles_of
from perfproof.report.page.worth import Worth, worth_of
from perfproof.report.promises import Line
from perfproof.report.proofs import ProofLine
from perfproof.verdict import display_rows
from perfproof.verdict.sentence import TIMES_ARE_VOID


@dataclass(frozen=True)
class FirstScreen:
    """Everything on the first screen, in words."""

    sign: str
    word: str
    tone: display_rows.Tone
    headline: str
    lines: tuple[Line, ...]
    bars: Bars | None
    tiles: tuple[Tile, ...]
    claims: tuple[ProofLine, ...]
    worth: Worth | None
    sureness: Sureness
    reasons: Reasons | None


def first_screen(result: Result) -> FirstScreen:
    """Return what is said first of a result of any kind and verdict."""
    result, void = _without_void(result)
    sign, word, tone = word_of(result)
    tiles = [] if result.proofs or result.verdict is Verdict.INVALID else tiles_of(result)
    return FirstScreen(
        sign=sign,
        word=word,
        tone=tone,
        headline=formatting.plain(headline_of(result), LONGEST_HEADLINE),
        lines=tuple([*void, *lines_of(result)][:MOST_LINES]),
        bars=None if result.proofs else before_after(result),
        tiles=tuple(tile for tile in tiles if not void or tile.figure != formatting.NOTHING),
        claims=tuple(proofs.lines(result)),
        worth=worth_of(result),
        sureness=sureness_of(result),
        reasons=reasons_of(result),
    )


def _without_void(result: Result) -> tuple[Result, list[Line]]:
    """Return the result without what was timed in vain, and a line that says so; doubts about the load go with it."""
    kept = tuple(row for row in result.comparisons if row.verdict is not Verdict.INVALID)
    if result.verdict is Verdict.INVALID or len(kept) == len(result.comparisons):
        return result, []
    reason = result.sentence.partition(TIMES_ARE_VOID)[2].partition("; but ")[0]
    comparability = replace(result.comparability, warnings=())
    return replace(result, comparisons=kept, comparability=comparability), [
        Line("!", "warn", "Times do not count", reason)
    ]
