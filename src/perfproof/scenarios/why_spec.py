"""What a scenario file says about looking for causes after the timed rounds."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, PlainValidator, WithJsonSchema

from perfproof.model.scenario import Explain
from perfproof.scenarios.fields import DURATION_SCHEMA, Empty, Flag, Spec, choice, quantity, schema
from perfproof.scenarios.units import parse_duration

ENGINES = ("auto", "off", "agent", "pyinstrument", "node", "jfr", "py-spy", "perf")
_EXPLAIN = Explain()


def _words(value: object) -> object:
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


Why = Annotated[WhySpec, BeforeValidator(_words), Empty]


def shorthand(found: dict[str, Any]) -> None:
    """Let ``why: off`` stand for a mapping in the JSON Schema ``found``."""
    why = found["properties"]["why"]
    why["anyOf"] = [{"$ref": why.pop("$ref")}, {"enum": ["on", "off", True, False]}]
