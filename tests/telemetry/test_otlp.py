"""OTLP in JSON and protobuf as spans, and where the time of a request goes."""

from __future__ import annotations

import json

import pytest

from perfproof.telemetry import otlp
from perfproof.telemetry.otlp import CLIENT, SERVER, Span, UnreadableError, decode, spent

TRACE, ROOT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


def exported(**changes):
    span = {
        "traceId": TRACE.upper(), "spanId": ROOT, "parentSpanId": "00f067aa0ba902b7", "kind": "SPAN_KIND_SERVER",
        "name": "GET /", "startTimeUnixNano": "1000000", "endTimeUnixNano": "5000000", "attributes": [],
    } | changes  # fmt: skip
    return json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}).encode()


def test_json_and_protobuf_say_the_same():
    pb2 = pytest.importorskip("opentelemetry.proto.collector.trace.v1.trace_service_pb2")
    request = pb2.ExportTraceServiceRequest()
    span = request.resource_spans.add().scope_spans.add().spans.add()
    span.trace_id, span.span_id = bytes.fromhex(TRACE), bytes.fromhex(ROOT)
    span.parent_span_id, span.kind, span.name = bytes.fromhex("00f067aa0ba902b7"), SERVER, "GET /"
    span.start_time_unix_nano, span.end_time_unix_nano = 1_000_000, 5_000_000
    wanted = [Span(TRACE, ROOT, "00f067aa0ba902b7", SERVER, 1_000_000, 5_000_000, "own")]
    assert decode(request.SerializeToString(), "application/x-protobuf") == wanted
    assert decode(exported(), "application/json") == wanted


@pytest.mark.parametrize(
    ("kind", "key", "work", "statement"),
    [
        (CLIENT, "db.system", "database", False),
        (CLIENT, "db.statement", "database", True),
        (CLIENT, "db.query.text", "database", True),
        (CLIENT, "http.request.method", "call", False),
        (SERVER, "http.request.method", "own", False),
        (1, "code.function", "own", False),
    ],
)
def test_attributes_say_what_a_span_is(kind, key, work, statement):
    body = exported(kind=kind, attributes=[{"key": key, "value": {"stringValue": "x"}}])
    (span,) = decode(body, "application/json")
    assert (span.work, span.statement) == (work, statement)


@pytest.mark.parametrize("body", [b"", b"[]", b'{"resourceSpans": 7}', exported(startTimeUnixNano="soon")])
def test_what_is_no_otlp_is_refused(body):
    with pytest.raises(UnreadableError):
        decode(body, "application/json")


def test_without_the_library_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "opentelemetry.proto.collector.trace.v1.trace_service_pb2", None)
    with pytest.raises(UnreadableError, match=r"pip install 'perfproof\[otlp\]'"):
        decode(b"\x0a\x00", "application/x-protobuf")
    assert "perfproof[otlp]" in otlp.MISSING


def test_overlapping_spans_count_once_and_the_rest_is_the_services_own():
    def span(number, start, end, work):
        return Span(TRACE, number, ROOT, CLIENT, start * 1_000_000, end * 1_000_000, work)

    root = Span(TRACE, ROOT, "", SERVER, 0, 100_000_000, "own")
    others = [
        span("1", 10, 30, "database"),
        span("2", 20, 40, "database"),  # at the same time as the first
        span("3", 35, 60, "call"),  # begins while a query is under way
        span("4", 90, 130, "call"),  # ends after the answer
    ]
    took = spent(root, [root, *others])
    assert (took.total, took.database, took.calls, took.own) == (100, 30, 30, 40)
