"""The service's own metrics: one number per arm and round, of what was read around its stretches of load."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from perfproof.model.metrics import ALL, METRICS
from perfproof.model.recording import Collected
from perfproof.model.service_metrics import ServiceMetric, parse
from perfproof.stats.columns import Side
from perfproof.stats.quantiles import Floats
from perfproof.stats.series import Series

Told = Mapping[str, Sequence[Sequence[Collected]]]
"""What one arm told: per metric, the stretches of each round."""


def told(side: Side) -> Told:
    """Return what an arm told in its usable rounds, by metric."""
    found: dict[str, list[list[Collected]]] = {}
    for place, a_round in enumerate(side.rounds):
        for each in a_round.collected:
            if each.arm == side.arm:
                rounds = found.setdefault(each.metric, [[] for _ in side.rounds])
                rounds[place].append(each)
    return found


def collected_series(sides: Sequence[Told]) -> list[Series]:
    """Return every metric that was asked for on any side; as logarithms where all of its values allow that.

    A value may well be 0 (no eviction, an empty queue), which has no logarithm: such a metric is compared by the
    difference of its values.
    """
    rounds = max((len(each) for side in sides for each in side.values()), default=0)
    found = []
    for name in dict.fromkeys(name for side in sides for name in side):
        values = [values_of(name, side.get(name, [()] * rounds)) for side in sides]
        known = np.concatenate(values)
        logs = bool(np.all(known[np.isfinite(known)] > 0))
        found.append(Series(METRICS[name], ALL, tuple(np.log(v) if logs else v for v in values), logs=logs))
    return found


def values_of(name: str, rounds: Sequence[Sequence[Collected]]) -> Floats:
    """Return a metric in its unit, per round; NaN where the round does not tell it."""
    metric = parse(name)
    return np.array([_value(metric, each) * metric.scale for each in rounds], dtype=np.float64)


def _value(metric: ServiceMetric, stretches: Sequence[Collected]) -> float:
    """Return the figure of one round: over all of its stretches together, or none if one of them is missing."""
    if not stretches or any(each.kind == "none" for each in stretches):
        return float("nan")
    rise = sum(each.rise for each in stretches)
    kind = stretches[0].kind
    if kind == "mean":
        return _over(rise, sum(each.count for each in stretches))
    if kind == "gauge":
        if metric.below is not None:
            return _over(rise, sum(each.count for each in stretches))
        if metric.how == "max":
            return max(each.most for each in stretches)
        return stretches[-1].last if metric.how == "last" else rise / len(stretches)
    if metric.how == "per_second":
        return _over(rise, sum(each.seconds for each in stretches))
    return _over(rise, sum(each.sent for each in stretches))


def _over(top: float, below: float) -> float:
    return top / below if below > 0 else float("nan")


def untold(side: Told, name: str) -> str:
    """Return why a metric has no value on this side, and what to do; "" where it has one."""
    rounds = side.get(name, ())
    if np.isfinite(values_of(name, rounds)).any():
        return ""
    stretches = [each for stretches in rounds for each in stretches]
    problem = next((each.problem for each in stretches if each.problem), "")
    if problem or not stretches:
        return problem or "it was never read: measure again"
    if parse(name).below is not None:
        return "what it is divided by never rose: have requests bring it up"
    return "nothing was observed while it was under load: have requests bring it up"
