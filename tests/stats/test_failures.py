from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from late import Late
from perfproof.model.result import Verdict
from perfproof.model.rules import Rules
from perfproof.model.scenario import Goal
from perfproof.stats.columns import Side
from perfproof.stats.failures import Failures, commonest, count_failures, level, rate_interval, rise
from perfproof.verdict.error_rows import error_rows
from perfproof.verdict.rows import Terms
from recording_builders import make_recording

stats = Late("scipy.stats")

TERMS = Terms(Rules(), 0.98)


def failures(*failed: int, sent: int = 1000) -> Failures:
    """Return failures with as many in each round, of ``sent`` requests a round."""
    total = sum(failed)
    return Failures(sent * len(failed), total, {"timeout": total} if total else {}, tuple(n / sent for n in failed))


def verdict(first: Failures, second: Failures, terms: Terms = TERMS) -> Verdict:
    (row,) = error_rows({"all": first}, {"all": second}, terms, len(first.rates))
    return row.comparison.verdict


@given(st.integers(0, 50), st.integers(50, 5000), st.sampled_from([0.95, 0.98]))
def test_the_interval_of_a_rate_is_the_exact_one(failed: int, sent: int, confidence: float) -> None:
    expected = stats.binomtest(failed, sent).proportion_ci(confidence, method="exact")
    assert rate_interval(failed, sent, confidence) == pytest.approx((expected.low, expected.high), rel=1e-6)


def test_rounds_that_differ_more_than_single_failures_would_widen_the_interval_of_a_rate() -> None:
    even, burst = failures(10, 10, 10, 10), failures(40, 0, 0, 0)
    assert level(even, 0.98) == pytest.approx(rate_interval(40, 4000, 0.98))
    assert level(burst, 0.98)[0] == 0
    assert level(burst, 0.98)[1] > 2 * level(even, 0.98)[1]


def test_a_burst_in_one_round_proves_no_rise_and_failures_in_every_round_do() -> None:
    quiet = failures(0, 0, 0, 0, 0, 0)
    assert verdict(quiet, failures(60, 0, 0, 0, 0, 0)) is Verdict.INCONCLUSIVE
    assert verdict(quiet, failures(10, 12, 9, 11, 8, 10)) is Verdict.REGRESSED
    assert verdict(failures(10, 12, 9, 11, 8, 10), quiet) is Verdict.IMPROVED
    assert verdict(quiet, quiet) is Verdict.EQUIVALENT
    assert verdict(quiet, failures(0, 1, 0, 0, 0, 0, sent=20_000)) is Verdict.EQUIVALENT


def test_a_goal_on_errors_is_met_missed_or_open() -> None:
    terms = Terms(Rules(goals=(Goal("error_rate", 0.5, requests=("all",)),)), 0.98)
    before = failures(20, 21, 19, 20, 22, 18)
    assert verdict(before, failures(1, 0, 2, 1, 0, 1), terms) is Verdict.MET
    assert verdict(before, failures(20, 22, 18, 19, 21, 20), terms) is Verdict.GOAL_MISSED
    assert verdict(before, failures(9, 10, 11, 10, 9, 11), terms) is Verdict.IMPROVED


@pytest.mark.parametrize("paired", [True, False])
def test_identical_arms_whose_failures_come_in_bursts_are_told_apart_in_one_run_of_twenty_at_most(paired: bool) -> None:
    rng = np.random.default_rng(7)
    terms = Terms(Rules(), 0.98, paired)
    claims = 0
    for _ in range(600):
        sides = [
            failures(
                *(rng.binomial(1000, 0.3) * (rng.random() < 0.2) // 4 + rng.binomial(1000, 0.002) for _ in range(6))
            )
            for _ in range(2)
        ]
        claims += verdict(sides[0], sides[1], terms) in (Verdict.REGRESSED, Verdict.IMPROVED)
    assert claims <= 600 / 20


def test_the_interval_of_a_rise_covers_it() -> None:
    rng = np.random.default_rng(5)
    inside = 0
    for _ in range(400):
        one, two = (failures(*rng.binomial(1000, rate, 8)) for rate in (0.004, 0.009))
        found = rise(one, two, 0.98, paired=True)
        assert found.low is not None
        assert found.high is not None
        inside += found.low <= 0.005 <= found.high
    assert inside >= 0.97 * 400


def test_failures_are_counted_by_request_and_kind() -> None:
    recording = make_recording(errors=(0.0, 0.1), rounds=3)
    table = count_failures(Side(recording, 1))
    assert table["all"].failed == table["list"].failed + table["show"].failed > 0
    assert table["all"].kinds == {"status 500": table["all"].failed}
    assert commonest([table["all"], failures(1)]) == "status 500"
    assert count_failures(Side(recording, 0))["all"].rate == 0
