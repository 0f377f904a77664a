"""``perfproof noise``: identical arms, to learn what this machine can see."""

from __future__ import annotations

import typer

from perfproof.cli.common import options
from perfproof.cli.common.session import read_scenario, warned


def noise(
    *,
    scenario: options.ScenarioArgument = None,
    rounds: options.Rounds = None,
    time: options.TimeBudget = None,
    output: options.MeasuredOutput,
) -> None:
    """Measure the baseline against itself; later runs here know the smallest effect they can see."""
    from perfproof.judge import spreads

    session = output.session
    what = read_scenario(scenario, rounds=rounds, time=time)
    measured = session.measure(what, "noise", None)
    code = session.conclude(measured, output.json, output.output or (), what, opened=output.open_)
    if measured.problem is None:
        from perfproof.evidence.reader import read

        found = spreads(read(measured.directory))
        with warned("later runs here do not know what it showed"), session.store() as opened:
            opened.save_spreads(measured.info.environment.hash, measured.info.scenario_hash, found)
    raise typer.Exit(code)
