"""``perfproof checks``: what a service promises beside its speed, asked of each arm without any load."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from perfproof.cli.common import options
from perfproof.cli.common.selection import only_arm
from perfproof.cli.common.session import Session, read_scenario

if TYPE_CHECKING:
    from perfproof.model.scenario import Scenario


def checks(
    scenario: options.ScenarioArgument = None,
    baseline_ref: options.BaselineRef = None,
    candidate_ref: options.CandidateRefs = None,
    arm: options.ArmAlone = None,
    check: Annotated[
        list[str] | None,
        typer.Option("--check", help="This check alone, over the scenario's. May be repeated.", metavar="NAME"),
    ] = None,
    writes: Annotated[
        bool, typer.Option("--writes", help="Also send requests that write, with bodies that must fail; needs a reset.")
    ] = False,
    label: options.Label = None,
    json: options.JsonFile = None,
    output: options.ReportFiles = None,
    results: options.Results = Path("results"),
    store: options.StoreUrl = None,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,  # noqa: ARG001 - its callback acts
    open_: options.Open = False,
) -> None:
    """Check errors, contract and what else the scenario names on both arms, and give the verdict; no load runs."""
    session = Session(results, store, quiet)
    what = checking(only_arm(read_scenario(scenario), arm), tuple(check or ()), writes=writes)
    with session.versions(what, baseline_ref, candidate_ref) as versions:
        measured = session.measure(versions, "checks", label)
    raise typer.Exit(session.conclude(measured, json, output or (), what, opened=open_))


def checking(scenario: Scenario, only: tuple[str, ...], *, writes: bool) -> Scenario:
    """Return the scenario with the checks called so alone (none: its own); ``UsageError`` if one cannot be made."""
    from perfproof.errors import UsageError
    from perfproof.measure.checks import with_checks

    lacking = [each.name for each in scenario.arms if not each.service.reset]
    if writes and lacking:
        raise UsageError(
            f"--writes needs a reset, and {lacking[0]} has none",
            where=str(scenario.file),
            hint="add service.reset to the scenario: a command that brings the data back",
        )
    return replace(scenario, checks=with_checks(scenario.checks, only, writes=writes))
