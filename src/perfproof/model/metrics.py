"""Metric identity: name, unit, better direction and exactness. History and exit codes rest on these names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Better = Literal["lower", "higher"]
ALL = "all"
"""The request name that stands for every request of a scenario together."""
COUNTED = "instructions_per_request"
"""The metric of the count pass."""


@dataclass(frozen=True)
class Metric:
    """A named figure.

    ``unit`` is the unit of every stored value (``ms``, ``bytes``, ``1/s``, ``ratio``, ``bytes/1000``);
    ``exact`` metrics (counts) are compared without an interval. ``per_request`` says whether rows for
    single request names exist beside the one for ``all``.
    """

    name: str
    title: str
    unit: str
    better: Better = "lower"
    exact: bool = False
    per_request: bool = True


METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric("latency_p50", "p50 latency", "ms"),
        Metric("latency_mean", "mean latency", "ms"),
        Metric("latency_p95", "p95 latency", "ms"),
        Metric("latency_p99", "p99 latency", "ms"),
        Metric("latency_under_load_p50", "p50 latency under load", "ms"),
        Metric("latency_under_load_mean", "mean latency under load", "ms"),
        Metric("latency_under_load_p95", "p95 latency under load", "ms"),
        Metric("latency_under_load_p99", "p99 latency under load", "ms"),
        Metric("cpu_per_request", "CPU per request", "ms", per_request=False),
        Metric("instructions_per_request", "instructions per request", "instructions"),
        Metric("memory_peak", "peak memory", "bytes", per_request=False),
        Metric("memory_steady", "steady memory", "bytes", per_request=False),
        Metric("memory_growth", "memory growth per 1,000 requests", "bytes/1000", per_request=False),
        Metric("throughput", "throughput", "1/s", better="higher", per_request=False),
        Metric("capacity", "capacity", "1/s", better="higher", per_request=False),
        Metric("error_rate", "error rate", "ratio"),
        Metric("queries_per_request", "queries", "queries", exact=True),
        Metric("rows_fetched_per_request", "rows fetched", "rows", exact=True),
        Metric("db_time_per_request", "database time", "ms"),
        Metric("response_bytes", "response size", "bytes", exact=True),
    )
}
"""Every metric by its name, in the order reports show them."""
