"""How a diagnosis looks: one screen on a terminal, or JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from math import isfinite
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from perfproof import __version__
from perfproof.core.numbers import count_of
from perfproof.doctor.examine import Diagnosis
from perfproof.doctor.results import CheckResult, State
from perfproof.model.formatting import plain, unbroken

FORMAT = 1
_STYLES: dict[State, str] = {"ok": "green", "warning": "yellow", "problem": "bold red", "skipped": "dim"}
_WORDS: dict[State, str] = {"ok": "ok", "warning": "warning", "problem": "problem", "skipped": "not seen"}
_LONGEST = 600
_STATE, _ABOUT = 8, 10
"""Widths of the columns."""


def render(diagnosis: Diagnosis, console: Console) -> None:
    """Print every finding below its area, and at the end what it comes to and the next command."""
    for name, findings in diagnosis.areas:
        console.print(Text(plain(name), style="bold"))
        if findings:
            table = Table.grid(padding=(0, 1))
            table.add_column(width=_STATE)
            table.add_column(width=_ABOUT)
            table.add_column(ratio=1, overflow="fold")
            for finding in findings:
                state = Text(_WORDS[finding.state], style=_STYLES[finding.state])
                table.add_row(state, Text(finding.about), _told(finding))
            console.print(table)
    console.print(_conclusion(diagnosis))


def _told(finding: CheckResult) -> RenderableType:
    lines = [Text(unbroken(plain(finding.what, _LONGEST)), style="dim" if finding.state == "skipped" else "")]
    if finding.why:
        lines.append(Text(f"why: {plain(finding.why, _LONGEST)}", style="dim"))
    if finding.fix:
        lines.append(Text(f"fix: {plain(finding.fix, _LONGEST)}"))
    lines += [Text(f"| {plain(line, _LONGEST)}", style="dim") for line in finding.log]
    return Group(*lines)


def _conclusion(diagnosis: Diagnosis) -> Text:
    """Return how many problems and warnings there are, and what to do next."""
    problems, warnings = diagnosis.count("problem"), diagnosis.count("warning")
    text = Text(
        count_of(problems, "problem") if problems else "no problem", style=_STYLES["problem" if problems else "ok"]
    )
    text.append(f", {count_of(warnings, 'warning')}; " if warnings else "; ", style="not bold default")
    where = plain(diagnosis.scenario)
    if problems:
        again = f"perfproof doctor {where}".strip()
        step = f"mend {'it' if problems == 1 else 'them'}, then again: {again}"
    elif diagnosis.scenario:
        step = f"next: perfproof ab {where}"
    else:
        step = "next: perfproof doctor SCENARIO, or perfproof demo"
    text.append(step, style="not bold default")
    return text


def to_json(diagnosis: Diagnosis) -> str:
    """Return the diagnosis as indented JSON, ending in a newline."""
    document: dict[str, Any] = {
        "format": FORMAT,
        "kind": "doctor",
        "perfproof": __version__,
        "scenario": diagnosis.scenario or None,
        "exit_code": diagnosis.exit_code,
        "problems": diagnosis.count("problem"),
        "warnings": diagnosis.count("warning"),
        "findings": list(_findings(diagnosis)),
        "sees": [
            {
                "seconds": sight.seconds,
                "rounds": sight.rounds,
                "smallest_change": sight.smallest_change if isfinite(sight.smallest_change) else None,
            }
            for sight in diagnosis.sights
        ],
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _findings(diagnosis: Diagnosis) -> Iterator[dict[str, Any]]:
    for area, findings in diagnosis.areas:
        for finding in findings:
            yield {"area": area, **asdict(finding)}
