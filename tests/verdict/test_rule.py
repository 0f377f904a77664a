from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfproof.model.result import Verdict
from perfproof.verdict.rule import holm, judge

V = Verdict
changes = st.floats(-0.9, 2.0)
goals = st.none() | st.floats(0.01, 0.8)


@pytest.mark.parametrize(
    ("value", "low", "high", "goal", "expected"),
    [
        (-0.241, -0.26, -0.221, 0.20, V.MET),
        (-0.241, -0.26, -0.20, 0.20, V.MET),
        (-0.10, -0.13, -0.07, 0.20, V.GOAL_MISSED),
        (-0.20, -0.25, -0.15, 0.20, V.IMPROVED),
        (-0.20, -0.25, -0.15, None, V.IMPROVED),
        (-0.01, -0.02, -0.005, 0.20, V.EQUIVALENT),
        (0.00, -0.02, 0.02, None, V.EQUIVALENT),
        (0.02, 0.015, 0.025, None, V.EQUIVALENT),
        (0.00, -0.03, 0.02, None, V.INCONCLUSIVE),
        (0.04, 0.035, 0.045, None, V.REGRESSED),  # a sure +4 % does not pass the default margin
        (0.06, 0.03, 0.09, None, V.REGRESSED),
        (0.06, 0.03, 0.09, 0.20, V.REGRESSED),
        (0.025, 0.001, 0.06, None, V.INCONCLUSIVE),
        (0.03, 0.001, 0.06, None, V.REGRESSED),
        (0.05, -0.006, 0.11, 0.20, V.GOAL_MISSED),  # surely not 20 % better, whatever its sign
        (-0.10, -0.19, 0.01, 0.20, V.GOAL_MISSED),
        (0.02, -0.21, 0.30, 0.20, V.INCONCLUSIVE),
        (-0.005, -0.025, 0.02, 0.02, V.INCONCLUSIVE),  # within the margin, but a goal as small is open
        (-0.01, -0.019, 0.01, 0.02, V.EQUIVALENT),
        (-0.10, None, None, 0.05, V.INCONCLUSIVE),
        (-0.035, -0.04, -0.03, 0.02, V.MET),  # a goal within the margin can be met
    ],
)
def test_the_table_of_rules(
    value: float, low: float | None, high: float | None, goal: float | None, expected: Verdict
) -> None:
    assert judge(value, low, high, goal=goal) is expected


@given(changes, st.floats(0, 1), st.floats(0, 1), goals, st.floats(0.001, 0.2))
def test_every_interval_has_exactly_one_verdict(
    value: float, down: float, up: float, goal: float | None, margin: float
) -> None:
    found = judge(value, value - down, value + up, goal=goal, margin=margin)
    assert found in V
    if goal is None:
        assert found not in (V.MET, V.GOAL_MISSED)


_RANK = {V.MET: 0, V.IMPROVED: 1, V.EQUIVALENT: 2, V.INCONCLUSIVE: 2, V.REGRESSED: 4}
_RANK_BY_GOAL = {**_RANK, V.GOAL_MISSED: 3, V.EQUIVALENT: 3}


@given(changes, st.floats(0, 0.5), st.floats(0, 0.5), st.floats(0, 1), goals)
def test_getting_slower_never_betters_a_verdict(
    value: float, down: float, up: float, shift: float, goal: float | None
) -> None:
    before = judge(value, value - down, value + up, goal=goal)
    after = judge(value + shift, value + shift - down, value + shift + up, goal=goal)
    rank = _RANK if goal is None else _RANK_BY_GOAL
    assert rank[after] >= rank[before]


@given(changes, st.floats(0, 0.5), st.floats(0, 0.5), st.floats(0.01, 1))
def test_a_narrower_interval_never_turns_a_verdict_round(value: float, down: float, up: float, share: float) -> None:
    wide = judge(value, value - down, value + up, goal=0.2)
    narrow = judge(value, value - down * share, value + up * share, goal=0.2)
    if wide is V.MET:
        assert narrow is V.MET
    if wide is V.REGRESSED:
        assert narrow is V.REGRESSED
    if wide is V.GOAL_MISSED:
        assert narrow in (V.GOAL_MISSED, V.EQUIVALENT, V.REGRESSED)


@given(st.floats(-0.5, 0.5), st.floats(0, 0.3), st.floats(0, 0.3))
def test_a_metric_that_should_rise_is_judged_in_the_mirror(value: float, down: float, up: float) -> None:
    lower = judge(value, value - down, value + up, goal=0.2)
    higher = judge(-value, -value - up, -value + down, goal=0.2, better="higher")
    assert lower is higher


def test_holm_stops_at_the_first_hypothesis_that_stands() -> None:
    assert holm([0.001, 0.02, 0.004, 0.9], 0.02) == (True, False, True, False)
    assert holm([], 0.01) == ()


@given(st.lists(st.floats(0, 1), max_size=12), st.floats(0.001, 0.1))
def test_holm_rejects_at_least_what_bonferroni_does_and_no_more_than_no_correction(
    ps: list[float], alpha: float
) -> None:
    found = holm(ps, alpha)
    for p, rejected in zip(ps, found, strict=True):
        assert rejected or p > alpha / len(ps)
        assert not rejected or p <= alpha
