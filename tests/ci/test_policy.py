"""What a policy makes of verdicts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ci.builders import a_budget, a_result, a_row
from perfproof.model.metrics import METRICS
from perfproof.model.policy import GateRule, Policy, merged
from perfproof.model.result import Verdict
from perfproof.model.scenario import Goal
from perfproof.verdict.policy import judge

GOAL = Goal("latency_p95", 0.2)


def outcomes(gate) -> list[str]:
    return [row.outcome for row in gate.rows]


def test_a_regression_fails_the_gate_with_1():
    gate = judge(a_result(a_row(change=0.2, verdict=Verdict.REGRESSED)), Policy())
    assert (gate.exit_code, outcomes(gate)) == (1, ["failed"])
    assert gate.summary == "Gate failed: of 1 check, 1 failed."
    assert "+20.0 %" in gate.rows[0].reason


def test_a_regression_within_the_policys_margin_passes_and_says_so():
    row = a_row(change=0.04, verdict=Verdict.REGRESSED)
    gate = judge(a_result(row), Policy(regression=0.05))
    assert (gate.exit_code, outcomes(gate)) == (0, ["passed"])
    assert "within the 5 % that the policy allows" in gate.rows[0].reason
    assert judge(a_result(row), Policy(regression=0.04)).exit_code == 1


def test_less_throughput_counts_by_its_size():
    row = a_row("throughput", change=-0.2, verdict=Verdict.REGRESSED)
    assert judge(a_result(row), Policy(regression=0.1)).exit_code == 1
    assert judge(a_result(row), Policy(regression=0.3)).exit_code == 0


def test_a_regression_of_a_row_with_a_goal_fails_whatever_the_margin():
    row = a_row("latency_p95", change=0.04, verdict=Verdict.REGRESSED, goal=GOAL)
    assert judge(a_result(row), Policy(regression=0.5)).exit_code == 1


def test_a_warning_passes_and_what_is_off_is_not_checked():
    rows = (a_row(change=0.2, verdict=Verdict.REGRESSED), a_row("memory_peak", change=0.2, verdict=Verdict.REGRESSED))
    policy = Policy(rules=(GateRule("latency_*", level="warn"), GateRule("memory_*", level="off")))
    gate = judge(a_result(*rows), policy)
    assert (gate.exit_code, outcomes(gate)) == (0, ["warned"])
    assert "1 warned" in gate.summary


def test_the_last_matching_rule_that_says_something_wins():
    row = a_row("latency_p95", "GET /reports/7", 0.2, Verdict.REGRESSED)
    first = GateRule("latency_*", level="off", regression=0.5)
    last = GateRule(request="GET /reports*", level="error")
    assert judge(a_result(row), Policy(rules=(first, last))).exit_code == 0, "the margin of the first rule still holds"
    assert judge(a_result(row), Policy(rules=(last, first))).rows == ()
    assert judge(a_result(row), Policy(rules=(GateRule(request="GET /x*", level="off"),))).exit_code == 1


@pytest.mark.parametrize(("policy", "code"), [(None, 3), ("fail", 3), ("warn", 0), ("pass", 0)])
def test_what_decides_the_run_and_is_not_decided_does_what_the_policy_says(policy, code):
    gate = judge(a_result(a_row(verdict=Verdict.INCONCLUSIVE)), Policy(inconclusive=policy))
    assert (gate.exit_code, outcomes(gate)) == (code, ["skipped"])
    assert "1 not decided" in gate.summary


def test_other_undecided_rows_fail_nothing_unless_a_rule_says_so():
    rows = (a_row(), a_row("latency_p95", "item", verdict=Verdict.INCONCLUSIVE))
    gate = judge(a_result(*rows), Policy(inconclusive="fail"))
    assert gate.exit_code == 0
    assert gate.summary == "Gate passed: of 2 checks, 1 passed, 1 not decided (which passes by policy)."
    assert judge(a_result(*rows), Policy(rules=(GateRule("latency_p95", inconclusive="fail"),))).exit_code == 3


@pytest.mark.parametrize(
    ("verdict", "outcome", "code"),
    [
        (Verdict.MET, "passed", 0),
        (Verdict.GOAL_MISSED, "failed", 1),
        (Verdict.EQUIVALENT, "failed", 1),
        (Verdict.IMPROVED, "skipped", 3),
        (Verdict.INCONCLUSIVE, "skipped", 3),
    ],
)
def test_a_goal_is_met_or_missed_or_open(verdict, outcome, code):
    gate = judge(a_result(a_row("latency_p95", change=-0.1, verdict=verdict, goal=GOAL)), Policy())
    assert (outcomes(gate), gate.exit_code) == ([outcome], code)


def test_budgets_hold_or_break_or_were_not_measured():
    gate = judge(a_result(budgets=(a_budget(400.0), a_budget(600.0), a_budget(None))), Policy())
    assert outcomes(gate) == ["passed", "failed", "skipped"]
    assert gate.exit_code == 1
    assert judge(a_result(budgets=(a_budget(None),)), Policy()).exit_code == 3
    assert judge(a_result(budgets=(a_budget(600.0),)), Policy(level="warn")).exit_code == 0


def test_an_invalid_measurement_is_invalid_whatever_the_policy():
    row = a_row(verdict=Verdict.INVALID)
    for policy in (Policy(), Policy(level="off"), Policy(inconclusive="pass")):
        gate = judge(a_result(row, verdict=Verdict.INVALID, exit_code=4), policy)
        assert gate.exit_code == 4
        assert "decides nothing" in gate.summary


def test_rows_that_are_only_shown_are_not_checked():
    gate = judge(a_result(a_row(change=1.0, verdict=Verdict.REGRESSED, role="shown")), Policy())
    assert (gate.rows, gate.exit_code) == ((), 0)


def test_the_scenarios_policy_lies_over_the_shared_one():
    shared = Policy("warn", 0.1, "pass", (GateRule("memory_*", level="off"),), ("perfproof.toml",))
    own = Policy(None, None, "fail", (GateRule("memory_peak", level="error"),), ("shop.yaml",))
    both = merged(shared, own)
    assert (both.level, both.regression, both.inconclusive) == ("warn", 0.1, "fail")
    assert both.sources == ("perfproof.toml", "shop.yaml")
    row = a_row("memory_peak", change=0.2, verdict=Verdict.REGRESSED)
    assert judge(a_result(row), both).exit_code == 1
    assert judge(a_result(row), shared).exit_code == 0


ROWS = st.builds(
    a_row,
    st.sampled_from(sorted(METRICS)),
    st.sampled_from(["all", "item", "GET /x"]),
    st.floats(-0.9, 2.0),
    st.sampled_from([verdict for verdict in Verdict if verdict is not Verdict.INVALID]),
)
RULES = st.builds(
    GateRule,
    st.sampled_from(["*", "latency_*", "memory_peak"]),
    st.sampled_from(["*", "item", "GET *"]),
    st.sampled_from([None, "off", "warn", "error"]),
    st.sampled_from([None, 0.02, 0.5]),
    st.sampled_from([None, "pass", "warn", "fail"]),
)
POLICIES = st.builds(
    Policy,
    st.sampled_from([None, "off", "warn", "error"]),
    st.sampled_from([None, 0.05]),
    st.sampled_from([None, "pass", "warn", "fail"]),
    st.lists(RULES, max_size=3).map(tuple),
)


@given(st.lists(ROWS, max_size=6), POLICIES)
def test_nothing_undecided_or_failed_is_silent_and_the_sentence_stays(rows, policy):
    result = a_result(*rows)
    gate = judge(result, policy)
    assert gate.sentence == result.sentence
    for outcome in ("failed", "warned", "skipped"):
        count = sum(row.outcome == outcome for row in gate.rows)
        word = "not decided" if outcome == "skipped" else outcome
        assert (f"{count} {word}" in gate.summary or outcome == "skipped") if count else f" {word}," not in gate.summary
    undecided = sum(row.outcome == "skipped" for row in gate.rows)
    assert ("not decided (" in gate.summary) == bool(undecided)
    failing = any(row.outcome == "failed" for row in gate.rows)
    held_up = any(row.outcome == "skipped" and row.open == "fail" for row in gate.rows)
    assert gate.exit_code == (1 if failing else 3 if held_up else 0)


@given(st.lists(ROWS, max_size=6), POLICIES)
def test_a_laxer_margin_never_fails_more(rows, policy):
    strict, lax = judge(a_result(*rows), policy), judge(a_result(*rows), merged(policy, Policy(regression=3.0)))
    if not any(rule.regression for rule in policy.rules):
        assert sum(r.outcome == "failed" for r in lax.rows) <= sum(r.outcome == "failed" for r in strict.rows)
