"""The history of a scenario: at the terminal, as one offline page, as CSV and as JSON."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from markupsafe import Markup
from rich.console import Console
from rich.table import Table
from rich.text import Text

from perfproof.core.files import write_whole
from perfproof.core.numbers import count_of
from perfproof.errors import UsageError
from perfproof.model import formatting
from perfproof.model.history import ChangePoint, Point, Stretch, Trend
from perfproof.model.metrics import METRICS
from perfproof.report.history import trend_svg, trend_text
from perfproof.report.page import templating
from perfproof.report.tables import write_rows
from perfproof.why.report import request_name

SCHEMA_VERSION = 1
MAX_TABLE = 100
"""Runs in the table below a chart; CSV and JSON hold all."""
WIDE = 110
"""Columns of a terminal from which on run ids have room."""
COLUMNS = (
    "metric", "request", "unit", "run", "started_at", "branch", "commit", "dirty", "label", "scenario_hash",
    "environment_hash", "value", "ci_low", "ci_high", "confidence", "rounds", "level_change",
    "counted_on",
)  # fmt: skip


def in_order(trends: Sequence[Trend]) -> list[Trend]:
    """Return trends in the order reports show metrics; unknown metrics last."""
    order = {name: at for at, name in enumerate(METRICS)}
    return sorted(trends, key=lambda trend: (order.get(trend.metric, len(order)), trend.metric, trend.request))


def render(trend: Trend, console: Console, *, rows: int = 20) -> None:
    """Print a trend: a sparkline, the newest ``rows`` runs as a table, and every change of level."""
    trend = plain(trend)
    what = f"{formatting.title(trend.metric)} of {request_name(trend.request)}"
    title = f"{what}, {formatting.plain(trend.scenario, 60)}"
    console.print(Text(title, style="bold"))
    console.print(Text(trend_text.describe(trend)), soft_wrap=False)
    points = trend.points
    if not points:
        return
    values = [point.estimate.value for point in points]
    ends = [formatting.value(value, trend.unit) for value in (min(values), max(values))]
    room = max(10, console.width - len(ends[0]) - len(ends[1]) - 4)
    console.print(Text(f"{ends[0]}  {trend_text.sparkline(trend, room)[-room:]}  {ends[1]}"), no_wrap=True)
    console.print(_table(trend, points[-rows:], runs=console.width >= WIDE))
    if len(points) > rows:
        console.print(Text(f"and {count_of(len(points) - rows, 'older run')}", style="dim"))
    for stretch in trend.stretches:
        for change in stretch.changes:
            console.print(Text(f"◆ {trend_text.change(trend, stretch, change)}"), soft_wrap=False)
    for ending in trend_text.endings(trend):
        console.print(Text(f"{trend_text.BREAK} {ending}"), soft_wrap=False)


def _break(before: Stretch, after: Stretch) -> str:
    """Return what stands between two stretches in a narrow column: whole sentences are below the table."""
    return trend_text.unlike(before, after).partition(":")[0].partition(" is known")[0]


def _table(trend: Trend, points: Sequence[Point], *, runs: bool) -> Table:
    """Return the points as a table; with ``runs`` their ids too, which need a wide terminal."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for name in ("started", "value", "interval", "commit", "", *(["run"] if runs else [])):
        table.add_column(name, justify="right" if name == "value" else "left", overflow="fold")
    facts = _facts(trend)
    last = None
    for point in points:
        stretch, change = facts[point.run]
        if last is not None and stretch is not last:
            table.add_row(Text(f"{trend_text.BREAK} {_break(last, stretch)}", style="dim"))
        last = stretch
        cells = [
            Text(point.started_at[:16].replace("T", " ")),
            Text(formatting.value(point.estimate.value, trend.unit)),
            Text(formatting.value_range(point.estimate.low, point.estimate.high, trend.unit), style="dim"),
            Text(trend_text.revision(point)),
            Text(f"◆ {formatting.change(change.change)}" if change else "", style="bold"),
        ]
        table.add_row(*cells, *([Text(formatting.plain(point.run, 60))] if runs else []))
    return table


def section(
    trend: Trend,
    prefix: str,
    link: trend_svg.Link = lambda point: None,  # noqa: ARG005
    references: Sequence[trend_svg.Reference] = (),
) -> dict[str, Any]:
    """Return what ``trends.html`` shows of a trend; ``prefix`` must be unique in the page."""
    trend = plain(trend)
    title = formatting.title(trend.metric)
    facts = _facts(trend)
    points = trend.points
    rows = []
    for point in points[: -MAX_TABLE - 1 : -1]:
        _, change = facts[point.run]
        rows.append(
            {
                "started_at": point.started_at,
                "value": formatting.value(point.estimate.value, trend.unit),
                "interval": formatting.value_range(point.estimate.low, point.estimate.high, trend.unit),
                "revision": trend_text.revision(point),
                "environment": point.environment_hash,
                "scenario": point.scenario_hash,
                "run": point.run,
                "href": link(point),
                "moved": formatting.change(change.change) if change else "",
            }
        )
    drawing = trend_svg.to_svg(trend, prefix, f"{title}: {request_name(trend.request)}", link, references)
    return {
        "anchor": prefix,
        "title": title,
        "sentence": trend_text.describe(trend),
        "moves": [
            *(trend_text.change(trend, each, change) for each in trend.stretches for change in each.changes),
            *trend_text.endings(trend),
        ],
        "stretches": trend_text.legend(trend),
        "svg": Markup(drawing),  # noqa: S704 - built by ElementTree, which escapes every text
        "rows": rows,
        "left_out": max(0, len(points) - MAX_TABLE),
    }


def write(scenario: str, request: str, trends: Sequence[Trend], path: Path) -> None:
    """Write the history to a file whose ending names the format; ``UsageError`` for another one or a bad place."""
    writers: dict[str, Callable[[], str]] = {
        ".html": lambda: to_html(scenario, request, trends),
        ".json": lambda: to_json(scenario, trends),
        ".csv": lambda: to_csv(trends),
    }
    write_as(path, writers)


def write_as(path: Path, writers: Mapping[str, Callable[[], str]]) -> None:
    """Write what the file's ending names; ``UsageError`` for another one or a bad place."""
    writer = writers.get(path.suffix.lower())
    if writer is None:
        raise UsageError(
            f"no history format is known for the ending {path.suffix or '(none)'!r}",
            where=str(path),
            hint=f"use one of {', '.join(writers)}",
        )
    try:
        write_whole(path, writer().encode())
    except OSError as error:
        raise UsageError(
            "the history cannot be written",
            where=str(path),
            why=error.strerror or str(error),
            hint="name a folder that exists, may be written to and has space left",
        ) from error


def to_html(scenario: str, request: str, trends: Sequence[Trend]) -> str:
    """Return the history as one page that works offline and holds no script."""
    items = [section(trend, f"t{at}") for at, trend in enumerate(in_order(trends))]
    return templating.environment().get_template("history.html").render(scenario=scenario, request=request, items=items)


def to_json(scenario: str, trends: Sequence[Trend]) -> str:
    """Return the history as indented JSON; within a schema version, fields are only added."""
    document = {"schema_version": SCHEMA_VERSION, "scenario": scenario, "trends": [_trend(t) for t in in_order(trends)]}
    return json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def to_csv(trends: Sequence[Trend]) -> str:
    """Return the history as CSV, a row per metric and run; ``level_change`` stands at the first run of a new level."""
    text = io.StringIO()
    rows = []
    for trend in in_order(trends):
        facts = _facts(trend)
        for point in trend.points:
            stretch, change = facts[point.run]
            row = {"metric": trend.metric, "request": trend.request, "unit": trend.unit} | _point(point)
            row |= {"scenario_hash": stretch.scenario_hash, "environment_hash": point.environment_hash}
            row["counted_on"] = "; ".join(point.basis.values())
            row["level_change"] = change.change if change else None
            rows.append([_cell(row[name]) for name in COLUMNS])
    write_rows(text, COLUMNS, rows)
    return text.getvalue()


def plain(trend: Trend) -> Trend:
    """Return the trend with a metric and a unit that are safe to show: an imported run may name its own."""
    return replace(trend, metric=formatting.plain(trend.metric, 40), unit=formatting.plain(trend.unit, 16))


def _cell(item: Any) -> Any:
    return {None: "", True: "true", False: "false"}.get(item, item) if item is None or isinstance(item, bool) else item


def _facts(trend: Trend) -> dict[str, tuple[Stretch, ChangePoint | None]]:
    """Return, by run, the stretch it belongs to and the change of level it begins."""
    facts: dict[str, tuple[Stretch, ChangePoint | None]] = {}
    for stretch in trend.stretches:
        begins = {change.index: change for change in stretch.changes}
        facts |= {point.run: (stretch, begins.get(at)) for at, point in enumerate(stretch.points)}
    return facts


def _point(point: Point) -> dict[str, Any]:
    estimate, revision = point.estimate, point.revision
    return {
        "run": point.run,
        "started_at": point.started_at,
        "branch": revision and revision.branch,
        "commit": revision and revision.commit,
        "dirty": revision and revision.dirty,
        "label": point.label,
        "value": estimate.value,
        "ci_low": estimate.low if formatting.known(estimate.low) else None,
        "ci_high": estimate.high if formatting.known(estimate.high) else None,
        "confidence": estimate.confidence,
        "rounds": estimate.rounds,
    }


def _trend(trend: Trend) -> dict[str, Any]:
    return {
        "metric": trend.metric,
        "request": trend.request,
        "unit": trend.unit,
        "stretches": [
            {
                "scenario_hash": stretch.scenario_hash,
                "environment_hash": stretch.environment_hash,
                "machines": list(stretch.machines),
                "counted_on": dict(stretch.basis),
                "points": [_point(point) for point in stretch.points],
                "changes": [_change(stretch, change) for change in stretch.changes],
            }
            for stretch in trend.stretches
        ],
    }


def _change(stretch: Stretch, change: ChangePoint) -> dict[str, Any]:
    return {
        "run": stretch.points[change.index].run,
        "before": change.before,
        "after": change.after,
        "change": change.change,
        "probability": change.probability,
        "commits": trend_text.commits_between(stretch, change),
    }
