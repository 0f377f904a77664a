"""``perfproof compare A B``: two runs recorded at different times."""

from __future__ import annotations

from typing import Annotated

import typer

from perfproof.cli.common import completion, options


def compare(
    *,
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
    output: options.Output,
) -> None:
    """Compare two recorded runs. Drift of the machine between them is not cancelled; prefer `ab`."""
    session = output.session
    result = session.compare(baseline, candidate, force=force)
    session.show(result, output.json, output.output or (), f"{baseline} {candidate}", findings=findings)
    raise typer.Exit(result.exit_code)
