"""A claim says what its goal's rows or its budget's limits say, and nothing else."""

from __future__ import annotations

import pytest

from perfproof.errors import ExitCode
from perfproof.model.metrics import METRICS
from perfproof.model.result import BudgetCheck, Comparison, Verdict
from perfproof.model.scenario import Budget, Claim, Goal
from perfproof.verdict.conclude import conclude
from perfproof.verdict.proofs import conclude_claims, measured_by, prove, sentence_of, settled

GOAL = Goal("latency_p50", 0.2, 0.3)
FASTER = Claim("Lists answer 20–30 % faster", goal=GOAL)
LIMIT = Claim("Errors have one format.", budget=Budget("error_shape", 1.0))


def row(verdict, request="list", metric="latency_p50", goal=GOAL, role="goal", notes=(), change=-0.25):
    unit = METRICS[metric].unit
    return Comparison(
        metric, request, unit, 10.0, 10.0 * (1 + change), change, change - 0.02, change + 0.02, 0.98, verdict, role, 8,
        goal, notes=notes,
    )  # fmt: skip


def check(value, broken=False, why="", limit=1.0):
    return BudgetCheck("error_shape", "all", "candidate", "ratio", limit, value, broken, why)


@pytest.mark.parametrize(
    ("verdicts", "state"),
    [
        ([Verdict.MET, Verdict.MET], "proven"),
        ([Verdict.MET, Verdict.GOAL_MISSED], "refuted"),
        ([Verdict.MET, Verdict.EQUIVALENT], "refuted"),
        ([Verdict.REGRESSED, Verdict.INCONCLUSIVE], "refuted"),
        ([Verdict.MET, Verdict.IMPROVED], "open"),
        ([Verdict.INCONCLUSIVE, Verdict.MET], "open"),
    ],
)
def test_a_change_is_proven_where_every_row_meets_it_and_refuted_where_one_surely_does_not(verdicts, state):
    rows = [row(verdict, f"r{at}", notes=("about 4 more rounds",)) for at, verdict in enumerate(verdicts)]
    (proof,) = prove([FASTER], rows, ())
    assert proof.state == state
    assert proof.why == ("about 4 more rounds" if state == "open" else "")
    assert proof.rows == tuple(rows)


@pytest.mark.parametrize(
    ("found", "state"),
    [(check(1.0), "proven"), (check(0.5, broken=True), "refuted"), (check(None, why="not made"), "open")],
)
def test_a_limit_is_proven_refuted_or_open_as_its_budget_is(found, state):
    (proof,) = prove([LIMIT], (), [found])
    assert (proof.state, proof.why) == (state, found.why)
    assert proof.checks == (found,)


def test_a_claim_without_a_figure_and_one_of_an_invalid_measurement_are_open():
    nothing, invalid = prove([FASTER], (), ()), prove([FASTER, LIMIT], [row(Verdict.MET)], [check(1.0)], ["too busy."])
    assert [proof.state for proof in (*nothing, *invalid)] == ["open"] * 3
    assert "takes two" in nothing[0].why
    assert invalid[0].why == "the measurement is invalid: too busy"


def test_only_the_rows_of_its_requests_and_its_own_goal_decide_a_claim():
    named = Claim("Lists", goal=Goal("latency_p50", 0.2, None, ("list",)))
    rows = [row(Verdict.MET, goal=named.goal), row(Verdict.GOAL_MISSED, "other", goal=GOAL)]
    assert prove([named], rows, ())[0].rows == (rows[0],)


def concluded(claims, rows, budgets):
    proofs = prove(claims, rows, budgets)
    found = conclude_claims(*conclude(rows, budgets, valid=True), proofs, rows, budgets)
    return (*found, sentence_of(proofs, rows, budgets))


def test_all_proven_passes_although_nobody_knows_whether_it_is_faster():
    plain = row(Verdict.INCONCLUSIVE, "all", goal=None, role="gate")
    verdict, code, text = concluded([LIMIT], [plain], [check(1.0)])
    assert (verdict, code, text) == (Verdict.MET, ExitCode.PASSED, "Proven.")


def test_refuted_fails_open_is_not_decided_and_both_are_named():
    rows = [row(Verdict.GOAL_MISSED)]
    verdict, code, text = concluded([FASTER, LIMIT], rows, [check(None, why="not made")])
    assert (verdict, code) == (Verdict.GOAL_MISSED, ExitCode.FAILED)
    assert text.startswith("0 of 2 claims proven; refuted: “Lists answer 20–30 % faster” (p50 latency of list −25.0 %")
    assert text.endswith("open: “Errors have one format” (not made).")
    assert concluded([FASTER, LIMIT], [row(Verdict.MET)], [check(None, why="x")])[1] is ExitCode.INCONCLUSIVE


def test_what_nobody_claimed_and_got_worse_fails_and_is_told():
    worse = row(Verdict.REGRESSED, "all", "memory_peak", None, "gate", change=0.21)
    verdict, code, text = concluded([FASTER], [row(Verdict.MET), worse], ())
    assert (verdict, code) == (Verdict.REGRESSED, ExitCode.FAILED)
    assert text == "Proven; not claimed, but worse: peak memory rose by 21.0 %."


def test_a_goal_or_budget_without_a_claim_counts_as_ever():
    other = row(Verdict.GOAL_MISSED, "all", "cpu_per_request", Goal("cpu_per_request", 0.5))
    assert concluded([FASTER], [row(Verdict.MET), other], ())[1] is ExitCode.FAILED
    broken = check(0.2, broken=True, limit=0.9)
    _, code, text = concluded([FASTER], [row(Verdict.MET)], [broken])
    assert code is ExitCode.FAILED
    assert "budget broken: errors of one shape 20 %, limit 90 %" in text


def test_rounds_go_on_until_each_claim_that_they_can_decide_is_decided():
    late = Claim("Smaller", goal=Goal("lines_of_code", 0.1))
    unmade = row(Verdict.INCONCLUSIVE, "all", "lines_of_code", late.goal)
    proofs = prove([FASTER, late], [row(Verdict.GOAL_MISSED), unmade], ())
    assert settled(proofs, [row(Verdict.GOAL_MISSED), unmade], ())
    assert not settled(proofs, [row(Verdict.GOAL_MISSED), row(Verdict.IMPROVED, "other")], ())
    near = BudgetCheck("latency_p95", "all", "candidate", "ms", 500.0, 501.0, False, "it may be anything")
    assert not settled(proofs, [row(Verdict.MET)], [near])


@pytest.mark.parametrize(
    ("metric", "part"),
    [
        ("latency_p95", "rounds"),
        ("memory_peak", "rounds"),
        ("queries_per_request", "probe"),
        ("response_bytes", "probe"),
        ("instructions_per_request", "count"),
        ("failed_requests", "rollout"),
        ("lines_of_code", "build"),
    ],
)
def test_each_metric_comes_from_a_part_of_the_measurement(metric, part):
    assert measured_by(metric) == part
