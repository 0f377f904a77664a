"""Claims over the runs of a scenario: a row for each, a sign for each run, and since when it is as it is."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from perfproof.core.numbers import count_of
from perfproof.model import formatting
from perfproof.model.history import ClaimedRun, ClaimTrack, tracks
from perfproof.report.history.history import write_as
from perfproof.report.page import templating
from perfproof.report.proofs import SIGNS
from perfproof.report.tables import write_rows

MOST_RUNS = 40
"""Runs that a page and a terminal show; JSON holds all."""
_ABSENT = "·"
_STYLES = {"good": "green", "bad": "red", "warn": "yellow"}


def render(scenario: str, runs: Sequence[ClaimedRun], console: Console) -> None:
    """Print a line for each claim: what came of it last, a sign for each run, oldest first, and since when."""
    shown = runs[-min(MOST_RUNS, max(5, console.width // 4)) :]
    console.print(Text(f"Claims of {formatting.plain(scenario, 60)}", style="bold"))
    first, last = shown[0].started_at[:10], shown[-1].started_at[:10]
    older = f"; and {count_of(len(runs) - len(shown), 'older run')}" if len(runs) > len(shown) else ""
    console.print(Text(f"{count_of(len(shown), 'run')}, {first} to {last}, oldest first{older}", style="dim"))
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=False)
    table.add_column(overflow="fold", ratio=1)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for track in tracks(shown):
        sign, tone = SIGNS[track.newest]
        signs = Text()
        for state in track.states:
            signs.append(*((_ABSENT, "dim") if state is None else (SIGNS[state][0], _STYLES.get(SIGNS[state][1], ""))))
        claim = Text(f"{sign} {formatting.plain(track.claim, 200)}", style=_STYLES.get(tone, ""))
        table.add_row(claim, signs, Text(since(track, shown), style="dim"))
    console.print(table)


def since(track: ClaimTrack, runs: Sequence[ClaimedRun]) -> str:
    """Return since which run a claim is as it is: "refuted since 2026-11-24 (a1b2c3d)"."""
    if track.states[-1] is None:
        at = max(place for place, state in enumerate(track.states) if state is not None)
        return f"{track.newest}, not claimed since {runs[at].started_at[:10]}"
    if not track.ever_other:
        return f"always {track.newest}" if len(runs) > 1 else track.newest
    run = runs[track.since]
    commit = f" ({run.revision.commit[:7]})" if run.revision is not None else ""
    return f"{track.newest} since {run.started_at[:16].replace('T', ' ')}{commit}"


def section(
    runs: Sequence[ClaimedRun],
    link: Callable[[str], str | None] = lambda run: None,  # noqa: ARG005
) -> dict[str, Any] | None:
    """Return what ``claims_over_runs.html`` shows; None where nothing was claimed."""
    shown = runs[-MOST_RUNS:]
    if not shown:
        return None
    return {
        "runs": [{"run": each.run, "started_at": each.started_at, "href": link(each.run)} for each in shown],
        "left_out": len(runs) - len(shown),
        "rows": [
            {
                "claim": track.claim,
                "sign": SIGNS[track.newest][0],
                "state": track.newest,
                "tone": SIGNS[track.newest][1],
                "since": since(track, shown),
                "cells": [
                    {"sign": _ABSENT, "state": "not claimed", "tone": ""}
                    if state is None
                    else {"sign": SIGNS[state][0], "state": state, "tone": SIGNS[state][1]}
                    for state in track.states
                ],
            }
            for track in tracks(shown)
        ],
    }


def write(scenario: str, runs: Sequence[ClaimedRun], path: Path) -> None:
    """Write the claims to a file whose ending names the format; ``UsageError`` for another one or a bad place."""
    writers: dict[str, Callable[[], str]] = {
        ".html": lambda: to_html(scenario, runs),
        ".json": lambda: json.dumps(to_document(scenario, runs), indent=2, ensure_ascii=False) + "\n",
        ".csv": lambda: to_csv(runs),
    }
    write_as(path, writers)


def to_csv(runs: Sequence[ClaimedRun]) -> str:
    """Return a row for each claim and run that claimed it."""
    text = io.StringIO()
    rows = [
        [name, run.run, run.started_at, run.revision.commit if run.revision else "", state]
        for run in runs
        for name, state in run.states.items()
    ]
    write_rows(text, ("claim", "run", "started_at", "commit", "state"), rows)
    return text.getvalue()


def to_html(scenario: str, runs: Sequence[ClaimedRun]) -> str:
    """Return the claims as one page that works offline and holds no script."""
    return templating.environment().get_template("claims_history.html").render(scenario=scenario, claims=section(runs))


def to_document(scenario: str, runs: Sequence[ClaimedRun]) -> dict[str, Any]:
    """Return the claims as JSON values; within a schema version, fields are only added."""
    return {
        "schema_version": 1,
        "scenario": scenario,
        "runs": [
            {"run": each.run, "started_at": each.started_at, "commit": each.revision and each.revision.commit}
            for each in runs
        ],
        "claims": [{"claim": track.claim, "states": list(track.states)} for track in tracks(runs)],
    }
