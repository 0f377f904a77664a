"""``perfproof history``: how a metric fared over the recorded runs of a scenario."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from perfproof.cli.common import options, outputs
from perfproof.cli.common.console import console, tell
from perfproof.cli.common.session import read_scenario
from perfproof.errors import UsageError
from perfproof.model.metrics import ALL

if TYPE_CHECKING:
    from perfproof.model.history import ClaimedRun, Trend
    from perfproof.store.repository import Store
    from perfproof.store.summary import RunSummary

_USUAL = "latency_p50"


def history(
    *,
    scenario: Annotated[
        str | None,
        typer.Argument(metavar="SCENARIO", help="Its name or its file; by default that of the last run."),
    ] = None,
    metric: Annotated[
        str | None, typer.Option("--metric", help="Which metric, by default latency_p50 (a file: all).")
    ] = None,
    request: Annotated[str, typer.Option("--request", help="Which request name.")] = ALL,
    branch: Annotated[str | None, typer.Option("--branch", help="Only runs of this branch.")] = None,
    arm: Annotated[
        str | None, typer.Option("--arm", help="The version called so. [default: candidate]", metavar="NAME")
    ] = None,
    claims: Annotated[
        bool, typer.Option("--claims", help="What came of each claim in each run, in place of a metric.")
    ] = False,
    limit: Annotated[int, typer.Option("--limit", min=1, help="At most this many runs, the newest.")] = 200,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="Also write: .html .csv .json",
            metavar="FILE",
            callback=outputs.writable(outputs.histories),
        ),
    ] = None,
    storage: options.Storage,
    quiet: options.Quiet = False,
) -> None:
    """Show the trend of a metric, and where its level changed."""
    from perfproof.report.history.history import render, write

    with storage.session().store() as opened:
        opened.sync(storage.results)
        name = _name(opened, scenario)
        if claims:
            found = _claimed(opened.runs(scenario=name, branch=branch, limit=limit), name, arm)
            _show_claims(name, found, output, quiet=quiet)
            return
        trends = _trends(opened, name, request, branch, limit, arm)
    shown = _chosen(trends, metric or _usual(trends))
    render(shown, console())
    if output is not None:
        write(name, request, trends if metric is None else [shown], output)
        if not quiet:
            tell(f"history: {output}")


def _claimed(runs: list[RunSummary], scenario: str, arm: str | None) -> list[ClaimedRun]:
    from perfproof.store.claims import claimed

    found = claimed(runs, arm)
    if not found:
        raise UsageError(
            f"no run of {scenario} claimed anything" + (f" of {arm}" if arm else ""),
            why="only runs whose directory is on this machine are looked at",
            hint="write `claims:` into the scenario and measure it: perfproof prove SCENARIO",
        )
    return found


def _show_claims(scenario: str, found: list[ClaimedRun], output: Path | None, *, quiet: bool) -> None:
    from perfproof.report.history.claims import render, write

    render(scenario, found, console())
    if output is not None:
        write(scenario, found, output)
        if not quiet:
            tell(f"history: {output}")


def _trends(store: Store, scenario: str, request: str, branch: str | None, limit: int, arm: str | None) -> list[Trend]:
    from perfproof.stats.changepoints import trend

    found = store.history(scenario, request=request, branch=branch, arm=arm, limit=limit)
    if not found:
        there = sorted({name for _, name, _ in store.history(scenario, arm=arm, limit=limit)})
        names = [each for each in store.arms(scenario) if each != (arm or "candidate")]
        if not there and names and "candidate" not in (*names, arm or ""):
            raise UsageError(
                f"no run of {scenario} has a version called {arm or 'candidate'}",
                hint=f"say which to follow: --arm {names[-1]} (there are {', '.join(names)})",
            )
        close = difflib.get_close_matches(request, there, n=3) or there[:5]
        raise UsageError(
            f"nothing was recorded of {scenario}" + ("" if request == ALL else f", request `{request}`"),
            why="only complete runs that were not invalid count",
            hint=f"requests there are: {', '.join(close)}" if there else "measure with `perfproof ab` or `run` first",
        )
    return [trend(scenario, metric, request, unit, points) for (metric, _, unit), points in found.items()]


def _usual(trends: list[Trend]) -> str:
    """Return the metric that is shown unasked: p50 latency, or the first there is where nothing was timed."""
    names = [each.metric for each in trends]
    return _USUAL if _USUAL in names else names[0]


def _chosen(trends: list[Trend], metric: str) -> Trend:
    for each in trends:
        if each.metric == metric:
            return each
    names = [each.metric for each in trends]
    close = difflib.get_close_matches(metric, names, n=3) or names
    raise UsageError(f"no metric `{metric}` was recorded there", hint=f"there are: {', '.join(close)}")


def _name(store: Store, given: str | None) -> str:
    """Return the scenario that is meant by a name, a file, or nothing (then that of the last run)."""
    if given is None:
        return store.find("last").scenario
    known = store.choices().scenarios
    if given not in known and Path(given).suffix in (".yaml", ".yml"):
        return read_scenario(Path(given)).name
    if given not in known:
        close = difflib.get_close_matches(given, known, n=3)
        there = f"there are: {', '.join(known[:5])}" if known else "measure one first: perfproof ab SCENARIO"
        hint = f"did you mean {' or '.join(close)}?" if close else there
        raise UsageError(f"no run of a scenario `{given}` is stored", hint=hint)
    return given
