"""Pairs of requests against real servers."""

from __future__ import annotations

import time
from itertools import islice, pairwise

import numpy as np
import pytest

from perfproof.errors import LoadError
from perfproof.load.orders import leaders
from perfproof.load.plan import PairStretch
from perfproof.model.recording import Outcome
from perfproof.model.scenario import Feed, Load, Request

pytestmark = pytest.mark.server


def get(path: str, **rest: object) -> Request:
    return Request(path, "GET", path, **rest)  # type: ignore[arg-type]


def opened(start_load, server, *requests: Request, load: Load | None = None, **rest):
    process = start_load(*requests, load=load or Load(model="closed", given=False), **rest)
    for arm in (0, 1):
        process.open(arm, server.url)
    return process


def test_every_request_goes_to_both_arms_and_never_while_another_is_under_way(server, start_load, sealed):
    load = opened(start_load, server, get("/ok", weight=2), get("/slow/0.00{n}", values={"n": (1, 2, 3)}))
    report = load.pairs(PairStretch((0, 1), 4, (40, 30), 20.0, seed=7))
    rows = sealed(load)
    assert report.pairs == 70
    assert [each.completed for each in report.arms] == [70, 70]
    assert set(rows["pair"]) == {4}
    for arm in (0, 1):
        mine = rows["arm"] == arm
        assert np.bincount(rows["request"][mine]).tolist() == [40, 30]
        assert np.bincount(rows["variant"][mine & (rows["request"] == 1)]).tolist() == [10, 10, 10]
    order = np.argsort(rows["sent_ns"])
    assert (rows["sent_ns"][order][1:] >= rows["done_ns"][order][:-1]).all(), "no two overlap"
    arms, names = rows["arm"][order].reshape(-1, 2), rows["request"][order].reshape(-1, 2)
    assert (arms.sum(axis=1) == 1).all(), "each pair has both arms"
    assert (names[:, 0] == names[:, 1]).all(), "and is of one request"
    assert abs((arms[:, 0] == 0).sum() - 35) <= 1, "each arm goes first half of the time"
    assert len(set(map(tuple, arms.tolist()))) == 2
    asked = server.counts()["asked"]
    assert asked["ok"] == 80


def test_a_stretch_opens_one_connection_for_each_arm(server, start_load, sealed):
    load = opened(start_load, server, get("/ok"))
    for pair in range(3):
        report = load.pairs(PairStretch((0, 1), pair, (10,), 20.0, seed=pair))
        assert [each.opened for each in report.arms] == [1, 1]
    rows = sealed(load)
    assert rows["reconnected"].sum() == 6


def test_a_stretch_ends_between_two_pairs_when_its_time_is_over(server, start_load, sealed):
    load = opened(start_load, server, get("/slow/0.05"))
    report = load.pairs(PairStretch((0, 1), 0, (1000,), 0.5, seed=1))
    rows = sealed(load)
    assert 2 <= report.pairs <= 8
    assert np.bincount(rows["arm"]).tolist() == [report.pairs, report.pairs]


def test_pauses_separate_the_requests(server, start_load, sealed):
    load = opened(start_load, server, get("/ok"))
    load.pairs(PairStretch((0, 1), 0, (20,), 20.0, seed=1, gap=0.005))
    rows = sealed(load)
    order = np.argsort(rows["sent_ns"])
    assert (rows["sent_ns"][order][1:] - rows["done_ns"][order][:-1]).min() >= 5_000_000


def test_a_service_that_does_not_answer_costs_its_timeout_as_often_as_patience_allows(server, start_load, sealed):
    load = opened(start_load, server, get("/slow/5", timeout=0.3))
    began = time.monotonic()
    report = load.pairs(PairStretch((0, 1), 0, (100,), 60.0, seed=1, patience=2))
    assert time.monotonic() - began < 3
    assert max(report.hung) == 2
    rows = sealed(load)
    assert set(rows["outcome"]) == {int(Outcome.TIMEOUT)}


def test_warm_up_leaves_no_rows_behind(server, start_load, sealed):
    load = opened(start_load, server, get("/ok"), get("/slow/0.01"))
    report = load.pairs(PairStretch((0, 1), -1, (5, 2), 20.0, seed=1, record=False))
    assert [each.completed for each in report.arms] == [7, 7]
    assert all(10e6 <= mine[1] < 200e6 and mine[0] < mine[1] for mine in report.took_ns)
    load.pairs(PairStretch((0, 1), 0, (1, 1), 20.0, seed=1))
    assert len(sealed(load)["arm"]) == 4


def test_both_arms_get_the_same_rows_of_a_feed_until_it_ends(server, start_load, sealed, tmp_path):
    file = tmp_path / "rows.csv"
    file.write_text("n\n" + "\n".join(f"0.0{n}" for n in range(1, 8)) + "\n")
    load = opened(start_load, server, get("/slow/{rows.n}"), feeds=(Feed("rows", file, "once"),))
    report = load.pairs(PairStretch((0, 1), 0, (20,), 20.0, seed=1))
    assert report.pairs == 6, "a quarter of the rows is kept for the warm-up"
    assert [each.completed for each in report.arms] == [6, 6]
    rows = sealed(load)
    first, second = ((rows["done_ns"] - rows["sent_ns"])[rows["arm"] == arm] for arm in (0, 1))
    assert np.corrcoef(first, second)[0, 1] > 0.5


def test_refused_requests_fail_in_pairs_without_a_storm(server, start_load):
    load = start_load(get("/ok"), load=Load(model="closed", given=False))
    for arm in (0, 1):
        load.open(arm, server.url)
    server.stop()
    began = time.monotonic()
    report = load.pairs(PairStretch((0, 1), 0, (20,), 0.5, seed=1))
    assert time.monotonic() - began < 2
    assert 0 < report.pairs <= 40
    assert sum(each.completed for each in report.arms) == 0


def test_histograms_cannot_be_paired(server, start_load):
    load = opened(start_load, server, get("/ok"), load=Load(samples="histogram"))
    with pytest.raises(LoadError, match="one by one"):
        load.pairs(PairStretch((0, 1), 0, (1,), 1.0, seed=1))


@pytest.mark.parametrize("pairs", [1, 2, 3, 7, 24, 70, 500])
def test_each_arm_leads_as_often_and_nearly_every_request_follows_one_of_the_other_arm(pairs):
    for seed in range(20):
        order = list(islice(leaders([0, 1], pairs, seed), pairs))
        first = sum(each[0] == 0 for each in order)
        assert abs(2 * first - pairs) <= max(1, pairs // 12)
        asked = [arm for each in order for arm in each]
        same = sum(a == b for a, b in pairwise(asked))
        assert same <= max(1, pairs // 8)
    assert len({tuple(next(leaders([0, 1], pairs, seed))) for seed in range(20)}) == 2, "which one begins is drawn"


def test_three_arms_get_every_request_one_right_after_the_other(server, start_load, sealed):
    load = start_load(get("/ok"), get("/slow/0.002"), load=Load(model="closed", given=False), arms=3)
    for arm in (0, 1, 2):
        load.open(arm, server.url)
    report = load.pairs(PairStretch((0, 1, 2), 2, (60, 12), 20.0, seed=7))
    rows = sealed(load)
    assert [each.completed for each in report.arms] == [72, 72, 72]
    order = np.argsort(rows["sent_ns"])
    assert (rows["sent_ns"][order][1:] >= rows["done_ns"][order][:-1]).all(), "no two overlap"
    arms, names = rows["arm"][order].reshape(-1, 3), rows["request"][order].reshape(-1, 3)
    assert (np.sort(arms, axis=1) == [0, 1, 2]).all(), "each request goes to all of them before the next"
    assert (names == names[:, :1]).all()
    for place in range(3):
        assert np.bincount(arms[:, place]).tolist() == [24, 24, 24]
