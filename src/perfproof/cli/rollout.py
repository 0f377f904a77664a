"""``perfproof rollout``: what clients notice while each arm is restarted under steady load."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import typer

from perfproof.cli.common import options
from perfproof.cli.common.measuring import measured
from perfproof.cli.common.selection import only_arm
from perfproof.cli.common.session import read_scenario


def rollout(
    *,
    scenario: options.ScenarioArgument = None,
    versions: options.Versions,
    arm: options.ArmAlone = None,
    only: options.Only = None,
    restart: Annotated[
        str | None,
        typer.Option(
            "--restart",
            help="Signal that restarts it (SIGTERM, SIGHUP ...), or `command`, instead of the scenario's.",
            metavar="HOW",
        ),
    ] = None,
    times: Annotated[
        int | None, typer.Option("--times", min=1, max=50, help="Restarts instead of the scenario's.")
    ] = None,
    label: options.Label = None,
    output: options.MeasuredOutput,
) -> None:
    """Restart each arm under steady load: failed requests, time without service, what is under way, health."""
    from perfproof.errors import UsageError
    from perfproof.measure.checks import with_checks
    from perfproof.rollout import RESTARTS

    what = only_arm(read_scenario(scenario, only=only), arm)
    if restart is not None and restart not in RESTARTS:
        raise UsageError(f"--restart {restart} is no way to restart", hint=f"known: {', '.join(RESTARTS)}")
    checks = with_checks(what.checks, ("rollout",), writes=False)
    own = {"restart": restart, "times": times}
    settings = {**checks.wanted["rollout"], **{name: value for name, value in own.items() if value is not None}}
    if settings["restart"] == "command" and not settings["command"]:
        raise UsageError(
            "the rollout names no command",
            where=str(what.file),
            hint="add `checks: {rollout: {restart: command, command: ./deploy.sh}}` to the scenario",
        )
    what = replace(what, checks=replace(checks, wanted={"rollout": settings}))
    raise typer.Exit(measured(what, "checks", label, output, versions))
