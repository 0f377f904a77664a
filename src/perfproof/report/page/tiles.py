"""Single figures beside the chart: queries, memory and CPU."""

from __future__ import annotations

from dataclasses import dataclass

from perfproof.core.numbers import capitalised
from perfproof.model import formatting
from perfproof.model.metrics import ALL
from perfproof.model.result import Comparison, Level, Result, Verdict
from perfproof.report import promises
from perfproof.verdict import display_rows

_SIGNS: dict[int, tuple[str, display_rows.Tone]] = {-1: ("+", "good"), 0: ("≈", "calm"), 1: ("!", "warn")}
"""How fewer, as many and more queries are marked."""


@dataclass(frozen=True)
class Tile:
    """One figure beside the chart: what, before and after (or the one value), and what came of it."""

    what: str
    figure: str
    told: str
    sign: str
    tone: display_rows.Tone


def tiles_of(result: Result) -> list[Tile]:
    """Return queries, memory and CPU."""
    if not result.comparisons:
        return _tiles_alone(result)
    whole = {row.metric: row for row in result.comparisons if row.request == ALL and formatting.known(row.baseline)}
    memory = whole.get("memory_peak") or whole.get("memory_steady")
    if result.kind not in ("ab", "compare"):  # which look at neither queries nor memory, unless they do
        found = [_queries(result)] if any(row.metric == "queries_per_request" for row in result.comparisons) else []
        found += [_tile(memory)] if memory else []
    else:
        none = Tile("Peak memory", formatting.NOTHING, "not measured", "", "calm")
        found = [_queries(result), _tile(memory) if memory else none]
    work = whole.get("cpu_per_request") or whole.get("instructions_per_request")
    return [*found, _tile(work)] if work else found


def _tile(row: Comparison, what: str = "") -> Tile:
    title = what or formatting.title(row.metric)
    told = promises.reached([row])
    if row.verdict is Verdict.EQUIVALENT:
        told = "no difference"
    elif row.verdict is Verdict.INCONCLUSIVE:
        told = "no difference told" if promises.bounds(row) else told
    elif row.verdict is Verdict.REGRESSED:
        told += ", accepted" if row.accepted else " (guard)" if row.role == "gate" else ""
    return Tile(
        capitalised(title),
        promises.values(row),
        told,
        display_rows.SYMBOLS[row.verdict],
        display_rows.tone_of(row),
    )


def _queries(result: Result) -> Tile:
    """Return the queries of an average request of the traffic or, where that is not known, of the largest change."""
    counted = [
        row for row in result.comparisons if row.metric == "queries_per_request" and formatting.known(row.baseline)
    ]
    if not counted:
        return Tile("Database queries", formatting.NOTHING, "not counted", "", "calm")
    saving = next((each for each in result.traffic.savings if each.what == "queries"), None) if result.traffic else None
    guards = [row for row in counted if row.verdict is Verdict.REGRESSED and not row.accepted]
    if guards or saving is None or saving.partial or result.traffic is None:
        row = (guards or sorted(counted, key=lambda each: each.change or 0.0))[0]
        return _tile(row, f"queries, {promises.name(row.request)}")
    before, after = (each / result.traffic.requests for each in (saving.baseline, saving.candidate))
    change = after / before - 1.0 if before else None
    told = (
        "as many"
        if after == before
        else f"{promises.share(change)} {'fewer' if after < before else 'more'}"
        if change is not None
        else "more"
    )
    sign, tone = _SIGNS[(after > before) - (after < before)]
    return Tile("Queries per request", f"{_number(before)} → {_number(after)}", told, sign, tone)


def _number(number: float) -> str:
    return formatting.value(number, "queries") if number >= 100 or float(number).is_integer() else f"{number:.3g}"


def _tiles_alone(result: Result) -> list[Tile]:
    whole: dict[str, Level] = {level.metric: level for level in result.levels if level.request == ALL}
    counted = [level for level in result.levels if level.metric == "queries_per_request"]
    found = []
    if counted:
        most = max(counted, key=lambda level: level.estimate.value)
        found.append(
            Tile(
                f"Most queries, {promises.name(most.request)}",
                formatting.value(most.estimate.value, "queries"),
                "",
                "",
                "calm",
            )
        )
    for metric in ("memory_peak", "cpu_per_request", "error_rate"):
        if metric in whole and formatting.known(whole[metric].estimate.value):
            name = formatting.title(metric)
            value = formatting.value(whole[metric].estimate.value, whole[metric].unit)
            found.append(Tile(capitalised(name), value, "", "", "calm"))
    return found[:3]
