"""What changed lately and whether it is good: each scenario's newest conclusion, since when, and its trend."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from markupsafe import Markup

from perfproof.core.numbers import count_of
from perfproof.dashboard.pairing import Partner, partner
from perfproof.dashboard.saying import head, line, run_address
from perfproof.errors import StoreError
from perfproof.model import formatting
from perfproof.model.history import ChangePoint, Point, Stretch, Trend
from perfproof.model.metrics import ALL, COUNTED, METRICS
from perfproof.model.result import Comparison, Verdict
from perfproof.report.history import history, trend_svg, trend_text
from perfproof.stats.changepoints import trend
from perfproof.store.repository import Store
from perfproof.store.summary import Baseline, RunSummary
from perfproof.verdict import display_rows

SCENARIOS = 12
"""Scenarios on a page, those that were measured last first."""
RECENT = 40
"""Runs of a scenario that are looked through for how long its verdict has stood."""
TREND = 60
"""Runs of a scenario whose trend is drawn."""
WATCHED = ("latency_p50", "latency_p95", "cpu_per_request", COUNTED, "memory_peak", "queries_per_request")
"""The metrics whose trend is looked at, the one that is drawn by preference first."""
MOST_ROWS = 3
MOST_MOVES = 2
LATELY = timedelta(days=30)
"""Before the newest run of all: what was measured within it is sorted by how bad it is, older things by time."""

_URGENCY = {"bad": 0, "warn": 1, "void": 1, "good": 2, "calm": 3}
_PLAIN = {
    Verdict.MET: "goal met",
    Verdict.IMPROVED: "better",
    Verdict.GOAL_MISSED: "goal missed",
    Verdict.EQUIVALENT: "no change",
    Verdict.INCONCLUSIVE: "not decided",
    Verdict.REGRESSED: "worse",
    Verdict.INVALID: "not valid",
}


def lately_page(store: Store, page: int, now: datetime) -> dict[str, Any]:
    """Return what is told of the scenarios that were measured last, ``SCENARIOS`` at a time."""
    with suppress(StoreError):  # one that may only be read shows what it knew
        store.end_killed()
    measured = store.scenarios()
    pages = max(1, -(-len(measured) // SCENARIOS))
    page = min(max(page, 1), pages)
    named: dict[str, list[Baseline]] = {}
    for each in store.baselines():
        named.setdefault(each.run.scenario, []).append(each)
    shown = measured[(page - 1) * SCENARIOS : page * SCENARIOS]
    cards = [_card(store, each.name, named.get(each.name, []), f"s{at}", now) for at, each in enumerate(shown, start=1)]
    cards = _in_order(cards)
    return {
        "cards": cards,
        "summary": _summary(cards, len(measured)),
        "newest": ago(measured[0].newest, now) if measured else "",
        "page": page,
        "pages": pages,
        "newer": f"/?page={page - 1}" if page > 1 else None,
        "older": f"/?page={page + 1}" if page < pages else None,
    }


def ago(text: str, now: datetime) -> str:
    """Return how long ago a UTC time in ISO 8601 was, roughly; empty for another text or a time to come."""
    try:
        seconds = (now - datetime.fromisoformat(text)).total_seconds()
    except (ValueError, TypeError):
        return ""
    if seconds < -60:
        return ""
    for size, name in (
        (365 * 86400, "year"),
        (30 * 86400, "month"),
        (7 * 86400, "week"),
        (86400, "day"),
        (3600, "hour"),
        (60, "minute"),
    ):
        if seconds >= size * (2 if name in ("month", "week") else 1):
            return f"{count_of(int(seconds // size), name)} ago"
    return "just now"


def _card(store: Store, scenario: str, named: Sequence[Baseline], anchor: str, now: datetime) -> dict[str, Any]:
    recent = store.runs(scenario=scenario, limit=RECENT)
    concluded = [run for run in recent if run.verdict is not None and run.kind != "noise"]
    run = concluded[0] if concluded else recent[0]
    comparisons = store.comparisons(run.id)
    symbol, word, tone = plain_verdict(run, comparisons)
    against = partner(run, named, recent)
    found = store.history(scenario, metric=WATCHED, request=ALL, limit=TREND)
    trends = [trend(scenario, metric, request, unit, points) for (metric, request, unit), points in found.items()]
    trends = sorted(_still_measured(trends), key=lambda each: WATCHED.index(each.metric))
    moves = _moves(trends)
    shift = _shift(moves, run, named)
    drawn = _drawn(trends, moves, comparisons)
    said = line(run)
    return {
        "anchor": anchor,
        "scenario": scenario,
        "symbol": symbol,
        "word": word,
        "tone": tone,
        "urgency": min(_URGENCY[tone], _URGENCY["warn"] if shift and shift["tone"] == "bad" else _URGENCY["calm"]),
        "started_at": run.started_at,
        "ago": ago(run.started_at, now),
        "facts": said["facts"][1:],
        "sentence": said["sentence"],
        "rows": [_row(row) for row in _deciding(comparisons)],
        "since": [*_meanwhile(recent, run), *_standing(concluded, run)],
        "shift": shift,
        "moves": _told(moves),
        "level": _level(store, drawn, run, against) if drawn else "",
        "spark": _spark(drawn, named, store, anchor) if drawn and len(drawn.points) > 1 else None,
        "href": said["href"],
        "compare": against and _address("/compare", baseline=against.run.id, candidate=run.id),
        "against": against.words if against else "",
        "trends": _address("/trends", scenario=scenario),
        "runs": _address("/runs", scenario=scenario),
    }


def plain_verdict(run: RunSummary, comparisons: Sequence[Comparison]) -> tuple[str, str, display_rows.Tone]:
    """Return the sign, plain words and the tone of what a run concluded; its rows say whether it had a goal."""
    if run.verdict is None or not comparisons:
        return head(run)
    goals = [row for row in comparisons if row.role == "goal"]
    if run.verdict is Verdict.REGRESSED and goals and all(row.verdict is Verdict.MET for row in goals):
        return "✗", "goal met, but not passed", "bad"
    if run.verdict is Verdict.EQUIVALENT and goals:
        return "✗", "goal missed", "bad"
    return display_rows.SYMBOLS[run.verdict], _PLAIN[run.verdict], display_rows.TONES[run.verdict]


def _in_order(cards: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return what is recent by how much it wants a look, then what is older by time."""
    by_time = sorted(cards, key=lambda card: str(card["started_at"]), reverse=True)
    edge = _before(by_time[0]["started_at"]) if by_time else ""
    recent = [card for card in by_time if card["started_at"] >= edge]
    return [*sorted(recent, key=lambda card: int(card["urgency"])), *by_time[len(recent) :]]


def _summary(cards: Sequence[dict[str, Any]], scenarios: int) -> str:
    """Return the whole page in a sentence."""
    counts = Counter(card["word"] for card in cards)
    order = {card["word"]: _URGENCY[card["tone"]] for card in cards}
    parts = [f"{counts[word]} {word}" for word in sorted(counts, key=lambda word: (order[word], word))]
    first = count_of(scenarios, "scenario")
    shown = "" if len(cards) == scenarios else f", of {len(cards)} shown here"
    slid = sum(card["shift"] is not None and card["shift"]["tone"] == "bad" for card in cards)
    also = f"; {slid} at a worse level than before" if slid else ""
    return f"{first}{shown}: {', '.join(parts)}{also}."


def _deciding(comparisons: Sequence[Comparison]) -> list[Comparison]:
    """Return the rows that say how much changed; none where nothing did, which the sentence says."""
    gated = display_rows.gated(comparisons) or list(comparisons)
    moved = [row for row in gated if not display_rows.noise(row) and row.change is not None]
    whole = [row for row in moved if row.request == ALL]
    return display_rows.most_urgent(display_rows.by_impact(whole or moved), MOST_ROWS)[0]


def _row(row: Comparison) -> dict[str, str]:
    return {
        "what": formatting.plain(formatting.title(row.metric), 60)
        + ("" if row.request == ALL else f" of {formatting.ends(row.request, 40)}"),
        "between": f"{formatting.value(row.baseline, row.unit)} → {formatting.value(row.candidate, row.unit)}",
        "change": formatting.change(row.change, typical=row.typical),
        "interval": formatting.interval(row.ci_low, row.ci_high),
        "tone": display_rows.tone_of(row),
        "word": f"{display_rows.SYMBOLS[row.verdict]} {display_rows.verdict_words(row)}",
    }


def _meanwhile(recent: Sequence[RunSummary], run: RunSummary) -> list[str]:
    """Return what became of newer runs that concluded nothing."""
    newer = [each for each in recent if each.verdict is None and each.started_at > run.started_at]
    if not newer:
        return []
    last = newer[0]
    said = "is being measured" if last.status == "running" else f"was {formatting.plain(last.status, 20)}"
    return [f"A newer run {said} ({_day(last.started_at)})."]


def _standing(concluded: Sequence[RunSummary], run: RunSummary) -> list[str]:
    """Return since when the verdict is what it is, or what it was before."""
    if run.verdict is None or not concluded:
        return []
    alike = 0
    for each in concluded:
        if head(each)[1] != head(run)[1]:
            break
        alike += 1
    since = f"since {_day(concluded[alike - 1].started_at)}"
    if alike == len(concluded):
        if alike == 1:
            return ["The first run of this scenario."]
        begun = since if alike < RECENT else f"at least {since}"
        return [f"The same verdict in all {alike} runs, {begun}."]
    before = concluded[alike]
    was = f"“{_PLAIN[before.verdict]}”" if before.kind != "run" and before.verdict else f"“{head(before)[1]}”"
    if alike == 1:
        return [f"New: the run before ({_day(before.started_at)}) said {was}."]
    return [f"The same verdict in the last {alike} runs, {since}; before that {was}."]


def _still_measured(trends: Sequence[Trend]) -> list[Trend]:
    """Return the trends that go on to the newest run of them all: a metric that is no longer measured says nothing."""
    ends = {id(each): each.points[-1] for each in trends if each.points}
    last = max(((point.started_at, point.run) for point in ends.values()), default=None)
    return [each for each in trends if each.points and (ends[id(each)].started_at, ends[id(each)].run) == last]


def _drawn(trends: Sequence[Trend], moves: Sequence[_Move], comparisons: Sequence[Comparison]) -> Trend | None:
    """Return the trend that is drawn: of the metric that decided, else one whose level changed, else the first."""
    for row in _deciding(comparisons):
        for each in trends:
            if each.metric == row.metric and row.request == ALL:
                return each
    moved = [each for each in trends if any(move.shown is each for move in moves)]
    return next(iter([*moved, *trends]), None)


def _newest(shown: Trend) -> tuple[Stretch, Point]:
    """Return the newest point and the stretch it belongs to."""
    last = shown.points[-1]
    return next(stretch for stretch in shown.stretches if last in stretch.points), last


@dataclass(frozen=True)
class _Move:
    """The last proven change of level of a trend whose newest runs stand at the new level."""

    shown: Trend
    stretch: Stretch
    change: ChangePoint

    @property
    def first(self) -> Point:
        """Return the first run at the new level."""
        return self.stretch.points[self.change.index]

    @property
    def good(self) -> bool | None:
        """Tell whether it is for the better; None where nobody knows."""
        known = METRICS.get(self.shown.metric)
        if known is None:
            return None
        return (self.change.after < self.change.before) is (known.better == "lower")

    @property
    def words(self) -> str:
        """Return what changed and by how much: "p50 latency 23.9 ms → 28.2 ms (+18.1 %, worse)"."""
        before, after = (formatting.value(each, self.shown.unit) for each in (self.change.before, self.change.after))
        judged = {True: "better", False: "worse", None: ""}[self.good]
        told = ", ".join(filter(None, (formatting.change(self.change.change) if self.change.change else "", judged)))
        return f"{formatting.title(self.shown.metric)} {before} → {after}" + (f" ({told})" if told else "")


def _moves(trends: Sequence[Trend]) -> list[_Move]:
    """Return the last proven change of level of each trend, the newest first."""
    found = []
    for shown in trends:
        stretch, _ = _newest(shown)
        if stretch.changes:
            found.append(_Move(shown, stretch, stretch.changes[-1]))
    return sorted(found, key=lambda move: move.first.started_at, reverse=True)


def _told(moves: Sequence[_Move]) -> list[str]:
    """Return the changes of level in sentences, one for all that came with the same run."""
    together: dict[str, list[_Move]] = {}
    for move in moves:
        together.setdefault(move.first.run, []).append(move)
    sentences = []
    for same in together.values():
        first = same[0]
        commits = trend_text.commits_between(first.stretch, first.change)
        kept = count_of(len(first.stretch.points) - first.change.index, "run")
        sentences.append(
            f"another level since {_day(first.first.started_at)}: {', '.join(each.words for each in same)}; "
            f"kept over {kept}" + (f"; commits {commits}" if commits else "") + "."
        )
    return sentences[:MOST_MOVES]


def _shift(moves: Sequence[_Move], run: RunSummary, named: Sequence[Baseline]) -> dict[str, str] | None:
    """Return the newest change of level in a word, where it is recent and no baseline was named at the new level.

    A run may rightly say "no change" where the change came before it: then this is what one wants to know.
    """
    edge = _before(run.started_at)
    accepted = max((each.run.started_at for each in named if each.run.scenario_hash == run.scenario_hash), default="")
    for move in moves:
        if move.first.started_at >= edge and move.first.started_at > accepted and move.good is not None:
            tone, word = ("good", "better") if move.good else ("bad", "worse")
            symbol = "↑" if move.change.after > move.change.before else "↓"
            return {"tone": tone, "symbol": symbol, "word": f"{word} since {_day(move.first.started_at)}"}
    return None


def _before(started_at: str) -> str:
    """Return where what is recent begins, seen from a moment (ISO 8601)."""
    try:
        return (datetime.fromisoformat(started_at) - LATELY).isoformat()
    except ValueError:
        return ""


def _level(store: Store, shown: Trend, run: RunSummary, against: Partner | None) -> str:
    """Return how the run stands to the baseline or the run before: two runs of different days, so nothing is proven."""
    stretch, _ = _newest(shown)
    mine = next((point for point in stretch.points if point.run == run.id), None)
    if mine is None:
        return ""
    now = f"{formatting.title(shown.metric)} of all requests is {formatting.value(mine.estimate.value, shown.unit)}"
    if against is None:
        return f"{now}; no earlier run of this scenario on this machine to hold it against."
    other = _value_of(store, shown, stretch, against.run)
    if other is None:
        return f"{now}."
    what = f"baseline “{formatting.plain(against.name, 60)}”" if against.name else "the run before"
    where = f"{what} ({formatting.value(other, shown.unit)}, {_day(against.run.started_at)})"
    if not other:
        return f"{now}, against {where}."
    change = mine.estimate.value / other - 1
    if abs(change) < 0.0005:
        return f"{now}, as {where}."
    more = "above" if change > 0 else "below"
    return f"{now}, {formatting.change(abs(change)).lstrip('+')} {more} {where}."


def _value_of(store: Store, shown: Trend, stretch: Stretch, run: RunSummary) -> float | None:
    """Return what a run measured of the trend's metric, also one that is older than what is drawn."""
    point = next((each for each in stretch.points if each.run == run.id), None)
    if point is not None:
        return point.estimate.value
    if any(each.run == run.id for each in shown.points):
        return None  # in another stretch: not to be held against
    return level_of(store, run, shown.metric, shown.request)


def level_of(store: Store, run: RunSummary, metric: str, request: str) -> float | None:
    """Return the level of the arm that history follows."""
    levels = [each for each in store.levels(run.id) if (each.metric, each.request) == (metric, request)]
    value = levels[-1].estimate.value if levels else None
    return value if formatting.known(value) else None


def references(store: Store, shown: Trend, named: Sequence[Baseline]) -> list[trend_svg.Reference]:
    """Return the levels of the named runs that the newest stretch of a trend may be held against."""
    if not shown.points:
        return []
    stretch, _ = _newest(shown)
    fit = [
        each
        for each in named
        if each.run.scenario_hash == stretch.scenario_hash and each.run.environment_hash in stretch.machines
    ]
    found = []
    for each in sorted(fit, key=lambda each: each.set_at, reverse=True)[: trend_svg.MAX_REFERENCES]:
        value = _value_of(store, shown, stretch, each.run)
        if value is not None and formatting.known(value):
            found.append(trend_svg.Reference(each.name, value))
    return found


def _spark(shown: Trend, named: Sequence[Baseline], store: Store, anchor: str) -> dict[str, Any]:
    lines = references(store, shown, named)[:1]
    title = f"{formatting.title(shown.metric)} of all requests, {count_of(len(shown.points), 'run')}"
    drawing = trend_svg.small(history.plain(shown), anchor, title, lambda point: run_address(point.run), lines)
    ends = [point.started_at for point in (shown.points[0], shown.points[-1])]
    dashed = f"; dashed: baseline “{formatting.plain(lines[0].name, 40)}”" if lines else ""
    return {
        "svg": Markup(drawing),  # noqa: S704 - built by ElementTree, which escapes every text
        "words": f"{title}, {_day(ends[0])} to {_day(ends[1])}{dashed}",
    }


def _day(text: str) -> str:
    """Return the day of a UTC time: "29 Aug 2026"; another text as it is."""
    with suppress(ValueError):
        found = datetime.fromisoformat(text)
        return f"{found.day} {found:%b %Y}"
    return formatting.plain(text, 20)


def _address(path: str, **query: str) -> str:
    return f"{path}?{urlencode(query)}"


def names_of_runs(named: Sequence[Baseline]) -> Mapping[str, list[str]]:
    """Return the names that each run has, by its id."""
    found: dict[str, list[str]] = {}
    for each in named:
        found.setdefault(each.run.id, []).append(each.name)
    return found
