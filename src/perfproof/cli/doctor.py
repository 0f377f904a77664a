"""``perfproof doctor``: what stands in the way of a measurement here, and what to do about it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from perfproof.cli.common import options
from perfproof.cli.common.console import console
from perfproof.errors import UsageError


def doctor(
    *,
    scenario: Annotated[
        Path | None,
        typer.Argument(
            metavar="SCENARIO",
            help="The scenario file whose service is looked at, too. Default: the machine alone.",
            show_default=False,
        ),
    ] = None,
    baseline_ref: Annotated[
        str | None, typer.Option("--baseline-ref", help="Is this git ref there to compare with?", metavar="REF")
    ] = None,
    candidate_ref: Annotated[
        str | None, typer.Option("--candidate-ref", help="And this one?", metavar="REF", show_default=False)
    ] = None,
    no_noise: Annotated[
        bool, typer.Option("--no-noise", help="Leave out the look at noise, which takes 10 to 15 s.")
    ] = False,
    json: options.JsonFile = None,
    storage: options.Storage,
    quiet: options.Quiet = False,
) -> None:
    """Look at machine, service, database and tools: what keeps a measurement from working, each with its fix.

    Starts the service and sends every request once, as a measurement does, and records nothing.

    Exits with 1 if anything is a problem.
    """
    from perfproof.doctor.context import Asked
    from perfproof.doctor.examine import examine
    from perfproof.doctor.text import render, to_json
    from perfproof.report.terminal.full import Live

    if scenario is not None and not scenario.is_file():
        raise UsageError(f"there is no scenario file {scenario}", hint="name one, or none to look at the machine alone")
    asked = Asked(storage.results, storage.store, tuple(ref for ref in (baseline_ref, candidate_ref) if ref))
    with Live(console(stderr=True), quiet=quiet, planned_rounds=1) as live:
        found = examine(scenario, asked, live, noise=not no_noise)
    if json is not None and str(json) == "-":
        sys.stdout.write(to_json(found))
    else:
        render(found, console())
        if json is not None:
            json.write_text(to_json(found), encoding="utf-8")
    raise typer.Exit(found.exit_code)
