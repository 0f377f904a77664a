"""``perfproof show`` and ``perfproof last``: the verdict of a recorded run, judged again from its evidence."""

from __future__ import annotations

from pathlib import Path

from perfproof.cli.common import options
from perfproof.cli.common.console import open_page
from perfproof.cli.common.selection import only_candidate
from perfproof.cli.common.session import Session


def show(
    run: options.Run = "last",
    findings: options.Findings = False,
    arm: options.Candidate = None,
    json: options.JsonFile = None,
    results: options.Results = Path("results"),
    store: options.StoreUrl = None,
    open_: options.Open = False,
) -> None:
    """Show what a recorded run concluded."""
    session = Session(results, store)
    folder = session.locate(run)
    result = session.judge(str(folder))
    named = run if arm is None else f"{run} --arm {arm}"
    file = session.scenario_file(folder)
    session.show(only_candidate(result, arm), json, (), named, file, findings=findings)
    session.repair(folder, result)
    if open_:
        open_page(folder / "report.html")


def last(
    findings: options.Findings = False,
    arm: options.Candidate = None,
    json: options.JsonFile = None,
    results: options.Results = Path("results"),
    store: options.StoreUrl = None,
    open_: options.Open = False,
) -> None:
    """Show what the last run concluded: short for `perfproof show last`."""
    show("last", findings, arm, json, results, store, open_)
