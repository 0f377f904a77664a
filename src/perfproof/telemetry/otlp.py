"""Spans out of OTLP: as JSON with what Python has, as protobuf with ``opentelemetry-proto`` where it is installed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

MISSING = "spans came as protobuf, which nothing here reads: pip install 'perfproof[otlp]'"
"""What to say where the library is not there."""
SERVER, CLIENT = 2, 3
"""Kinds of spans, by their number in OTLP."""
_KINDS = {
    "SPAN_KIND_INTERNAL": 1,
    "SPAN_KIND_SERVER": 2,
    "SPAN_KIND_CLIENT": 3,
    "SPAN_KIND_PRODUCER": 4,
    "SPAN_KIND_CONSUMER": 5,
}
_DATABASE = ("db.system", "db.system.name", "db.statement", "db.query.text", "db.operation", "db.operation.name")
_STATEMENT = ("db.statement", "db.query.text", "db.operation", "db.operation.name", "db.query.summary")
_CALL = (
    "http.method",
    "http.request.method",
    "http.url",
    "url.full",
    "rpc.system",
    "rpc.system.name",
    "messaging.system",
)

Work = Literal["database", "call", "own"]


@dataclass(frozen=True)
class Span:
    """One span, without its attributes' values: ids in hexadecimal, times in ns of the clock of the service.

    ``work`` is what it says of itself: a query of a ``database``, a ``call`` of another service, or ``own`` work.
    ``statement`` tells a query from what else a database driver does (connect, commit).
    """

    trace: str
    span: str
    parent: str
    kind: int
    start_ns: int
    end_ns: int
    work: Work
    statement: bool = False

    @property
    def ms(self) -> float:
        """Return how long it took, in ms."""
        return max(0, self.end_ns - self.start_ns) / 1e6


class UnreadableError(ValueError):
    """What came is no OTLP, or nothing here reads it."""


def decode(body: bytes, media: str) -> list[Span]:
    """Return the spans of one export; ``UnreadableError`` says what is wrong with it."""
    return list(_of_json(body) if media == "application/json" else _of_protobuf(body))


def _of_json(body: bytes) -> Iterator[Span]:
    try:
        data = json.loads(body)
        for resource in listed(data, "resourceSpans"):
            for scope in listed(resource, "scopeSpans") or listed(resource, "instrumentationLibrarySpans"):
                for each in listed(scope, "spans"):
                    kind = each.get("kind", 0)
                    yield _span(
                        str(each["traceId"]).lower(),
                        str(each["spanId"]).lower(),
                        str(each.get("parentSpanId") or "").lower(),
                        _KINDS.get(kind, 0) if isinstance(kind, str) else int(kind),
                        (int(each["startTimeUnixNano"]), int(each["endTimeUnixNano"])),
                        [str(attribute["key"]) for attribute in listed(each, "attributes")],
                    )
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise UnreadableError(f"it is no OTLP: {type(error).__name__}") from None


def listed(data: Mapping[str, Any], name: str) -> list[Any]:
    """Return what ``data`` lists under a name; ``TypeError`` where that is no list."""
    found = data.get(name) or []
    if not isinstance(found, list):
        raise TypeError(name)
    return found


def _of_protobuf(body: bytes) -> Iterator[Span]:
    try:
        from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
    except ImportError:
        raise UnreadableError(MISSING) from None
    request = ExportTraceServiceRequest()
    try:
        request.ParseFromString(body)
    except Exception as error:  # noqa: BLE001 - protobuf's own error class moved between its releases
        raise UnreadableError(f"it is no OTLP: {type(error).__name__}") from None
    for resource in request.resource_spans:
        for scope in resource.scope_spans:
            for each in scope.spans:
                yield _span(
                    each.trace_id.hex(),
                    each.span_id.hex(),
                    each.parent_span_id.hex(),
                    int(each.kind),
                    (int(each.start_time_unix_nano), int(each.end_time_unix_nano)),
                    [attribute.key for attribute in each.attributes],
                )


def _span(trace: str, span: str, parent: str, kind: int, times: tuple[int, int], attributes: Iterable[str]) -> Span:
    keys = set(attributes)
    work: Work = "own"
    if keys & set(_DATABASE):
        work = "database"
    elif kind == CLIENT and keys & set(_CALL):
        work = "call"
    return Span(trace, span, parent, kind, *times, work, work == "database" and bool(keys & set(_STATEMENT)))


@dataclass(frozen=True)
class Spent:
    """Where the time of one request went, in ms: in the service itself, in its database, in calls of other services.

    Spans of one kind that overlap count once; while both a query and a call were under way, the query counts.
    """

    total: float
    database: float
    calls: float

    @property
    def own(self) -> float:
        """Return what is left for the service itself."""
        return max(0.0, self.total - self.database - self.calls)


def spent(root: Span, spans: Iterable[Span]) -> Spent:
    """Return where the time of the request went whose server span is ``root``."""
    others = [span for span in spans if span.span != root.span]
    database = _clipped(root, (span for span in others if span.work == "database"))
    either = _clipped(root, (span for span in others if span.work != "own"))
    return Spent(root.ms, _covered(database), _covered(either) - _covered(database))


def _clipped(root: Span, spans: Iterable[Span]) -> list[tuple[int, int]]:
    found = ((max(root.start_ns, span.start_ns), min(root.end_ns, span.end_ns)) for span in spans)
    return sorted((start, end) for start, end in found if end > start)


def _covered(stretches: Iterable[tuple[int, int]]) -> float:
    """Return the ms that stretches cover together; they come in order of their starts."""
    total, until = 0, 0
    for start, end in stretches:
        total += max(0, end - max(start, until))
        until = max(until, end)
    return total / 1e6
