"""What must hold of claims: a target that the metric can have, and no two that ask otherwise of one figure."""

from __future__ import annotations

from collections.abc import Iterator

from perfproof.core.units import Mistake
from perfproof.model.metrics import METRICS
from perfproof.model.scenario import Goal
from perfproof.scenario.document import Path
from perfproof.scenario.schema.claims import claim
from perfproof.scenario.schema.scenario import ScenarioSpec
from perfproof.scenario.validate import Findings


def check_claims(spec: ScenarioSpec, findings: Findings) -> None:
    """Note every mistake of the claims, each at its own line."""
    said: dict[str, int] = {}
    goals = list(_of_goals(spec))
    for position, each in enumerate(spec.claims):
        place: Path = ("claims", position)
        if findings.depends_on_invalid(place):
            continue
        first = said.setdefault(each.claim, position)
        if first != position:
            findings.add((*place, "claim"), "is claimed twice", "say in the sentence what tells the two apart")
        try:
            made = claim(each)
        except Mistake as mistake:
            at = "metric" if each.metric == "capacity" else "target"
            findings.add((*place, at), mistake.reason, mistake.fix)
            continue
        if made.goal is None:
            continue
        if (reason := impossible(made.goal)) is not None:
            findings.add((*place, "target"), *reason)
        for where, other in goals:
            if _clash(made.goal, other):
                fix = "ask for the same, or name the requests of each"
                findings.add((*place, "target"), f"{where} asks for something else of the same figure", fix)
                break
        goals.append((f"the claim `{each.claim}`", made.goal))


def impossible(goal: Goal) -> tuple[str, str] | None:
    """Return why a goal can never be met, and what to write; None where it can."""
    if METRICS[goal.metric].better == "lower" and max(goal.improve, goal.stretch or 0.0) >= 1:
        # What is counted may fall to nothing, which a limit of 0 says better.
        return "nothing can fall by 100% or more", "write less, e.g. 20%, or a limit: 0"
    if goal.stretch is not None and goal.stretch < goal.improve:
        return "ends below where it begins", "write the smaller share first, e.g. 20-30%"
    return None


def _of_goals(spec: ScenarioSpec) -> Iterator[tuple[str, Goal]]:
    for name, goal in spec.goals.items():
        yield f"goals.{name}", Goal(name, goal.improve, goal.stretch, tuple(goal.requests))


def _clash(one: Goal, other: Goal) -> bool:
    """Tell whether two goals ask for different things of a figure they share: a row carries one goal."""
    if one.metric != other.metric or (one.improve, one.stretch) == (other.improve, other.stretch):
        return False
    return not one.requests or not other.requests or bool(set(one.requests) & set(other.requests))
