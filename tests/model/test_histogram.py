from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perfproof.model.histogram import HIGHEST, Histogram, bounds_of, bucket_of

durations = st.one_of(
    st.integers(1_000, 100_000), st.integers(1_000, 10**9), st.integers(1_000, HIGHEST)
)  # 1 us to 1 h, in ns
samples = st.lists(durations, min_size=1, max_size=300)
shares = st.floats(0, 1) | st.sampled_from([0.0, 0.5, 0.9, 0.95, 0.99, 0.999, 1.0])


@settings(max_examples=300, deadline=None)
@given(samples, shares)
def test_quantiles_are_within_a_thousandth_of_the_raw_samples(values: list[int], share: float) -> None:
    raw = np.quantile(np.array(values), share, method="inverted_cdf")
    assert abs(Histogram(values).quantile(share) - raw) <= 0.001 * raw


@pytest.mark.parametrize("share", [0.01, 0.5, 0.9, 0.95, 0.99, 0.999])
def test_quantiles_of_a_million_latencies_are_within_a_thousandth(share: float) -> None:
    values = (np.random.default_rng(7).lognormal(16, 1.5, 1_000_000)).astype(np.int64)
    raw = np.quantile(values, share, method="closest_observation")
    assert Histogram(values).quantile(share) == pytest.approx(raw, rel=0.001)


@settings(max_examples=100, deadline=None)
@given(st.lists(samples, min_size=1, max_size=5))
def test_merging_parts_equals_recording_everything_in_one(parts: list[list[int]]) -> None:
    merged = Histogram.merged(Histogram(part) for part in parts)
    assert merged == Histogram([value for part in parts for value in part])


@settings(max_examples=100, deadline=None)
@given(samples)
def test_count_extremes_and_mean_are_exact(values: list[int]) -> None:
    histogram = Histogram(values)
    assert (histogram.count, histogram.min, histogram.max) == (len(values), min(values), max(values))
    assert histogram.mean == sum(values) / len(values)


@given(st.integers(0, HIGHEST))
def test_a_value_lies_in_its_bucket_which_is_narrow(value: int) -> None:
    lowest, width = bounds_of(bucket_of(np.array([value])))
    assert lowest[0] <= value < lowest[0] + width[0]
    assert width[0] == 1 or width[0] <= value / 1024


def test_buckets_follow_one_another_without_gap_or_overlap() -> None:
    lowest, width = bounds_of(np.arange(bucket_of(np.array([HIGHEST]))[0]))
    assert (lowest[1:] == lowest[:-1] + width[:-1]).all()


def test_the_sum_does_not_overflow() -> None:
    histogram = Histogram(np.full(3_000_000, HIGHEST))
    assert histogram.mean == HIGHEST
    assert histogram.total > 2**63


def test_a_duration_above_an_hour_counts_in_the_last_bucket_and_keeps_its_maximum() -> None:
    histogram = Histogram([5_000, 2 * HIGHEST])
    assert histogram.max == 2 * HIGHEST
    assert histogram.quantile(1.0) == pytest.approx(HIGHEST, rel=0.001)


def test_an_empty_histogram_has_no_quantiles_and_says_so() -> None:
    histogram = Histogram()
    assert (histogram.count, histogram.min, histogram.max, histogram.mean) == (0, None, None, None)
    with pytest.raises(ValueError, match="nothing was recorded"):
        histogram.quantile(0.5)


@pytest.mark.parametrize("share", [-0.1, 1.1])
def test_a_share_outside_of_nought_to_one_is_refused(share: float) -> None:
    with pytest.raises(ValueError, match="share"):
        Histogram([1]).quantile(share)


@pytest.mark.parametrize("values", [[-1], [1.5]])
def test_negative_or_broken_durations_are_refused(values: list[float]) -> None:
    with pytest.raises(ValueError, match=r"negative|whole"):
        Histogram(values)
