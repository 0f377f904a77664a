"""A gate's outcome as GitHub-flavoured Markdown, whole or cut to a limit."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from perfproof.core.numbers import count_of
from perfproof.model import formatting
from perfproof.model.gate import GateResult, GateRow
from perfproof.report.markdown import escaped, name, pipe_table, to_markdown

SIGNS = {"passed": "✓", "failed": "✗", "warned": "⚠", "skipped": "?"}
"""One sign per outcome, so that colour never carries it alone."""

_COLUMNS = ("outcome", "check", "request", "metric", "why")
_SHORTEST = 20
"""No line of the table is shorter, so more lines than this allows cannot fit; also what an empty one takes."""

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
    size = _bytes if in_bytes else len
    ordered = sorted(gate.rows, key=lambda row: _URGENCY.index(row.outcome))
    cells = [_cells(row) for row in (ordered if limit is None else ordered[: limit // _SHORTEST])]
    if len(cells) == len(ordered):
        full = "\n\n".join([*_head(gate), *_table(cells), _result(gate)]) + "\n"
        if limit is None or size(full) <= limit:
            return full
    urgent = sum(row.outcome != "passed" for row in ordered)
    return _cut(gate, cells[:urgent], limit or 0, size)


def _cut(gate: GateResult, cells: Sequence[Sequence[str]], limit: int, size: Callable[[str], int]) -> str:
    """Return the verdict, as many of the checks as fit, and how many were left out."""

    def put(kept: int) -> str:
        left_out = count_of(len(gate.rows) - kept, "check")
        note = f"*Cut to fit: {left_out} and the tables of the result are left out here.*"
        return "\n\n".join([*_head(gate), *_table(cells[:kept]), note]) + "\n"

    room = limit - size(put(1 if cells else 0)) - _SHORTEST
    kept = 1 if cells else 0
    empty = size("\n".join(_table([[""] * len(_COLUMNS)])))
    for each in cells[1:]:
        room -= size("\n".join(_table([each]))) - empty + _SHORTEST
        if room < 0:
            break
        kept += 1
    return put(kept)


def _head(gate: GateResult) -> list[str]:
    sign, word = headline(gate)
    blocks = [f"## {sign} Gate {word}: {escaped(gate.result.scenario)}", f"**{escaped(gate.sentence, 10_000)}**"]
    blocks += [escaped(gate.summary, 1000)]
    if gate.result.why is not None and gate.result.kind != "run":
        blocks.append(f"Why: {escaped(gate.result.why.sentence, 600)}")
    blocks += [f"> {escaped(note, 1000)}" for note in gate.notes]
    return blocks


def _table(cells: Sequence[Sequence[str]]) -> list[str]:
    return [pipe_table(_COLUMNS, "lllll", cells)] if cells else []


def _cells(row: GateRow) -> tuple[str, ...]:
    metric, reason = escaped(formatting.title(row.metric)), escaped(row.reason, 400)
    of = f"{escaped(row.arm)}: " if row.arm else ""
    return f"{SIGNS[row.outcome]} {_outcome(row)}", row.kind, f"{of}{name(row.request)}", metric, reason


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
