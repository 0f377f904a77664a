"""Orders in which neither a place nor a neighbour falls on one arm."""

from __future__ import annotations

from collections import Counter
from itertools import islice, pairwise

import pytest

from perfproof.load.orders import balanced_orders, leaders


@pytest.mark.parametrize("arms", range(1, 9))
def test_each_arm_has_each_place_and_each_neighbour_before_it_equally_often(arms: int) -> None:
    orders = balanced_orders(range(arms))
    assert all(sorted(order) == list(range(arms)) for order in orders)
    places = Counter((place, arm) for order in orders for place, arm in enumerate(order))
    assert len(places) == arms * arms
    assert len(set(places.values())) == 1
    neighbours = Counter(pair for order in orders for pair in pairwise(order))
    assert len(neighbours) == arms * (arms - 1)
    assert len(set(neighbours.values())) <= 1


def test_two_arms_lead_in_turn() -> None:
    assert balanced_orders((0, 1)) == [[0, 1], [1, 0]]


def test_a_stretch_has_every_order_equally_often_in_runs_of_one() -> None:
    found = list(islice(leaders((0, 1, 2), 144, seed=5), 144))
    assert set(Counter(map(tuple, found)).values()) == {24}
    assert sum(one != other for one, other in pairwise(found)) < 24, "few switches"
    assert found != list(islice(leaders((0, 1, 2), 144, seed=6), 144))
