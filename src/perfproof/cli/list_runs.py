"""``perfproof list``: the recorded runs, newest first."""

from __future__ import annotations

import json as json_module
from dataclasses import asdict
from typing import Annotated

import typer

from perfproof.cli.common import options
from perfproof.cli.common.console import console, say


def list_runs(
    *,
    scenario: Annotated[str | None, typer.Option("--scenario", help="Only runs of this scenario.")] = None,
    label: Annotated[str | None, typer.Option("--label", help="Only runs with this label.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="At most this many.")] = 20,
    json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
    storage: options.Storage,
) -> None:
    """List recorded runs, newest first."""
    from perfproof.report.terminal.full import render_runs

    with storage.session().store() as opened:
        opened.sync(storage.results)
        runs = opened.runs(scenario=scenario, label=label, limit=limit)
    if json:
        typer.echo(json_module.dumps([asdict(run) for run in runs], indent=2, default=str))
    elif not runs:
        say(f"no runs in {storage.results}; `perfproof demo` makes one")
    else:
        render_runs(runs, console())
