"""``perfproof prove``: every claim of a scenario, measured in one go, with a line for each."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from perfproof.cli.common import options
from perfproof.cli.common.dry_run import show_dry_run
from perfproof.cli.common.session import Session, read_scenario
from perfproof.errors import UsageError

if TYPE_CHECKING:
    from perfproof.model.scenario import Scenario


def prove(
    scenario: options.ScenarioArgument = None,
    after: Annotated[
        Path | None,
        typer.Argument(
            metavar="AFTER",
            help="With two files: the one whose service is the version after.",
            show_default=False,
        ),
    ] = None,
    baseline_ref: options.BaselineRef = None,
    candidate_ref: options.CandidateRefs = None,
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
    json: options.JsonFile = None,
    output: options.ReportFiles = None,
    results: options.Results = Path("results"),
    store: options.StoreUrl = None,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,  # noqa: ARG001 - its callback acts
    open_: options.Open = False,
    dry_run: options.DryRun = False,
) -> None:
    """Measure all claims of a scenario in one go, and say of each whether it is proven, refuted or open."""
    session = Session(results, store, quiet)
    what = read_scenario(
        scenario,
        rounds=rounds,
        time=time,
        early_stop=not no_early_stop,
        why=not no_why,
        count=count,
        after=after,
    )
    kind = proving(what, from_git=baseline_ref is not None)
    if dry_run:
        show_dry_run(what)
        return
    with session.versions(what, baseline_ref, candidate_ref) as versions:
        measured = session.measure(versions, kind, label)
    raise typer.Exit(session.conclude(measured, json, output or (), what, opened=open_))


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
