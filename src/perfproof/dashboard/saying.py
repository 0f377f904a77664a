"""What a run is called, wherever a page speaks of it: its address, its sign and word, its line in a list."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from perfproof.model import formatting
from perfproof.model.result import Verdict
from perfproof.store.summary import RunSummary
from perfproof.verdict import display_rows

_ALONE: dict[Verdict, tuple[str, str, display_rows.Tone]] = {
    Verdict.GOAL_MISSED: ("✗", "budget broken", "bad"),
    Verdict.INCONCLUSIVE: ("?", "budget open", "warn"),
}
"""What the verdict of a run says that compared nothing."""


def run_address(run_id: str) -> str:
    """Return where the page of a run is. Quoted, because the id of an imported run may hold anything."""
    return f"/runs/{quote(run_id, safe='')}"


def head(run: RunSummary) -> tuple[str, str, display_rows.Tone]:
    """Return the sign, the word and the tone that stand for a run."""
    if run.verdict is None:
        return ("…", "running", "calm") if run.status == "running" else ("!", run.status, "void")
    if run.kind == "run" and run.verdict is not Verdict.INVALID:
        return _ALONE.get(run.verdict, ("●", "recorded", "calm"))
    return display_rows.SYMBOLS[run.verdict], run.verdict.value, display_rows.TONES[run.verdict]


def line(run: RunSummary) -> dict[str, Any]:
    """Return what a list says of a run. The sentence is the stored one, to the letter."""
    symbol, word, tone = head(run)
    revision = run.revision
    commit = revision.commit[:7] + ("*" if revision.dirty else "") if revision else ""
    facts = [
        run.scenario,
        " ".join(filter(None, ((revision.branch or "") if revision else "", commit))),
        run.label or "",
    ]
    return {
        "id": run.id,
        "href": run_address(run.id),
        "symbol": symbol,
        "word": word,
        "tone": tone,
        "sentence": run.sentence or "Nothing was concluded.",
        "started_at": run.started_at,
        "facts": [formatting.plain(fact, 80) for fact in facts if fact],
    }
