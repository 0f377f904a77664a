"""``perfproof capacity``: the highest rate that keeps the budgets, of one arm or of both side by side."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import typer

from perfproof.cli.common import options
from perfproof.cli.common.measuring import measured
from perfproof.cli.common.selection import only_arm
from perfproof.cli.common.session import read_scenario
from perfproof.errors import UsageError


def capacity(
    *,
    scenario: options.ScenarioArgument = None,
    versions: options.Versions,
    arm: options.ArmAlone = None,
    only: options.Only = None,
    starts: Annotated[
        int | None, typer.Option("--starts", min=1, max=100, help="Fresh starts instead of the scenario's.")
    ] = None,
    hold: Annotated[
        str | None, typer.Option("--hold", help="How long each step is held, e.g. 5s.", metavar="DURATION")
    ] = None,
    label: options.Label = None,
    output: options.MeasuredOutput,
    dry_run: options.DryRun = False,
) -> None:
    """Find the highest rate that keeps the budgets, and how much more the candidate holds."""
    what = read_scenario(scenario, only=only)
    search = what.capacity
    search = replace(search, starts=starts or search.starts, hold=search.hold if hold is None else _duration(hold))
    what = replace(what, capacity=search)
    what = only_arm(what, arm)
    raise typer.Exit(measured(what, "capacity", label, output, versions, dry_run=dry_run))


def _duration(hold: str) -> float:
    from perfproof.scenario.schema.passes import hold_of

    try:
        return hold_of(hold)
    except ValueError as error:
        raise UsageError(f"--hold {hold}: {error}", hint="write a duration such as 5s") from error
