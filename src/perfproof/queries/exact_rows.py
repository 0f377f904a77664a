"""Exact metrics of the probes: levels of each arm, and rows judged without an interval.

The figure of a request is the one at the size that the load asks for, since latency was timed there; how it grows with
the size stands beside it. A count that came out the same in every repeat is certain; one
that varies is judged by its range, and what the ranges leave open stays open.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, median

from perfproof.core.numbers import count_of, digits
from perfproof.model.metrics import METRICS, Metric
from perfproof.model.probe import ProbedArm, ProbedRequest, ProbedSize
from perfproof.model.result import Comparison, Estimate, Level, Role, Verdict
from perfproof.model.rules import Rules
from perfproof.model.scenario import Goal
from perfproof.queries.slopes import x_of
from perfproof.verdict.exact import TIMED_ON_ONE_START, exact_row
from perfproof.verdict.rows import goal_of

NAMES = ("queries_per_request", "rows_fetched_per_request", "db_time_per_request", "response_bytes")
_GATES = ("queries_per_request",)
_UNJUDGED = "db_time_per_request"
_WITH_MARGIN = ("response_bytes", "rows_fetched_per_request")
"""Figures that wobble a little without meaning (a date of another length): a change within the margin is none."""


@dataclass(frozen=True)
class Range:
    """The lowest and the highest of the repeats, and the figure to show."""

    value: float
    low: float
    high: float


def figure(size: ProbedSize, name: str) -> Range | None:
    """Return one metric of one probed size; None if it was not counted."""
    if name == "response_bytes":
        return Range(*[float(size.answer.wire)] * 3)
    if name == "queries_per_request" and size.queries is not None:
        low, high = size.queries
        return Range(low if low == high else (low + high) / 2, low, high)
    if name == "rows_fetched_per_request" and size.rows_fetched is not None:
        return Range(*[float(size.rows_fetched)] * 3)
    if name == "db_time_per_request" and size.db_ns:
        times = [each / 1e6 for each in size.db_ns]
        return Range(median(times), min(times), max(times))
    return None


def figures(arm: ProbedArm) -> dict[tuple[str, str], Range]:
    """Return every metric by (name, request) at the sizes that the load asks for, the mean of several.

    Where the load's size is not known (the data itself is reseeded), it is that of the largest one.
    """
    found = {}
    for request in arm.requests:
        sizes = [size for size in request.sizes if size.own] or request.sizes[-1:]
        for name in NAMES:
            known = [figure(size, name) for size in sizes]
            if known and (value := _mean(known)) is not None:
                found[name, request.request] = value
    return found


def _mean(ranges: Sequence[Range | None]) -> Range | None:
    known = [each for each in ranges if each is not None]
    if len(known) < len(ranges):
        return None
    return Range(fmean(e.value for e in known), fmean(e.low for e in known), fmean(e.high for e in known))


def growth(request: ProbedRequest, name: str) -> str:
    """Return how a figure grows over the sizes: ``2 → 11 → 51 at 1 → 10 → 50 rows``; "" where it does not."""
    shown = [(x_of(size), figure(size, name)) for size in request.sizes if not size.added]
    known = [(x, each) for x, each in shown if x is not None and each is not None]
    if len({each.value for _, each in known}) < 2:
        return ""
    counts, rows = (
        " → ".join(f"{value:,g}" for value in row) for row in zip(*((e.value, x) for x, e in known), strict=True)
    )
    return f"{counts} at {rows} {'levels of objects' if request.by == 'depth' else 'rows'}"


def uncounted(arm: ProbedArm) -> dict[tuple[str, str], str]:
    """Return why a metric of a request is not known, or not to the last query, and what to do; by (name, request)."""
    known = figures(arm)
    found = {
        (name, request.request): _why(arm, request, name)
        for request in arm.requests
        for name in NAMES
        if (name, request.request) not in known
    }
    for request in arm.requests:
        strays = max((size.strays for size in request.sizes), default=0)
        if strays:
            found["queries_per_request", request.request] = at_least(strays)
    return found


def at_least(strays: int) -> str:
    """Return why a count may be too low, and what to do."""
    return (
        f"{count_of(strays, 'more query', 'more queries')} ran meanwhile in a thread that belongs to no request (a"
        " worker of the service's own), so what was counted is the least it can be: hand its work on through a thread"
        " pool of concurrent.futures, or count at a PostgreSQL, MySQL or MariaDB database"
    )


def _why(arm: ProbedArm, request: ProbedRequest, name: str) -> str:
    if request.skipped:
        return f"{request.skipped}; or name in the budget's `requests:` those that can be counted"
    if any(size.statements is not None for size in request.sizes) and name != "queries_per_request":
        source = next(size.source for size in request.sizes if size.source)
        return f"{source} does not tell it"
    told = [doubt for size in request.sizes for doubt in size.doubts] or list(arm.problems)
    return told[0] if told else "nothing counts its queries: name the database in `service.database`"


def levels(arm: ProbedArm) -> list[Level]:
    """Return the metrics of one arm on its own."""
    return [
        Level(name, request, arm.arm, METRICS[name].unit, Estimate(each.value, each.low, each.high, None, 0))
        for (name, request), each in figures(arm).items()
    ]


def compare(baseline: ProbedArm, candidate: ProbedArm, rules: Rules) -> list[Comparison]:
    """Return a row for each metric of each request that both arms have."""
    before, after = figures(baseline), figures(candidate)
    grown = [_growths(arm) for arm in (baseline, candidate)]
    return [
        _row(METRICS[key[0]], key[1], before[key], after[key], rules, _grown(*(each.get(key[1], "") for each in grown)))
        for key in before
        if key in after
    ]


def _growths(arm: ProbedArm) -> dict[str, str]:
    return {request.request: growth(request, "queries_per_request") for request in arm.requests}


def _grown(before: str, after: str) -> str:
    sides = [f"{told} on the {side}" for side, told in (("baseline", before), ("candidate", after)) if told]
    return f"grows with the size: {', '.join(sides)}" if sides else ""


def _row(metric: Metric, request: str, before: Range, after: Range, rules: Rules, grown: str) -> Comparison:
    goal = goal_of(rules, metric, request)
    verdict = judge(before, after, metric, goal, rules)
    notes = [grown] if grown and metric.name == "queries_per_request" else []
    if metric.name == _UNJUDGED:
        notes.append(TIMED_ON_ONE_START)
    for side, each in (("baseline", before), ("candidate", after)):
        if each.low != each.high and metric.exact:
            notes.append(f"varies between {digits(each.low, 4)} and {digits(each.high, 4)} on the {side}")
    role: Role = "goal" if goal else "gate" if metric.name in _GATES else "shown"
    stretch_met = _beyond(before, after, goal.stretch) if goal and goal.stretch is not None else None
    values = (before.value, after.value)
    return exact_row(metric, request, values, verdict, role, goal=goal, stretch_met=stretch_met, notes=notes)


def judge(before: Range, after: Range, metric: Metric, goal: Goal | None, rules: Rules) -> Verdict:
    """Return the verdict of two ranges; less is better for every metric here.

    Time is no count: a few repeats on one start may well lie apart though nothing changed (a third of comparisons of
    one version with itself did), and only more starts would tell. So it is never judged.
    """
    if metric.name == _UNJUDGED:
        return Verdict.INCONCLUSIVE
    if goal is not None and _beyond(before, after, goal.improve):
        return Verdict.MET
    margin = rules.margin if metric.name in _WITH_MARGIN else 0.0
    alike = before.low == before.high == after.low == after.high
    if alike or (before.low > 0 and _within(before, after, margin)):
        return Verdict.EQUIVALENT
    if after.low > before.high:
        return Verdict.REGRESSED
    if goal is not None and after.low > before.high * (1 - goal.improve):
        return Verdict.GOAL_MISSED
    if after.high < before.low:
        return Verdict.IMPROVED
    return Verdict.INCONCLUSIVE


def _within(before: Range, after: Range, margin: float) -> bool:
    return after.high / before.low - 1 < margin and after.low / before.high - 1 > -margin


def _beyond(before: Range, after: Range, share: float) -> bool:
    return before.low > 0 and after.high <= before.low * (1 - share) * (1 + 1e-12)
