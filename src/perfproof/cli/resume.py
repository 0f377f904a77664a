"""``perfproof resume``: go on with a run that was interrupted."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from perfproof.cli.common import options
from perfproof.cli.common.session import read_scenario
from perfproof.errors import UsageError


def resume(
    *,
    run: options.Run = "last",
    scenario: Annotated[
        Path | None,
        typer.Argument(metavar="SCENARIO", help="Its scenario file, if it was moved.", show_default=False),
    ] = None,
    only: options.Only = None,
    no_why: options.NoWhy = False,
    output: options.MeasuredOutput,
) -> None:
    """Go on with an interrupted run: finished rounds are kept, the others and the causes are measured now.

    Refused where scenario, machine, code or the way the arms are started are not as they were.
    """
    from perfproof.measure.resume import resumable

    session = output.session
    folder = session.locate(run)
    info = resumable(folder)
    file = scenario or Path(info.scenario_file)
    if not file.is_file():
        raise UsageError(
            f"the scenario of run {info.id} is not where it was: {file}", hint="name it: perfproof resume RUN SCENARIO"
        )
    what = read_scenario(file, rounds=None, why=not no_why, only=only)
    rules = info.rules
    what = replace(what, rounds=replace(what.rounds, count=rules.planned_rounds, early_stop=rules.early_stop))
    if info.kind == "run":
        what = replace(what, arms=tuple(arm for arm in what.arms if arm.name in info.arms))
    commits = [details.get("commit") for details in info.arm_details]
    names = info.arms[1:] if len(info.arms) > 2 else ()
    from_git = all(commits) and len(commits) > 1
    before, after = (commits[0], [str(each) for each in commits[1:]]) if from_git else (None, None)
    with session.versions(what, before, after, names) as versions:
        measured = session.measure(versions, info.kind, info.label, rules.policy, resumes=folder)
    raise typer.Exit(session.conclude(measured, output.json, output.output or (), what, opened=output.open_))
