"""What was counted can fail a run whose times are void, and never pass it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from perfproof.judge import analyse
from perfproof.model.metrics import METRICS
from perfproof.model.policy import GateRule, Policy
from perfproof.model.recording import Recording
from perfproof.model.result import Result, Verdict
from perfproof.model.rules import Rules
from perfproof.model.scenario import Budget, Claim, Goal
from perfproof.verdict import policy as gates
from perfproof.verdict.counted import is_counted
from probe_builders import both, probed
from recording_builders import make_recording

LAZY = {1: 2, 10: 11, 50: 51}
ONE = {1: 1, 10: 1, 50: 1}


def queries(calls: dict[int, int]):
    return probed([(size, {"books": count}) for size, count in calls.items()], name="list")


def hurried(before: dict[int, int], after: dict[int, int], rules: Rules | None = None) -> Recording:
    """A run whose load could not be sent as it was meant, with a probe that saw these calls."""
    sound = make_recording(rounds=6, rules=rules or Rules())
    rounds = tuple(
        replace(r, blocks=tuple(replace(b, dropped=b.sent, intended=2 * b.sent) for b in r.blocks))
        for r in sound.rounds
    )
    return Recording(sound.info, rounds, probing=both(queries(before), queries(after)))


def row(result: Result, metric: str):
    return next(each for each in result.comparisons if each.metric == metric and each.request in ("list", "all"))


def test_more_queries_fail_a_run_whose_load_could_not_be_sent() -> None:
    result = analyse(hurried(ONE, LAZY))
    assert (result.verdict, result.exit_code) == (Verdict.REGRESSED, 1)
    assert result.sentence == (
        "Regressed: queries of list 1 → 51; what was timed is invalid: 50 % of requests could not be sent: the service "
        "cannot keep up, lower the rate."
    )
    assert row(result, "queries_per_request").verdict is Verdict.REGRESSED
    timed = {each.verdict for each in result.comparisons if not is_counted(each.metric)}
    assert timed == {Verdict.INVALID}


def test_fewer_queries_are_told_and_pass_nothing() -> None:
    result = analyse(hurried(LAZY, ONE))
    assert (result.verdict, result.exit_code) == (Verdict.INVALID, 4)
    assert result.sentence.startswith("Invalid: 50 % of requests could not be sent")
    assert result.sentence.endswith(" Counted all the same: queries of list 51 → 1 and rows fetched of list 51 → 1.")
    goals = Rules(goals=(Goal("queries_per_request", 0.5),))
    met = analyse(hurried(LAZY, ONE, goals))
    assert (met.verdict, met.exit_code) == (Verdict.INVALID, 4)


def test_a_goal_and_a_budget_on_what_is_counted_fail_it_and_those_on_times_are_open() -> None:
    missed = analyse(hurried(LAZY, LAZY, Rules(goals=(Goal("queries_per_request", 0.5),))))
    assert (missed.verdict, missed.exit_code) == (Verdict.GOAL_MISSED, 1)
    budgets = (Budget("queries_per_request", 5.0, ("list",)), Budget("latency_p50", 0.001))
    broken = analyse(hurried(LAZY, LAZY, Rules(budgets=budgets)))
    assert (broken.verdict, broken.exit_code) == (Verdict.GOAL_MISSED, 1)
    counted, *timed = broken.budgets
    assert counted.broken
    assert all(each.open and each.why.startswith("what was timed is invalid: 50 %") for each in timed)
    assert broken.sentence.startswith("Budget broken: queries of list 51, limit 5")
    assert "p50" not in broken.sentence


def test_claims_on_what_is_counted_are_answered_and_those_on_times_are_open() -> None:
    goal, slow = Goal("queries_per_request", 0.5, requests=("list",)), Goal("latency_p50", 0.2)
    claims = (Claim("half the queries", goal=goal), Claim("faster", goal=slow))
    result = analyse(hurried(LAZY, ONE, Rules(goals=(goal, slow), claims=claims)))
    assert [proof.state for proof in result.proofs] == ["proven", "open"]
    assert result.proofs[1].why.startswith("the measurement is invalid: 50 %")
    assert (result.verdict, result.exit_code) == (Verdict.INVALID, 4)


def test_requests_that_fail_void_what_was_counted_as_well() -> None:
    failing = replace(make_recording(errors=1.0, rounds=4), probing=both(queries(ONE), queries(LAZY)))
    result = analyse(failing)
    assert (result.verdict, result.exit_code) == (Verdict.INVALID, 4)
    assert {each.verdict for each in result.comparisons} == {Verdict.INVALID}
    assert "Counted" not in result.sentence


def test_a_gate_fails_on_it_and_a_policy_that_lets_it_pass_is_left_with_an_invalid_measurement() -> None:
    result = analyse(hurried(ONE, LAZY))
    assert gates.judge(result, Policy()).exit_code == 1
    lenient = Policy(rules=(GateRule(metric="queries_per_request", level="warn"),))
    judged = gates.judge(result, lenient)
    assert judged.exit_code == 4
    assert "invalid" in judged.summary


@pytest.mark.parametrize(("metric", "counted"), [
    ("queries_per_request", True), ("instructions_per_request", True), ("sql_injection", True), ("latency_p50", False),
    ("db_time_per_request", False), ("cpu_per_request", False), ("memory_peak", False), ("error_rate", False),
])  # fmt: skip
def test_counts_and_checks_are_counted_and_what_load_has_a_part_in_is_not(metric: str, counted: bool) -> None:
    assert metric in METRICS
    assert is_counted(metric) is counted
