"""Metric identity: name, unit, better direction and exactness. History and exit codes rest on these names."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from importlib.metadata import entry_points
from typing import Any, Literal

from perfproof.model import service_metrics

Better = Literal["lower", "higher"]
ALL = "all"
"""The request name that stands for every request of a scenario together."""
COUNTED = "instructions_per_request"
"""The metric of the count pass."""


OF_STREAMS = (
    "time_to_first_message",
    "time_to_first_message_p95",
    "time_between_messages",
    "time_between_messages_p95",
)
"""The metrics that only requests with a stream have."""


@dataclass(frozen=True)
class Metric:
    """A named figure.

    ``unit`` is the unit of every stored value (``ms``, ``bytes``, ``1/s``, ``ratio``, ``bytes/1000``);
    ``exact`` metrics (counts) are compared without an interval. ``per_request`` says whether rows for
    single request names exist beside the one for ``all``. ``check`` is the check that measures it, if one does.
    """

    name: str
    title: str
    unit: str
    better: Better = "lower"
    exact: bool = False
    per_request: bool = True
    check: str = ""


def _share(name: str, title: str, check: str) -> Metric:
    return Metric(name, title, "ratio", better="higher", exact=True, per_request=False, check=check)


def _number(name: str, title: str, check: str) -> Metric:
    return Metric(name, title, "count", exact=True, per_request=False, check=check)


class _Metrics(dict[str, Metric]):
    """Our own metrics, and behind them those of checks that other packages bring: looked for when one is asked for.

    Those that the service itself tells of (``prometheus:...``) say in their name all there is to know. A run may name a
    metric whose package is not installed here: it is shown by its name, without a unit.
    """

    def __missing__(self, name: str) -> Metric:
        if service_metrics.is_one(name):
            return _of_service(name)
        return _of_plugins().get(name) or Metric(name, name.replace("_", " "), "", exact=True, per_request=False)

    def __contains__(self, name: object) -> bool:
        return (
            super().__contains__(name)
            or (isinstance(name, str) and service_metrics.is_one(name))
            or name in _of_plugins()
        )

    def get(self, name: str, default: Any = None) -> Any:
        return self[name] if name in self else default  # noqa: SIM401 - this is what get is


def _of_service(name: str) -> Metric:
    """Return a metric that the service itself tells of."""
    told = service_metrics.parse(name)
    return Metric(name, told.title, told.unit, better="higher" if told.higher else "lower", per_request=False)


@cache
def _of_plugins() -> dict[str, Metric]:
    found: dict[str, Metric] = {}
    for entry in entry_points(group="perfproof.checks"):
        if entry.value.startswith("perfproof."):
            continue
        with suppress(Exception):  # one that cannot be loaded is told where its check is asked for
            found |= {metric.name: metric for metric in entry.load().metrics}
    return found


METRICS: dict[str, Metric] = _Metrics(
    (metric.name, metric)
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
        Metric("time_to_first_message", "time to first message", "ms"),
        Metric("time_to_first_message_p95", "p95 time to first message", "ms"),
        Metric("time_between_messages", "time between messages", "ms"),
        Metric("time_between_messages_p95", "p95 time between messages", "ms"),
        Metric("queries_per_request", "queries", "queries", exact=True),
        Metric("rows_fetched_per_request", "rows fetched", "rows", exact=True),
        Metric("db_time_per_request", "database time", "ms"),
        Metric("response_bytes", "response size", "bytes", exact=True),
        _share("error_contract", "error contract", "error_contract"),
        _share("error_shape", "errors of one shape", "error_contract"),
        _share("error_status", "errors with the right status", "error_contract"),
        _share("error_messages", "errors with a message for people", "error_contract"),
        _share("error_codes", "errors with a documented code", "error_contract"),
        _share("error_correlation", "errors with a correlation id", "error_contract"),
        Metric("error_latency", "latency of errors", "ms", per_request=False, check="error_contract"),
        _share("contract", "contract", "contract"),
        _number("missing_operations", "operations documented but missing", "contract"),
        _number("undocumented_operations", "operations answered but undocumented", "contract"),
        _number("breaking_changes", "breaking changes", "contract"),
        _share("deprecation_headers", "deprecated operations that say so", "contract"),
        _share("pagination", "lists that page", "contract"),
        Metric("batch_cost", "batch, per item of a single", "ratio", per_request=False, check="contract"),
        Metric(
            "batch_queries", "queries per item of a batch", "queries", exact=True, per_request=False, check="contract"
        ),
        _number("failed_requests", "requests failed in a rollout", "rollout"),
        _number("refused_requests", "requests refused in a rollout", "rollout"),
        _number("lost_requests", "requests cut off in a rollout", "rollout"),
        _number("slow_requests", "slow requests in a rollout", "rollout"),
        _share("in_flight_finished", "requests under way that were finished", "rollout"),
        _share("keep_alive_closed", "kept connections closed properly", "rollout"),
        _number("untrue_health", "times that health was not told truly", "rollout"),
        Metric("time_without_service", "time without service", "ms", per_request=False, check="rollout"),
        Metric("startup_time", "start to first good answer", "ms", per_request=False, check="rollout"),
        Metric("drain_time", "signal to end of the old", "ms", per_request=False, check="rollout"),
        Metric("rollout_time", "time of a rollout", "ms", per_request=False, check="rollout"),
        Metric("warm_up_time", "warm-up after a rollout", "ms", per_request=False, check="rollout"),
        Metric("build_time", "build time", "ms", per_request=False, check="build"),
        Metric("test_time", "time of the tests", "ms", per_request=False, check="build"),
        Metric("binary_size", "binary size", "bytes", exact=True, per_request=False, check="build"),
        Metric("image_size", "image size", "bytes", exact=True, per_request=False, check="build"),
        _number("lines_of_code", "lines of code", "build"),
        _number("build_warnings", "warnings of the build", "build"),
        _number("dependencies", "dependencies", "build"),
        _number("unused_dependencies", "unused dependencies", "build"),
        _number("unused_imports", "unused imports", "build"),
        _number("dead_code", "dead code", "build"),
        _number("duplicates", "duplicated code", "build"),
        _share("structured_logs", "requests logged as JSON lines", "telemetry"),
        _share("log_levels", "log records with a level", "telemetry"),
        _share("log_request_ids", "requests named in all of their log records", "telemetry"),
        _share("errors_logged_once", "errors logged once", "telemetry"),
        _share("metrics_endpoint", "metrics endpoint", "telemetry"),
        _share("metrics_counts", "requests that metrics count rightly", "telemetry"),
        _share("traces", "requests traced", "telemetry"),
        _share("traced_statements", "statements in traces", "telemetry"),
        Metric("spans_per_request", "spans per request", "number", per_request=False, check="telemetry"),
        Metric("span_time_own", "time in the service itself", "ms", per_request=False, check="telemetry"),
        Metric("span_time_database", "time in the database, by spans", "ms", per_request=False, check="telemetry"),
        Metric("span_time_calls", "time in calls of others, by spans", "ms", per_request=False, check="telemetry"),
        _share("webhook_delivered", "webhooks delivered", "webhooks"),
        Metric("webhook_latency", "latency of webhooks", "ms", per_request=False, check="webhooks"),
        _number("webhook_duplicates", "webhooks delivered too often", "webhooks"),
        _share("webhook_signed", "webhooks signed rightly", "webhooks"),
        _share("webhook_retried", "failed webhooks tried again", "webhooks"),
        _number("sql_injection", "inputs that reach the database as SQL", "security"),
        _number("reflected_input", "inputs that become part of pages", "security"),
        _share("authorisation", "refusals of wrong credentials", "security"),
        _number("csrf", "writes that strangers' pages can send", "security"),
        _number("cors", "endpoints with unsafe CORS", "security"),
        _number("secrets_in_answers", "secrets in answers", "security"),
        _number("error_leaks", "endpoints whose errors show what is inside", "security"),
        _share("cookie_flags", "session cookies with all flags", "security"),
        _share("security_headers", "endpoints with all security headers", "security"),
        _number("tls_faults", "old versions of TLS", "security"),
        _share("rate_limited", "requests with a sound rate limit", "security"),
        _number("rate_limit", "requests before the limit", "security"),
        Metric("rate_window", "time until let in again", "ms", per_request=False, check="security"),
        Metric("limiter_cost", "others' time while limited", "ratio", per_request=False, check="security"),
    )
)
"""Every metric by its name, in the order reports show them."""


def higher_is_better(metric: str) -> bool:
    """Tell whether more of a metric is better; of one that is not known, less is."""
    return metric in METRICS and METRICS[metric].better == "higher"
