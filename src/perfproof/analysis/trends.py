"""From the points of many runs to a trend: apart what must not be joined, and find where the level changed."""

from __future__ import annotations

import math
from collections.abc import Iterable

from perfproof.analysis.changepoints import change_points
from perfproof.model.history import Point, Stretch, Trend


def trend(scenario: str, metric: str, request: str, unit: str, points: Iterable[Point]) -> Trend:
    """Return the points as a trend, with the change points of each stretch.

    Points of another scenario hash or environment form a stretch of their own, however the runs alternate: a machine
    that is faster is no improvement of the code. Points that say what they rest on are joined by that instead, across
    machines. Points without a finite value are left out.
    """
    groups: dict[tuple[object, ...], list[Point]] = {}
    for point in sorted(points, key=lambda point: (point.started_at, point.run)):
        if math.isfinite(point.estimate.value):
            where = tuple(sorted(point.basis.items())) or point.environment_hash
            groups.setdefault((point.scenario_hash, where), []).append(point)
    stretches = (
        Stretch(
            found[0].scenario_hash,
            found[0].environment_hash,
            tuple(found),
            tuple(change_points([point.estimate.value for point in found])),
            found[0].basis,
        )
        for found in groups.values()
    )
    return Trend(scenario, metric, request, unit, tuple(stretches))
