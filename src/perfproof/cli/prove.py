"""``perfproof prove``: every claim of a scenario, measured in one go, with a line for each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from perfproof.cli.common import options
from perfproof.cli.common.measuring import measured
from perfproof.cli.common.session import read_scenario
from perfproof.errors import UsageError

if TYPE_CHECKING:
    from perfproof.model.scenario import Scenario


def prove(
    *,
    scenario: options.ScenarioArgument = None,
    after: options.AfterArgument = None,
    versions: options.Versions,
    label: options.Label = None,
    rounds: options.Rounds = None,
    time: Annotated[
        str | None,
        typer.Option(
            "--time", help="Take this long in all, e.g. 5m: rounds get what checks leave.", metavar="DURATION"
        ),
    ] = None,
    no_early_stop: options.NoEarlyStop = False,
    no_why: options.NoWhy = False,
    count: options.Count = None,
    output: options.MeasuredOutput,
    dry_run: options.DryRun = False,
) -> None:
    """Measure all claims of a scenario in one go, and say of each whether it is proven, refuted or open."""
    what = read_scenario(
        scenario,
        rounds=rounds,
        time=time,
        early_stop=not no_early_stop,
        why=not no_why,
        count=count,
        after=after,
    )
    kind = proving(what, from_git=versions.baseline_ref is not None)
    raise typer.Exit(measured(what, kind, label, output, versions, dry_run=dry_run))


def proving(scenario: Scenario, *, from_git: bool) -> Literal["ab", "checks"]:
    """Return how the claims are measured: by checks alone where all of them are about checks, else with rounds.

    Raises ``UsageError`` for a scenario that claims nothing or has one version.
    """
    from perfproof.model.metrics import METRICS

    if not scenario.claims:
        raise UsageError(
            "the scenario claims nothing",
            where=str(scenario.file),
            why="`prove` measures what `claims:` says",
            hint='add e.g. claims: [{claim: "Lists answer 20-30 % faster", metric: latency_p50, target: 20-30%}]',
        )
    if len(scenario.arms) < 2 and not from_git:
        raise UsageError(
            "the scenario has one version; a claim is about what changed between two",
            where=str(scenario.file),
            hint="add `arms: {baseline: ..., candidate: ...}`, or take both from git: --baseline-ref main",
        )
    demands = [*(goal.metric for goal in scenario.goals), *(budget.metric for budget in scenario.budgets)]
    return "checks" if all(METRICS[metric].check for metric in demands) else "ab"
