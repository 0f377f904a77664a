from hypothesis import given
from hypothesis import strategies as st

from perfproof.model.scenario import Scenario
from perfproof.rounds.round import block_order, block_seed


def scenario() -> Scenario:
    return Scenario(name="s", file=None, arms=(), requests=())  # type: ignore[arg-type]


@given(blocks=st.integers(1, 40), number=st.integers(1, 100))
def test_each_pair_loads_every_arm_once_and_each_arm_leads_half_the_time(blocks: int, number: int) -> None:
    order = block_order(scenario(), number, 2, blocks)
    assert len(order) == blocks
    assert all(sorted(pair) == [0, 1] for pair in order)
    leads = sum(pair[0] == 0 for pair in order)
    assert abs(2 * leads - blocks) <= 1


def test_the_order_is_random_but_repeatable() -> None:
    orders = [block_order(scenario(), number, 2, 8) for number in range(1, 30)]
    assert len({str(order) for order in orders}) > 10
    assert orders == [block_order(scenario(), number, 2, 8) for number in range(1, 30)]


def test_one_arm_is_always_first() -> None:
    assert block_order(scenario(), 1, 1, 3) == [[0], [0], [0]]


def test_every_pair_of_every_round_has_its_own_request_sequence() -> None:
    seeds = {block_seed(scenario(), number, pair) for number in range(1, 13) for pair in range(8)}
    assert len(seeds) == 12 * 8
    assert block_seed(scenario(), 3, 2) == block_seed(scenario(), 3, 2)


@given(blocks=st.integers(1, 12), arms=st.integers(2, 5), first=st.integers(1, 40))
def test_over_rounds_every_arm_leads_as_often_where_one_round_cannot_come_out_even(
    blocks: int, arms: int, first: int
) -> None:
    turns = 2 * arms
    leads = [
        order[0] for number in range(first, first + turns) for order in block_order(scenario(), number, arms, blocks)
    ]
    assert {leads.count(arm) for arm in range(arms)} == {turns * blocks // arms}
