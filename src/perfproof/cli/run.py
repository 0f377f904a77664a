"""``perfproof run``: one arm, recorded under a label, to be compared later."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from perfproof.cli.common import options
from perfproof.cli.common.dry_run import show_dry_run
from perfproof.cli.common.selection import only_arm
from perfproof.cli.common.session import Session, read_scenario


def run(
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
    json: options.JsonFile = None,
    output: options.ReportFiles = None,
    results: options.Results = Path("results"),
    store: options.StoreUrl = None,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,  # noqa: ARG001 - its callback acts
    open_: options.Open = False,
    dry_run: options.DryRun = False,
) -> None:
    """Measure one arm and record it; `perfproof compare A B` compares two such runs."""
    session = Session(results, store, quiet)
    what = read_scenario(
        scenario, rounds=rounds, time=time, why=not no_why, memory=memory_profile, count=count, only=only
    )
    what = only_arm(what, arm or what.arms[0].name)
    if dry_run:
        show_dry_run(what)
        return
    measured = session.measure(what, "run", label)
    raise typer.Exit(session.conclude(measured, json, output or (), what, opened=open_))
