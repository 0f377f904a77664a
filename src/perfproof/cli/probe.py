"""``perfproof probe``: count queries and compare responses, without any load."""

from __future__ import annotations

import sys

import typer

from perfproof.cli.common import options
from perfproof.cli.common.console import console
from perfproof.cli.common.session import read_scenario


def probe(
    scenario: options.ScenarioArgument = None,
    arm: options.ArmAlone = None,
    only: options.Only = None,
    json: options.JsonFile = None,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,  # noqa: ARG001 - its callback acts
) -> None:
    """Send each request alone at its sizes: queries, N+1, responses. Nothing is timed or recorded."""
    from perfproof.measure import probe_alone
    from perfproof.report.probe import probe_json, render_probe
    from perfproof.report.terminal.full import Live

    what = read_scenario(scenario, only=only)
    with Live(console(stderr=True), quiet=quiet, planned_rounds=1) as live:
        result = probe_alone(what, arm, live)
    if json is not None and str(json) == "-":
        sys.stdout.write(probe_json(result))
    else:
        render_probe(result, console())
        if json is not None:
            json.write_text(probe_json(result), encoding="utf-8")
    raise typer.Exit(result.exit_code)
