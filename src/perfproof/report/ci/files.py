"""Which files a gate leaves for which CI; each is written whole or not at all."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from perfproof.core.files import write_text
from perfproof.model.gate import GateResult
from perfproof.report.ci.github import to_comment
from perfproof.report.ci.gitlab import to_load_performance
from perfproof.report.ci.markdown import to_gate_markdown
from perfproof.report.ci.openmetrics import to_openmetrics
from perfproof.report.json_report import to_document
from perfproof.report.junit import to_junit
from perfproof.report.writers import write

SCHEMA_VERSION = 1


def to_gate_json(gate: GateResult) -> str:
    """Return the gate as indented JSON; ``result`` is what ``--json`` of other commands writes."""
    document: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "exit_code": gate.exit_code,
        "sentence": gate.sentence,
        "summary": gate.summary,
        "provisional": gate.provisional,
        "notes": gate.notes,
        "checks": [
            ({"arm": row.arm} if row.arm else {})
            | ({"claim": row.claim} if row.claim else {})
            | {
                "metric": row.metric,
                "request": row.request,
                "kind": row.kind,
                "outcome": row.outcome,
                "when_open": row.open,
                "reason": row.reason,
            }
            for row in gate.rows
        ],
        "result": to_document(gate.result),
    }
    return json.dumps(document, indent=2, ensure_ascii=True, allow_nan=False) + "\n"


FILES: dict[str, tuple[str, Callable[[GateResult], str]]] = {
    "markdown": ("gate.md", to_gate_markdown),
    "json": ("gate.json", to_gate_json),
    "junit": ("junit.xml", to_junit),
    "openmetrics": ("metrics.txt", to_openmetrics),
    "gitlab": ("load-performance.json", to_load_performance),
    "github": ("comment.md", to_comment),
}
"""Format -> the file it is written to, and how."""

WITH: dict[str, tuple[str, ...]] = {"gitlab": ("gitlab", "junit", "openmetrics")}
"""Formats that a CI reads together."""


def formats_of(environ: Mapping[str, str]) -> tuple[str, ...]:
    """Return the formats of the CI this runs in, if it is one that is known."""
    known = {"GITHUB_ACTIONS": "github", "GITLAB_CI": "gitlab"}
    return tuple(name for variable, name in known.items() if environ.get(variable) == "true")


def write_report(gate: GateResult, path: Path) -> None:
    """Write the gate's report in the format the ending of ``path`` names; where a policy shows, it is this gate's."""
    of_gate = {".md": to_gate_markdown, ".xml": to_junit, ".json": to_gate_json}
    text = of_gate.get(path.suffix.lower())
    if text is None:
        write(gate.result, path)
    else:
        write_text(path, text(gate))


def write_gate(gate: GateResult, formats: Sequence[str], folder: Path) -> list[Path]:
    """Write the formats and the HTML report into ``folder``; return the files. Raises ``UsageError``."""
    wanted = dict.fromkeys(each for name in formats for each in WITH.get(name, (name,)))
    written = []
    for name in wanted:
        file, text = FILES[name]
        write_text(folder / file, text(gate))
        written.append(folder / file)
    write(gate.result, folder / "report.html")
    return [*written, folder / "report.html"]
