"""What each page shows, taken from the store: plain values for the templates, no HTML."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from typing import Any
from urllib.parse import urlencode

from perfproof.dashboard.documents import is_here
from perfproof.dashboard.lately import names_of_runs, references
from perfproof.dashboard.pairing import comparable, pair, partner
from perfproof.dashboard.saying import line, run_address
from perfproof.errors import StoreError
from perfproof.model import formatting
from perfproof.model.metrics import ALL
from perfproof.model.result import Comparison, Level
from perfproof.report.history import claims, history
from perfproof.stats.changepoints import trend
from perfproof.store.claims import claimed
from perfproof.store.repository import Store
from perfproof.store.summary import Baseline, RunFilter, RunSummary
from perfproof.verdict import display_rows

PAGE = 25
MAX_ROWS = 60
MAX_CHOICES = 200
MAX_TREND = 200
MAX_CLAIMED = 40
"""Runs whose claims are read: each from a file."""
SPANS = (25, 50, 100, MAX_TREND)
KINDS = {
    "run": "one side alone",
    "ab": "both sides in turn",
    "noise": "identical sides",
    "capacity": "search for the capacity",
    "count": "count of instructions",
    "checks": "checks",
}


def runs_page(store: Store, wanted: RunFilter, page: int) -> dict[str, Any]:
    """Return the list of runs, newest first, ``PAGE`` at a time; a page number beyond the last means the last."""
    with suppress(StoreError):  # one that may only be read shows what it knew
        store.end_killed()
    count = store.count(wanted)
    pages = max(1, -(-count // PAGE))
    page = min(max(page, 1), pages)
    given = {name: text for name, text in asdict(wanted).items() if text}
    runs, named = store.runs(**given, limit=PAGE, offset=(page - 1) * PAGE), store.baselines()
    names, here = names_of_runs(named), {run.id for run in runs}
    chosen = pair(runs, [each for each in named if each.run.id in here])
    return {
        "runs": [line(run) | {"names": names.get(run.id, ())} for run in runs],
        "before": chosen[1].run.id if chosen else "",
        "after": chosen[0].id if chosen else "",
        "count": count,
        "page": page,
        "pages": pages,
        "newer": _address("/runs", given, page=page - 1) if page > 1 else None,
        "older": _address("/runs", given, page=page + 1) if page < pages else None,
        "wanted": wanted,
        "filtered": bool(given),
        "choices": store.choices(),
    }


def run_page(store: Store, run: RunSummary) -> dict[str, Any]:
    """Return one run: its sentence, its facts, the rows that decided it, and where to go from here."""
    comparisons = display_rows.by_impact(store.comparisons(run.id))
    deciding = display_rows.gated(comparisons) or comparisons
    shown, left_out = display_rows.most_urgent(deciding, MAX_ROWS)
    named = store.baselines(scenario=run.scenario)
    against = partner(run, named, store.runs(scenario=run.scenario, limit=MAX_CHOICES))
    names = [each.name for each in named if each.run.id == run.id]
    return {
        "run": line(run),
        "facts": _facts(run, names),
        "rows": [_comparison(row) for row in shown],
        "left_out": left_out,
        "levels": [] if comparisons else _levels(store.levels(run.id)),
        "here": is_here(run),
        "trends": _address("/trends", {"scenario": run.scenario}),
        "against": against.words if against else "",
        "compare": against and _address("/compare", {"baseline": against.run.id, "candidate": run.id}),
        "choose": _address(
            "/compare", {"baseline": against.run.id if against else "", "candidate": run.id, "choose": "1"}
        ),
    }


def compare_page(store: Store, baseline: str, candidate: str, scenario: str) -> dict[str, Any]:
    """Return the form that chooses two runs, with a comparable pair chosen: the newest run and what it is held against.

    What the run before can be comes first, and named runs by their names; a run that cannot be held against the one
    after stands last, since it takes the box below to compare it all the same.
    """
    recent = store.runs(scenario=scenario or None, limit=MAX_CHOICES)
    named = [each for each in store.baselines() if not scenario or each.run.scenario == scenario]
    after = store.find(candidate) if candidate else None
    before = named_run(store, baseline, after.scenario if after else scenario) if baseline else None
    if after is None and before is None and (chosen := pair(recent, named)) is not None:
        after, before = chosen[0], chosen[1].run
    elif before is None and after is not None:
        mine = [each for each in named if each.run.scenario == after.scenario]
        found = partner(after, mine, store.runs(scenario=after.scenario, limit=MAX_CHOICES))
        before = found.run if found else None
    known = {run.id: run for run in [*recent, *(each.run for each in named), *filter(None, (before, after))]}
    runs = sorted(known.values(), key=lambda run: (run.started_at, run.id), reverse=True)
    names = names_of_runs(named)
    return {
        "before_groups": _befores(runs, after, named),
        "after_groups": _by_scenario(runs, names),
        "baseline": before.id if before else "",
        "candidate": after.id if after else "",
        "differ": bool(before and after and not comparable(before, after)),
        "scenario": scenario,
        "choices": store.choices(),
    }


Groups = list[tuple[str, list[dict[str, str]]]]


def _befores(runs: Sequence[RunSummary], after: RunSummary | None, named: Sequence[Baseline]) -> Groups:
    """Return the runs that may stand before ``after``, best first, in groups with a title; each run once."""
    names = names_of_runs(named)
    if after is None:
        return _by_scenario(runs, names)
    fit = [run for run in runs if comparable(run, after)]
    groups = [
        ("Baselines, same scenario and machine", [run for run in fit if run.id in names]),
        ("Same scenario and machine", [run for run in fit if run.id not in names]),
    ]
    told: Groups = [(title, [_option(run, names) for run in each]) for title, each in groups if each]
    others = [run for run in runs if run not in fit and run.id != after.id]
    return [*told, *((f"Not comparable as it is: {title}", each) for title, each in _by_scenario(others, names))]


def _by_scenario(runs: Sequence[RunSummary], names: Mapping[str, Sequence[str]]) -> Groups:
    groups: OrderedDict[str, list[dict[str, str]]] = OrderedDict()
    for run in runs:
        groups.setdefault(run.scenario, []).append(_option(run, names))
    return list(groups.items())


def _option(run: RunSummary, names: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Return a run as it stands in a list to choose from: its names first."""
    said = line(run)
    called = [f"baseline {formatting.plain(name, 40)}" for name in names.get(run.id, ())]
    when = run.started_at[:16].replace("T", " ")
    return {"id": run.id, "words": " · ".join([*called, when, *said["facts"][1:], said["word"]])}


def named_run(store: Store, reference: str, scenario: str) -> RunSummary:
    """Return the run that is meant: a name is first looked for in ``scenario``. ``StoreError`` as ``find``."""
    meant = store.baselines(name=reference, scenario=scenario) if scenario else []
    return meant[0].run if meant else store.find(reference)


def trends_page(store: Store, scenario: str, request: str, branch: str, last: int, arm: str = "") -> dict[str, Any]:
    """Return the trend of every metric of one request name of a scenario (by default that of the newest run).

    It is the candidate's or, where versions have names of their own, that of ``arm``.
    """
    choices = store.choices()
    if not scenario:
        newest = store.runs(limit=1)
        scenario = newest[0].scenario if newest else ""
    elif scenario not in choices.scenarios:
        raise StoreError(f"no run of a scenario `{scenario[:100]}` is stored")
    last = last if last in SPANS else 100
    arms = store.arms(scenario)
    own = [each for each in arms if each not in ("baseline", "candidate")]
    if not arm and own and "candidate" not in arms:
        arm = own[0]
    found = store.history(scenario, request=request, branch=branch or None, arm=arm or None, limit=last)
    trends = [trend(scenario, metric, request, unit, points) for (metric, _, unit), points in found.items()]
    requests = [name for name in store.requests(scenario) if name != ALL]
    named = store.baselines(scenario=scenario) if scenario else []
    recent = store.runs(scenario=scenario, branch=branch or None, limit=MAX_CLAIMED) if scenario else []
    return {
        "claims": claims.section(claimed(recent, arm or None), run_address),
        "items": [
            history.section(each, f"t{at}", lambda point: run_address(point.run), references(store, each, named))
            for at, each in enumerate(history.in_order(trends))
        ],
        "scenario": scenario,
        "request": request,
        "branch": branch,
        "arm": arm or "candidate",
        "arms": arms if own else [],
        "last": last,
        "spans": SPANS,
        "requests": [ALL, *requests],
        "choices": choices,
    }


def _comparison(row: Comparison) -> dict[str, Any]:
    return {
        "arm": row.arm,
        "request": row.request,
        "metric": formatting.title(row.metric),
        "baseline": formatting.value(row.baseline, row.unit),
        "candidate": formatting.value(row.candidate, row.unit),
        "change": formatting.change(row.change, typical=row.typical),
        "interval": formatting.interval(row.ci_low, row.ci_high),
        "word": f"{display_rows.SYMBOLS[row.verdict]} {display_rows.verdict_words(row)}",
        "tone": display_rows.TONES[row.verdict],
    }


def _levels(levels: Sequence[Level]) -> list[dict[str, str]]:
    return [
        {
            "request": level.request,
            "metric": formatting.title(level.metric),
            "value": formatting.value(level.estimate.value, level.unit),
            "interval": formatting.value_range(level.estimate.low, level.estimate.high, level.unit),
        }
        for level in display_rows.levels_in_order(levels)[:MAX_ROWS]
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
