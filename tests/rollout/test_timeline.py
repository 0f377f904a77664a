"""Figures of one restart, reckoned from samples and moments."""

from __future__ import annotations

import numpy as np

from perfproof.model.recording import SAMPLE_COLUMNS, Outcome
from perfproof.rollout.timeline import Moments, Told, reckon

MS = 1_000_000
BEGAN = 1000 * MS


def samples(*rows):
    """Rows are (sent in ms, took in ms, outcome) or with a status."""
    columns = {name: np.zeros(len(rows), dtype=kind) for name, kind in SAMPLE_COLUMNS.items()}
    for at, (sent, took, outcome, *status) in enumerate(rows):
        columns["intended_ns"][at] = columns["sent_ns"][at] = sent * MS
        columns["done_ns"][at] = (sent + took) * MS
        columns["outcome"][at] = outcome
        columns["status"][at] = status[0] if status else 200
    return columns


def steady(begin, end, took=10):
    return [(at, took, Outcome.OK) for at in range(begin, end, 10)]


def reckoned(*rows, moments=None, ready=(), alive=()):
    moments = moments or Moments(BEGAN, over=1500 * MS, ended=4000 * MS)
    return reckon(samples(*rows), moments, ready, alive, 1000)


def test_a_request_under_way_at_the_signal_is_finished_or_dropped():
    found = reckoned((990, 60, Outcome.OK), (995, 8, Outcome.LOST), (999, 40, Outcome.CLOSED))
    assert (found["under_way"], found["finished"], found["lost"], found["raced"]) == (3, 1, 2, 0)


def test_a_kept_connection_closed_in_the_moment_of_sending_is_no_failure_and_one_closed_later_is():
    found = reckoned((1100, 1, Outcome.LOST), (1100, 30, Outcome.LOST), (1100, 1, Outcome.CLOSED))
    assert (found["raced"], found["lost"], found["failed"]) == (1, 2, 2)


def test_every_way_to_fail_is_counted_once_and_what_failed_before_is_told_apart():
    found = reckoned(
        (500, 1, Outcome.BAD_STATUS, 500),
        (1100, 1, Outcome.CONNECT),
        (1200, 1, Outcome.BAD_STATUS, 503),
        (1300, 900, Outcome.TIMEOUT),
        (1400, 0, Outcome.DROPPED),
        (1500, 1500, Outcome.OK),
        (1600, 0, Outcome.NOT_STARTED),
    )
    kinds = ("refused", "wrong", "unanswered", "unsent")
    assert [found[key] for key in kinds] == [1, 1, 1, 1]
    assert (found["failed"], found["failed_before"], found["slow"]) == (4, 1, 1)
    assert found["statuses"] == {"503": 1}


def test_what_the_end_of_the_load_gave_up_is_no_failure_but_what_hung_long_before_is():
    found = reckoned((3900, 150, Outcome.TIMEOUT), (1500, 2550, Outcome.TIMEOUT))
    assert found["unanswered"] == 1


def test_time_without_service_is_the_stretch_without_a_good_answer():
    found = reckoned(*steady(0, 1000), *[(at, 1, Outcome.CONNECT) for at in range(1000, 1500, 10)], *steady(1500, 4000))
    assert found["without_service_ms"] == 510
    assert reckoned(*steady(0, 4000))["without_service_ms"] == 0
    assert reckoned(*steady(0, 1000))["without_service_ms"] > 2900  # it never came back


def test_health_was_untrue_only_where_requests_failed_between_two_answers_that_said_ready():
    yes = [Told(at * MS, (at + 1) * MS, 200) for at in (1100, 1200)]
    mixed = [Told(1100 * MS, 1101 * MS, 200), Told(1200 * MS, 1201 * MS, 503)]
    wrong = (1150, 1, Outcome.BAD_STATUS, 503)
    assert reckoned(wrong, ready=yes)["ready_but_failed"] == 1
    assert reckoned(wrong, ready=mixed)["ready_but_failed"] == 0
    assert reckoned((1150, 1, Outcome.CONNECT), ready=yes)["ready_but_failed"] == 0
    assert reckoned(alive=[Told(1100 * MS, 1101 * MS, 0), Told(1200 * MS, 1201 * MS, 500)])["not_alive"] == 1


def test_the_curve_tells_until_when_answers_were_slower_than_before():
    found = reckoned(*steady(0, 1500), *steady(1500, 2000, took=50), *steady(2000, 4000))
    assert found["warm_ms"] == 500
    assert found["curve"][0][1] == 50
    assert reckoned(*steady(0, 4000))["warm_ms"] == 0


def test_moments_that_never_came_have_no_time():
    found = reckoned(*steady(0, 4000), moments=Moments(BEGAN, over=1100 * MS, ended=4000 * MS, sharp=False))
    assert (found["startup_ms"], found["drain_ms"], found["under_way"]) == (None, None, None)
    assert found["took_ms"] == 100
