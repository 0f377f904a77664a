"""What a report says first, to people who will read nothing else. Pure: a result in, words and places out.

In this order: the verdict, what was promised and what was reached; before and after in one chart; queries, memory and
CPU; what it means per day; how sure that is; why. ``docs/reports.md`` says for whom and why so. The page and the slide
both draw this, and nothing of the laboratory (generator, environment, intervals) is in it.
"""

from __future__ import annotations

from dataclasses import dataclass

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
    sign, word, tone = word_of(result)
    return FirstScreen(
        sign=sign,
        word=word,
        tone=tone,
        headline=formatting.plain(headline_of(result), LONGEST_HEADLINE),
        lines=tuple(lines_of(result)[:MOST_LINES]),
        bars=None if result.proofs else before_after(result),
        tiles=() if result.proofs or result.verdict is Verdict.INVALID else tuple(tiles_of(result)),
        claims=tuple(proofs.lines(result)),
        worth=worth_of(result),
        sureness=sureness_of(result),
        reasons=reasons_of(result),
    )
