"""``perfproof run``: one arm, recorded under a label, to be compared later."""

from __future__ import annotations

from typing import Annotated

import typer

from perfproof.cli.common import options
from perfproof.cli.common.measuring import measured
from perfproof.cli.common.selection import only_arm
from perfproof.cli.common.session import read_scenario


def run(
    *,
    scenario: options.ScenarioArgument = None,
    only: options.Only = None,
    label: options.Label = None,
    arm: Annotated[
        str | None, typer.Option("--arm", help="Which arm of the scenario to measure. [default: the first]")
    ] = None,
    rounds: options.Rounds = None,
    time: options.TimeBudget = None,
    no_why: options.NoWhy = False,
    memory_profile: options.MemoryProfile = False,
    count: options.Count = None,
    output: options.MeasuredOutput,
    dry_run: options.DryRun = False,
) -> None:
    """Measure one arm and record it; `perfproof compare A B` compares two such runs."""
    what = read_scenario(
        scenario, rounds=rounds, time=time, why=not no_why, memory=memory_profile, count=count, only=only
    )
    what = only_arm(what, arm or what.arms[0].name)
    raise typer.Exit(measured(what, "run", label, output, dry_run=dry_run))
