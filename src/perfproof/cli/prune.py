"""``perfproof prune``: forget old runs, with their directories."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from perfproof.cli.common import options
from perfproof.cli.common.console import say, tell
from perfproof.errors import PerfproofError, UsageError

_UNITS = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}


def prune(
    *,
    keep: Annotated[
        int | None, typer.Option("--keep", min=0, help="Keep this many of each scenario, the newest.", metavar="N")
    ] = None,
    older_than: Annotated[
        str | None, typer.Option("--older-than", help="Only runs older than this, e.g. 90d, 12w or 36h.", metavar="AGE")
    ] = None,
    scenario: Annotated[str | None, typer.Option("--scenario", help="Only runs of this scenario.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say which runs would go.")] = False,
    storage: options.Storage,
) -> None:
    """Delete old runs and their directories. Named baselines and running measurements are never deleted."""
    from perfproof.store.prune import prunable, remove, sweep

    if keep is None and older_than is None:
        raise UsageError("which runs are old?", hint="say --keep 50 or --older-than 90d, or both")
    age = parse_age(older_than) if older_than is not None else None
    problem: PerfproofError | None = None
    with storage.session().store() as opened:
        opened.sync(storage.results)
        if not dry_run:
            sweep(opened, storage.results)
        runs = opened.runs(scenario=scenario, limit=1_000_000)
        named = frozenset(each.run.id for each in opened.baselines())
        chosen = prunable(runs, named, datetime.now(UTC), keep=keep, older_than=age)
        gone = 0
        for run in chosen:
            if not dry_run:
                try:
                    remove(opened, run)
                except PerfproofError as error:  # one run that cannot be deleted does not keep the others
                    tell(f"{run.id} stays: {error}")
                    problem = error
                    continue
            gone += 1
            say(run.id)
    verb = "would be deleted" if dry_run else "deleted"
    tell(f"{gone} of {len(runs)} runs {verb}")
    if problem is not None:
        raise typer.Exit(int(problem.exit_code))


def parse_age(text: str) -> timedelta:
    """Return an age such as ``90d``, ``12w`` or ``36h``; ``UsageError`` for anything else."""
    number, unit = text[:-1], text[-1:]
    if not number.isascii() or not number.isdigit() or unit not in _UNITS or len(number) > 6:
        raise UsageError(
            f"--older-than {text}: not an age", hint="write a number of hours, days or weeks: 36h, 90d, 12w"
        )
    return int(number) * _UNITS[unit]
