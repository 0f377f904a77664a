"""What must hold for probes: a size means something, writes can be undone, counted metrics have a source."""

from __future__ import annotations

import re

from perfproof.model.scenario import SAFE_METHODS
from perfproof.scenario.arms import merged, overrides
from perfproof.scenario.checks.requests import texts_of
from perfproof.scenario.document import Path
from perfproof.scenario.schema.fields import closest
from perfproof.scenario.schema.requests import RequestSpec
from perfproof.scenario.schema.rules import NO_GOAL
from perfproof.scenario.schema.scenario import ScenarioSpec
from perfproof.scenario.validate import Findings

COUNTED = ("queries_per_request", "rows_fetched_per_request", "db_time_per_request")
_NAME = re.compile(r"\{([A-Za-z_]\w*)\}")


def check_probes(spec: ScenarioSpec, findings: Findings) -> None:
    """Note every mistake about probing in ``spec``."""
    arms = [merged(spec.service, arm) for arm in overrides(spec).values()]
    resettable = all(arm.reset for arm in arms)
    for position, request in enumerate(spec.requests):
        path: Path = ("requests", position)
        _scale(path, request, findings)
        safe = request.target[0] in SAFE_METHODS if request.safe is None else request.safe
        if request.probe.writes and safe:
            who = "what is safe" if request.safe else request.target[0]
            findings.add((*path, "probe", "writes"), f"{who} writes nothing", "remove it", at_key=True)
        elif request.probe.writes and not resettable and not findings.depends_on_invalid(("service", "reset")):
            fix = "add service.reset: a command that undoes what was written"
            findings.add((*path, "probe", "writes"), "needs a reset", fix, at_key=True)
    for name in NO_GOAL:
        if name in spec.goals:
            fix = "put the goal on a latency or on queries_per_request; a budget may limit the time in the database"
            findings.add(("goals", name), "cannot be judged by a few probes", fix, at_key=True)
    if findings.depends_on_invalid(("service", "database"), ("arms",)) or any(arm.database for arm in arms):
        return
    for rules in ("goals", "budgets"):
        for name in getattr(spec, rules):
            if name in COUNTED:
                fix = "add service.database: where its statements can be counted"
                findings.add((rules, name), "counts database queries, and no database is named", fix, at_key=True)


def _scale(path: Path, request: RequestSpec, findings: Findings) -> None:
    scale, place = request.scale, (*path, "scale")
    if scale is None:
        if request.rows is not None and "rows" in request.model_fields_set:
            findings.add((*path, "rows"), "has no effect without scale", "add scale:, or remove it", at_key=True)
        return
    if findings.depends_on_invalid(place):
        return
    if scale.depth:
        beside = next((key for key in ("parameter", "reseed", "sizes") if key in scale.model_fields_set), None)
        if beside is not None:
            findings.add((*place, beside), "stands beside depth", "keep the one that is meant", at_key=True)
        if request.graphql is None:
            fix = "write parameter: or reseed: with sizes:"
            findings.add((*place, "depth"), "is for GraphQL queries, and the request is none", fix, at_key=True)
        return
    if not scale.sizes and not findings.misspelt(place, "sizes"):
        findings.add((*place, "sizes"), "is missing", "add three or more, e.g. [1, 10, 50]", at_key=True)
    if scale.parameter is None and scale.reseed is None:
        fix = "add parameter: (the variable that says how many rows) or reseed: (a command with {size})"
        findings.add(place, "has neither parameter nor reseed", fix, at_key=True)
    elif scale.parameter is not None and scale.reseed is not None:
        findings.add((*place, "reseed"), "stands beside parameter", "keep the one that is meant", at_key=True)
    elif scale.reseed is not None and "{size}" not in scale.reseed:
        findings.add((*place, "reseed"), "does not say where the size goes", "write {size} into the command")
    elif scale.parameter is not None:
        used = {name for _, text in texts_of(path, request) for name in _NAME.findall(text)}
        if scale.parameter not in used:
            near = closest(scale.parameter, sorted(used))
            findings.add((*place, "parameter"), f"{{{scale.parameter}}} is nowhere in the request", near)
