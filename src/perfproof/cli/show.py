"""``perfproof show`` and ``perfproof last``: the verdict of a recorded run, judged again from its evidence."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from perfproof.cli import options
from perfproof.cli.session import Session


def show(
    run: Annotated[str, typer.Argument(metavar="RUN", help="Run: id, label, 'last', or a run's folder.")] = "last",
    findings: options.Findings = False,
    json: options.JsonFile = None,
    results: options.Results = Path("results"),
    store: options.StoreUrl = None,
) -> None:
    """Show what a recorded run concluded."""
    session = Session(results, store)
    folder = session.locate(run)
    result = session.judge(str(folder))
    session.show(result, json, (), run, findings=findings)
    session.repair(folder, result)


def last(
    findings: options.Findings = False,
    json: options.JsonFile = None,
    results: options.Results = Path("results"),
    store: options.StoreUrl = None,
) -> None:
    """Show what the last run concluded: short for `perfproof show last`."""
    show("last", findings, json, results, store)
