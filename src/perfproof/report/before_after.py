"""The one chart of the first screen: before and after as bars, against what was promised. Pure: places, no drawing.

Every row has the scale of its own "before", so that a request of 3 ms and one of 3 s can be read alike and one promise
is one band for all of them. A page and a slide draw the same bars.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from perfproof.core.numbers import capitalised
from perfproof.model import formatting
from perfproof.model.metrics import ALL, higher_is_better
from perfproof.model.result import BudgetCheck, Comparison, Level, Result, Verdict
from perfproof.report import promises
from perfproof.verdict import display_rows

MOST = 5
"""Bars that are drawn; the rows below the first screen hold the others."""
_FARTHEST = 2.0
"""Times "before" that the axis reaches at most; an arrow stands for what is longer."""
_LEADING = ("latency_p50", "latency_p95", "capacity", "cpu_per_request", "instructions_per_request")
_ALONE = ("latency_p50", "latency_p95", "capacity", "instructions_per_request")
_ORDER = {
    Verdict.REGRESSED: 0,
    Verdict.INVALID: 1,
    Verdict.EQUIVALENT: 2,
    Verdict.GOAL_MISSED: 2,
    Verdict.INCONCLUSIVE: 3,
    Verdict.IMPROVED: 4,
    Verdict.MET: 5,
}
"""Of goals: what keeps one from being met goes first."""
_NEWS = {Verdict.REGRESSED: 0, Verdict.INVALID: 1, Verdict.IMPROVED: 2}
"""Where nothing was promised: what was found out goes before what was not, whichever way it went."""


@dataclass(frozen=True)
class Bar:
    """One row; places are fractions of the axis, None where there is nothing to draw.

    ``before`` and ``after`` are where the bars end, ``low`` and ``high`` the interval of ``after``, ``band`` is what
    was promised, ``limit`` a budget. ``beyond`` says that ``after`` leaves the axis.
    """

    name: str
    metric: str
    values: str
    change: str
    word: str
    sign: str
    tone: display_rows.Tone
    after: float
    before: float | None = None
    low: float | None = None
    high: float | None = None
    band: tuple[float, float] | None = None
    limit: float | None = None
    beyond: bool = False


@dataclass(frozen=True)
class Bars:
    """The chart: its rows, where the ticks are with their words, what the band is, and how many rows are left out."""

    title: str
    bars: tuple[Bar, ...]
    ticks: tuple[tuple[float, str], ...]
    band: str
    left_out: int


def before_after(result: Result) -> Bars | None:
    """Return the chart of a result; None where nothing is known that could be drawn."""
    if result.verdict is Verdict.INVALID:
        return None
    if result.comparisons:
        return _compared(result.comparisons)
    return _alone(result.levels, result.budgets)


def _compared(comparisons: Sequence[Comparison]) -> Bars | None:
    wanted = [row for row in comparisons if row.role == "goal"] or _without_goals(comparisons)
    known = [row for row in wanted if formatting.known(row.change)]
    if not known:
        return None
    ordered = display_rows.by_impact(known)
    ranked = sorted(range(len(ordered)), key=lambda at: (_rank(ordered[at]), -abs(ordered[at].impact), at))
    drawn = ranked[:MOST]
    best = next((at for at in ranked if ordered[at].verdict is Verdict.MET), None)
    if best is not None and best not in drawn and ordered[drawn[-1]].verdict is not Verdict.REGRESSED:
        drawn[-1] = best  # goals that are missed do not hide that one is met
    shown = [ordered[at] for at in sorted(drawn)]
    reach = min(_FARTHEST, max(1.0, *(_far(row) for row in shown)))
    if reach > 1.0:
        reach = min(_FARTHEST, reach * 1.04)
    metrics = {row.metric for row in shown}
    one = f" of {promises.title(next(iter(metrics)))}" if len(metrics) == 1 else ""
    goals = list(dict.fromkeys(promises.promised(row.goal) for row in shown if row.goal))
    ticks = ((0.0, "0"), (0.5 / reach, "half"), (1.0 / reach, "as before"))
    return Bars(
        title=f"Before and after{one}",
        bars=tuple(_bar(row, reach, named=len(metrics) > 1) for row in shown),
        ticks=(*ticks, (1.0, "twice")) if reach >= _FARTHEST else ticks,
        band=f"promised: {' or '.join(goals)}" if 0 < len(goals) <= 2 else "promised" if goals else "",
        left_out=len(known) - len(shown),
    )


def _rank(row: Comparison) -> int:
    return _ORDER[row.verdict] if row.goal is not None else _NEWS.get(row.verdict, len(_NEWS))


def _without_goals(comparisons: Sequence[Comparison]) -> list[Comparison]:
    """Return the rows to draw where nothing was promised: the leading figures of all, then of each request."""
    whole = [row for row in comparisons if row.request == ALL and row.metric in _LEADING and row.role != "shown"]
    single = [row for row in comparisons if row.request != ALL and row.metric == "latency_p50"]
    worse = [row for row in comparisons if row.verdict is Verdict.REGRESSED and row.role != "shown"]
    found = {(row.metric, row.request): row for row in (*whole, *single, *worse)}
    return list(found.values()) or display_rows.gated(comparisons)


def _far(row: Comparison) -> float:
    """Return how far right a row reaches, in times its "before"."""
    ends = [1.0 + (row.change or 0.0), 1.0 + (row.ci_high or 0.0) if formatting.known(row.ci_high) else 0.0]
    if row.goal and higher_is_better(row.metric):
        ends.append(1.0 + (row.goal.stretch or row.goal.improve))
    return max(ends)


def _bar(row: Comparison, reach: float, *, named: bool) -> Bar:
    """Return the bar of a row; its metric is ``named`` unless the title says it for all."""
    after = max(0.0, 1.0 + (row.change or 0.0))
    sign, word, tone = _came(row)
    low, high = (
        min(1.0, max(0.0, 1.0 + end) / reach) if end is not None and math.isfinite(end) else None
        for end in (row.ci_low, row.ci_high)
    )
    return Bar(
        name=promises.name(row.request),
        metric=formatting.title(row.metric, short=True) if named else "",
        values=promises.values(row) or "typical change",
        change=_change(row),
        word=word,
        sign=sign,
        tone=tone,
        after=min(1.0, after / reach),
        before=1.0 / reach,
        low=low if high is not None else None,
        high=high if low is not None else None,
        band=_band(row, reach),
        beyond=after > reach,
    )


def _change(row: Comparison) -> str:
    if row.verdict is Verdict.EQUIVALENT:
        return "no difference"
    if row.verdict is Verdict.INCONCLUSIVE and row.goal is None:
        return "not told apart"
    return promises.reached([row])


def _came(row: Comparison) -> tuple[str, str, display_rows.Tone]:
    """Return what came of a row; of a goal, whether it was reached: no difference is what it did not ask for."""
    if row.goal is None or row.verdict in (Verdict.REGRESSED, Verdict.INVALID):
        return display_rows.SYMBOLS[row.verdict], display_rows.verdict_words(row), display_rows.tone_of(row)
    if row.verdict is Verdict.MET:
        return "✓", "goal met", "good"
    if row.verdict in (Verdict.GOAL_MISSED, Verdict.EQUIVALENT):
        return "✗", "goal missed", "bad"
    return "?", "not decided", "warn"


def _band(row: Comparison, reach: float) -> tuple[float, float] | None:
    """Return where the goal is on the axis; one without a stretch reaches as far as the axis does.

    "20 % less" is kept by everything below it. A line alone would leave open on which side.
    """
    if row.goal is None:
        return None
    if higher_is_better(row.metric):
        far = 1.0 + row.goal.stretch if row.goal.stretch is not None else reach
        low, high = 1.0 + row.goal.improve, far
    else:
        far = 1.0 - row.goal.stretch if row.goal.stretch is not None else 0.0
        low, high = far, 1.0 - row.goal.improve
    ends = [min(1.0, max(0.0, each / reach)) for each in (low, high)]
    return ends[0], ends[1]


def _alone(levels: Sequence[Level], budgets: Sequence[BudgetCheck]) -> Bars | None:
    """Return the bars of a single arm: one metric of all requests and of each, with the budgets as limits."""
    known = [level for level in display_rows.levels_in_order(levels) if formatting.known(level.estimate.value)]
    limited = [each.metric for each in budgets if any(level.metric == each.metric for level in known)]
    order = [name for name in (*limited, *_ALONE) if name.startswith("latency") or name in _ALONE]
    metric = next((name for name in order if any(level.metric == name for level in known)), None)
    if metric is None:
        return None
    wanted = [level for level in known if level.metric == metric]
    checks = {each.request: each for each in budgets if each.metric == metric and math.isfinite(each.limit)}
    first = [at for at, level in enumerate(wanted) if level.request == ALL]
    heavy = sorted(
        range(len(wanted)), key=lambda at: (not _broken(checks.get(wanted[at].request)), -_value(wanted[at]))
    )
    shown = [wanted[at] for at in list(dict.fromkeys([*first, *heavy]))[:MOST]]
    longest = max(max(_value(level), level.estimate.high or 0.0) for level in shown)
    # A limit far beyond everything measured would leave no room for it: then it is told in words.
    near = [each.limit for each in checks.values() if each.limit <= 3 * longest]
    reach = 1.05 * max([longest, *near])
    if reach <= 0:
        return None
    unit = shown[0].unit
    ticks = tuple((at, formatting.value(at * reach, unit) if at else "0") for at in (0.0, 0.5, 1.0))
    return Bars(
        title=capitalised(promises.title(metric)),
        bars=tuple(_level(level, checks.get(level.request), reach) for level in shown),
        ticks=ticks,
        band="",
        left_out=len(wanted) - len(shown),
    )


def _value(level: Level) -> float:
    return level.estimate.value


def _broken(check: BudgetCheck | None) -> bool:
    return check is not None and check.broken


def _level(level: Level, check: BudgetCheck | None, reach: float) -> Bar:
    state = "" if check is None else display_rows.budget_state(check)[0]
    low, high = level.estimate.low, level.estimate.high
    interval = formatting.known(low) and formatting.known(high)
    return Bar(
        name=promises.name(level.request),
        metric="",
        values=formatting.value(level.estimate.value, level.unit),
        change="" if check is None else f"limit {formatting.value(check.limit, check.unit)}",
        word=state[2:],
        sign=state[:1],
        tone="calm" if check is None else display_rows.budget_state(check)[1],
        after=min(1.0, max(0.0, level.estimate.value) / reach),
        low=min(1.0, max(0.0, low or 0.0) / reach) if interval else None,
        high=min(1.0, max(0.0, high or 0.0) / reach) if interval else None,
        limit=check.limit / reach
        if check is not None and math.isfinite(check.limit) and check.limit <= reach
        else None,
    )
