"""What a scenario file says about probing: databases, sizes, repeats, and how responses are compared."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, PlainValidator, WithJsonSchema

from perfproof.core.units import Mistake, parse_duration, parse_ratio
from perfproof.model.metrics import METRICS
from perfproof.model.scenario import Budget, Capacity, Explain
from perfproof.scenario.schema.fields import (
    DURATION_SCHEMA,
    RATIO_SCHEMA,
    Empty,
    Flag,
    Many,
    Rate,
    Spec,
    Text,
    choice,
    quantity,
    schema,
    text,
    whole,
    whole_between,
)
from perfproof.scenario.schema.rules import Budgets, BudgetSpec, limit_of

MOST_DEPTH = 12
"""Levels of objects that a query may be written out to: what it asks for multiplies with each."""
SYSTEMS = ("postgresql", "postgres", "mysql", "mariadb", "sqlite")
_PATH = re.compile(r"""\$(?:\.[^.\[\]'"\s]+|\[(?:-?\d+|\*)\]|\['[^']*'\]|\["[^"]*"\])*""")


def database(value: object) -> str:
    """Return the address of a database, or the word ``sqlite``."""
    found = text(value)
    system = found.partition(":")[0].partition("+")[0].lower()
    if system not in SYSTEMS or not (found.lower() == "sqlite" or "://" in found):
        # The value may hold a password, so it is not quoted.
        raise Mistake("is no database address", "write postgresql://user@host/name, mysql://user@host/name or sqlite")
    return found


def parameter(value: object) -> str:
    """Return the name of a variable, as it stands in ``{name}``."""
    found = text(value)
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", found):
        raise Mistake(f"`{found}` is not the name of a variable", "the one that says how many rows, e.g. limit")
    return found


def ignored_path(value: object) -> str:
    """Return a JSONPath in which ``[*]`` stands for every index."""
    found = text(value)
    if not _PATH.fullmatch(found):
        raise Mistake(f"`{found}` is not a path", "write it like $.generated_at or $.items[*].age")
    return found


def _policy(value: object) -> object:
    return {"policy": value} if isinstance(value, str | bool) else value


def _words(value: object) -> str:
    # YAML 1.2 knows no `off`, but ${VARIABLE} and habit may give a boolean.
    return choice("error", "warn", "off")("off" if value is False else value)


DatabaseUrl = Annotated[str, PlainValidator(database), schema(type="string", minLength=1)]
Databases = Annotated[list[DatabaseUrl], Many]
Size = Annotated[int, PlainValidator(whole(0, 1_000_000)), schema(type="integer", minimum=0, maximum=1_000_000)]
Sizes = Annotated[list[Size], Many, Field(json_schema_extra={"minItems": 1})]
Depth = Annotated[int, PlainValidator(whole(1, MOST_DEPTH)), schema(type="integer", minimum=1, maximum=MOST_DEPTH)]
Depths = Annotated[list[Depth], Many, Field(json_schema_extra={"minItems": 1})]
Parameter = Annotated[str, PlainValidator(parameter), schema(type="string", minLength=1)]
IgnoredPath = Annotated[str, PlainValidator(ignored_path), schema(type="string", pattern="^\\$")]
PolicyWord = Annotated[Literal["error", "warn", "off"], PlainValidator(_words), schema(enum=["error", "warn", "off"])]


class ScaleSpec(Spec):
    """The sizes at which a request is probed, to see what grows with the rows it returns."""

    parameter: Parameter | None = None
    """The variable that says how many rows, e.g. limit for {limit}."""
    reseed: Text | None = None
    """Command line that makes the data of a size; {size} is filled (instead of parameter)."""
    depth: Annotated[Depths, Empty] = Field(default_factory=list)
    """Instead of sizes: levels of objects to which the request's GraphQL query is cut, e.g. [1, 2, 3]"""
    sizes: Annotated[Sizes, Empty] = Field(default_factory=list)
    """Three or more sizes, e.g. [1, 10, 50]"""


class ProbeSpec(Spec):
    """How the request is probed."""

    repeat: whole_between(1, 20) = 3  # type: ignore[valid-type]
    """How often at each size. Default: 3"""
    writes: Flag = False
    """Probe it although its method writes; service.reset runs before each repeat. Default: false"""


class ResponsesSpec(Spec):
    """How the responses of the arms are compared."""

    policy: PolicyWord = "warn"
    """error: nothing is concluded if they differ; warn: say so; off: do not compare. Default: warn"""
    ignore: Annotated[list[IgnoredPath], Many] = Field(default_factory=list)
    """JSON paths that may differ, e.g. ["$.generated_at", "$.items[*].age"]"""
    order: Flag = True
    """Whether the order of arrays counts. Default: true"""


Responses = Annotated[ResponsesSpec, BeforeValidator(_policy), Empty]


SEARCHED = ("latency_p50", "latency_mean", "latency_p95", "latency_p99", "error_rate")
"""The metrics whose budgets a step can keep or break."""

_CAPACITY = Capacity()

hold_of = quantity(parse_duration, low=0.2, high=600, says="from 200ms to 10m")
"""Reads how long a step is held, in seconds; Mistake if that is nonsense."""

Hold = Annotated[float, PlainValidator(hold_of), WithJsonSchema(DURATION_SCHEMA)]
Resolution = Annotated[
    float,
    PlainValidator(quantity(parse_ratio, low=0.005, high=0.5, says="from 0.5% to 50%")),
    WithJsonSchema(RATIO_SCHEMA),
]


class CapacitySpec(Spec):
    """How `perfproof capacity` searches for the highest rate that keeps the budgets."""

    budgets: Annotated[Budgets, Empty] = Field(default_factory=dict)
    """What must be kept, e.g. {latency_p95: 100ms, error_rate: 1%}. Default: the scenario's budgets"""
    lowest: Rate | None = Field(None, alias="from")
    """Requests per second the search begins with. Default: load.rate"""
    highest: Rate | None = Field(None, alias="to")
    """Requests per second it never exceeds. Default: load.limits.rate"""
    hold: Hold = _CAPACITY.hold
    """How long each step is held; slow rates longer, for enough requests. Default: 2s"""
    resolution: Resolution = _CAPACITY.resolution
    """How close the rate kept and the rate broken must come. Default: 5%"""
    starts: whole_between(1, 100) = _CAPACITY.starts  # type: ignore[valid-type]
    """Fresh starts, each with a search of its own. Default: 5"""


def budget(metric: str, spec: BudgetSpec) -> Budget:
    """Return the model's budget."""
    return Budget(metric, limit_of(METRICS[metric], spec.limit), tuple(spec.requests))


def capacity(spec: CapacitySpec) -> Capacity:
    """Return the model's search."""
    return Capacity(
        lowest=spec.lowest or 0.0,
        highest=spec.highest or 0.0,
        hold=spec.hold,
        resolution=spec.resolution,
        starts=spec.starts,
        budgets=tuple(budget(metric, each) for metric, each in spec.budgets.items()),
    )


ENGINES = ("auto", "off", "agent", "pyinstrument", "node", "jfr", "py-spy", "perf")
_EXPLAIN = Explain()


def _why_spec_words(value: object) -> object:
    """Return what ``why: off`` and ``why: on`` stand for."""
    if value in ("off", False, "false"):
        return {"levers": False, "profile": "off"}
    return {} if value in ("on", True, "true") else value


def _engine(value: object) -> str:
    # YAML 1.2 knows no `off`, but ${VARIABLE} and habit may give a boolean.
    return choice(*ENGINES)("off" if value is False else value)


Engine = Annotated[
    Literal["auto", "off", "agent", "pyinstrument", "node", "jfr", "py-spy", "perf"],
    PlainValidator(_engine),
    schema(enum=list(ENGINES)),
]
Seconds = Annotated[
    float,
    PlainValidator(quantity(parse_duration, low=0.8, high=600, says="from 800ms to 10m")),
    WithJsonSchema(DURATION_SCHEMA),
]
Interval = Annotated[
    float,
    PlainValidator(quantity(parse_duration, low=0.0002, high=0.1, says="from 0.2ms to 100ms")),
    WithJsonSchema(DURATION_SCHEMA),
]


class WhySpec(Spec):
    """What is looked at after the timed rounds to say why; `off` looks at nothing."""

    levers: Flag = _EXPLAIN.levers
    """Look at caching, compression, pools, plans and CPU by size. Default: true"""
    memory: Flag = _EXPLAIN.memory
    """Allocations per request by line, for Python services. Default: false"""
    profile: Engine = _EXPLAIN.profile
    """Where time goes: auto, off or an engine (agent, pyinstrument, node, jfr, py-spy, perf). Default: auto"""
    seconds: Seconds = _EXPLAIN.seconds
    """How long each arm is profiled under load. Default: 8s"""
    interval: Interval = _EXPLAIN.interval
    """Time between two samples. Default: 1ms"""


Why = Annotated[WhySpec, BeforeValidator(_why_spec_words), Empty]


def shorthand(found: dict[str, Any]) -> None:
    """Let ``why: off`` stand for a mapping in the JSON Schema ``found``."""
    why = found["properties"]["why"]
    why["anyOf"] = [{"$ref": why.pop("$ref")}, {"enum": ["on", "off", True, False]}]
