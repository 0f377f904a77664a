"""``perfproof compare A B``: two runs recorded at different times."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from perfproof.cli.common import completion, options
from perfproof.cli.common.session import Session


def compare(
    baseline: Annotated[
        str,
        typer.Argument(
            metavar="A", help="Run before: id, label, 'last', or a run's folder.", autocompletion=completion.runs
        ),
    ],
    candidate: Annotated[str, typer.Argument(metavar="B", help="Run after.", autocompletion=completion.runs)],
    force: Annotated[
        bool, typer.Option("--force", help="Compare although scenario or environment differ (and say so).")
    ] = False,
    findings: options.Findings = False,
    json: options.JsonFile = None,
    output: options.ReportFiles = None,
    results: options.Results = Path("results"),
    store: options.StoreUrl = None,
    quiet: options.Quiet = False,
) -> None:
    """Compare two recorded runs. Drift of the machine between them is not cancelled; prefer `ab`."""
    session = Session(results, store, quiet)
    result = session.compare(baseline, candidate, force=force)
    session.show(result, json, output or (), f"{baseline} {candidate}", findings=findings)
    raise typer.Exit(result.exit_code)
