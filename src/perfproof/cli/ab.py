"""``perfproof ab``: baseline against candidate, in turn over fresh starts."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from perfproof.cli.common import options
from perfproof.cli.common.dry_run import show_dry_run
from perfproof.cli.common.session import Session, read_scenario


def ab(
    scenario: options.ScenarioArgument = None,
    after: Annotated[
        Path | None,
        typer.Argument(
            metavar="AFTER",
            help="With two files: the one whose service is the version after.",
            show_default=False,
        ),
    ] = None,
    only: options.Only = None,
    baseline_ref: options.BaselineRef = None,
    candidate_ref: options.CandidateRefs = None,
    label: options.Label = None,
    rounds: options.Rounds = None,
    time: options.TimeBudget = None,
    no_early_stop: options.NoEarlyStop = False,
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
    """Measure baseline and candidate in turn, and give the verdict."""
    session = Session(results, store, quiet)
    what = read_scenario(
        scenario,
        rounds=rounds,
        time=time,
        early_stop=not no_early_stop,
        why=not no_why,
        memory=memory_profile,
        count=count,
        only=only,
        after=after,
    )
    if dry_run:
        show_dry_run(what)
        return
    with session.versions(what, baseline_ref, candidate_ref) as versions:
        measured = session.measure(versions, "ab", label)
    raise typer.Exit(session.conclude(measured, json, output or (), what, opened=open_))
