"""The ``claims`` of a scenario file: plain sentences, each with the metric and the target that decide it.

A claim is a goal or a budget with a sentence, so it has one key for both: a share of a metric that is no share itself
can only be meant as a change (``20%``, ``20-30%``), and everything else is a limit in the metric's own unit.
"""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, PlainValidator

from perfproof.core.units import Mistake
from perfproof.model.metrics import METRICS
from perfproof.model.scenario import Budget, Claim, Goal
from perfproof.scenario.schema.fields import Spec, schema, text
from perfproof.scenario.schema.rules import IMPROVE, LIMITS, NO_GOAL, Improve, KnownMetric, Limit, Requests, limit_of

NEVER_JUDGED = (*NO_GOAL, "error_latency", "batch_cost")
"""Metrics whose change is shown and never judged: a claim on them has to name a limit."""
_RANGE = re.compile(r"\s*([\d.]+)\s*%?\s*(?:-|–|to)\s*([\d.]+)\s*%\s*")
_SHARE = re.compile(r"\s*[\d.]+\s*%\s*")
_LONGEST = 200


def _sentence(value: object) -> str:
    found = text(value)
    if len(found) > _LONGEST:
        raise Mistake(f"is longer than {_LONGEST} letters", "say it in one short sentence")
    return found


def _target(value: object) -> object:
    return value if isinstance(value, dict) else {"limit": value}


class TargetSpec(Spec):
    """What decides a claim: the change that is asked for, or a limit."""

    improve: Improve | None = None
    """How much better the candidate must be, e.g. 20%"""
    stretch: Improve | None = None
    """What would be better still, e.g. 30%"""
    limit: Limit | None = None
    """In the metric's kind of unit, e.g. 500ms, 200MiB, 100%, 0"""


class ClaimSpec(Spec):
    """A claim: a sentence, and the goal or budget that proves or refutes it."""

    claim: Annotated[str, PlainValidator(_sentence), schema(type="string", minLength=1, maxLength=_LONGEST)]
    """What was promised, in a plain sentence."""
    metric: Annotated[KnownMetric, schema(enum=list(METRICS))]
    """What decides it: a metric of the rounds, of the probe or of a check."""
    target: Annotated[TargetSpec, BeforeValidator(_target)]
    """The change asked for (20%, 20-30%) or the limit (500ms, 0; of a share: 100%)"""
    requests: Requests = Field(default_factory=list)
    """Names of the requests it holds for. Default: each one"""


def claim(spec: ClaimSpec) -> Claim:
    """Return the model's claim; raises ``Mistake`` for a target that its metric cannot have."""
    target, metric, names = spec.target, METRICS[spec.metric], tuple(spec.requests)
    if metric.name == "capacity":
        raise Mistake(
            "`capacity` is searched for by a command of its own, not by `prove`",
            "write it as a goal or a budget, and run `perfproof capacity`",
        )
    improve, stretch = target.improve, target.stretch
    written = target.limit
    if improve is None and isinstance(written, str) and metric.unit != "ratio":
        found = _RANGE.fullmatch(written)
        if found is not None:
            improve, stretch, written = IMPROVE(f"{found[1]}%"), IMPROVE(f"{found[2]}%"), None
        elif _SHARE.fullmatch(written):
            improve, written = IMPROVE(written), None
    if improve is not None and written is not None:
        raise Mistake("asks for a change and for a limit", "make two claims of it")
    if improve is not None:
        if metric.name in NEVER_JUDGED:
            raise Mistake(
                f"the change of `{metric.name}` is shown and never judged",
                f"write a limit, e.g. {_example(metric.unit)}",
            )
        return Claim(spec.claim, goal=Goal(metric.name, improve, stretch, names))
    if stretch is not None:
        raise Mistake("has a stretch and nothing that it stretches", "add improve")
    if written is None:
        raise Mistake("is empty", "write e.g. target: 20% (a change) or target: 500ms (a limit)")
    try:
        return Claim(spec.claim, budget=Budget(metric.name, limit_of(metric, written), names))
    except Mistake as mistake:
        raise Mistake(mistake.reason, mistake.fix or f"write e.g. {_example(metric.unit)}") from None


def _example(unit: str) -> str:
    shown = {"ms": "500ms", "bytes": "200MiB", "bytes/1000": "1MiB", "ratio": "100%", "1/s": "100/s"}
    return shown.get(unit, "0") if unit in LIMITS else "0"


def shorthand(found: dict[str, Any]) -> None:
    """Let a plain quantity stand for a target in the JSON Schema ``found``."""
    target = found["$defs"]["ClaimSpec"]["properties"]["target"]
    target["anyOf"] = [{"$ref": target.pop("$ref")}, {"type": ["string", "number"]}]
