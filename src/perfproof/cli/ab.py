"""``perfproof ab``: baseline against candidate, in turn over fresh starts."""

from __future__ import annotations

import typer

from perfproof.cli.common import options
from perfproof.cli.common.measuring import measured
from perfproof.cli.common.session import read_scenario


def ab(
    *,
    scenario: options.ScenarioArgument = None,
    after: options.AfterArgument = None,
    only: options.Only = None,
    versions: options.Versions,
    label: options.Label = None,
    rounds: options.Rounds = None,
    time: options.TimeBudget = None,
    no_early_stop: options.NoEarlyStop = False,
    no_why: options.NoWhy = False,
    memory_profile: options.MemoryProfile = False,
    count: options.Count = None,
    output: options.MeasuredOutput,
    dry_run: options.DryRun = False,
) -> None:
    """Measure baseline and candidate in turn, and give the verdict."""
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
    raise typer.Exit(measured(what, "ab", label, output, versions, dry_run=dry_run))
