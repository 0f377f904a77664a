"""A gate's outcome as GitHub-flavoured Markdown, whole or cut to a limit."""

from __future__ import annotations

from collections.abc import Sequence

from perfproof.model.gate import GateResult, GateRow
from perfproof.reports import figures
from perfproof.reports.markdown import escaped, name, pipe_table, to_markdown

SIGNS = {"passed": "✓", "failed": "✗", "warned": "⚠", "skipped": "?"}
"""One sign per outcome, so that colour never carries it alone."""

_URGENCY = ("failed", "warned", "skipped", "passed")
_WORDS = {0: ("✓", "passed"), 1: ("✗", "failed"), 3: ("?", "not decided")}


def headline(gate: GateResult) -> tuple[str, str]:
    """Return the sign and the word that stand above everything."""
    return _WORDS.get(gate.exit_code, ("!", "invalid"))


def to_gate_markdown(gate: GateResult, limit: int | None = None, *, in_bytes: bool = False) -> str:
    """Return the gate as Markdown of at most ``limit`` characters (or bytes of UTF-8).

    What does not fit goes in this order: the result's own tables, checks that passed, the least urgent of the others.
    The verdict stays, and what was left out is said.
    """
    full = "\n\n".join([*_head(gate), *_checks(gate.rows, len(gate.rows)), _result(gate)]) + "\n"
    size = _bytes if in_bytes else len
    if limit is None or size(full) <= limit:
        return full
    urgent = [row for row in gate.rows if row.outcome != "passed"]
    low, high = 0, len(urgent)
    while low < high:  # the most rows that fit
        middle = (low + high + 1) // 2
        low, high = (middle, high) if size(_cut(gate, middle)) <= limit else (low, middle - 1)
    return _cut(gate, low)


def _cut(gate: GateResult, rows: int) -> str:
    left_out = len(gate.rows) - rows
    note = f"*Cut to fit: {figures.plural(left_out, 'check')} and the tables of the result are left out here.*"
    return "\n\n".join([*_head(gate), *_checks(gate.rows, rows), note]) + "\n"


def _head(gate: GateResult) -> list[str]:
    sign, word = headline(gate)
    blocks = [f"## {sign} Gate {word}: {escaped(gate.result.scenario)}", f"**{escaped(gate.sentence, 10_000)}**"]
    blocks += [escaped(gate.summary, 1000)]
    blocks += [f"> {escaped(note, 1000)}" for note in gate.notes]
    return blocks


def _checks(rows: Sequence[GateRow], most: int) -> list[str]:
    """Return the table of the ``most`` urgent checks."""
    ordered = sorted(rows, key=lambda row: _URGENCY.index(row.outcome))[:most]
    if not ordered:
        return []
    lines = (
        (
            f"{SIGNS[row.outcome]} {_outcome(row)}",
            row.kind,
            name(row.request),
            escaped(figures.title(row.metric)),
            escaped(row.reason, 400),
        )
        for row in ordered
    )
    return [pipe_table(("outcome", "check", "request", "metric", "why"), "lllll", lines)]


def _outcome(row: GateRow) -> str:
    if row.outcome != "skipped":
        return row.outcome
    return {"pass": "not decided", "warn": "not decided (warns)", "fail": "not decided (fails)"}[row.open]


def _result(gate: GateResult) -> str:
    """Return the result's own Markdown, folded, without the heading and the sentence that already stand above."""
    body = to_markdown(gate.result).split("\n\n", 2)[2:]
    return "<details><summary>All figures</summary>\n\n" + "".join(body).rstrip("\n") + "\n\n</details>"


def _bytes(text: str) -> int:
    return len(text.encode())
