"""``perfproof run``: one arm, recorded under a label, to be compared later."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from perfproof.cli import options
from perfproof.cli.rehearsing import show_rehearsal
from perfproof.cli.session import Session, read_scenario
from perfproof.errors import UsageError


def run(
    scenario: options.ScenarioArgument = None,
    label: options.Label = None,
    arm: Annotated[str, typer.Option("--arm", help="Which arm of the scenario to measure.")] = "baseline",
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
    dry_run: options.DryRun = False,
) -> None:
    """Measure one arm and record it; `perfproof compare A B` compares two such runs."""
    session = Session(results, store, quiet)
    what = read_scenario(scenario, rounds=rounds, time=time, why=not no_why, memory=memory_profile, count=count)
    chosen = tuple(each for each in what.arms if each.name == arm)
    if not chosen:
        names = ", ".join(each.name for each in what.arms)
        raise UsageError(f"the scenario has no arm '{arm}'", where=str(what.file), hint=f"it has: {names}")
    if dry_run:
        show_rehearsal(replace(what, arms=chosen))
        return
    measured = session.measure(replace(what, arms=chosen), "run", label)
    raise typer.Exit(session.conclude(measured, json, output or (), what))
