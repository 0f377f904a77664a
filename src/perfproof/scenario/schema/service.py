"""The ``service`` and ``arms`` of a scenario file."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import Field, PlainValidator, WithJsonSchema

from perfproof.core.units import Mistake, parse_duration
from perfproof.model.service_metrics import OTLP, PROMETHEUS, BadNameError, named
from perfproof.scenario.schema.fields import (
    DURATION_SCHEMA,
    Duration,
    DurationOrNone,
    Empty,
    Flag,
    Many,
    Spec,
    Text,
    Written,
    choice,
    flag,
    quantity,
    schema,
    text,
    whole_between,
)
from perfproof.scenario.schema.passes import Databases

UNSUPPORTED = {
    **dict.fromkeys(("grpc", "grpcs"), "gRPC is"),
    **dict.fromkeys(("h2", "h2c", "http2", "http3", "h3", "quic"), "HTTP/2 and HTTP/3 are"),
    **dict.fromkeys(("unix", "http+unix", "uds", "socket", "unix_socket"), "Unix sockets are"),
}
"""What people ask for that is not there, by scheme and by key, with its verb."""
STREAMED = {
    **dict.fromkeys(("ws", "wss", "websocket", "websockets"), "websocket"),
    **dict.fromkeys(("sse", "event_stream", "eventsource"), "sse"),
}
"""What a request says with ``stream:``, by the schemes and keys that people write in its place."""


def url(value: object) -> str:
    """Return an ``http://host[:port][/prefix]`` or ``https://`` URL."""
    found = text(value)
    example = "write it like http://127.0.0.1:8000"
    try:
        parts = urlsplit(found)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise Mistake("is not a URL", example) from None
    if parts.scheme in STREAMED:
        raise Mistake(
            "is not an http:// URL", f"write http:// here, and stream: {STREAMED[parts.scheme]} at the request"
        )
    if parts.scheme in UNSUPPORTED:
        raise Mistake(f"{UNSUPPORTED[parts.scheme]} not supported: only HTTP/1.1 can be loaded", example)
    if parts.scheme not in ("http", "https") or not host:
        raise Mistake("is not an http:// URL", example)
    if parts.username is not None or parts.password is not None:
        raise Mistake("holds credentials", "send them in headers: Authorization")
    if parts.query or parts.fragment:
        raise Mistake("has a query or a fragment", f"{example}; queries belong to the requests")
    return found


def health(value: object) -> str:
    """Return a path that answers with a status below 400 once the service is ready."""
    found = text(value)
    if not found.startswith("/") or not found.isprintable() or " " in found:
        raise Mistake(f"`{found}` is not a path", "write it like /health")
    return found


def prefix(value: object) -> str:
    """Return a path without its last slash, to stand before others."""
    found = health(value).rstrip("/")
    if "?" in found or "#" in found or "{" in found:
        raise Mistake(f"`{found}` is not the beginning of a path", "write it like /v2")
    return found


def variable(value: object) -> str:
    """Return the name of an environment variable."""
    found = str(value)
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_.]*", found):
        raise Mistake(f"`{found}` is not the name of an environment variable", "letters, digits and _")
    return found


Url = Annotated[str, PlainValidator(url), schema(type="string", pattern="^(https?://|.*\\$\\{)")]
Variable = Annotated[str, PlainValidator(variable)]
Health = Annotated[str, PlainValidator(health), schema(type="string", pattern="^(/|.*\\$\\{)")]
Prefix = Annotated[str, PlainValidator(prefix), schema(type="string", pattern="^(/|.*\\$\\{)")]
Restart = Annotated[
    Literal["always", "never"], PlainValidator(choice("always", "never")), schema(enum=["always", "never"])
]


class TlsSpec(Spec):
    """How the certificate of an https:// service is checked."""

    ca: Text | None = None
    """PEM file of the authority to trust instead of the system's, relative to this file."""
    insecure: Flag = False
    """Check neither certificate nor name. Default: false"""


def metrics_place(value: object) -> str:
    """Return where a service tells its metrics: a path of it, or an address on this machine."""
    found = text(value)
    if found.startswith("/"):
        return health(found)
    plain = re.sub(r"\{port[2-9]?\}", "9100", found)
    host = urlsplit(plain).hostname or ""
    if not plain.startswith(("http://", "https://")) or host not in ("localhost", "127.0.0.1", "::1"):
        raise Mistake(
            f"`{found}` is not a place on this machine",
            "write /metrics, or an address like http://127.0.0.1:{port2}/metrics",
        )
    url(plain.partition("?")[0])
    return found


def service_metric(value: object) -> str:
    """Return the name of one of the service's own metrics, rightly written; how it is told may be left out."""
    found = text(value).strip()
    try:
        named(found, PROMETHEUS)
    except BadNameError as error:
        raise Mistake(error.reason, error.fix) from None
    return found


OFTEN = 0.5
"""Seconds between two exports where nothing else is asked for: the fewer, the less they cost the service."""
_interval = quantity(parse_duration, low=0.1, high=5, says="from 100ms to 5s")


def pushing(value: object) -> float | None:
    """Return the seconds between two exports of what is pushed; None where nothing is."""
    if isinstance(value, bool) or (isinstance(value, str) and value.lower() in ("true", "false")):
        return OFTEN if flag(value) else None
    return _interval(value)


MetricsPlace = Annotated[str, PlainValidator(metrics_place), schema(type="string", pattern="^(/|https?://|.*\\$\\{)")]
ServiceMetricName = Annotated[str, PlainValidator(service_metric), schema(type="string", minLength=1)]
Pushing = Annotated[
    float | None, PlainValidator(pushing), WithJsonSchema({"anyOf": [{"type": "boolean"}, DURATION_SCHEMA]})
]


class CollectSpec(Spec):
    """Metrics that the service tells of itself, read before and after each stretch of load (docs/telemetry.md)."""

    prometheus: MetricsPlace | None = None
    """Where it tells them in Prometheus' text format: a path, e.g. /metrics, or http://127.0.0.1:{port2}/metrics"""
    otlp: Pushing = None
    """true: it pushes them over OTLP, to where its environment says: perfproof sets that. Or how often, e.g. 1s.
    Default: false; true is 500ms"""
    metrics: Annotated[list[ServiceMetricName], Many] = Field(default_factory=list)
    """Their names as the service shows them, e.g. db_pool_wait_seconds or otlp:db.client.connection.wait_time; those of
    goals and budgets are added"""

    @property
    def named(self) -> list[str]:
        """Return the metrics with how they are told before their names."""
        usual = OTLP if self.prometheus is None and self.otlp is not None else PROMETHEUS
        return [named(each, usual) for each in self.metrics]


class ServiceSpec(Spec):
    """How to start the service, or where it already runs. An arm may override any of it."""

    command: Text | None = None
    """Command line that starts it. {port} is the port to listen on, {port2} another free one, {arm} the arm's name,
    {work} a scratch directory of the arm, {python} the interpreter that runs perfproof."""
    url: Url | None = None
    """Where it is already up, e.g. http://127.0.0.1:8000 (instead of a command)."""
    tls: Annotated[TlsSpec, Empty] | None = None
    """How the certificate of an https:// url is checked. Default: by the system's authorities"""
    directory: Text = "."
    """Where commands run, relative to this file. Default: the file's own directory."""
    environment: Annotated[dict[Variable, Written], Empty] = Field(default_factory=dict)
    """Environment variables, added to those of perfproof. An arm's are merged key by key."""
    build: Text | None = None
    """Command line run once for each version that `--baseline-ref` takes from git, e.g. to install or compile it."""
    prepare: Text | None = None
    """Command line run once per arm before the first round, not measured."""
    snapshot: Text | None = None
    """Database that `prepare` filled, a SQLite file or a postgresql:// URL: kept, and put back before every round."""
    reset: Text | None = None
    """Command line run before every round, not measured."""
    health: Health = "/"
    """Path that answers with a status below 400 (2xx, or a redirect) once the service is ready. Default: /"""
    prefix: Prefix = ""
    """Stands before the path of every request and set-up step, e.g. /v2, not before health: two versions of an API in
    one service can so be the arms. Default: nothing"""
    port: whole_between(1, 65535) | None = None  # type: ignore[valid-type]
    """Fixed port, for services whose port cannot be chosen. Default: a free one for each arm."""
    start_timeout: Duration = 60.0
    """How long it may take until it is healthy. Default: 60s"""
    stop_grace: DurationOrNone = 10.0
    """How long it may take to end before it is killed. Default: 10s"""
    shell: Flag = False
    """Run the command lines in a shell. Default: false"""
    restart: Restart = "always"
    """never: start it once and keep it for all rounds (weaker evidence). Default: always"""
    database: Databases = Field(default_factory=list)
    """Addresses of its databases (postgresql://, mysql://) or sqlite: where queries are counted while probing."""
    collect: Annotated[CollectSpec, Empty] | None = None
    """Metrics that the service tells of itself, e.g. {prometheus: /metrics, metrics: [db_pool_wait_seconds]}, or
    {otlp: true, metrics: [db.client.connection.wait_time]}"""


class ArmSpec(ServiceSpec):
    """What one arm has other than `service`; environment is merged key by key, the rest replaces."""


BASELINE, CANDIDATE = "baseline", "candidate"
"""What two versions are usually called."""
MOST_ARMS = 8
ARM_NAME = "[A-Za-z0-9][A-Za-z0-9._-]{0,39}"
"""Names of versions: they become names of files, placeholders and labels."""

Arms = Annotated[dict[str, Annotated[ArmSpec, Empty]], Empty]


def arms_schema() -> dict[str, Any]:
    """Return the JSON Schema of ``arms``: the usual two, or two and more under names of their own."""
    arm: dict[str, Any] = {"anyOf": [{"$ref": "#/$defs/ArmSpec"}, {"type": "null"}]}
    usual = {
        BASELINE: {"description": "The version before the change.", **arm},
        CANDIDATE: {"description": "The version with the change.", **arm},
    }
    several = {"type": "object", "propertyNames": {"pattern": f"^{ARM_NAME}$"}, "additionalProperties": arm}
    return {
        "anyOf": [
            {"type": "object", "properties": usual, "additionalProperties": False},
            {**several, "minProperties": 2, "maxProperties": MOST_ARMS},
        ]
    }
