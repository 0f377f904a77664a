import numpy as np
import pytest

from perfproof.load.plan import WarmReport
from perfproof.model.scenario import Expect, Repeat, Request
from perfproof.rounds.warmup import carried, has_settled, is_steady, pauses


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


@pytest.mark.parametrize(("noise", "tells"), [(0.1, 0.8), (0.3, 0.2)])
def test_when_time_is_up_a_fall_is_told_from_the_noise_of_a_busy_machine(noise: float, tells: float) -> None:
    random = np.random.default_rng(7)
    noises = np.exp(random.normal(0.0, noise, (1000, 12)))
    falling = 1 + 4 * np.exp(-0.25 * np.arange(12) / 1.5)  # a service that is warm after 1.5 s times three
    wrong = sum(not has_settled(list(row)) for row in noises)
    found = sum(not has_settled(list(row)) for row in noises * falling)
    assert wrong <= 40
    assert found >= 1000 * tells
    # Judged as while warming up, many more would be wrong.
    assert sum(not is_steady(list(row)) for row in noises) > 2 * wrong


def test_few_stretches_are_judged_as_while_warming_up() -> None:
    assert has_settled([9.0, 1.0, 1.05, 1.0, 0.95])
    assert not has_settled([3.0, 2.5, 2.0, 1.5])
    assert not has_settled([1.0])
