import pytest

from perfproof.load.plan import WarmReport
from perfproof.model.scenario import Expect, Repeat, Request
from perfproof.rounds.warmup import carried, is_steady, pauses


def test_fewer_than_four_stretches_are_not_steady() -> None:
    assert not is_steady([1.0, 1.0, 1.0])


def test_a_level_is_steady_and_a_fall_is_not() -> None:
    assert is_steady([9.0, 1.0, 1.05, 1.0, 0.95])
    assert not is_steady([3.0, 2.5, 2.0, 1.5])


def test_a_burst_of_noise_is_not_taken_for_warming_up() -> None:
    assert is_steady([1.0, 1.1, 1.9, 1.15])


def stretches(took: float) -> list[WarmReport]:
    return [WarmReport(40, 0, 10**6, 10**6, 4, int(took * 1e9))] * 5


def test_a_queue_that_grows_is_told_with_the_rate_that_is_carried() -> None:
    assert carried(stretches(1.0), 0.25, 0.01) == 40.0
    assert carried(stretches(0.26), 0.25, 0.01) is None


def test_the_pauses_of_a_flow_are_no_queue() -> None:
    first = Request("a", "GET", "/a", flow="slow", think_time=0.3)
    second = Request("b", "GET", "/b", flow="slow", repeat=Repeat(Expect(), every=0.2, at_most=3))
    alone = Request("c", "GET", "/c", think_time=0.1)
    assert pauses([first, second, alone]) == pytest.approx(0.7)
    assert pauses([]) == 0.0
    assert carried(stretches(0.95), 0.25, 0.01, pauses([first, second])) is None
