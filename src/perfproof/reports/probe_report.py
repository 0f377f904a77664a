"""What ``perfproof probe`` says: on a terminal, and as JSON."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.text import Text

from perfproof.errors import ExitCode
from perfproof.model.result import ProbeResult
from perfproof.reports import figures
from perfproof.reports.json_report import clean, query_document
from perfproof.reports.terminal import STYLES, render_budgets, render_findings, render_list, render_queries

SCHEMA_VERSION = 1


def render_probe(result: ProbeResult, console: Console) -> None:
    """Print where was counted, then queries and slopes of each request, findings, budgets and doubts."""
    broken = any(budget.broken for budget in result.budgets)
    proven = sum(finding.kind == "n_plus_one" for finding in result.findings)
    word, tone = ("✗ BUDGET BROKEN", "bad") if broken else ("● PROBED", "calm")
    if result.exit_code == ExitCode.INCONCLUSIVE:
        word, tone = "? BUDGET OPEN", "warn"
    if result.exit_code == ExitCode.INVALID:
        word, tone = "✗ NOT EVERY REQUEST WAS ANSWERED AS EXPECTED", "bad"
    told = f", {figures.plural(proven, 'N+1 finding')}" if proven else ""
    console.print(Text(word, style=STYLES[tone]))
    count = len({(level.request, level.arm) for level in result.levels})
    console.print(f"{figures.plain(result.scenario)}: {figures.plural(count, 'probe')} of requests{told}.")
    for arm, sources in result.sources.items():
        for source in sources:
            console.print(Text(f"{arm}: {source}", style="dim"), soft_wrap=True)
    render_queries(console, result.queries)
    render_findings(console, result.findings)
    render_budgets(console, result.budgets)
    render_list(console, "What weakens the claim", result.warnings)


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
    }
    return json.dumps(clean(document), indent=2, ensure_ascii=False, allow_nan=False) + "\n"
