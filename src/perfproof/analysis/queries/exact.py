"""Exact metrics of the probes: levels of each arm, and rows judged without an interval.

The figure of a request is the one at its largest size. A count that came out the same in every repeat is certain; one
that varies is judged by its range, and what the ranges leave open stays open.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from perfproof.model.metrics import METRICS, Metric
from perfproof.model.probe import ProbedArm, ProbedSize
from perfproof.model.result import Comparison, Estimate, Level, Role, Verdict
from perfproof.model.rules import Rules
from perfproof.model.scenario import Goal

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
    """Return every metric by (name, request), each at the request's largest size."""
    found = {}
    for request in arm.requests:
        for name in NAMES:
            if request.sizes and (known := figure(request.sizes[-1], name)) is not None:
                found[name, request.request] = known
    return found


def levels(arm: ProbedArm) -> list[Level]:
    """Return the metrics of one arm on its own."""
    return [
        Level(name, request, arm.arm, METRICS[name].unit, Estimate(each.value, each.low, each.high, None, 0))
        for (name, request), each in figures(arm).items()
    ]


def compare(baseline: ProbedArm, candidate: ProbedArm, rules: Rules) -> list[Comparison]:
    """Return a row for each metric of each request that both arms have."""
    before, after = figures(baseline), figures(candidate)
    return [_row(METRICS[key[0]], key[1], before[key], after[key], rules) for key in before if key in after]


def _row(metric: Metric, request: str, before: Range, after: Range, rules: Rules) -> Comparison:
    goal = _goal(rules.goals, metric, request)
    change = after.value / before.value - 1 if before.value else None if after.value else 0.0
    verdict = judge(before, after, metric, goal, rules)
    notes = []
    if metric.name == _UNJUDGED:
        notes.append("timed a few times on one start of each arm: shown, never judged")
    for side, each in (("baseline", before), ("candidate", after)):
        if each.low != each.high and metric.exact:
            notes.append(f"varies between {each.low:g} and {each.high:g} on the {side}")
    role: Role = "goal" if goal else "gate" if metric.name in _GATES else "shown"
    return Comparison(
        metric=metric.name,
        request=request,
        unit=metric.unit,
        baseline=before.value,
        candidate=after.value,
        change=change,
        ci_low=None,
        ci_high=None,
        confidence=None,
        verdict=verdict,
        role=role,
        rounds=0,
        goal=goal,
        stretch_met=_beyond(before, after, goal.stretch) if goal and goal.stretch is not None else None,
        notes=tuple(notes),
    )


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
        return Verdict.SHORT
    if after.high < before.low:
        return Verdict.IMPROVED
    return Verdict.INCONCLUSIVE


def _within(before: Range, after: Range, margin: float) -> bool:
    return after.high / before.low - 1 < margin and after.low / before.high - 1 > -margin


def _beyond(before: Range, after: Range, share: float) -> bool:
    return before.low > 0 and after.high <= before.low * (1 - share) * (1 + 1e-12)


def _goal(goals: Sequence[Goal], metric: Metric, request: str) -> Goal | None:
    fitting = (goal for goal in goals if goal.metric == metric.name and (not goal.requests or request in goal.requests))
    return next(fitting, None)
