from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from math import exp, isclose, sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfproof.judge.daily import APART, LEAST, day_to_day, days, doubt
from perfproof.model.history import Point
from perfproof.model.metrics import ALL
from perfproof.model.result import Estimate
from perfproof.model.rules import DayToDay
from perfproof.stats.intervals import t_quantile, two_samples

BEGAN = datetime(2026, 8, 1, tzinfo=UTC)
ROUNDS = 12


def point(at: float, level: float, error: float = 0.0, rounds: int = ROUNDS) -> Point:
    """A run ``at`` days after the first, with a logarithm and its standard error."""
    half = t_quantile(0.98, rounds - 1) * error
    estimate = Estimate(exp(level), exp(level - half), exp(level + half), 0.98, rounds)
    return Point(f"run-{at}", (BEGAN + timedelta(days=at)).isoformat(), "s", "e", estimate)


def version(levels: Sequence[float], error: float = 0.0) -> list[Point]:
    return [point(at, level, error) for at, level in enumerate(levels)]


def test_the_spread_is_that_of_runs_around_the_mean_of_their_version() -> None:
    found = day_to_day("latency_p50", ALL, [version([1.0, 1.1, 0.9]), version([3.0, 3.2])])
    assert found is not None
    assert found.df == 3
    assert found.run_sd == pytest.approx(sqrt((0.01 + 0.01 + 0.01 + 0.01) / 3))
    assert found.sd == pytest.approx(found.run_sd), "runs that know their level exactly explain nothing"


def test_what_rounds_explain_is_taken_out() -> None:
    levels = [1.0, 1.1, 0.9, 1.0, 1.05]
    exact, rough = (day_to_day("latency_p50", ALL, [version(levels, error)]) for error in (0.0, 0.05))
    assert exact is not None
    assert rough is not None
    assert rough.run_sd == exact.run_sd
    assert rough.sd == pytest.approx(sqrt(exact.sd**2 - 0.05**2))
    far = day_to_day("latency_p50", ALL, [version(levels, 1.0)])
    assert far is not None
    assert far.sd == 0


def test_too_few_repetitions_say_nothing() -> None:
    assert LEAST == 3
    assert day_to_day("latency_p50", ALL, [version([1.0, 1.1, 0.9])]) is None
    assert day_to_day("latency_p50", ALL, [[point(0, 1.0)], [point(1, 2.0)]] * 9) is None
    assert days({}) == ()


def test_runs_right_after_one_another_count_once() -> None:
    minutes = [point(at / 1440, 1.0 + at / 1000) for at in range(20)]
    assert timedelta(minutes=20) < APART
    assert day_to_day("latency_p50", ALL, [minutes] * 5) is None


def test_a_run_without_an_interval_is_left_out() -> None:
    lone = Point("x", BEGAN.isoformat(), "s", "e", Estimate(5.0, None, None, None, 1))
    zero = Point("y", BEGAN.isoformat(), "s", "e", Estimate(0.0, 0.0, 0.0, 0.98, 12))
    assert day_to_day("error_rate", ALL, [[lone, zero, *version([1.0, 1.1])]] * 2) is None


@given(
    st.lists(st.lists(st.floats(-2, 2), min_size=2, max_size=6), min_size=2, max_size=5),
    st.floats(0, 0.5),
    st.floats(-3, 3),
)
def test_neither_the_unit_nor_the_levels_of_versions_matter(
    versions: list[list[float]], error: float, shift: float
) -> None:
    found = day_to_day("latency_p50", ALL, [version(levels, error) for levels in versions])
    moved = day_to_day(
        "latency_p50", ALL, [version([y + shift * at for y in levels], error) for at, levels in enumerate(versions)]
    )
    if found is None:
        assert moved is None
        return
    assert moved is not None
    assert found.df == moved.df == sum(len(levels) - 1 for levels in versions)
    assert found.sd <= found.run_sd
    assert isclose(found.run_sd, moved.run_sd, abs_tol=1e-7)


rounds = st.lists(st.floats(-0.5, 0.5), min_size=2, max_size=20).filter(lambda v: np.std(v) > 1e-3)


@given(rounds, rounds, st.floats(0, 1), st.floats(0, 1), st.integers(LEAST, 50))
def test_an_interval_is_never_narrower_for_knowing_the_spread(
    first: list[float], second: list[float], sd: float, more: float, df: int
) -> None:
    known = DayToDay("latency_p50", ALL, sd, sqrt(sd**2 + more**2), df)
    plain = two_samples(np.array(first), np.array(second), 0.98)
    wide = two_samples(np.array(first), np.array(second), 0.98, day=known)
    assert wide.value == plain.value
    assert wide.low is not None
    assert plain.low is not None
    assert wide.low <= plain.low + 1e-12
    assert wide.df <= plain.df
    assert wide.sd == pytest.approx(plain.sd), "the rounds themselves are as they were"


@pytest.mark.parametrize(("day", "noise"), [(0.03, 0.02), (0.01, 0.03), (0.0, 0.02)])
def test_intervals_hold_what_they_promise_when_days_differ(day: float, noise: float) -> None:
    """Runs of one version on different days, each with its own level: 98 % of the intervals must hold no change."""
    rng = np.random.default_rng(7)

    def measured() -> np.ndarray:
        return rng.normal(0, day) + rng.normal(0, noise, ROUNDS)

    def recorded(at: int) -> Point:
        values = measured()
        return point(at, float(values.mean()), float(values.std(ddof=1)) / sqrt(ROUNDS))

    plain = wide = 0
    tries = 800
    for _ in range(tries):
        known = day_to_day("latency_p50", ALL, [[recorded(at) for at in range(4)] for _ in range(3)])
        assert known is not None
        first, second = measured(), measured()
        one = two_samples(first, second, 0.98)
        two = two_samples(first, second, 0.98, day=known)
        plain += bool(one.low and one.high and one.low <= 0 <= one.high)
        wide += bool(two.low and two.high and two.low <= 0 <= two.high)
    assert wide / tries >= 0.965
    if day == 0.03:
        assert plain / tries < 0.5, "without the spread most intervals are wrong, or this test shows nothing"


def test_the_reader_is_told_what_is_known() -> None:
    unknown = doubt(())
    assert "is not cancelled, and how much runs of one version differ here is not known" in unknown
    told = doubt((DayToDay("latency_p50", ALL, 0.021, 0.022, 9), DayToDay("latency_p95", ALL, 0.5, 0.5, 9)))
    assert "2.1 % in p50 latency (9 repetitions)" in told
