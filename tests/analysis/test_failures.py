from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from analysis.builders import make_recording
from perfproof.analysis.columns import Side
from perfproof.analysis.failures import Failures, commonest, count_failures, p_rise, rate_interval, ratio_interval


def failures(failed: int, sent: int) -> Failures:
    return Failures(sent, failed, {"timeout": failed} if failed else {}, ())


@given(st.integers(0, 50), st.integers(50, 5000), st.sampled_from([0.95, 0.98]))
def test_the_interval_of_a_rate_is_the_exact_one(failed: int, sent: int, confidence: float) -> None:
    expected = stats.binomtest(failed, sent).proportion_ci(confidence, method="exact")
    assert rate_interval(failed, sent, confidence) == pytest.approx((expected.low, expected.high), rel=1e-6)


def test_a_ratio_of_rates_covers_its_truth_and_opens_where_the_baseline_never_failed() -> None:
    low, high = ratio_interval(failures(20, 1000), failures(40, 1000), 0.95)
    assert 1 < low < 2 < high
    assert ratio_interval(failures(0, 1000), failures(5, 1000), 0.95)[1] == float("inf")


def test_the_p_value_of_a_rise_is_the_exact_binomial_one() -> None:
    expected = stats.binomtest(9, 11, 0.5, alternative="greater").pvalue
    assert p_rise(failures(2, 1000), failures(9, 1000)) == pytest.approx(expected)
    assert p_rise(failures(2, 1000), failures(0, 1000)) == 1.0


def test_failures_are_counted_by_request_and_kind() -> None:
    recording = make_recording(errors=(0.0, 0.1), rounds=3)
    table = count_failures(Side(recording, 1))
    assert table["all"].failed == table["list"].failed + table["show"].failed > 0
    assert table["all"].kinds == {"status 500": table["all"].failed}
    assert commonest([table["all"], failures(1, 1)]) == "status 500"
    assert count_failures(Side(recording, 0))["all"].rate == 0
