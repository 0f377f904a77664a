"""Connections that a server closes between two requests, and what a connection keeps of the bodies it carried."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from perfproof.model.recording import Outcome
from perfproof.model.scenario import Expect, Load, Request

pytestmark = pytest.mark.server

ONE = Load(rate=40, arrivals="constant", connections=1)


@pytest.mark.parametrize("expect", [Expect(), Expect(json={"$.ok": True})], ids=["plain", "looked at"])
def test_a_safe_request_that_meets_a_closing_connection_is_sent_again_and_its_time_is_not_used(
    expect, server, start_load, sealed
):
    load = start_load(Request("r", "GET", "/closing", expect=expect), load=ONE)
    load.open(0, server.url)
    report = load.block(0, 0, 0, 0.5, seed=1)
    assert (report.completed, report.failed, report.resent, report.lost) == (20, 0, 19, 0)
    rows = sealed(load)
    assert rows["outcome"].tolist() == [Outcome.OK] + 19 * [Outcome.RESENT]
    assert rows["reconnected"].tolist() == [1] + 19 * [2]
    assert server.counts()["asked"]["closing"] == 20 + 19


def test_what_may_change_something_is_left_out_and_not_sent_twice(server, start_load, sealed):
    load = start_load(Request("r", "POST", "/closing", json={}), load=ONE)
    load.open(0, server.url)
    report = load.block(0, 0, 0, 0.5, seed=1)
    assert (report.intended, report.sent, report.completed, report.failed, report.lost) == (10, 10, 10, 0, 10)
    assert sealed(load)["outcome"].tolist() == 10 * [Outcome.OK, Outcome.LOST]
    assert server.counts()["asked"]["closing"] == 20


def test_a_flow_that_loses_a_step_to_a_closing_connection_is_no_failure(server, start_load, sealed):
    steps = (Request("ok", "GET", "/ok", flow="f"), Request("closing", "POST", "/closing", json={}, flow="f"))
    load = start_load(*steps, Request("last", "GET", "/ok", flow="f"), load=ONE)
    load.open(0, server.url)
    report = load.block(0, 0, 0, 0.5, seed=1)
    assert (report.failed, report.not_started, report.lost) == (0, 0, 20)


def test_a_request_that_the_service_leaves_unanswered_twice_has_failed(server, start_load, sealed):
    load = start_load(Request("ok", "GET", "/ok"), Request("close", "GET", "/close"), load=ONE)
    load.open(0, server.url)
    report = load.block(0, 0, 0, 1.0, seed=1)
    rows = sealed(load)
    assert (report.completed, report.failed, report.resent) == (20, 20, 0)
    assert set(rows["outcome"][rows["request"] == 1]) == {Outcome.CLOSED}


BODIES = Path(__file__).with_name("bodies_kept.py")


def test_a_connection_keeps_no_body_beyond_the_response_that_was_looked_at(server):
    ran = subprocess.run([sys.executable, str(BODIES), server.url], capture_output=True, text=True, timeout=60)
    assert ran.stdout == "None None None None\n", ran.stderr
