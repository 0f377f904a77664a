"""Every metric of every request name as one number per arm and round: what estimates are made of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from perfproof.model.metrics import ALL, METRICS, Metric
from perfproof.stats import growth, latency, resources
from perfproof.stats.columns import Side
from perfproof.stats.pairs import has_blocks
from perfproof.stats.quantiles import Floats, harrell_davis

_QUANTILE = {"latency_p50": 0.5, "latency_p95": 0.95, "latency_p99": 0.99}
_AMPLE = {"latency_p95": latency.AMPLE_P95, "latency_p99": latency.AMPLE_P99}
PRIMARY = ("latency_p50", "cpu_per_request")
"""The metrics whose row ``all`` decides a run without goals."""


@dataclass(frozen=True)
class Series:
    """One metric of one request name: ``sides`` hold a value per round (NaN: none), as logarithms when ``logs``.

    ``pooled`` is the figure over the whole run per side, in the metric's unit, where it is shown instead of that of the
    rounds: of tails too thin for single rounds, and where ``mixed`` has the logarithms of the true percentiles of
    requests of several kinds, of which ``sides`` tell the typical change only. ``thin`` is the number of requests per
    round where it is small for the quantile. ``changes`` are the rounds' differences where something better than that
    of the sides is known (matched requests), ``errors`` what is known of each round's own standard error. ``in_pairs``
    tells that the arms were asked in turn, request by request.
    """

    metric: Metric
    request: str
    sides: tuple[Floats, ...]
    logs: bool = True
    pooled: tuple[float, ...] | None = None
    thin: int | None = None
    changes: Floats | None = None
    errors: Floats | None = None
    in_pairs: bool = False
    mixed: tuple[Floats, ...] | None = None

    def differences(self) -> Floats:
        """Return candidate minus baseline of the rounds in which both are known (paired sides only)."""
        values = self.sides[1] - self.sides[0] if self.changes is None else self.changes
        return values[np.isfinite(values)]

    def known(self, side: int) -> Floats:
        """Return the known values of one side."""
        return self.sides[side][np.isfinite(self.sides[side])]


def latency_series(sides: Sequence[Side], figures: latency.Latency, *, under_load: bool = False) -> list[Series]:
    """Return the latency metrics: the row ``all`` first, then one for each request name.

    ``under_load`` gives them the names of what users wait under load, where what one request costs is known as well.
    """
    found = []
    for name in figures.logs:
        metric = METRICS[name.replace("latency", "latency_under_load") if under_load else name]
        columns = [(ALL, tuple(figures.overall(name, side) for side in range(len(sides))))]
        columns += [(q, tuple(v[:, i] for v in figures.logs[name])) for i, q in enumerate(sides[0].requests)]
        for index, (request, values) in enumerate(columns):
            pooled, mixed = None, None
            if name in figures.mixed and all(np.isfinite(side[:, index - 1]).any() for side in figures.mixed[name]):
                mixed = tuple(side[:, index - 1] for side in figures.mixed[name])
            if name in _QUANTILE and (mixed or not all(np.isfinite(v).any() for v in values)):
                pooled = _pooled(figures, index - 1, _QUANTILE[name])
            typical = figures.typical[index - 1] if index else np.inf
            thin = int(typical) if typical < _AMPLE.get(name, 0) else None
            changes, errors = figures.changes(name, index - 1), figures.errors(name, index - 1)
            in_pairs = figures.matched is not None
            found.append(Series(metric, request, values, True, pooled, thin, changes, errors, in_pairs, mixed))
    return found


def _pooled(figures: latency.Latency, request: int, quantile: float) -> tuple[float, ...]:
    """Return a quantile over the whole run per side, of one request or (-1) of all together."""
    values = []
    for packed in figures.pooled:
        times, often = (packed.group(request) if request >= 0 else packed).by_size()
        values.append(harrell_davis(times, quantile, often))
    return tuple(values)


def resource_series(sides: Sequence[Side], only: Sequence[str] | None = None) -> list[Series]:
    """Return CPU, memory and (closed model only) throughput, each for ``all``; metrics never measured are left out."""
    # In pairs the arms share the time, and requests a second say nothing: those of blocks do.
    closed = all(resources.closed_model(side) and has_blocks(side.recording) for side in sides)
    values: dict[str, Callable[[Side], Floats]] = {
        "cpu_per_request": lambda side: np.log(resources.cpu_per_request(side)),
        "memory_peak": lambda side: np.log(resources.memory(side, "memory_peak")),
        "memory_steady": lambda side: np.log(resources.memory(side, "memory_steady")),
        "memory_growth": growth.growth,
        "throughput": lambda side: np.log(resources.throughput(side)),
    }
    found = []
    for name, compute in values.items():
        if (only is not None and name not in only) or (name == "throughput" and not closed):
            continue
        series = Series(METRICS[name], ALL, tuple(compute(side) for side in sides), logs=name != "memory_growth")
        if any(np.isfinite(side).any() for side in series.sides):
            found.append(series)
    return found
