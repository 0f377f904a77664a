"""What is pushed over OTLP: totals of either temporality, units, several processes, and how long one waits for it."""

from __future__ import annotations

import json
import time
import urllib.request

import pytest

from perfproof.model.service_metrics import parse as named
from perfproof.telemetry.metric_feed import feeding
from perfproof.telemetry.otlp import UnreadableError
from perfproof.telemetry.otlp_metrics import Totals, decode
from perfproof.telemetry.prometheus import Reading, ScrapeError, UntoldError

DELTA, CUMULATIVE = 1, "AGGREGATION_TEMPORALITY_CUMULATIVE"


def labels(**told):
    return [{"key": key, "value": {"stringValue": str(value)}} for key, value in told.items()]


def counter(name, value, start=1, temporality=CUMULATIVE, unit="{x}", monotonic=True, at=10, **told):
    point = {
        "attributes": labels(**told),
        "startTimeUnixNano": str(start),
        "timeUnixNano": str(at),
        "asInt": str(value),
    }
    shape = {"aggregationTemporality": temporality, "isMonotonic": monotonic, "dataPoints": [point]}
    return {"name": name, "unit": unit, "sum": shape}


def gauge(name, value, unit="", at=10):
    return {"name": name, "unit": unit, "gauge": {"dataPoints": [{"timeUnixNano": str(at), "asDouble": value}]}}


def histogram(name, total, count, temporality=CUMULATIVE, unit="s", start=1, shape="histogram"):
    point = {"startTimeUnixNano": str(start), "timeUnixNano": "10", "sum": total, "count": str(count)}
    return {"name": name, "unit": unit, shape: {"aggregationTemporality": temporality, "dataPoints": [point]}}


def export(*metrics, who="a"):
    resource = {"attributes": labels(**{"service.instance.id": who})}
    return json.dumps({"resourceMetrics": [{"resource": resource, "scopeMetrics": [{"metrics": metrics}]}]}).encode()


def read(name, *exports):
    totals = Totals()
    for each in exports:
        totals.add(decode(each, "application/json"), "one connection")
    return totals.page().read(named(f"otlp:{name}"))


def test_a_cumulative_stream_a_delta_stream_and_two_processes_come_to_the_same():
    jobs = Reading("counter", 12.0)
    assert read("jobs", export(counter("jobs", 5)), export(counter("jobs", 12))) == jobs
    assert read("jobs", *(export(counter("jobs", n, start=n, temporality=DELTA)) for n in (5, 7))) == jobs
    # Two processes that call themselves alike are told by when their streams began, others by their resource.
    assert read("jobs", export(counter("jobs", 5, start=1)), export(counter("jobs", 7, start=2))) == jobs
    assert read("jobs", export(counter("jobs", 5)), export(counter("jobs", 7), who="b")) == jobs


@pytest.mark.parametrize("shape", ["histogram", "exponentialHistogram", "summary"])
def test_what_observes_is_read_as_a_sum_and_a_number_in_the_unit_of_its_name(shape):
    wait = "db.client.connection.wait_time"
    assert read(wait, export(histogram(wait, 1.5, 4, shape=shape))) == Reading("mean", 1500.0, 4.0)
    assert read(wait, export(histogram(wait, 15, 4, unit="ms"))) == Reading("mean", 15.0, 4.0)


def test_what_goes_up_and_down_is_as_it_was_told_last():
    assert read("pool.used", export(gauge("pool.used", 3.0)), export(gauge("pool.used", 2.0))) == Reading("gauge", 2.0)
    up_down = [counter("active", n, monotonic=False, temporality=CUMULATIVE) for n in (4, 1)]
    assert read("active", *map(export, up_down)) == Reading("gauge", 1.0)
    steps = [counter("active", n, monotonic=False, temporality=DELTA) for n in (4, -1)]
    assert read("active", *map(export, steps)) == Reading("gauge", 3.0)
    totals = Totals()
    totals.add(decode(export(gauge("pool.used", 3.0)), "application/json"), "first connection")
    totals.forget("first connection")
    totals.add(decode(export(gauge("pool.used", 2.0)), "application/json"), "second connection")
    assert totals.page().read(named("otlp:pool.used")).value == 2.0


def test_labels_choose_and_shares_divide():
    both = export(counter("cache.requests", 3, result="hit"), counter("cache.requests", 9, result="miss"))
    assert read("cache.requests{result=hit}", both).value == 3.0
    assert read("cache.requests{result=hit}/cache.requests", both) == Reading("mean", 3.0, 12.0)
    assert read("cache.requests{result=stale}", both).value == 0.0
    with pytest.raises(ScrapeError, match="has no label kind"):
        read("cache.requests{kind=hit}", both)


@pytest.mark.parametrize(
    ("name", "unit", "value", "expected"),
    [
        ("process.memory.usage", "By", 5.0, 5.0),
        ("process.memory.usage", "KiBy", 5.0, 5120.0),
        ("pool.utilization", "1", 0.5, 0.5),
        ("pool.utilization", "%", 50.0, 0.5),
        ("loop.delay", "us", 1500.0, 1.5),
        ("backlog:bytes", "By", 7.0, 7.0),
        ("wait_seconds", "", 2.0, 2000.0),
        ("duration:number", "{tick}", 3.0, 3.0),
    ],
)
def test_values_come_in_the_unit_that_their_name_stands_for(name, unit, value, expected):
    assert read(name, export(gauge(name.split(":")[0], value, unit))).value == pytest.approx(expected)


@pytest.mark.parametrize(
    ("name", "unit", "told"),
    [
        ("backlog", "By", "write otlp:backlog:bytes"),
        ("loop.delay", "{tick}", "write otlp:loop.delay:number"),
        ("loop.delay", "", "give its instrument a unit"),
        ("busy", "s", "write otlp:busy:ms"),
    ],
)
def test_a_name_and_a_service_that_disagree_are_told_with_what_to_write(name, unit, told):
    with pytest.raises(ScrapeError, match=told):
        read(name, export(gauge(name, 1.0, unit)))


def test_what_was_not_told_yet_may_come_and_names_that_are_alike_are_offered():
    with pytest.raises(UntoldError, match="add 0 to it at start"):
        read("evictions", export(counter("jobs", 5)))
    with pytest.raises(UntoldError, match=r"did you mean cache\.evictions"):
        read("evictions", export(counter("cache.evictions", 5)))


@pytest.mark.parametrize(
    "body", [b"no otlp", b"[]", b'{"resourceMetrics": 3}', b'{"resourceMetrics": [{"scopeMetrics": [3]}]}']
)
def test_what_is_no_otlp_is_refused(body):
    with pytest.raises(UnreadableError):
        decode(body, "application/json")


def test_protobuf_is_read_as_json_is():
    service = pytest.importorskip("opentelemetry.proto.collector.metrics.v1.metrics_service_pb2")
    from google.protobuf.json_format import ParseDict

    told = export(counter("jobs", 5, result="x"), gauge("pool.used", 2.0), histogram("wait_time", 1.5, 4))
    message = ParseDict(json.loads(told), service.ExportMetricsServiceRequest())
    assert decode(message.SerializeToString(), "application/x-protobuf") == decode(told, "application/json")
    with pytest.raises(UnreadableError):
        decode(b"\xff\xff\xff", "application/x-protobuf")


def push(feed, body, media="application/json"):
    address = feed.environment["OTEL_EXPORTER_OTLP_METRICS_ENDPOINT"]
    with urllib.request.urlopen(urllib.request.Request(address, body, {"Content-Type": media}), timeout=5) as answer:
        assert answer.status == 200


def test_an_export_made_before_a_moment_does_not_say_what_came_after():
    with feeding(0.2) as feed:
        feed.begin({"jobs"})
        moment = time.time_ns()
        push(feed, export(counter("jobs", 5, at=moment - 1)))
        push(feed, export(counter("jobs", 9, at=moment + 1)))
        began = time.monotonic()
        exports, why = feed.since(moment)
        assert why == ""
        # Connections were not kept, so as much time passes as everybody needs who pushes so often.
        assert time.monotonic() - began < 2
        assert [each.page.read(named("otlp:jobs")).value for each in exports] == [5.0, 9.0]
        assert feed.often["OTEL_METRIC_EXPORT_INTERVAL"] == "200"


def test_several_who_push_nothing_are_waited_for_once(monkeypatch):
    monkeypatch.setattr("perfproof.telemetry.metric_feed._LATE", 3.0)
    with feeding(0.1) as first, feeding(0.1) as second:
        warm = time.time_ns()
        for feed in (first, second):
            feed.begin({"jobs"})
        assert "no export of metrics came over OTLP" in first.since(warm)[1]
        began = time.monotonic()
        push(second, export(counter("jobs", 5, at=warm + 1)))
        assert second.since(warm)[1] == ""  # what came meanwhile is taken
        second.begin({"jobs"})
        assert "no export of metrics came over OTLP" in second.since(warm)[1]
        assert time.monotonic() - began < 2


def test_who_never_pushes_is_told_what_to_read_and_not_waited_for_as_long_again(monkeypatch):
    monkeypatch.setattr("perfproof.telemetry.metric_feed._LATE", 0.5)
    with feeding(0.1) as feed:
        feed.begin({"jobs"})
        _, why = feed.since(time.time_ns())
        assert "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT" in why
        began = time.monotonic()
        feed.begin({"jobs"})
        feed.since(time.time_ns())
        assert time.monotonic() - began < 0.6
        feed.begin({"jobs"})
        push(feed, b"garbage")
        assert "no OTLP" in feed.since(time.time_ns())[1]
