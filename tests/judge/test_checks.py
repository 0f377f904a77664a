"""What is made of the facts of checks: rows, levels and budgets in the words of every metric; what is open, and why."""

from __future__ import annotations

import pytest

from checks_facts import case, facts_of
from perfproof.errors import ExitCode
from perfproof.judge.checks import across_checks, conclude_checked
from perfproof.model.checks import ArmFacts, Checked, CheckFacts
from perfproof.model.result import Verdict
from perfproof.model.rules import Rules
from perfproof.model.scenario import Budget, Goal
from perfproof.verdict.budgets import check_budgets
from perfproof.verdict.conclude import conclude

ARMS = ("baseline", "candidate")
GOOD = facts_of(*[case() for _ in range(4)])
HALF = facts_of(case(), case(), case(flaws=["SQL"]), case(status=500, status_fits=False))


def checked(before, after, *, version=1, check="error_contract", **changes):
    arms = (ArmFacts("baseline", before, 4), ArmFacts("candidate", after, 4, **changes))
    return Checked((CheckFacts(check, version, arms, {}),))


def row(found, metric="error_contract"):
    return next(each for each in found.rows if each.metric == metric)


@pytest.mark.parametrize(
    ("before", "after", "goal", "verdict"),
    [
        (HALF, GOOD, None, Verdict.IMPROVED),
        (GOOD, HALF, None, Verdict.REGRESSED),
        (GOOD, GOOD, None, Verdict.EQUIVALENT),
        (HALF, GOOD, 0.5, Verdict.MET),
        (HALF, GOOD, 1.0, Verdict.MET),
        (HALF, GOOD, 1.5, Verdict.GOAL_MISSED),
        (GOOD, GOOD, 0.1, Verdict.EQUIVALENT),
        (GOOD, HALF, 0.1, Verdict.REGRESSED),
    ],
)
def test_rows_have_the_words_of_every_metric(before, after, goal, verdict):
    rules = Rules(goals=(Goal("error_contract", goal),) if goal else ())
    found = row(conclude_checked(checked(before, after), rules, ARMS))
    assert (found.verdict, found.role) == (verdict, "goal" if goal else "gate")


def test_from_nothing_any_gain_meets_a_goal_and_there_is_no_percentage():
    nothing = facts_of(case(flaws=["SQL"]), case(flaws=["SQL"]))
    found = row(conclude_checked(checked(nothing, GOOD), Rules(goals=(Goal("error_contract", 0.2, 9.0),)), ARMS))
    assert (found.verdict, found.stretch_met, found.change) == (Verdict.MET, True, None)


@pytest.mark.parametrize(("facts", "broken"), [(GOOD, False), (HALF, True)])
def test_budgets_are_kept_or_broken(facts, broken):
    rules = Rules(budgets=(Budget("error_contract", 1.0),))
    found = conclude_checked(checked(HALF, facts), rules, ARMS)
    (check,) = check_budgets(rules, found.levels, "candidate", (), found.uncounted)
    assert (check.broken, check.open) == (broken, False)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"problem": "candidate did not start"}, "did not start"),
        ({"ended": "after 3 requests"}, "it ended after 3 requests"),
    ],
)
def test_what_could_not_be_measured_whole_is_open_and_never_kept(changes, why):
    rules = Rules(budgets=(Budget("error_contract", 1.0),), goals=(Goal("error_contract", 0.1),))
    found = conclude_checked(checked(HALF, GOOD, **changes), rules, ARMS)
    (check,) = check_budgets(rules, found.levels, "candidate", (), found.uncounted)
    assert check.open
    assert not check.broken
    assert why in check.why
    assert row(found).verdict is Verdict.INCONCLUSIVE
    assert conclude(found.rows, (check,), valid=True)[1] is ExitCode.INCONCLUSIVE


def test_a_budget_that_is_broken_on_what_was_asked_stays_broken_though_not_all_was():
    rules = Rules(budgets=(Budget("error_contract", 1.0),))
    found = conclude_checked(checked(GOOD, HALF, ended="after 3 requests"), rules, ARMS)
    (check,) = check_budgets(rules, found.levels, "candidate", (), found.uncounted)
    assert check.broken


@pytest.mark.parametrize(
    ("made", "told"),
    [
        (checked(GOOD, GOOD, version=99), "version 99"),
        (checked(GOOD, {"cases": [{}]}), "make no sense"),
        (checked(GOOD, {}), "make no sense"),
        (checked(GOOD, GOOD, check="hats"), "install the package"),
    ],
)
def test_facts_that_cannot_be_read_pass_nothing_and_are_told(made, told):
    found = conclude_checked(made, Rules(), ARMS)
    assert not found.levels
    assert any(told in text for text in found.warnings)


def test_a_regression_fails_and_what_is_not_measured_decides_nothing():
    worse = conclude_checked(checked(GOOD, HALF), Rules(), ARMS)
    assert conclude(worse.rows, (), valid=True) == (Verdict.REGRESSED, ExitCode.FAILED)
    same = conclude_checked(checked(facts_of(case(), codes=[]), facts_of(case(), codes=[])), Rules(), ARMS)
    assert conclude(same.rows, (), valid=True) == (Verdict.EQUIVALENT, ExitCode.PASSED)


def test_one_arm_has_levels_and_no_rows():
    alone = Checked((CheckFacts("error_contract", 1, (ArmFacts("main", HALF, 4),), {}),))
    found = conclude_checked(alone, Rules(), ("main",))
    assert not found.rows
    assert {level.metric: level.estimate.value for level in found.levels}["error_contract"] == 0.5


def test_the_last_arms_of_two_runs_are_compared_where_both_made_a_check_of_one_version():
    one, two = checked(GOOD, HALF), checked(GOOD, GOOD)
    joined = across_checks(one, two, ("candidate", "candidate"), ("before", "after"))
    assert joined is not None
    found = conclude_checked(joined, Rules(), ("before", "after"))
    assert (row(found).baseline, row(found).candidate) == (0.5, 1.0)
    assert across_checks(one, None, ("a", "b"), ("a", "b")) is None
    other = across_checks(checked(GOOD, GOOD, version=2), two, ("candidate", "candidate"), ("before", "after"))
    assert other is not None
    assert other.checks == ()


def test_what_holds_for_both_arms_is_told_once():
    arms = (ArmFacts("baseline", GOOD, left_out=("this",)), ArmFacts("candidate", GOOD, left_out=("this", "that")))
    found = conclude_checked(Checked((CheckFacts("error_contract", 1, arms, {}),)), Rules(), ARMS)
    assert found.warnings[:2] == ("error_contract: this.", "error_contract on candidate: that.")


def test_a_budget_on_a_metric_of_a_package_that_is_not_installed_is_open():
    rules = Rules(budgets=(Budget("hats_worn", 1.0),))
    found = conclude_checked(checked(GOOD, GOOD, check="hats"), rules, ARMS)
    (check,) = check_budgets(rules, found.levels, "candidate", (), found.uncounted)
    assert check.open
    assert "install the package that has its check" in check.why
