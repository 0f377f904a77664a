"""The ``capacity`` of a scenario file: how the highest rate that keeps the budgets is searched for."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, PlainValidator, WithJsonSchema

from perfproof.model.metrics import METRICS
from perfproof.model.scenario import Budget, Capacity
from perfproof.scenarios.fields import (
    DURATION_SCHEMA,
    RATIO_SCHEMA,
    Empty,
    Rate,
    Spec,
    quantity,
    whole_between,
)
from perfproof.scenarios.rules_spec import Budgets, BudgetSpec, limit_of
from perfproof.scenarios.units import parse_duration, parse_ratio

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
