"""What ``perfproof probe`` says: on a terminal, and as JSON."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from perfproof.core.numbers import count_of
from perfproof.errors import ExitCode
from perfproof.model import formatting
from perfproof.model.result import ProbeResult
from perfproof.report.json_report import clean, query_document
from perfproof.report.terminal.full import STYLES, render_budgets, render_findings, render_list, render_queries

SCHEMA_VERSION = 1
MAX_ANSWERS = 40
_ALIKE = {True: ("✓ alike", "good"), False: ("✗ differs", "bad"), None: ("not compared", "")}


def render_probe(result: ProbeResult, console: Console) -> None:
    """Print where was counted, then queries and slopes of each request, findings, budgets and doubts."""
    broken = any(budget.broken for budget in result.budgets)
    proven = sum(finding.kind == "n_plus_one" for finding in result.findings)
    word, tone = ("✗ BUDGET BROKEN", "bad") if broken else ("● PROBED", "calm")
    if result.exit_code == ExitCode.INCONCLUSIVE:
        word, tone = "? BUDGET OPEN", "warn"
    if result.exit_code == ExitCode.INVALID:
        word, tone = "✗ NOT EVERY REQUEST WAS ANSWERED AS EXPECTED", "bad"
    told = f", {count_of(proven, 'N+1 finding')}" if proven else ""
    console.print(Text(word, style=STYLES[tone]))
    count = len({(level.request, level.arm) for level in result.levels})
    console.print(f"{formatting.plain(result.scenario)}: {count_of(count, 'probe')} of requests{told}.")
    for arm, sources in result.sources.items():
        for source in sources:
            console.print(Text(f"{arm}: {source}", style="dim"), soft_wrap=True)
    _answers(result, console)
    render_queries(console, result.queries)
    render_findings(console, result.findings)
    render_budgets(console, result.budgets)
    render_list(console, "What weakens the claim", result.warnings)


def _answers(result: ProbeResult, console: Console) -> None:
    """Print what was answered: status, size and time of each arm, and whether the arms answer alike."""
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="bold", collapse_padding=True)
    table.add_column("request", min_width=8)
    sized = any(each.size is not None for each in result.answers)
    for heading in (*(("size",) if sized else ()), *(("arm",) if len(result.arms) > 1 else ())):
        table.add_column(heading, no_wrap=True)
    for heading in ("status", "bytes", "time"):
        table.add_column(heading, justify="right", no_wrap=True)
    compared = any(each.alike is not None for each in result.answers)
    if compared:
        table.add_column("", no_wrap=True)
    last = None
    for each in result.answers[:MAX_ANSWERS]:
        new, last = each.request != last, each.request
        cells = [Text(formatting.plain(each.request, 60) if new else "", no_wrap=True, overflow="ellipsis")]
        cells += [Text("" if each.size is None else f"{each.size:,}")] if sized else []
        cells += [Text(formatting.plain(each.arm, 20))] if len(result.arms) > 1 else []
        cells += [
            Text(str(each.status)),
            Text(formatting.value(each.bytes, "bytes")),
            Text(formatting.value(each.ms, "ms")),
        ]
        if compared:
            word, tone = _ALIKE[each.alike]
            cells.append(Text(word if new else "", style=STYLES[tone] if tone else ""))
        table.add_row(*cells)
    if result.answers:
        console.print()
        console.print(table)
    if len(result.answers) > MAX_ANSWERS:
        console.print(Text(f"and {count_of(len(result.answers) - MAX_ANSWERS, 'more answer')}", style="dim"))


def probe_json(result: ProbeResult) -> str:
    """Return the result as indented JSON, ending in a newline."""
    document: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "kind": "probe",
        "scenario": result.scenario,
        "arms": result.arms,
        "sources": result.sources,
        "exit_code": result.exit_code,
        "queries": [query_document(detail) for detail in result.queries],
        "levels": [
            {"metric": v.metric, "request": v.request, "arm": v.arm, "unit": v.unit, "value": v.estimate.value}
            for v in result.levels
        ],
        "findings": [asdict(finding) for finding in result.findings],
        "budgets": [asdict(budget) for budget in result.budgets],
        "warnings": result.warnings,
        "answers": [asdict(answer) for answer in result.answers],
    }
    return json.dumps(clean(document), indent=2, ensure_ascii=False, allow_nan=False) + "\n"
