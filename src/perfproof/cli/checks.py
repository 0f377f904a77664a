"""``perfproof checks``: what a service promises beside its speed, asked of each arm without any load."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from perfproof.cli.common import options
from perfproof.cli.common.measuring import measured
from perfproof.cli.common.selection import only_arm
from perfproof.cli.common.session import read_scenario

if TYPE_CHECKING:
    from perfproof.model.scenario import Scenario


def checks(
    *,
    scenario: options.ScenarioArgument = None,
    versions: options.Versions,
    arm: options.ArmAlone = None,
    check: Annotated[
        list[str] | None,
        typer.Option("--check", help="This check alone, over the scenario's. May be repeated.", metavar="NAME"),
    ] = None,
    writes: Annotated[
        bool, typer.Option("--writes", help="Also send requests that write, with bodies that must fail; needs a reset.")
    ] = False,
    label: options.Label = None,
    output: options.MeasuredOutput,
) -> None:
    """Check errors, contract and what else the scenario names on both arms, and give the verdict; no load runs."""
    what = checking(only_arm(read_scenario(scenario), arm), tuple(check or ()), writes=writes)
    raise typer.Exit(measured(what, "checks", label, output, versions))


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
