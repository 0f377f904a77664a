"""``perfproof count``: instructions per request, a figure that a busy machine cannot move."""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum
from typing import Annotated

import typer

from perfproof.cli.common import options
from perfproof.cli.common.measuring import measured
from perfproof.cli.common.selection import only_arm
from perfproof.cli.common.session import read_scenario
from perfproof.model.scenario import Count


class By(StrEnum):
    """What counts."""

    AUTO = "auto"
    COUNTERS = "counters"
    CALLGRIND = "callgrind"


def count(
    *,
    scenario: options.ScenarioArgument = None,
    versions: options.Versions,
    arm: options.ArmAlone = None,
    only: options.Only = None,
    by: Annotated[By | None, typer.Option("--by", help="What counts, over the scenario.", show_default=False)] = None,
    starts: Annotated[
        int | None,
        typer.Option("--starts", min=2, max=100, help="Fresh starts of each arm. [default: 4 to 8, as needed]"),
    ] = None,
    label: options.Label = None,
    output: options.MeasuredOutput,
    dry_run: options.DryRun = False,
) -> None:
    """Count the instructions each request takes, on both arms, and give the verdict; needs no quiet machine."""
    what = read_scenario(scenario, only=only)
    wanted = what.count
    wanted = Count("auto" if wanted.by == "off" else wanted.by, wanted.starts if starts is None else starts)
    what = replace(what, count=replace(wanted, by=by.value if by is not None else wanted.by))
    what = only_arm(what, arm)
    raise typer.Exit(measured(what, "count", label, output, versions, dry_run=dry_run))
