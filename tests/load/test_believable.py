"""The bars for load that can be believed, each against a real server process.

The sixth (no packet to a host that is not allowed) is test_outside.py; caps are in test_requests.py, and that Ctrl-C
stops sending within a second in test_process.py.
"""

from __future__ import annotations

import threading
import time

import numpy as np
import psutil
import pytest

from late import Late
from perfproof.evidence.tables import read_table
from perfproof.model.histogram import Histogram
from perfproof.model.recording import HISTOGRAM_COLUMNS, Outcome
from perfproof.model.scenario import Load, Request

stats = Late("scipy.stats")

pytestmark = [pytest.mark.server, pytest.mark.quiet, pytest.mark.timeout(120)]

SECONDS, RATE = 20.0, 100.0


def test_a_stall_of_two_seconds_gives_the_analytic_p95_while_service_time_misses_it(server, start_load, sealed):
    # Twenty connections and the two hundred that may wait for them hold all that is due within the stall.
    load = start_load(Request("ok", "GET", "/ok"), load=Load(rate=RATE, arrivals="constant", connections=20))
    load.open(0, server.url)
    load.warm(0, 0.5)
    service, stalled = psutil.Process(server.process.pid), []

    def stall() -> None:
        time.sleep(9.0)
        began = time.monotonic()
        service.suspend()
        time.sleep(2.0)
        service.resume()
        stalled.append(time.monotonic() - began)

    thread = threading.Thread(target=stall)
    thread.start()
    report = load.block(0, 0, 0, SECONDS, seed=1)
    thread.join()
    columns = sealed(load)
    assert report.intended == report.completed == SECONDS * RATE  # to the request: well within 0.5 %
    good = columns["outcome"] == Outcome.OK
    response = np.sort((columns["done_ns"] - columns["intended_ns"])[good]) / 1e9
    service_time = np.sort((columns["done_ns"] - columns["sent_ns"])[good]) / 1e9
    # A request due t into the stall waits for what is left of it; those that wait longer than x were due in its first
    # (stall - x) seconds, and they are 5 % of all when that is 5 % of the run.
    analytic = stalled[0] - 0.05 * SECONDS
    p95 = int(0.95 * len(response)) - 1
    assert response[p95] == pytest.approx(analytic, rel=0.05)
    assert service_time[p95] < 0.1 * analytic


@pytest.mark.parametrize(("workers", "seconds"), [(1, 4.0), (4, 10.0)])
def test_the_rate_is_what_was_asked_to_half_a_percent_and_poisson_by_kolmogorov_and_smirnov(
    workers, seconds, server, start_load, sealed
):
    load = start_load(Request("ok", "GET", "/ok"), load=Load(rate=1000, connections=128, workers=workers))
    load.open(0, server.url)
    report = load.block(0, 0, 0, seconds, seed=11)
    columns = sealed(load)
    assert report.intended == len(columns["arm"]) == 1000 * seconds
    intended = np.sort(columns["intended_ns"]) / 1e9
    from scipy import stats  # here: it takes as long to import as all else, and every worker imports this file

    assert stats.kstest(np.diff(intended), "expon", args=(0, 1 / 1000)).pvalue > 0.01
    assert report.dropped == 0
    # As many as asked; and the clock of what was sent runs as that of the schedule, to half a percent.
    begin = columns["intended_ns"].min()
    asked, sent = (columns[name] - begin for name in ("intended_ns", "sent_ns"))
    assert np.polyfit(asked, sent, 1)[0] == pytest.approx(1, rel=0.005)


def test_a_histogram_of_real_latencies_is_within_a_thousandth_and_merging_its_parts_gives_the_same(
    server, start_load, sealed
):
    load = start_load(
        Request("ok", "GET", "/ok"), Request("slow", "GET", "/slow/0.02"), load=Load(rate=1000, connections=64)
    )
    load.open(0, server.url)
    load.block(0, 0, 0, 2.0, seed=2)
    columns = sealed(load)
    latency = columns["done_ns"] - columns["intended_ns"]
    whole = Histogram(latency)
    assert Histogram.merged([Histogram(latency[::3]), Histogram(latency[1::3]), Histogram(latency[2::3])]) == whole
    for quantile in (0.01, 0.25, 0.5, 0.9, 0.95, 0.99, 0.999):
        exact = np.quantile(latency, quantile, method="inverted_cdf")
        assert whole.quantile(quantile) == pytest.approx(exact, rel=0.001)


@pytest.mark.parametrize("workers", [1, 4])
@pytest.mark.parametrize("samples", ["raw", "histogram"])
def test_what_was_intended_was_sent_or_dropped_and_the_server_counted_what_was_sent(
    samples, workers, server, start_load, tmp_path
):
    requests = (
        Request("ok", "GET", "/ok", weight=20),
        Request("refused", "GET", "/status/503"),
        Request("closed", "GET", "/short"),  # not /close: what a kept connection does not answer at all is sent again
        Request("late", "GET", "/slow/0.1", timeout=0.05),
    )
    load = start_load(*requests, load=Load(rate=600, connections=8, workers=workers, samples=samples))
    load.open(0, server.url)
    report = load.block(0, 0, 0, 1.0, seed=3)
    assert report.intended == 600
    assert report.intended == report.sent + report.dropped
    assert report.sent == report.completed + report.failed
    asked = server.counts()["asked"]
    assert report.sent == sum(number for name, number in asked.items() if name != "_counts")
    assert load.seal(tmp_path / "sealed.parquet") == 600
    if samples == "histogram":
        rows = read_table(tmp_path / "sealed.parquet", HISTOGRAM_COLUMNS)
        latency = rows["since"] == 0
        counted = np.bincount(rows["outcome"][latency], rows["count"][latency], minlength=9).astype(int)
        assert counted[Outcome.OK] == report.completed
        assert counted[Outcome.DROPPED] == report.dropped
        assert counted.sum() == 600
