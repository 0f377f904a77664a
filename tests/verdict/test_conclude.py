from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfproof.model.metrics import ALL
from perfproof.model.result import BudgetCheck, Comparison, Role, Verdict
from perfproof.model.scenario import Goal
from perfproof.verdict.conclude import conclude, decided

V = Verdict
BROKEN = BudgetCheck("latency_p95", "list", "candidate", "ms", 500.0, 612.0, True)


def row(verdict: Verdict, role: Role = "goal", metric: str = "latency_p50", request: str = "list") -> Comparison:
    goal = Goal(metric, 0.2) if role == "goal" else None
    return Comparison(metric, request, "ms", 10, 9, -0.1, -0.2, 0.0, 0.98, verdict, role, 12, goal)


@pytest.mark.parametrize(
    ("verdicts", "expected", "code"),
    [
        ([V.MET, V.MET], V.MET, 0),
        ([V.MET, V.GOAL_MISSED], V.GOAL_MISSED, 1),
        ([V.MET, V.EQUIVALENT], V.GOAL_MISSED, 1),
        ([V.EQUIVALENT, V.EQUIVALENT], V.EQUIVALENT, 1),
        ([V.MET, V.IMPROVED], V.IMPROVED, 3),
        ([V.MET, V.INCONCLUSIVE], V.IMPROVED, 3),
        ([V.INCONCLUSIVE, V.INCONCLUSIVE], V.INCONCLUSIVE, 3),
        ([V.MET, V.REGRESSED], V.REGRESSED, 1),
    ],
)
def test_goals_are_concluded_from_together(verdicts: list[Verdict], expected: Verdict, code: int) -> None:
    assert conclude([row(v) for v in verdicts], (), valid=True) == (expected, code)


@pytest.mark.parametrize(
    ("p50", "cpu", "expected", "code"),
    [
        (V.IMPROVED, V.EQUIVALENT, V.IMPROVED, 0),
        (V.IMPROVED, V.INCONCLUSIVE, V.IMPROVED, 0),
        (V.EQUIVALENT, V.EQUIVALENT, V.EQUIVALENT, 0),
        (V.EQUIVALENT, V.INCONCLUSIVE, V.INCONCLUSIVE, 3),
        (V.IMPROVED, V.REGRESSED, V.REGRESSED, 1),
    ],
)
def test_without_goals_latency_and_cpu_decide(p50: Verdict, cpu: Verdict, expected: Verdict, code: int) -> None:
    rows = [row(p50, "gate", request=ALL), row(cpu, "gate", "cpu_per_request", ALL)]
    assert conclude(rows, (), valid=True) == (expected, code)


def test_a_broken_budget_and_an_invalid_measurement_outweigh_a_met_goal() -> None:
    assert conclude([row(V.MET)], (BROKEN,), valid=True) == (V.GOAL_MISSED, 1)
    assert conclude([row(V.MET)], (BROKEN,), valid=False) == (V.INVALID, 4)


@given(st.lists(st.tuples(st.sampled_from(list(V)), st.sampled_from(["goal", "gate"])), min_size=1, max_size=6))
def test_a_regression_never_passes(parts: list[tuple[Verdict, Role]]) -> None:
    rows = [row(verdict, role) for verdict, role in parts]
    verdict, code = conclude(rows, (), valid=True)
    if V.REGRESSED in [v for v, _ in parts]:
        assert (verdict, code) == (V.REGRESSED, 1)
    assert (code == 0) <= (verdict in (V.MET, V.IMPROVED, V.EQUIVALENT))


def test_a_run_is_decided_when_a_goal_is_missed_or_no_deciding_row_is_open() -> None:
    for one, two in product(V, V):
        missed = {one, two} & {V.GOAL_MISSED, V.EQUIVALENT, V.REGRESSED}
        assert decided([row(one), row(two)]) == bool(missed or one is two is V.MET)
    gates = [row(V.IMPROVED, "gate", request=ALL), row(V.EQUIVALENT, "gate", "cpu_per_request", ALL)]
    assert decided([*gates, row(V.INCONCLUSIVE, "gate", "memory_peak", ALL)])
    assert not decided([])


OPEN = BudgetCheck("queries_per_request", "list", "candidate", "queries", 10.0, None, False, "nothing counts")


def test_a_budget_that_could_not_be_measured_leaves_open_what_would_have_passed_and_saves_nothing_else() -> None:
    for passed in (V.MET, V.IMPROVED, V.EQUIVALENT):
        role = "goal" if passed is V.MET else "gate"
        rows = [row(passed, role, metric, ALL) for metric in ("latency_p50", "cpu_per_request")]
        assert conclude(rows, (OPEN,), valid=True) == (V.INCONCLUSIVE, 3)
    assert conclude([row(V.MET)], (OPEN, BROKEN), valid=True) == (V.GOAL_MISSED, 1)
    assert conclude([row(V.REGRESSED)], (OPEN,), valid=True) == (V.REGRESSED, 1)
    assert conclude([row(V.GOAL_MISSED)], (OPEN,), valid=True) == (V.GOAL_MISSED, 1)
