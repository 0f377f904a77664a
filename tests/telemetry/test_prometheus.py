"""Reading Prometheus' text format: kinds, labels, and what is refused."""

from __future__ import annotations

import pytest

from perfproof.model.service_metrics import parse as named
from perfproof.telemetry import prometheus
from perfproof.telemetry.prometheus import Reading, ScrapeError, parse

TEXT = """\
# HELP jobs_total Jobs.
# TYPE jobs_total counter
jobs_total{queue="a",state="ok"} 7
jobs_total{queue="b",state="ok"} 5
# TYPE lag_seconds gauge
lag_seconds 0.25
# TYPE wait_seconds histogram
wait_seconds_bucket{le="0.1"} 3
wait_seconds_bucket{le="+Inf"} 4
wait_seconds_sum 1.5
wait_seconds_count 4
# TYPE took_seconds summary
took_seconds{quantile="0.5"} 0.1
took_seconds_sum 3
took_seconds_count 6
plain_total 9
plain 2.5
# TYPE size_bytes gauge
size_bytes NaN
# TYPE unused_total counter
"""


def read(name):
    return parse(TEXT).read(named(name))


@pytest.mark.parametrize(
    ("name", "reading"),
    [
        ("jobs_total", Reading("counter", 12)),
        ("jobs_total{queue=a}", Reading("counter", 7)),
        ('jobs_total{queue="a",state=ok}', Reading("counter", 7)),
        ("jobs_total{queue=c}", Reading("counter", 0)),  # nothing has had this label yet
        ("jobs", Reading("counter", 12)),  # the family's name, as OpenMetrics has it
        ("lag_seconds", Reading("gauge", 0.25)),
        ("wait_seconds", Reading("mean", 1.5, 4)),
        ("wait_seconds_count", Reading("counter", 4)),
        ("wait_seconds_sum", Reading("counter", 1.5)),
        ("took_seconds", Reading("mean", 3, 6)),
        ("plain_total", Reading("counter", 9)),  # without a type, its ending tells
        ("plain", Reading("gauge", 2.5)),
        ("jobs_total{queue=a}/jobs_total", Reading("mean", 7, 12)),
        ("wait_seconds_sum/jobs_total", Reading("mean", 1.5, 12)),
        ("lag_seconds/plain", Reading("gauge", 0.25, 2.5)),
        ("unused_total", Reading("counter", 0)),
    ],
)
def test_a_metric_is_read_by_its_kind(name, reading):
    assert read(name) == reading


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("job_total", "does not tell job_total: write a name"),
        ("lag", "did you mean lag_seconds"),
        ("jobs_total{pool=a}", "has no label pool"),
        ("lag_seconds{pool=a}", "has no label pool"),
        ("size_bytes", "is nan"),
        ("jobs_total/lag_seconds", "divide like by like"),
    ],
)
def test_what_cannot_be_read_is_said_with_what_to_do(name, says):
    with pytest.raises(ScrapeError, match=says):
        read(name)


@pytest.mark.parametrize("text", ["<html>hello { there</html>", '{"jobs": 7}', "", "jobs_total seven\n"])
def test_what_is_no_metrics_page_is_refused(text):
    with pytest.raises(ScrapeError):
        parse(text)


def test_too_many_series_are_refused_before_they_are_kept(monkeypatch):
    monkeypatch.setattr(prometheus, "MOST_SERIES", 10)
    with pytest.raises(ScrapeError, match="more than 10 series"):
        parse("".join(f'jobs_total{{n="{n}"}} 1\n' for n in range(11)))


def test_only_this_machine_is_asked():
    with pytest.raises(ScrapeError, match="is not this machine"):
        prometheus.scrape("http://192.0.2.1:9/metrics?token=hidden")
