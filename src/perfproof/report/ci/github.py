"""What GitHub shows of a gate: job summary, annotations, and the text of a comment that is updated in place.

Limits: 1 MiB of summary per step, 10 annotations of a kind per step, 65,536 characters per comment
(docs.github.com: workflow commands; limits of issue comments).
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from perfproof.core.numbers import count_of
from perfproof.model import formatting
from perfproof.model.gate import GateResult, GateRow
from perfproof.report.ci.markdown import to_gate_markdown

SUMMARY_BYTES = 1024 * 1024
COMMENT_CHARACTERS = 65_536
MOST_ANNOTATIONS = 10


def marker(scenario: str) -> str:
    """Return the hidden first line by which the comment of a scenario is found again.

    The name is reduced to harmless characters and told apart by a hash: ``-->`` in it would end the HTML comment.
    """
    plain = re.sub(r"[^A-Za-z0-9_.]+", "-", scenario)[:60].strip("-")
    told_apart = hashlib.sha256(scenario.encode(errors="replace")).hexdigest()[:8]
    return f"<!-- perfproof-gate {plain} {told_apart} -->"


def to_comment(gate: GateResult) -> str:
    """Return the comment's text, its marker first, within GitHub's limit."""
    first = marker(gate.result.scenario) + "\n"
    return first + to_gate_markdown(gate, COMMENT_CHARACTERS - len(first))


def append_summary(gate: GateResult, file: Path) -> None:
    """Append the gate to a step's summary file, which may hold others' text; at most 1 MiB comes together."""
    room = SUMMARY_BYTES - (file.stat().st_size if file.exists() else 0) - 2
    text = to_gate_markdown(gate, room, in_bytes=True)
    with file.open("a", encoding="utf-8", newline="\n") as summary:
        # A file that is already full would be refused as a whole; the verdict is in the annotations too.
        summary.write(text + "\n" if len(text.encode()) <= room else "")


def annotation_lines(gate: GateResult) -> list[str]:
    """Return at most ten workflow commands: the outcome first, then what failed, what warns, what is not decided."""
    level = "notice" if gate.exit_code == 0 else "error"
    found = [command(level, f"perfproof: {gate.result.scenario}", f"{gate.sentence} {gate.summary}")]
    found += [command("warning", "perfproof", note) for note in gate.notes]
    rows = [row for row in gate.rows if _weight(row) is not None]
    for row in sorted(rows, key=lambda row: _weight(row) or 0):
        kind = "error" if row.outcome == "failed" or (row.open == "fail" and row.outcome == "skipped") else "warning"
        about = row.claim or f"{formatting.title(row.metric)}: {row.request}"
        found.append(command(kind, f"{about}{f' ({row.arm})' if row.arm else ''}", row.reason))
    if len(found) <= MOST_ANNOTATIONS:
        return found
    left_out = len(found) - MOST_ANNOTATIONS + 1
    more = f"and {count_of(left_out, 'more line')}: see the job summary"
    return [*found[: MOST_ANNOTATIONS - 1], command("notice", "perfproof", more)]


def command(kind: str, title: str, text: str) -> str:
    """Return one workflow command; nothing in ``title`` or ``text`` can end it or begin another."""
    safe_title = _data(formatting.plain(title, 200)).replace(":", "%3A").replace(",", "%2C")
    return f"::{kind} title={safe_title}::{_data(formatting.plain(text, 4000))}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _weight(row: GateRow) -> int | None:
    """Return how urgent an annotation is (0 first); None for checks that need none."""
    match row.outcome, row.open:
        case "failed", _:
            return 0
        case "skipped", "fail":
            return 1
        case "warned", _:
            return 2
        case "skipped", "warn":
            return 3
    return None
