"""The bars for load that can be believed which take a longer run, against a real server process."""

from __future__ import annotations

import threading
import time

import numpy as np
import psutil
import pytest

from perfproof.model.recording import Outcome
from perfproof.model.scenario import Load, Request

pytestmark = [pytest.mark.server, pytest.mark.timeout(120)]

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
