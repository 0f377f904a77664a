from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from late import Late
from perfproof.stats.quantiles import harrell_davis, theil_sen, thin

stats, mstats = Late("scipy.stats"), Late("scipy.stats.mstats")

values = st.lists(st.floats(0.1, 1e4), min_size=3, max_size=300)


@given(values, st.sampled_from([0.5, 0.95, 0.99]))
def test_the_quantile_is_that_of_scipy(numbers: list[float], quantile: float) -> None:
    ordered = np.sort(np.array(numbers))
    expected = float(mstats.hdquantiles(ordered, prob=[quantile])[0])
    assert harrell_davis(ordered, quantile) == pytest.approx(expected, rel=1e-6)


def test_a_large_array_needs_only_the_weights_near_the_quantile() -> None:
    ordered = np.sort(np.random.default_rng(1).lognormal(size=80_000))
    for quantile in (0.5, 0.95, 0.99):
        assert harrell_davis(ordered, quantile) == pytest.approx(np.quantile(ordered, quantile), rel=2e-3)
    expected = float(mstats.hdquantiles(ordered[::20], prob=[0.95])[0])
    assert harrell_davis(ordered[::20], 0.95) == pytest.approx(expected, rel=1e-6)


@given(values, st.floats(0.1, 10), st.sampled_from([0.5, 0.95]))
def test_scaling_the_values_scales_the_quantile(numbers: list[float], factor: float, quantile: float) -> None:
    ordered = np.sort(np.array(numbers))
    assert harrell_davis(ordered * factor, quantile) == pytest.approx(harrell_davis(ordered, quantile) * factor)


def test_no_values_have_no_quantile() -> None:
    assert np.isnan(harrell_davis(np.empty(0), 0.5))


def test_the_slope_is_that_of_scipy_and_ignores_a_wild_point() -> None:
    rng = np.random.default_rng(2)
    x = np.arange(60.0)
    y = 3 * x + rng.normal(size=60)
    y[10] += 1e6
    assert theil_sen(x, y) == pytest.approx(stats.theilslopes(y, x).slope)
    assert theil_sen(x, y) == pytest.approx(3, abs=0.1)


def test_a_slope_without_progress_is_unknown() -> None:
    assert np.isnan(theil_sen(np.ones(5), np.arange(5.0)))


@given(st.integers(1, 5000), st.integers(2, 400))
def test_thinning_keeps_both_ends(count: int, most: int) -> None:
    kept = thin(count, most)
    assert len(kept) <= most
    assert (kept[0], kept[-1]) == (0, count - 1)
