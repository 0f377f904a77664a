from __future__ import annotations

from dataclasses import replace

import pytest

from perfproof.errors import UsageError
from perfproof.judge import analyse, compare
from perfproof.model.recording import ArmRound
from perfproof.model.result import Verdict
from perfproof.model.scenario import Budget, Goal
from searches import RULES, search

OLD = (1000.0, 1012.0, 995.0, 1005.0, 990.0)
NEW = tuple(1.4 * knee for knee in OLD)


def test_both_arms_are_found_with_an_interval_over_starts_and_the_gain_in_percent():
    result = analyse(search([OLD, NEW]))
    assert (result.kind, result.verdict, result.exit_code) == ("capacity", Verdict.IMPROVED, 0)
    (row,) = result.comparisons
    assert row.metric == "capacity"
    assert row.rounds == 5
    assert row.change == pytest.approx(0.4, abs=0.04)
    assert row.ci_low < 0.4 < row.ci_high
    assert result.capacity is not None
    first, second = result.capacity.knees
    assert first.estimate.value == pytest.approx(1000, rel=0.03)
    assert first.estimate.low < 1000 < first.estimate.high
    assert second.estimate.value == pytest.approx(1400, rel=0.03)
    assert (result.capacity.metric, result.capacity.limit) == ("latency_p95", 100.0)
    assert "baseline holds" in result.sentence
    assert "p95 latency within 100 ms and error rate within 1 %, over 5 fresh starts" in result.sentence


def test_a_candidate_that_holds_less_has_regressed():
    result = analyse(search([NEW, OLD]))
    assert (result.verdict, result.exit_code) == (Verdict.REGRESSED, 1)


def test_arms_alike_are_equivalent():
    result = analyse(search([OLD, OLD]))
    assert (result.verdict, result.exit_code) == (Verdict.EQUIVALENT, 0)


def test_one_arm_alone_is_a_level():
    result = analyse(search([OLD]))
    assert (result.verdict, result.exit_code) == (Verdict.MET, 0)
    assert result.comparisons == ()
    (level,) = result.levels
    assert level.metric == "capacity"
    assert level.estimate.rounds == 5


def test_a_goal_and_a_budget_of_the_capacity_itself_are_judged():
    rules = replace(RULES, goals=(Goal("capacity", 0.3),))
    result = analyse(search([OLD, NEW], rules=rules))
    assert (result.verdict, result.exit_code) == (Verdict.MET, 0)
    rules = replace(RULES, budgets=(*RULES.budgets, Budget("capacity", 1500.0)))
    result = analyse(search([OLD, NEW], rules=rules))
    assert (result.verdict, result.exit_code) == (Verdict.GOAL_MISSED, 1)
    assert result.sentence.startswith("Budget broken: capacity 1,")


def test_a_generator_that_is_saturated_first_is_said_to_be_and_the_service_is_not_blamed():
    result = analyse(search([OLD], saturated_at=700.0))
    assert (result.verdict, result.exit_code) == (Verdict.INVALID, 4)
    assert "at least" in result.sentence
    assert "the load generator was saturated, not the service" in result.sentence
    assert result.advice is not None
    assert "lower the rate" not in result.advice
    assert "workers" in result.advice or "machines" in result.advice


def test_a_gain_stands_although_the_generator_could_not_follow_the_candidate():
    result = analyse(search([OLD, tuple(5 * knee for knee in OLD)], saturated_at=2500.0))
    assert result.verdict is Verdict.IMPROVED
    assert result.comparisons[0].notes == ("candidate is only known to be at least that",)
    assert any("saturated" in warning for warning in result.comparability.warnings)


def test_two_arms_beyond_the_generator_are_invalid_and_not_equivalent():
    result = analyse(search([OLD, NEW], saturated_at=700.0))
    assert (result.verdict, result.exit_code) == (Verdict.INVALID, 4)


def test_two_arms_beyond_the_highest_rate_are_not_decided():
    result = analyse(search([OLD, NEW], highest=600.0))
    assert (result.verdict, result.exit_code) == (Verdict.INCONCLUSIVE, 3)
    assert "capacity.to" in (result.advice or "")


def test_a_service_that_never_keeps_its_budget_fails():
    result = analyse(search([(0.0,) * 5]))
    assert (result.verdict, result.exit_code) == (Verdict.GOAL_MISSED, 1)
    assert "below" in result.sentence


def test_a_service_that_died_makes_it_invalid():
    recording = search([OLD])
    dead = ArmRound(0, 1.0, 1, 0, 0.0, steady=True, died="exited with 9")
    rounds = (*recording.rounds[:-1], replace(recording.rounds[-1], arms=(dead,), complete=False))
    result = analyse(replace(recording, rounds=rounds))
    assert (result.verdict, result.exit_code) == (Verdict.INVALID, 4)
    assert "died in round 5" in result.sentence


def test_two_searches_are_not_compared_as_if_their_load_had_been_the_same():
    with pytest.raises(UsageError, match="search for the capacity"):
        compare(search([OLD]), search([NEW]))
