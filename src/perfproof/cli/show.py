"""``perfproof show`` and ``perfproof last``: the verdict of a recorded run, judged again from its evidence."""

from __future__ import annotations

from perfproof.cli.common import options
from perfproof.cli.common.console import open_page
from perfproof.cli.common.selection import only_candidate


def show(
    *,
    run: options.Run = "last",
    findings: options.Findings = False,
    arm: options.Candidate = None,
    json: options.JsonFile = None,
    storage: options.Storage,
    open_: options.Open = False,
) -> None:
    """Show what a recorded run concluded."""
    session = storage.session()
    folder = session.locate(run)
    result = session.judge(str(folder))
    named = run if arm is None else f"{run} --arm {arm}"
    file = session.scenario_file(folder)
    session.show(only_candidate(result, arm), json, (), named, file, findings=findings)
    session.repair(folder, result)
    if open_:
        open_page(folder / "report.html")


def last(
    *,
    findings: options.Findings = False,
    arm: options.Candidate = None,
    json: options.JsonFile = None,
    storage: options.Storage,
    open_: options.Open = False,
) -> None:
    """Show what the last run concluded: short for `perfproof show last`."""
    show(run="last", findings=findings, arm=arm, json=json, storage=storage, open_=open_)
