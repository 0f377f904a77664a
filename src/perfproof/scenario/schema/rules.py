"""The ``goals`` and ``budgets`` of a scenario file: metric -> demand."""

from __future__ import annotations

from collections.abc import Callable, Collection
from fnmatch import fnmatchcase
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, PlainValidator, WithJsonSchema

from perfproof.core.units import Mistake, parse_count, parse_ratio, parse_size
from perfproof.model.metrics import METRICS, Metric
from perfproof.model.policy import GateRule, Policy
from perfproof.model.service_metrics import PREFIXES, BadNameError, parse
from perfproof.scenario.schema.fields import (
    DURATION_SCHEMA,
    POSITIVE_DURATION,
    POSITIVE_RATE,
    RATE_SCHEMA,
    RATIO_SCHEMA,
    SIZE_SCHEMA,
    Many,
    Spec,
    Text,
    choice,
    closest,
    kind_of,
    number,
    quantity,
    schema,
    text,
    whole,
)

IMPROVE = quantity(parse_ratio, above=True, high=1000, says="above 0%")
SHARE = quantity(parse_ratio, high=1, says="from 0% to 100%")
BYTES = quantity(parse_size, above=True, high=2**60, says="above 0")

COUNT_SCHEMA: dict[str, Any] = {"anyOf": [{"type": "integer", "minimum": 0}, {"type": "string", "pattern": "^\\d+$"}]}


def COUNT(value: object) -> float:  # noqa: N802 - beside its siblings
    """Return a whole number of queries or rows."""
    return float(whole(0, 10**9)(value))


def _number(value: object) -> float:
    """Return a number that is not below 0."""
    found = number(value)
    if found < 0:
        raise Mistake(f"`{value}` is out of range", "0 or more")
    return found


NO_GOAL = ("db_time_per_request",)
"""Metrics that are shown and may be limited, but that nothing measured can judge (queries/exact_rows.py)."""
INSTRUCTIONS = quantity(parse_count, above=True, high=10**15, says="above 0")
INSTRUCTIONS_SCHEMA: dict[str, Any] = {
    "anyOf": [{"type": "integer", "minimum": 1}, {"type": "string", "pattern": "^[\\d.]+ ?[kMG]?$"}]
}

LIMITS: dict[str, tuple[Callable[[object], float], float, dict[str, Any]]] = {
    "ms": (POSITIVE_DURATION, 1e3, DURATION_SCHEMA),
    "bytes": (BYTES, 1, SIZE_SCHEMA),
    "bytes/1000": (BYTES, 1, SIZE_SCHEMA),
    "ratio": (SHARE, 1, RATIO_SCHEMA),
    "1/s": (POSITIVE_RATE, 1, RATE_SCHEMA),
    "instructions": (INSTRUCTIONS, 1, INSTRUCTIONS_SCHEMA),
    "queries": (COUNT, 1, COUNT_SCHEMA),
    "rows": (COUNT, 1, COUNT_SCHEMA),
    "count": (COUNT, 1, COUNT_SCHEMA),
    "number": (_number, 1, {"type": ["number", "string"]}),
    "bytes/s": (BYTES, 1, SIZE_SCHEMA),
}
"""Unit of a metric -> how its limit is read, what the reading is multiplied by to be in that unit, its JSON Schema."""


def limit_of(metric: Metric, value: object) -> float:
    """Return a budget's limit in the metric's unit."""
    read, scale, _ = LIMITS[metric.unit]
    return read(value) * scale


def _known(value: object) -> str:
    if isinstance(value, str) and value.startswith(PREFIXES):
        try:
            parse(value)
        except BadNameError as error:
            raise Mistake(error.reason, error.fix) from None
    if value not in METRICS:
        near = closest(str(value), list(METRICS))
        raise Mistake(f"`{value}` is not a metric", near)
    return str(value)


def _improve(value: object) -> object:
    return value if isinstance(value, dict) else {"improve": value}


def _limit(value: object) -> object:
    return value if isinstance(value, dict) else {"limit": value}


def _quantity(value: object) -> str | int | float:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise Mistake(f"must be a quantity, not {kind_of(value)}", "write it like 500ms, 200MiB, 1% or 100/s")
    return value


OF_SERVICE = f"^({'|'.join(PREFIXES)})"
"""What the names of the service's own metrics look like, in JSON Schema."""
Requests = Annotated[list[Text], Many]
Limit = Annotated[str | int | float, PlainValidator(_quantity), schema(type=["string", "number"])]
Improve = Annotated[float, PlainValidator(IMPROVE), WithJsonSchema(RATIO_SCHEMA)]


class GoalSpec(Spec):
    """A demanded improvement."""

    improve: Improve
    """How much better the candidate must be, e.g. 20%"""
    stretch: Improve | None = None
    """What would be better still, e.g. 30%"""
    requests: Requests = Field(default_factory=list)
    """Names of the requests it holds for. Default: each one"""


class BudgetSpec(Spec):
    """An absolute limit of the candidate (or the only arm)."""

    limit: Limit
    """In the metric's kind of unit, e.g. 500ms, 200MiB, 1%, 100/s"""
    requests: Requests = Field(default_factory=list)
    """Names of the requests it holds for. Default: each one"""


KnownMetric = Annotated[str, PlainValidator(_known)]
Goals = Annotated[dict[KnownMetric, Annotated[GoalSpec, BeforeValidator(_improve)]], Field(default_factory=dict)]
Budgets = Annotated[dict[KnownMetric, Annotated[BudgetSpec, BeforeValidator(_limit)]], Field(default_factory=dict)]


def goals_schema() -> dict[str, Any]:
    """Return the JSON Schema of ``goals``: each metric by name, a share or a mapping."""
    found = [name for name in METRICS if name not in NO_GOAL]
    one: dict[str, Any] = {"anyOf": [RATIO_SCHEMA, {"$ref": "#/$defs/GoalSpec"}]}
    return {**_by_metric(lambda _: one, found), "patternProperties": {OF_SERVICE: one}}


def budgets_schema(only: Collection[str] = tuple(METRICS)) -> dict[str, Any]:
    """Return the JSON Schema of ``budgets``: each metric of ``only`` by name, a limit in its unit or a mapping."""

    def one(metric: Metric) -> dict[str, Any]:
        limit = LIMITS[metric.unit][2]
        long = {"allOf": [{"$ref": "#/$defs/BudgetSpec"}, {"properties": {"limit": limit}}]}
        return {"anyOf": [limit, long]}

    found = _by_metric(one, only)
    if len(only) < len(METRICS):  # some metrics alone: none of the service's own is among them
        return found
    own = {"anyOf": [{"type": ["string", "number"]}, {"$ref": "#/$defs/BudgetSpec"}]}
    return {**found, "patternProperties": {OF_SERVICE: own}}


def _by_metric(make: Callable[[Metric], dict[str, Any]], only: Collection[str] = tuple(METRICS)) -> dict[str, Any]:
    found = [metric for name, metric in METRICS.items() if name in only]
    properties = {metric.name: {"title": metric.title, **make(metric)} for metric in found}
    return {"type": "object", "additionalProperties": False, "properties": properties}


def metric_pattern(value: object) -> str:
    """Return a pattern that at least one metric matches."""
    found = text(value)
    if not found.startswith(PREFIXES) and not any(fnmatchcase(name, found) for name in METRICS):
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
