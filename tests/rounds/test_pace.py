"""How the arms take turns and for how long."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfproof.model.scenario import Load, Rounds, Stage
from perfproof.rounds.pace import block_plan, by_utilisation, choose, counts, round_seconds, stretches


def design(load: Load, rounds: Rounds | None = None, *, arms: int = 2, locust: bool = False, under: bool = False):
    return choose(load, rounds or Rounds(), arms=arms, locust=locust, under_load=under)


@pytest.mark.parametrize(
    ("load", "rounds", "pairs", "blocks", "reason"),
    [
        (Load(given=False), Rounds(), True, False, "no load is asked for"),
        (Load(model="closed"), Rounds(), True, False, "there is one user"),
        (Load(model="closed", users=8), Rounds(), True, True, "8 users meet"),
        (Load(stages=(Stage(1, 10),)), Rounds(), False, True, "stages"),
        (Load(workers=2), Rounds(), False, True, "several workers"),
        (Load(samples="histogram"), Rounds(), False, True, "histograms"),
        (Load(), Rounds(pairing="block"), False, True, "asks for blocks"),
        (Load(), Rounds(pairing="request"), True, False, "asks for pairs"),
        (Load(), Rounds(blocks=4), False, True, "how long its blocks are"),
    ],
)
def test_the_scenario_decides_where_it_says_enough(load, rounds, pairs, blocks, reason) -> None:
    found = design(load, rounds)
    assert (found.pairs, found.blocks) == (pairs, blocks)
    assert reason in found.reason


def test_a_rate_alone_leaves_it_to_how_busy_the_service_is() -> None:
    assert design(Load(rate=100)) is None
    calm, busy = (by_utilisation(100, seconds, under_load=False) for seconds in (0.002, 0.008))
    assert (calm.pairs, calm.blocks) == (True, False)
    assert (busy.pairs, busy.blocks) == (True, True)
    assert "20 % of the time" in calm.sentence
    assert "what one request costs" in busy.sentence
    assert "what users wait" in busy.sentence


def test_a_goal_under_load_has_blocks_measured_as_well() -> None:
    assert design(Load(given=False), under=True).blocks
    assert by_utilisation(1, 0.001, under_load=True).blocks


def test_the_users_of_a_locust_file_and_single_versions_are_not_paired() -> None:
    assert not design(Load(), locust=True).pairs
    assert not design(Load(), arms=1).pairs
    assert design(Load(given=False), arms=1).pairs


def test_pairs_follow_the_traffic_where_there_is_time_for_it() -> None:
    found = counts([4, 4, 1, 1], [0.006, 0.006, 0.006, 0.006], 2.0)
    assert found[0] == found[1] == pytest.approx(4 * found[2], abs=4)


def test_one_slow_request_does_not_take_the_time_of_the_quick_ones() -> None:
    quick, slow = 0.006, 4.0
    found = counts([1, 1, 1], [quick, quick, slow], 20.0)
    assert found[2] >= 1
    assert min(found[:2]) >= 20
    assert sum(n * cost for n, cost in zip(found, (quick, quick, slow), strict=True)) < 25
    assert found[0] > 1.5 * found[2], "not by their shares of the traffic, which are alike"


@given(
    weights=st.lists(st.floats(0.1, 10), min_size=1, max_size=8),
    seconds=st.floats(0.1, 60),
    data=st.data(),
)
def test_stretches_hold_every_pair_of_the_round_and_none_is_empty(weights, seconds, data) -> None:
    costs = data.draw(st.lists(st.floats(0.0005, 5), min_size=len(weights), max_size=len(weights)))
    found = counts(weights, costs, seconds)
    assert all(count >= 1 for count in found)
    parts = stretches(found, seconds)
    assert all(sum(part) for part in parts)
    assert tuple(map(sum, zip(*parts, strict=True))) == found


def test_quick_services_get_many_short_rounds_and_slow_starters_longer_ones() -> None:
    assert round_seconds(2.5, 0.03, 0.02, None) == 2.0
    assert round_seconds(25.0, 0.03, 0.02, None) == 12.5


def test_two_rounds_fit_into_the_time_where_they_can() -> None:
    seconds = round_seconds(25.0, 6.0, 3.0, 100.0)
    assert 2 * (25 + seconds) <= 100.01
    assert seconds >= 6.0


def test_a_start_that_takes_longer_than_there_is_time_is_used_for_more_than_a_pair() -> None:
    assert round_seconds(15.0, 0.002, 0.002, 0.0) == 1.0
    assert round_seconds(15.0, 0.002, 0.002, -40.0) == 1.0
    assert round_seconds(15.0, 6.0, 3.0, 0.0) == 6.0
    assert round_seconds(0.4, 0.002, 0.002, 0.0) == 0.2


def test_blocks_are_short_where_requests_are_quick_and_hold_some_where_they_are_slow() -> None:
    number, seconds = block_plan(Load(rate=100), Rounds(), 0.005, 0.01, 2.0)
    assert (number, seconds) == (10, pytest.approx(0.1))
    assert block_plan(Load(rate=5), Rounds(), 0.3, 0.4, 2.0)[1] == 2.0
    assert block_plan(Load(rate=100), Rounds(blocks=3, block=0.4), 0.3, 0.4, 2.0) == (3, 0.4)
