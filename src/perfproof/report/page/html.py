"""One offline HTML page: the first screen, then comparability, forest plot, causes, tables, details, raw data.

The page asks for nothing from anywhere (its policy forbids it) and runs no script but one of ours, named by its hash,
where it holds flame graphs; it is bounded in size whatever was measured. This module decides what is shown; the
template only lays it out and escapes every text.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from markupsafe import Markup, escape

from perfproof.capacity import report
from perfproof.core.numbers import digits
from perfproof.model import formatting
from perfproof.model.metrics import ALL
from perfproof.model.result import Comparison, Curve, Detail, QueryDetail, Result
from perfproof.model.scenario import Goal
from perfproof.queries import report as queries_report
from perfproof.report import goal_bands
from perfproof.report.cards import cards
from perfproof.report.json_report import to_document
from perfproof.report.page import candidates, charts, templating
from perfproof.report.page.first_screen import first_screen
from perfproof.verdict import display_rows
from perfproof.why import page as why_page

MAX_ROWS = 260
MAX_FOREST_ROWS = 48
MAX_CHARTED = 14
MAX_DETAILS = 150
PAGE_BYTES = 1_000_000
DETAIL_BYTES = 450_000
"""Room for charts, their tables and the errors; what comes after it was used up is shown briefly."""
MAX_ERRORS = 10
MAX_ERRORS_BRIEF = 2
MAX_ITEMS = 50
TWIN_POINTS = 10
ROLES = {"goal": "goal", "gate": "gate", "shown": "exploratory"}
KINDS = {
    "run": "one side alone",
    "ab": "both sides in turn",
    "compare": "two recorded runs",
    "noise": "identical sides",
    "capacity": "search for the capacity",
    "count": "count of instructions",
    "checks": "checks",
}


def to_html(result: Result) -> str:
    """Return the report as one page; the same result gives the same bytes."""
    if result.candidates:
        raw = _raw(result)
        return candidates.to_page(result, to_html, raw if len(raw["href"]) < PAGE_BYTES else raw | {"href": ""})
    ordered = display_rows.by_impact(result.comparisons)
    details = display_rows.details_by_impact(result.details, result.comparisons)[:MAX_DETAILS]
    anchors = {detail.request: f"d{at}" for at, detail in enumerate(details)}
    context: dict[str, Any] = {
        "result": result,
        "first": first_screen(result),
        "sections": _sections(result),
        "kind": KINDS[result.kind],
        "moment": templating.moment(result.started_at),
        "cards": cards(result),
        "capacity": _capacity(result),
        "forest": _forest(ordered),
        "table": _table(ordered, anchors),
        "levels": _levels(result, anchors),
        "budgets": _budgets(result),
        "details": _details(details, anchors, result),
        "details_left_out": len(result.details) - len(details),
        "why": why_page.section(result, anchors),
        "queries": _queries(result),
        "findings": _findings(result, anchors),
        "facts": result.comparability.facts[: 2 * MAX_ITEMS],
        "warnings": _bounded(result.comparability.warnings, MAX_ITEMS),
        "all": ALL,
        "figures": formatting,
        "symbols": [
            (display_rows.SYMBOLS[verdict], verdict.value, display_rows.TONES[verdict])
            for verdict in display_rows.SYMBOLS
        ],
    }
    template = templating.environment().get_template("report.html")
    page = template.render(context, raw=_raw(result))
    if len(page.encode()) > PAGE_BYTES:
        page = template.render(context, raw=_raw(result, profiles=False))
    if len(page.encode()) > PAGE_BYTES:
        page = template.render(context, raw=_raw(result) | {"href": ""})
    return page


def _sections(result: Result) -> set[str]:
    """Return the sections that the page has, of those a claim may lead to."""
    there = {"rows": result.comparisons, "queries": result.queries, "findings": result.findings}
    return {name for name, held in there.items() if held}


def _capacity(result: Result) -> dict[str, Any] | None:
    """Return the search for the capacity: its chart with the knees and every step as tables."""
    search = result.capacity
    if search is None or not search.steps:
        return None
    steps, left_out = report.step_lines(search)
    metric = formatting.title(search.metric, short=True)
    drawing = charts.capacity(search, "capacity", f"Rate and {metric} of every step", _capacity_goal(result))
    return {
        "svg": Markup(drawing),  # noqa: S704 - built by ElementTree, which escapes every text
        "metric": metric,
        "knees": report.capacity_lines(search),
        "steps": steps,
        "left_out": left_out,
    }


def _capacity_goal(result: Result) -> Goal | None:
    return next((row.goal for row in result.comparisons if row.metric == "capacity" and row.goal), None)


def _forest(ordered: Sequence[Comparison]) -> dict[str, Any] | None:
    drawable = [row for row in display_rows.gated(ordered) or ordered if formatting.known(row.change)]
    if not drawable:
        return None
    shown, left_out = display_rows.most_urgent(drawable, MAX_FOREST_ROWS)
    goals = sorted({formatting.goal(row.goal) for row in shown if row.goal})
    drawing = charts.forest(shown, "forest", "Change of each metric, candidate against baseline")
    levels = sorted({row.confidence for row in shown if row.confidence is not None})
    return {
        "svg": Markup(drawing),  # noqa: S704 - built by ElementTree, which escapes every text
        "goals": ", ".join(goals),
        "confidence": "–".join(formatting.share(level) for level in levels[:1] + levels[1:][-1:]),
        "left_out": left_out,
    }


def _table(ordered: Sequence[Comparison], anchors: dict[str, str]) -> dict[str, Any]:
    shown, left_out = display_rows.most_urgent(ordered, MAX_ROWS)
    groups: dict[str, list[dict[str, Any]]] = {}
    for row in shown:
        groups.setdefault(row.request, []).append(
            {
                "metric": formatting.title(row.metric),
                "baseline": formatting.value(row.baseline, row.unit),
                "candidate": formatting.value(row.candidate, row.unit),
                "change": formatting.change(row.change, typical=row.typical),
                "interval": formatting.interval(row.ci_low, row.ci_high),
                "role": f"goal {formatting.goal(row.goal)}" if row.goal else ROLES[row.role],
                "symbol": display_rows.SYMBOLS[row.verdict],
                "verdict": display_rows.verdict_words(row),
                "tone": display_rows.tone_of(row),
                # Doubts about rows that decide nothing are many and alike; the raw data holds them.
                "notes": () if row.role == "shown" else row.notes[:5],
            }
        )
    saved = _saved(ordered)
    return {
        "groups": [(name, anchors.get(name), saved.get(name, ""), lines) for name, lines in groups.items()],
        "left_out": left_out,
        "typical": formatting.TYPICAL if any(row.typical for row in shown) else "",
    }


def _saved(ordered: Sequence[Comparison]) -> dict[str, str]:
    """Return, per request name, what its largest impact means in words; noise saves nothing."""
    words: dict[str, str] = {}
    for row in sorted(ordered, key=lambda row: abs(row.impact)):
        if row.impact and not display_rows.noise(row):
            verb = "saves" if row.impact > 0 else "loses"
            words[row.request] = (
                f"{verb} {formatting.value(abs(row.impact), 'ms')} of waiting in each second of traffic"
            )
    return words


def _levels(result: Result, anchors: dict[str, str]) -> dict[str, Any] | None:
    if result.comparisons or not result.levels:
        return None
    levels = display_rows.levels_in_order(result.levels)
    groups: dict[str, list[dict[str, str]]] = {}
    for level in levels[:MAX_ROWS]:
        groups.setdefault(level.request, []).append(
            {
                "metric": formatting.title(level.metric),
                "value": formatting.value(level.estimate.value, level.unit),
                "interval": formatting.value_range(level.estimate.low, level.estimate.high, level.unit),
            }
        )
    return {
        "groups": [(name, anchors.get(name), "", lines) for name, lines in groups.items()],
        "left_out": max(0, len(levels) - MAX_ROWS),
    }


def _budgets(result: Result) -> list[dict[str, str]]:
    lines = []
    for budget in display_rows.by_weight(result.budgets)[:MAX_ITEMS]:
        state, tone = display_rows.budget_state(budget)
        lines.append(
            {
                "metric": formatting.title(budget.metric),
                "request": budget.request,
                "arm": budget.arm,
                "limit": formatting.value(budget.limit, budget.unit),
                "value": formatting.value(budget.value, budget.unit),
                "state": state,
                "why": budget.why,
                "tone": tone,
            }
        )
    return lines


def _details(details: Sequence[Detail], anchors: dict[str, str], result: Result) -> list[dict[str, Any]]:
    """Return a section per request name; charts only while there is room, the weightiest requests first."""
    headlines = {row.request: row for row in result.comparisons if row.metric == "latency_p95"}
    goals = goal_bands.goals_of(result.comparisons)
    room, sections = DETAIL_BYTES, []
    for at, detail in enumerate(details):
        anchor = anchors[detail.request]
        drawn: list[dict[str, Any]] = []
        if at < MAX_CHARTED and room > 0:
            drawn = [
                _chart(key, kind, detail.charts[key], f"{anchor}-{key.replace('_', '-')}", detail.request, goals)
                for key, kind in charts.KINDS.items()
                if detail.charts.get(key)
            ]
            room -= sum(len(chart["svg"]) + 200 * len(chart["twin"]["rows"]) for chart in drawn)
        shown_errors = MAX_ERRORS if room > 0 else MAX_ERRORS_BRIEF
        errors = [(arm, *display_rows.top(found, shown_errors)) for arm, found in detail.errors.items() if found]
        room -= sum(len(escape(formatting.plain(text, 160))) + 80 for _, kept, _ in errors for text, _ in kept)
        row = headlines.get(detail.request)
        sections.append(
            {
                "request": detail.request,
                "anchor": anchor,
                "headline": f"p95 {formatting.change(row.change, typical=row.typical)}"
                if row and formatting.known(row.change)
                else "",
                "charts": drawn,
                "charts_left_out": bool(detail.charts) and not drawn,
                "counts": detail.counts,
                "count_names": list(dict.fromkeys(name for counts in detail.counts.values() for name in counts)),
                "errors": errors,
            }
        )
    return sections


def _chart(
    key: str,
    kind: charts.Kind,
    curves: Sequence[Curve],
    prefix: str,
    request: str,
    goals: Mapping[str, goal_bands.Goals],
) -> dict[str, Any]:
    name = "all requests" if request == ALL else formatting.plain(request, 60)
    drawing = charts.line_chart(kind, curves, prefix, f"{kind.title}: {name}", goals.get(request))
    return {
        "key": key,
        "title": kind.title,
        "reading": kind.reading,
        "svg": Markup(drawing),  # noqa: S704 - built by ElementTree, which escapes every text
        "twin": _twin(kind, curves),
    }


def _twin(kind: charts.Kind, curves: Sequence[Curve]) -> dict[str, Any]:
    """Return a chart's figures as a table of a few points of each line."""
    thinned = [_thin(curve) for curve in curves]
    shared = len({tuple(x for x, _ in points) for points in thinned}) == 1
    heads: list[str] = [kind.x] if shared else []
    for curve in curves:
        label = formatting.plain(curve.label, 20)
        heads += [f"{label}: {kind.y}"] if shared else [f"{label}: {kind.x}", f"{label}: {kind.y}"]
    lines = []
    for at in range(max((len(points) for points in thinned), default=0)):
        cells: list[str] = []
        for number, points in enumerate(thinned):
            x, y = points[at] if at < len(points) else (float("nan"), float("nan"))
            if number == 0 or not shared:
                cells.append(_number(x))
            cells.append(_number(y * kind.y_factor) + (" %" if kind.y_unit == "%" else ""))
        lines.append(cells)
    return {"heads": heads, "rows": lines}


def _thin(curve: Curve) -> list[tuple[float, float]]:
    points = list(zip(curve.x, curve.y, strict=False))
    if len(points) <= TWIN_POINTS + 2:
        return points
    return [points[round(at * (len(points) - 1) / (TWIN_POINTS - 1))] for at in range(TWIN_POINTS)]


def _number(number: float) -> str:
    return digits(number, 4) if formatting.known(number) else formatting.NOTHING


def _queries(result: Result) -> dict[str, Any]:
    """Return, per probed request, figures by arm, a small chart with its table, and what became of each statement."""
    sections, goals = [], goal_bands.goals_of(result.comparisons)
    for at, detail in enumerate(result.queries[:MAX_ITEMS]):
        statements, left_out = queries_report.statement_lines(detail)
        curves = _query_curves(detail)
        drawn = at < MAX_CHARTED and any(len(curve.x) > 1 for curve in curves)
        sections.append(
            {
                "request": detail.request,
                "sizes": queries_report.sizes(detail),
                "arms": queries_report.arm_lines(detail),
                "chart": _chart("queries", charts.QUERIES, curves, f"q{at}", detail.request, goals) if drawn else None,
                "statements": statements,
                "statements_left_out": left_out,
                "notes": detail.notes[:5],
            }
        )
    return {"rows": sections, "left_out": max(0, len(result.queries) - MAX_ITEMS), "both": len(result.arms) > 1}


def _query_curves(detail: QueryDetail) -> list[Curve]:
    """Return a line for each arm: rows returned (or the size asked for) -> queries."""
    found = []
    for arm, shown in detail.figures.items():
        points = {
            float(x): float(each.queries)
            for each in shown
            if each.queries is not None and (x := each.size if each.rows is None else each.rows) is not None
        }
        found.append(Curve(arm, tuple(sorted(points)), tuple(points[x] for x in sorted(points))))
    return found


def _findings(result: Result, anchors: dict[str, str]) -> dict[str, Any]:
    tones = {"error": "bad", "warning": "warn", "info": "calm"}
    lines = [
        {
            "summary": finding.summary,
            "severity": finding.severity,
            "tone": tones[finding.severity],
            "kind": finding.kind,
            "request": finding.request,
            "anchor": anchors.get(finding.request),
            "evidence": [
                (name, text if isinstance(text, str) else json.dumps(text, ensure_ascii=False, default=str))
                for name, text in list(finding.evidence.items())[:12]
            ],
        }
        for finding in result.findings[:MAX_ITEMS]
    ]
    return {"rows": lines, "left_out": max(0, len(result.findings) - MAX_ITEMS)}


def _bounded(texts: Sequence[str], limit: int) -> list[str]:
    more = [f"and {formatting.count(len(texts) - limit)} more"] if len(texts) > limit else []
    return [*texts[:limit], *more]


def _raw(result: Result, *, profiles: bool = True) -> dict[str, str]:
    """Return the public JSON as a ``data:`` link: it downloads without a script and cannot end an element early.

    Without ``profiles`` the functions of each request are left out, which are most of it where there are many requests.
    """
    left_out = not profiles and result.why is not None
    if result.why is not None and left_out:
        result = replace(result, why=replace(result.why, profiles=()))
    text = json.dumps(to_document(result), ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    data = text.encode()
    href = "data:application/json;base64," + base64.b64encode(data).decode()
    return {
        "href": href,
        "size": formatting.value(float(len(data)), "bytes") + (", without profiles" if left_out else ""),
    }
