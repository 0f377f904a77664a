from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from late import Late
from perfproof.stats.intervals import (
    STARTS,
    Prior,
    one_sample,
    pooled_sd,
    prior_of_starts,
    smallest_effect,
    two_samples,
)

stats = Late("scipy.stats")

rounds = st.lists(st.floats(-0.5, 0.5), min_size=2, max_size=30).filter(lambda v: np.std(v) > 1e-3)


@given(rounds, st.sampled_from([0.95, 0.98, 0.999]))
def test_the_interval_is_students(values: list[float], confidence: float) -> None:
    found = one_sample(np.array(values), confidence)
    expected = stats.ttest_1samp(values, 0).confidence_interval(confidence)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), rel=1e-6, abs=1e-9)


@given(rounds, rounds)
def test_two_runs_are_compared_as_welch_did(first: list[float], second: list[float]) -> None:
    found = two_samples(np.array(first), np.array(second), 0.98)
    test = stats.ttest_ind(second, first, equal_var=False)
    expected = test.confidence_interval(0.98)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), rel=1e-6, abs=1e-9)


@given(rounds, st.randoms())
def test_the_order_of_rounds_does_not_matter(values: list[float], random: object) -> None:
    mixed = values.copy()
    random.shuffle(mixed)  # type: ignore[attr-defined]
    one, two = (one_sample(np.array(v), 0.98) for v in (values, mixed))
    assert (one.value, one.low, one.high) == pytest.approx((two.value, two.low, two.high), abs=1e-12)


def test_one_round_has_no_interval() -> None:
    found = one_sample(np.array([0.1]), 0.98)
    assert (found.low, found.high, found.p_above()) == (None, None, 1.0)


def test_rounds_that_agree_exactly_still_have_some_width() -> None:
    found = one_sample(np.zeros(12), 0.98)
    assert found.low is not None
    assert -0.001 < found.low < 0


def test_a_stored_spread_of_few_rounds_or_of_another_machine_is_left_out() -> None:
    assert pooled_sd(0.02, 3, Prior(0.02, 3)) == (0.02, 3)
    assert pooled_sd(0.20, 11, Prior(0.02, 11)) == (0.20, 11)
    sd, df = pooled_sd(0.03, 3, Prior(0.02, 12))
    assert 0.02 < sd < 0.03
    assert df == 9


@pytest.mark.parametrize("known_sd", [0.015, 0.02, 0.03])
@pytest.mark.parametrize("count", [4, 8, 12])
def test_coverage_holds_with_a_stored_spread_even_if_the_machine_changed_a_little(count: int, known_sd: float) -> None:
    rng = np.random.default_rng(count)
    hits = 0
    for _ in range(2000):
        prior = Prior(float(rng.normal(0, known_sd, 12).std(ddof=1)), 11)
        found = one_sample(rng.normal(0.05, 0.02, count), 0.95, prior)
        hits += found.low is not None and found.high is not None and found.low <= 0.05 <= found.high
    assert hits / 2000 > (0.905 if known_sd < 0.02 else 0.935)


def test_the_smallest_effect_is_seen_as_often_as_promised() -> None:
    rng = np.random.default_rng(5)
    effect = smallest_effect(0.02, 12, 0.98)
    seen = [one_sample(rng.normal(effect, 0.02, 12), 0.98).low for _ in range(2000)]
    assert np.mean([low is not None and low > 0 for low in seen]) == pytest.approx(0.95, abs=0.02)


@pytest.mark.parametrize("metric", STARTS)
def test_two_starts_that_agree_are_as_wide_as_starts_usually_are(metric: str) -> None:
    values = np.array([0.0, 0.0])
    alone = one_sample(values, 0.98, prior_of_starts(metric, np.array([0.0, 0.0])))
    unsure = one_sample(values, 0.98, prior_of_starts(metric, np.array([0.1, 0.1])))
    assert alone.high is not None
    assert unsure.high is not None
    # Four of five degrees of freedom are the prior's, so nearly its whole width is left: t of 5 at 98 %, over sqrt(2).
    assert alone.high == pytest.approx(3.365 * STARTS[metric] * (4 / 5) ** 0.5 / 2**0.5, rel=0.02)
    assert unsure.high > alone.high
