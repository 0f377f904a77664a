"""Names of a service's own metrics: what they say of unit, direction and reading."""

from __future__ import annotations

import pytest

from perfproof.model.metrics import METRICS
from perfproof.model.service_metrics import BadNameError, Selector, named, parse


@pytest.mark.parametrize(
    ("name", "unit", "better", "title", "scale"),
    [
        ("db_pool_wait_seconds", "ms", "lower", "db_pool_wait_seconds", 1000),
        ("gc_pause_milliseconds", "ms", "lower", "gc_pause_milliseconds", 1),
        ("wait_seconds_count", "number", "lower", "wait_seconds_count", 1),
        ("wait_seconds_sum", "ms", "lower", "wait_seconds_sum", 1000),
        ("jobs_total:per_second", "1/s", "lower", "jobs_total per second", 1),
        ("cpu_seconds_total:per_second", "ratio", "lower", "cpu_seconds_total per second", 1),
        ("sent_bytes_total:per_second:higher", "bytes/s", "higher", "sent_bytes_total per second", 1),
        ("heap_bytes:max", "bytes", "lower", "heap_bytes max", 1),
        ("hits_total{a=b}/lookups_total:higher", "ratio", "higher", "hits_total{a=b} / lookups_total", 1),
        ("a_total{b=c}/a_total", "ratio", "lower", "a_total (share of b=c)", 1),
        ("wait_seconds_total/waits_total", "ms", "lower", "wait_seconds_total / waits_total", 1000),
        ("hit_ratio:higher", "ratio", "higher", "hit_ratio", 1),
    ],
)
def test_a_name_says_all_there_is_to_know(name, unit, better, title, scale):
    metric = METRICS[f"prometheus:{name}"]
    assert (metric.unit, metric.better, metric.title) == (unit, better, title)
    assert parse(name).scale == pytest.approx(scale)
    assert f"prometheus:{name}" in METRICS
    assert not metric.exact


@pytest.mark.parametrize(
    ("name", "unit", "title"),
    [
        ("db.client.connection.wait_time", "ms", "db.client.connection.wait_time"),
        ("nodejs.eventloop.delay.p99:max", "ms", "nodejs.eventloop.delay.p99 max"),
        ("jvm.memory.used", "bytes", "jvm.memory.used"),
        ("pool.utilization", "ratio", "pool.utilization"),
        ("queue.size", "number", "queue.size"),
        ("queue.size:bytes:max", "bytes", "queue.size max"),
        ("cache.requests{cache.result=hit}/cache.requests", "ratio", "cache.requests (share of cache.result=hit)"),
        ("jvm.gc.duration/jobs:ms", "ratio", "jvm.gc.duration / jobs"),
        ("process.cpu.time:per_second", "ratio", "process.cpu.time per second"),
    ],
)
def test_a_pushed_metric_says_its_unit_by_its_words_or_outright(name, unit, title):
    metric = METRICS[f"otlp:{name}"]
    assert (metric.unit, metric.title) == (unit, title)


def test_a_name_with_a_dot_is_one_of_otlp_and_any_other_what_is_usual():
    assert named("http.server.duration", "prometheus:") == "otlp:http.server.duration"
    assert named("jobs_total", "prometheus:") == "prometheus:jobs_total"
    assert named("jobs", "otlp:") == "otlp:jobs"
    assert named('jobs_total{path="/a.b"}', "prometheus:") == 'prometheus:jobs_total{path="/a.b"}'
    assert named("prometheus:jobs_total", "otlp:") == "prometheus:jobs_total"
    with pytest.raises(BadNameError, match="not understood"):
        named("jobs_total:bytes", "prometheus:")


def test_labels_may_be_quoted_and_hold_what_ends_a_name():
    assert parse('a_total{path="/x,{id}",le=0.5}').top == Selector("a_total", (("path", "/x,{id}"), ("le", "0.5")))


@pytest.mark.parametrize(
    "name", ["", "9lives", "a b", "a{b}", "a:p95", "a:last:max", "a:higher:lower", "a/b:last", "a/", "a" * 200]
)
def test_what_is_no_name_is_refused_with_a_fix(name):
    with pytest.raises(BadNameError) as refused:
        parse(name)
    assert refused.value.fix
    assert f"prometheus:{name}" not in METRICS
