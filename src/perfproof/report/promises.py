"""What was promised and what was reached, in words that need no statistics. Pure.

A bound is never rounded in favour of the claim: "at least" is rounded down and "at most" up, and what missed a goal by
a tenth is not written as if it had met it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from perfproof.model import formatting
from perfproof.model.metrics import ALL, METRICS, higher_is_better
from perfproof.model.result import Comparison, Verdict
from perfproof.model.scenario import Goal
from perfproof.verdict import display_rows

MOST_NAMES = 3
_NAME = 34
_DISAGREE = 0.02

_TITLES = {
    "latency_p50": "typical response time (p50)",
    "latency_mean": "average response time",
    "latency_p95": "slow responses (p95)",
    "latency_p99": "slowest responses (p99)",
    "latency_under_load_p50": "typical response time under load (p50)",
    "latency_under_load_mean": "average response time under load",
    "latency_under_load_p95": "slow responses under load (p95)",
    "latency_under_load_p99": "slowest responses under load (p99)",
    "queries_per_request": "database queries",
    "rows_fetched_per_request": "rows fetched from the database",
    "db_time_per_request": "time in the database",
}
"""Titles for people who do not know percentiles; other metrics are plain as they are called."""
_COUNTS = ("queries", "rows", "instructions")


@dataclass(frozen=True)
class Line:
    """One line below the headline: a sign with its tone, what it is about, and what came of it."""

    sign: str
    tone: display_rows.Tone
    about: str
    told: str


def title(metric: str) -> str:
    """Return a metric as people say it."""
    return _TITLES.get(metric) or formatting.title(metric)


def less(metric: str) -> str:
    """Return the word for the better direction: "shorter", "fewer", "less" or, of rates, "more"."""
    return _words(metric)[0]


def more(metric: str) -> str:
    """Return the word for the worse direction."""
    return _words(metric)[1]


def _words(metric: str) -> tuple[str, str]:
    known = METRICS.get(metric)
    if known is not None and known.better == "higher":
        return "more", "less"
    if metric.startswith("latency") or metric == "db_time_per_request":
        return "shorter", "longer"
    return ("fewer", "more") if known is not None and known.unit in _COUNTS else ("less", "more")


def gain(row: Comparison) -> float | None:
    """Return by what fraction the row got better (negative: worse)."""
    return None if row.change is None or not math.isfinite(row.change) else _better(row) * row.change


def bounds(row: Comparison) -> tuple[float, float] | None:
    """Return the ends of the interval of ``gain``, the worse one first; None where there is no interval."""
    if row.ci_low is None or row.ci_high is None or not (math.isfinite(row.ci_low) and math.isfinite(row.ci_high)):
        return None
    low, high = sorted((_better(row) * row.ci_low, _better(row) * row.ci_high))
    return low, high


def _better(row: Comparison) -> float:
    return 1.0 if higher_is_better(row.metric) else -1.0


def share(fraction: float, *, towards: str = "", near: Sequence[float] = ()) -> str:
    """Return the size of a change without a sign: "63 %", "4.1 %".

    ``towards`` "down" or "up" rounds that way. Close to one of ``near`` (goals) it keeps a tenth, so that rounding does
    not carry it over.
    """
    size = abs(fraction) * 100
    places = 0 if size >= 9.95 and all(abs(size - 100 * each) >= 1.0 or not each for each in near) else 1
    factor = 10.0**places
    rounding = {"down": math.floor, "up": math.ceil}.get(towards, round)
    # Floating point must not make 55.0 a 54.999...: what is that close to a step is on it.
    scaled = size * factor
    whole = round(scaled) if abs(scaled - round(scaled)) < 1e-6 else rounding(scaled)
    return f"{whole / factor:,.{places}f}".removesuffix(".0") + " %"


def name(request: str) -> str:
    """Return a request as sentences have it."""
    return "all requests" if request == ALL else formatting.ends(request, _NAME)


def names(found: Sequence[Comparison]) -> str:
    """Return "list projects", "list projects and dashboard", "12 requests"."""
    told = list(dict.fromkeys(name(row.request) for row in found))
    if len(told) > MOST_NAMES:
        return f"{formatting.count(len(told))} requests"
    return told[0] if len(told) == 1 else f"{', '.join(told[:-1])} and {told[-1]}" if told else ""


def promised(goal: Goal) -> str:
    """Return what was promised: "20–30 % shorter", "50 % fewer"."""
    return f"{formatting.goal(goal)} {less(goal.metric)}"


def wanted(goals: Sequence[Goal]) -> str:
    """Return what goals ask for with its noun: "20–30 % shorter response times", "50 % fewer database queries".

    Of several kinds only the sizes are told: "20–30 %"; "a goal each" where these differ, too.
    """
    sizes = list(dict.fromkeys(formatting.goal(goal) for goal in goals))
    if len(sizes) != 1:
        return "a goal each"
    nouns = {_noun(goal.metric) for goal in goals}
    return f"{sizes[0]} {less(goals[0].metric)} {nouns.pop()}" if len(nouns) == 1 else sizes[0]


def _noun(metric: str) -> str:
    if metric.startswith("latency"):
        return "response times under load" if "under_load" in metric else "response times"
    return title(metric)


def reached(found: Sequence[Comparison], *, word: bool = True) -> str:
    """Return what rows with known changes came to: "63 % shorter", "56 to 89 % shorter", "4 % longer"."""
    gains = [each for row in found if (each := gain(row)) is not None]
    if not gains:
        return _from_nothing(found)
    near = _goals(found)
    low, high = min(gains), max(gains)
    metric = found[0].metric
    if low < 0 < high:
        up, down = (more(metric), less(metric)) if word else ("worse", "better")
        return f"from {share(low, near=near)} {up} to {share(high, near=near)} {down}"
    small, large = sorted((low, high), key=abs)
    texts = list(dict.fromkeys((share(small, near=near), share(large, near=near))))
    size = " to ".join([texts[0].removesuffix(" %"), texts[1]]) if len(texts) == 2 else texts[0]
    if not word:
        return f"{size} worse" if high <= 0 and low < 0 else size
    return f"{size} {less(metric) if low >= 0 else more(metric)}"


def _from_nothing(found: Sequence[Comparison]) -> str:
    """Return what rows without a change came to: one from 0 has none, however well it is known."""
    both = [row for row in found if formatting.known(row.baseline) and formatting.known(row.candidate)]
    told = dict.fromkeys(
        f"{formatting.value(row.candidate, row.unit)} from {formatting.value(row.baseline, row.unit)}" for row in both
    )
    return next(iter(told)) if len(told) == 1 else "more than nothing" if told else "not measured"


def sure(found: Sequence[Comparison]) -> str:
    """Return what is sure of rows that all got better or all got worse: "at least 55 %"; empty without intervals."""
    ends = [bounds(row) for row in found if gain(row) is not None]
    if not ends or any(each is None for each in ends):
        return ""
    near, known = _goals(found), [each for each in ends if each is not None]
    low, high = min(each[0] for each in known), max(each[1] for each in known)
    if low > 0:
        return f"sure: at least {share(low, towards='down', near=near)}"
    if high < 0:
        return f"sure: at least {share(high, towards='down', near=near)}"
    return ""


def at_most(row: Comparison) -> str:
    """Return the bound of a row that missed its goal: "sure: at most 15 %"; empty where there is none."""
    ends = bounds(row)
    if ends is None:
        return ""
    if ends[1] <= 0:
        return "sure: not better at all"
    return f"sure: at most {share(ends[1], towards='up', near=_goals([row]))}"


def between(row: Comparison) -> str:
    """Return the interval of a row that is open: "between 3 % longer and 37 % shorter"; empty without one."""
    ends = bounds(row)
    if ends is None:
        return ""
    told = [
        f"{share(end, towards='up' if (end < 0) == (at == 0) else 'down')} "
        f"{more(row.metric) if end < 0 else less(row.metric)}"
        for at, end in enumerate(ends)
    ]
    if (ends[0] < 0) == (ends[1] < 0):
        told[0] = told[0].partition(" %")[0] + " %"
    return f"between {told[0]} and {told[1]}"


def within(row: Comparison) -> str:
    """Return how much at most a row without a difference may have moved: "sure: less than 2.1 % either way"."""
    ends = bounds(row)
    if ends is None:
        return ""
    return f"sure: less than {share(max(abs(ends[0]), abs(ends[1])), towards='up')} either way"


def outcome(row: Comparison) -> str:
    """Return what came of one row with a goal, with what is sure of it in brackets."""
    match row.verdict:
        case Verdict.MET:
            said, bound = f"reached {reached([row], word=False)}", sure([row])
        case Verdict.GOAL_MISSED:
            said, bound = f"reached {reached([row], word=False)}", at_most(row)
        case Verdict.EQUIVALENT:
            said, bound = "no difference", within(row)
        case Verdict.REGRESSED:
            said, bound = f"got {reached([row])}", sure([row])
        case Verdict.INVALID:
            return "nothing can be said"
        case _ if gain(row) is None:
            return "could not be measured"
        case _:
            said, bound = f"measured {reached([row])} so far", between(row)
    if not bound and row.metric in METRICS and METRICS[row.metric].exact:
        bound = "counted"
    return f"{said} ({bound})" if bound else said


def values(row: Comparison) -> str:
    """Return "25.3 → 11.4 ms": the unit once where both sides have the same.

    Empty where a typical change (model/result.py) is another than that of the values: whoever divides would be misled.
    """
    known = row.typical and row.change is not None and row.baseline and row.candidate is not None
    if known and abs((row.candidate or 0.0) / (row.baseline or 1.0) - 1.0 - (row.change or 0.0)) > _DISAGREE:
        return ""
    return sides(row)


def sides(row: Comparison) -> str:
    """Return "25.3 → 11.4 ms" of any row; what lies between need not be the typical change."""
    before, after = (formatting.value(each, row.unit) for each in (row.baseline, row.candidate))
    unit = before.rpartition(" ")[2]
    if " " in before and after.endswith(f" {unit}"):
        before = before.removesuffix(f" {unit}")
    return f"{before} → {after}"


def _goals(found: Sequence[Comparison]) -> list[float]:
    wanted = [row.goal for row in found if row.goal is not None]
    return [each for goal in wanted for each in (goal.improve, goal.stretch) if each]
