"""The receiver of spans: what it takes, what it refuses, and that it never waits longer than it may."""

from __future__ import annotations

import gzip
import http.client
import json
import socket
import threading
import time
import urllib.request
from urllib.parse import urlsplit

import pytest

from perfproof.telemetry import receiver
from perfproof.telemetry.receiver import receiving


def body(trace):
    span = {"traceId": trace, "spanId": "1", "kind": 2, "startTimeUnixNano": "1", "endTimeUnixNano": "2"}
    return json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}).encode()


def post(heard, data, path="/v1/traces", **headers):
    address = heard.environment["OTEL_EXPORTER_OTLP_ENDPOINT"] + path
    told = {"Content-Type": "application/json"} | {name.replace("_", "-"): value for name, value in headers.items()}
    with urllib.request.urlopen(urllib.request.Request(address, data, told), timeout=5) as answer:
        return answer.status


def test_spans_are_kept_by_trace_plain_zipped_and_in_chunks():
    with receiving() as heard:
        assert post(heard, body("a")) == 200
        assert post(heard, gzip.compress(body("b")), Content_Encoding="gzip") == 200
        parts = urlsplit(heard.environment["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"])
        connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=5)
        headers = {"Content-Type": "application/json", "Transfer-Encoding": "chunked"}
        connection.request("POST", parts.path, iter([body("c")[:20], body("c")[20:]]), headers, encode_chunked=True)
        assert connection.getresponse().status == 200
        connection.close()
        assert post(heard, b"{}", "/v1/metrics") == 200
    assert set(heard.traces()) == {"a", "b", "c"}
    assert dict(heard.other) == {"/v1/metrics": 1}
    assert not heard.problems


def test_what_cannot_be_read_is_a_problem_and_no_end(monkeypatch):
    monkeypatch.setattr(receiver, "MOST_BODY", 2000)
    with receiving() as heard:
        post(heard, b"no otlp")
        with pytest.raises((OSError, urllib.request.HTTPError)):
            post(heard, b"x" * 3000)
        post(heard, body("a"))
    assert set(heard.traces()) == {"a"}
    assert any("no OTLP" in each for each in heard.problems)
    assert any("larger than" in each for each in heard.problems)


def test_grpc_is_told_from_http():
    with receiving() as heard:
        parts = urlsplit(heard.environment["OTEL_EXPORTER_OTLP_ENDPOINT"])
        with socket.create_connection((parts.hostname, parts.port), timeout=5) as client:
            client.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
            client.recv(100)
    assert "over gRPC" in next(iter(heard.problems))


def waited(heard, sent, seconds, **more):
    began = time.monotonic()
    heard.wait_for(sent, seconds, **more)
    return time.monotonic() - began


def test_waiting_ends_when_all_are_there_or_time_is_up():
    with receiving() as heard:
        post(heard, body("a"))
        now = time.monotonic()
        assert waited(heard, {"a": now}, 20, quiet=0.1) < 10
        assert 0.25 < waited(heard, {"a": now, "never": now}, 0.3) < 10


def test_where_nothing_comes_at_all_the_request_that_was_sent_first_is_waited_for():
    with receiving() as heard:
        now = time.monotonic()
        assert waited(heard, {"a": now - 30, "b": now}, 20) < 10
        post(heard, body("c"))  # from now on what is missing may still come
        assert 0.25 < waited(heard, {"a": now - 30, "b": time.monotonic()}, 0.3) < 10


def test_a_service_that_exports_often_is_not_waited_for_as_long_as_one_that_may_export_seldom():
    with receiving() as heard:
        sent = {}
        for number in range(20):
            sent[f"trace {number}"] = time.monotonic()
            post(heard, body(f"trace {number}"))
        sent["never"] = time.monotonic()
        assert 0.9 < waited(heard, sent, 60) < 30
    with receiving() as heard:  # as many within its first seconds as several processes may send by chance
        sent = {}
        for number in range(5):
            sent[f"trace {number}"] = time.monotonic()
            post(heard, body(f"trace {number}"))
        sent["late"] = time.monotonic()
        threading.Timer(1.6, post, (heard, body("late"))).start()
        assert 1.5 < waited(heard, sent, 60) < 30
        assert "late" in heard.traces()
