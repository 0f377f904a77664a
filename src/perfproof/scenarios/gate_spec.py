"""The ``gate`` of a scenario file, which is also the ``[gate]`` of ``perfproof.toml``."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Annotated, Literal

from pydantic import Field, PlainValidator, WithJsonSchema

from perfproof.model.metrics import METRICS
from perfproof.model.policy import GateRule, Policy
from perfproof.scenarios.fields import RATIO_SCHEMA, Spec, Text, choice, closest, quantity, schema, text
from perfproof.scenarios.units import Mistake, parse_ratio


def metric_pattern(value: object) -> str:
    """Return a pattern that at least one metric matches."""
    found = text(value)
    if not any(fnmatchcase(name, found) for name in METRICS):
        raise Mistake(f"`{found}` matches no metric", closest(found, list(METRICS)))
    return found


_REGRESSION = quantity(parse_ratio, low=0.02, high=10, says="at least 2%")
_SHARP = quantity(parse_ratio, low=0.01, high=10, says="at least 1%")

Level = Annotated[
    Literal["off", "warn", "error"],
    PlainValidator(choice("off", "warn", "error")),
    schema(enum=["off", "warn", "error"]),
]
WhenOpen = Annotated[
    Literal["pass", "warn", "fail"],
    PlainValidator(choice("pass", "warn", "fail")),
    schema(enum=["pass", "warn", "fail"]),
]
Regression = Annotated[float, PlainValidator(_REGRESSION), WithJsonSchema(RATIO_SCHEMA)]
SharpRegression = Annotated[float, PlainValidator(_SHARP), WithJsonSchema(RATIO_SCHEMA)]
MetricPattern = Annotated[str, PlainValidator(metric_pattern), schema(type="string", minLength=1)]


class GateRuleSpec(Spec):
    """What holds for the metrics and requests that match."""

    metric: MetricPattern = "*"
    """Name of a metric, or a pattern such as memory_*. Default: every metric"""
    request: Text = "*"
    """Name of a request, or a pattern such as GET /reports*; `all` is all requests together. Default: every request"""
    level: Level | None = None
    """off: not checked, warn: a failed check warns, error: it fails the gate. Default: error"""
    regression: SharpRegression | None = None
    """Smallest change for the worse that fails, beyond the margin, which is the default; from 2% on (counts: 1%)"""
    inconclusive: WhenOpen | None = None
    """What such a check does when it is not decided."""


class GateSpec(Spec):
    """What `perfproof gate` makes of a verdict. The last matching rule that says something wins."""

    level: Level | None = None
    """For what no rule says otherwise. Default: error"""
    regression: Regression | None = None
    """For what no rule says otherwise. Default: the margin"""
    inconclusive: WhenOpen | None = None
    """What the gate does when goals, budgets or (without goals) p50 latency and CPU are not decided. Default: fail"""
    rules: list[GateRuleSpec] = Field(default_factory=list)
    """Exceptions by metric and request."""


def policy(spec: GateSpec, source: str) -> Policy:
    """Return the policy of a specification; ``source`` names the file it stands in."""
    rules = tuple(GateRule(**dict(rule)) for rule in spec.rules)
    sources = (source,) if spec.model_fields_set else ()
    return Policy(spec.level, spec.regression, spec.inconclusive, rules, sources)
