"""Steps are found where they are, and flat histories are left alone about as often as promised."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfproof.stats.changepoints import LEVEL, SIDE, _inflation, change_points, dependence, split_statistics

SERIES = st.lists(st.floats(0.001, 1e6), max_size=60)


def noisy(levels: list[tuple[int, float]], noise: float = 0.02, seed: int = 1) -> list[float]:
    rng = np.random.default_rng(seed)
    return [level * float(rng.lognormal(0, noise)) for count, level in levels for _ in range(count)]


def test_a_step_is_found_at_the_first_run_of_the_new_level() -> None:
    (found,) = change_points(noisy([(20, 10.0), (12, 11.5)]))
    assert found.index == 20
    assert found.change == pytest.approx(0.15, abs=0.02)
    assert found.probability <= LEVEL
    assert (found.before, found.after) == (pytest.approx(10, rel=0.02), pytest.approx(11.5, rel=0.02))


def test_several_steps_are_found_in_order_with_the_levels_between_them() -> None:
    found = change_points(noisy([(20, 10.0), (20, 14.0), (20, 8.0)]))
    assert [step.index for step in found] == [20, 40]
    assert [round(step.after) for step in found] == [14, 8]
    assert found[0].after == found[1].before


def test_the_newest_runs_tell_a_step_when_the_history_before_is_long_enough() -> None:
    (found,) = change_points(noisy([(40, 10.0), (3, 12.0)]))
    assert found.index == 40


def test_single_bad_runs_are_no_change() -> None:
    series = noisy([(40, 10.0)])
    for at in (7, 20, 33):
        series[at] = 60.0
    assert change_points(series) == []


def test_a_step_too_small_to_matter_is_not_reported_however_clear() -> None:
    assert change_points(noisy([(60, 10.0), (60, 10.1)], noise=0.0005)) == []
    (found,) = change_points(noisy([(60, 10.0), (60, 10.3)], noise=0.0005))
    assert found.change == pytest.approx(0.03, abs=0.001)


def test_a_step_up_from_nothing_is_found_and_has_no_fraction() -> None:
    (found,) = change_points([0.0] * 20 + [0.01 + at / 1e5 for at in range(20)])
    assert found.index == 20
    assert found.change is None


@given(value=st.floats(-1e9, 1e9), length=st.integers(0, 80))
def test_a_constant_series_never_changes(value: float, length: int) -> None:
    assert change_points([value] * length) == []


@given(SERIES)
def test_change_points_are_inside_in_order_apart_and_alike_on_every_call(series: list[float]) -> None:
    found = change_points(series)
    edges = [0, *(step.index for step in found), len(series)]
    assert all(after - before >= SIDE for before, after in pairwise(edges)) or not found
    assert change_points(series) == found


@given(SERIES, st.floats(0.01, 100))
def test_the_unit_does_not_matter(series: list[float], factor: float) -> None:
    # Powers of two scale exactly, so that no two values become equal or unequal by rounding.
    exact = 2.0 ** round(np.log2(factor))
    assert [s.index for s in change_points([v * exact for v in series])] == [s.index for s in change_points(series)]


@given(st.lists(st.floats(1, 100), min_size=2 * SIDE, max_size=40))
def test_a_reversed_history_has_the_same_strongest_split(series: list[float]) -> None:
    ranks = np.argsort(np.argsort(series)).astype(float)[None, :] + 1
    forward, backward = split_statistics(ranks)[0], split_statistics(ranks[:, ::-1])[0]
    assert forward == pytest.approx(backward[::-1])


def test_flat_histories_are_called_changed_about_as_rarely_as_promised() -> None:
    rng = np.random.default_rng(5)
    alarms = sum(bool(change_points(rng.lognormal(0, 0.1, 40), smallest=0.0)) for _ in range(1500))
    # 7.5 are expected of 1,500 at a level of 0.005; more than 17 come about once in 1,000 such tests.
    assert alarms <= 17


def test_what_is_not_a_number_is_refused() -> None:
    with pytest.raises(ValueError, match="finite"):
        change_points([1.0, float("nan")])


def drifting(share: float, length: int, count: int, seed: int = 3) -> np.ndarray:
    """Return flat series in which each run is alike the one before it by ``share``."""
    noise = np.random.default_rng(seed).normal(size=(count, length + 50))
    for at in range(1, length + 50):
        noise[:, at] += share * noise[:, at - 1]
    return noise[:, 50:]


def test_machines_that_drift_raise_few_false_alarms() -> None:
    alarms = sum(bool(change_points(np.exp(0.05 * series))) for series in drifting(0.6, 40, 300))
    assert alarms <= 15, "75 of 300 were raised when runs were taken to be independent"


def test_a_wide_step_is_found_on_a_machine_that_drifts() -> None:
    found = 0
    for series in drifting(0.5, 60, 40):
        level = np.repeat([1.0, 1.5], [45, 15])
        found += any(abs(step.index - 45) <= 1 for step in change_points(np.exp(0.04 * series) * level))
    assert found >= 36


@pytest.mark.parametrize(("share", "length"), [(0.0, 20), (0.3, 15), (0.6, 40), (0.9, 60)])
def test_sums_of_dependent_runs_vary_as_computed(share: float, length: int) -> None:
    series = drifting(share, length, 40_000)
    series = series - series.mean(axis=1, keepdims=True)
    series /= np.sqrt((series**2).sum(axis=1, keepdims=True) / (length - 1))
    first = np.arange(SIDE, length - SIDE + 1)
    sums = series.cumsum(axis=1)[:, first - 1]
    expected = first * (length - first) / length * _inflation(length, share)
    # Dividing by a variance that was estimated itself changes a ratio of strongly dependent runs a little.
    assert (sums**2).mean(axis=0) == pytest.approx(expected, rel=0.08 + 0.2 * share**2)


@given(st.lists(st.floats(-1e6, 1e6), min_size=6, max_size=80), st.integers(1, 6))
def test_dependence_is_a_share_and_does_not_depend_on_direction(left: list[float], levels: int) -> None:
    found = dependence(np.array(left), levels)
    assert 0 <= found <= 0.9
    assert found == pytest.approx(dependence(np.array(left[::-1]), levels))


def test_dependence_is_estimated_without_much_bias() -> None:
    for share in (0.3, 0.6):
        estimates = [dependence(each - np.median(each), 1) for each in drifting(share, 60, 400)]
        assert np.mean(estimates) == pytest.approx(share, abs=0.12)
