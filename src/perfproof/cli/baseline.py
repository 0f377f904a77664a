"""``perfproof baseline``: names for the runs that later ones are held against."""

from __future__ import annotations

import json as json_module
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from perfproof.cli.common import options
from perfproof.cli.common.console import console, say
from perfproof.cli.common.groups import spread
from perfproof.errors import UsageError

if TYPE_CHECKING:
    from perfproof.store.summary import Baseline

Name = Annotated[str, typer.Argument(metavar="NAME", help="The name, e.g. main.")]
baseline = typer.Typer(
    name="baseline", help="Name runs, to compare against them later.", no_args_is_help=True, add_completion=False
)


@baseline.command("set")
@spread
def set_(
    *,
    name: Name,
    run: Annotated[str, typer.Argument(metavar="RUN", help="Run: id, label, 'last', or another baseline.")] = "last",
    storage: options.Storage,
) -> None:
    """Give a run a name; in its scenario, the name is taken from the run that had it."""
    with storage.session().store() as opened:
        opened.sync(storage.results)
        made = opened.set_baseline(name, opened.find(run).id)
    say(f"{made.name} is run {made.run.id} of {made.run.scenario}")


@baseline.command("list")
@spread
def list_(
    *,
    json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
    storage: options.Storage,
) -> None:
    """List the named runs."""
    with storage.session().store() as opened:
        found = opened.baselines()
    if json:
        typer.echo(json_module.dumps([asdict(each) for each in found], indent=2, default=str))
    elif not found:
        say("no baselines; `perfproof baseline set NAME RUN` makes one")
    else:
        _print(found)


@baseline.command("drop")
@spread
def drop(
    *,
    name: Name,
    scenario: Annotated[str | None, typer.Option("--scenario", help="Only in this scenario.")] = None,
    storage: options.Storage,
) -> None:
    """Forget a name. Its run stays."""
    with storage.session().store() as opened:
        forgotten = opened.drop_baseline(name, scenario=scenario)
        if not forgotten:
            names = ", ".join(dict.fromkeys(each.name for each in opened.baselines()))
            raise UsageError(
                f"there is no baseline `{name}`", hint=f"there are: {names}" if names else "none has been set"
            )
    say(f"{name} is forgotten")


def _print(found: list[Baseline]) -> None:
    from rich.table import Table
    from rich.text import Text

    from perfproof.model.formatting import plain

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for head in ("name", "scenario", "branch", "commit", "environment", "run"):
        table.add_column(head, overflow="fold")
    for each in found:
        run, revision = each.run, each.run.revision
        branch, commit = (revision.branch or "", revision.commit[:12]) if revision else ("", "")
        cells = (each.name, run.scenario, branch, commit, run.environment_hash, run.id)
        table.add_row(*(Text(plain(cell, 80)) for cell in cells))
    console().print(table)
