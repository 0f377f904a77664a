"""Rows of what was counted: two figures, judged without an interval, from no round."""

from __future__ import annotations

from collections.abc import Sequence

from perfproof.model.metrics import Metric
from perfproof.model.result import Comparison, Role, Verdict
from perfproof.model.scenario import Goal

TIMED_ON_ONE_START = "timed a few times on one start of each arm: shown, never judged"


def exact_row(
    metric: Metric,
    request: str,
    values: tuple[float | None, float | None],
    verdict: Verdict,
    role: Role,
    *,
    goal: Goal | None = None,
    stretch_met: bool | None = None,
    notes: Sequence[str] = (),
) -> Comparison:
    """Return the row of ``values`` before and after; a change from nothing to something has no size."""
    before, after = values
    change: float | None = None
    if before is not None and after is not None:
        change = after / before - 1 if before else None if after else 0.0
    return Comparison(
        metric=metric.name,
        request=request,
        unit=metric.unit,
        baseline=before,
        candidate=after,
        change=change,
        ci_low=None,
        ci_high=None,
        confidence=None,
        verdict=verdict,
        role=role,
        rounds=0,
        goal=goal,
        stretch_met=stretch_met,
        notes=tuple(notes),
    )
