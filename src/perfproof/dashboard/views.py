"""What each page shows, taken from the store: plain values for the templates, no HTML."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from typing import Any
from urllib.parse import quote, urlencode

from perfproof.analysis.trends import trend
from perfproof.dashboard.documents import is_here
from perfproof.errors import StoreError
from perfproof.model.metrics import ALL
from perfproof.model.result import Comparison, Level, Verdict
from perfproof.reports import figures, history, rows
from perfproof.store.repository import Store
from perfproof.store.summary import RunFilter, RunSummary

PAGE = 25
MAX_ROWS = 60
MAX_CHOICES = 200
MAX_TREND = 200
SPANS = (25, 50, 100, MAX_TREND)
KINDS = {
    "run": "one side alone",
    "ab": "both sides in turn",
    "noise": "identical sides",
    "capacity": "search for the capacity",
    "count": "count of instructions",
    "checks": "checks",
}


def run_address(run_id: str) -> str:
    """Return where the page of a run is. Quoted, because the id of an imported run may hold anything."""
    return f"/runs/{quote(run_id, safe='')}"


def head(run: RunSummary) -> tuple[str, str, str]:
    """Return the sign, the word and the tone that stand for a run."""
    if run.verdict is None:
        return ("…", "running", "calm") if run.status == "running" else ("!", run.status, "void")
    if run.kind == "run" and run.verdict is not Verdict.INVALID:
        return "●", "recorded", "calm"
    return rows.SYMBOLS[run.verdict], run.verdict.value, rows.TONES[run.verdict]


def line(run: RunSummary) -> dict[str, Any]:
    """Return what a list says of a run. The sentence is the stored one, to the letter."""
    symbol, word, tone = head(run)
    revision = run.revision
    commit = revision.commit[:7] + ("*" if revision.dirty else "") if revision else ""
    facts = [
        run.scenario,
        " ".join(filter(None, ((revision.branch or "") if revision else "", commit))),
        run.label or "",
    ]
    return {
        "id": run.id,
        "href": run_address(run.id),
        "symbol": symbol,
        "word": word,
        "tone": tone,
        "sentence": run.sentence or "Nothing was concluded.",
        "started_at": run.started_at,
        "facts": [figures.plain(fact, 80) for fact in facts if fact],
    }


def runs_page(store: Store, wanted: RunFilter, page: int) -> dict[str, Any]:
    """Return the list of runs, newest first, ``PAGE`` at a time; a page number beyond the last means the last."""
    with suppress(StoreError):  # one that may only be read shows what it knew
        store.end_killed()
    count = store.count(wanted)
    pages = max(1, -(-count // PAGE))
    page = min(max(page, 1), pages)
    given = {name: text for name, text in asdict(wanted).items() if text}
    return {
        "runs": [line(run) for run in store.runs(**given, limit=PAGE, offset=(page - 1) * PAGE)],
        "count": count,
        "page": page,
        "pages": pages,
        "newer": _address("/", given, page=page - 1) if page > 1 else None,
        "older": _address("/", given, page=page + 1) if page < pages else None,
        "wanted": wanted,
        "filtered": bool(given),
        "choices": store.choices(),
    }


def run_page(store: Store, run: RunSummary) -> dict[str, Any]:
    """Return one run: its sentence, its facts, the rows that decided it, and where to go from here."""
    comparisons = rows.by_impact(store.comparisons(run.id))
    deciding = rows.gated(comparisons) or comparisons
    shown, left_out = rows.most_urgent(deciding, MAX_ROWS)
    earlier = [
        each for each in store.runs(scenario=run.scenario, limit=MAX_CHOICES) if each.started_at < run.started_at
    ]
    names = [each.name for each in store.baselines(scenario=run.scenario) if each.run.id == run.id]
    return {
        "run": line(run),
        "facts": _facts(run, names),
        "rows": [_comparison(row) for row in shown],
        "left_out": left_out,
        "levels": [] if comparisons else _levels(store.levels(run.id)),
        "here": is_here(run),
        "trends": _address("/trends", {"scenario": run.scenario}),
        "compare": _address(
            "/compare", {"baseline": earlier[0].id if earlier else "", "candidate": run.id, "choose": "1"}
        ),
    }


def compare_page(store: Store, baseline: str, candidate: str) -> dict[str, Any]:
    """Return the form that chooses two runs, by scenario, newest first."""
    groups: OrderedDict[str, list[dict[str, str]]] = OrderedDict()
    chosen = [store.find(each) for each in (baseline, candidate) if each]
    recent = store.runs(limit=MAX_CHOICES)
    known = {run.id for run in recent}
    for run in [*recent, *(each for each in chosen if each.id not in known)]:
        said = line(run)
        words = " · ".join([run.started_at[:16].replace("T", " "), *said["facts"][1:], said["word"]])
        groups.setdefault(run.scenario, []).append({"id": run.id, "words": words})
    return {"groups": list(groups.items()), "baseline": baseline, "candidate": candidate}


def trends_page(store: Store, scenario: str, request: str, branch: str, last: int) -> dict[str, Any]:
    """Return the trend of every metric of one request name of a scenario (by default that of the newest run)."""
    choices = store.choices()
    if not scenario:
        newest = store.runs(limit=1)
        scenario = newest[0].scenario if newest else ""
    elif scenario not in choices.scenarios:
        raise StoreError(f"no run of a scenario `{scenario[:100]}` is stored")
    last = last if last in SPANS else 100
    found = store.history(scenario, request=request, branch=branch or None, limit=last)
    trends = [trend(scenario, metric, request, unit, points) for (metric, _, unit), points in found.items()]
    requests = [name for name in store.requests(scenario) if name != ALL]
    return {
        "items": [
            history.section(each, f"t{at}", lambda point: run_address(point.run))
            for at, each in enumerate(history.in_order(trends))
        ],
        "scenario": scenario,
        "request": request,
        "branch": branch,
        "last": last,
        "spans": SPANS,
        "requests": [ALL, *requests],
        "choices": choices,
    }


def _comparison(row: Comparison) -> dict[str, Any]:
    return {
        "request": row.request,
        "metric": figures.title(row.metric),
        "baseline": figures.value(row.baseline, row.unit),
        "candidate": figures.value(row.candidate, row.unit),
        "change": figures.change(row.change, typical=row.typical),
        "interval": figures.interval(row.ci_low, row.ci_high),
        "word": f"{rows.SYMBOLS[row.verdict]} {rows.verdict_words(row)}",
        "tone": rows.TONES[row.verdict],
    }


def _levels(levels: Sequence[Level]) -> list[dict[str, str]]:
    return [
        {
            "request": level.request,
            "metric": figures.title(level.metric),
            "value": figures.value(level.estimate.value, level.unit),
            "interval": figures.value_range(level.estimate.low, level.estimate.high, level.unit),
        }
        for level in rows.levels_in_order(levels)[:MAX_ROWS]
    ]


def _facts(run: RunSummary, names: Sequence[str]) -> list[tuple[str, str]]:
    revision = run.revision
    facts = [
        ("scenario", run.scenario),
        ("kind", KINDS.get(run.kind, run.kind)),
        ("status", run.status),
        ("rounds", str(run.rounds)),
        ("baseline name", ", ".join(names)),
        ("label", run.label or ""),
        ("branch", (revision and revision.branch) or ""),
        ("commit", revision.commit + (", with uncommitted changes" if revision.dirty else "") if revision else ""),
        ("machine", run.environment_hash),
        ("scenario fingerprint", run.scenario_hash),
        ("run", run.id),
    ]
    return [(name, text) for name, text in facts if text]


def _address(path: str, query: dict[str, str], **more: int) -> str:
    return f"{path}?{urlencode({**query, **more})}"
