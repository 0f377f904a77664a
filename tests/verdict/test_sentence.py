from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import pytest

from perfproof.judge import analyse, compare, look, progress, spreads
from perfproof.model.result import BudgetCheck, Comparison, Role, Verdict
from perfproof.model.scenario import Goal
from perfproof.verdict.sentence import compose, improved, invalid
from recording_builders import make_recording

V = Verdict


def row(
    verdict: Verdict,
    change: float,
    request: str = "list",
    metric: str = "latency_p95",
    role: Role = "goal",
    notes: tuple[str, ...] = (),
) -> Comparison:
    goal = Goal(metric, 0.2) if role == "goal" else None
    return Comparison(
        metric, request, "ms", 10, 8, change, change - 0.02, change + 0.02, 0.98, verdict, role, 12, goal, notes=notes
    )


def said(verdict: Verdict, *rows: Comparison, budgets: tuple[BudgetCheck, ...] = ()) -> str:
    return compose(verdict, rows, budgets, rounds=12, margin=0.05)


def test_goals_that_are_met_are_told_with_their_range() -> None:
    assert said(V.MET, row(V.MET, -0.481, "a"), row(V.MET, -0.712, "b")) == (
        "Goal met: p95 latency of 2 of 2 requests fell by 48.1 to 71.2 % (98 % CI 46.1 to 73.2): meets 20 %."
    )


def test_a_goal_that_is_missed_names_the_request() -> None:
    assert said(V.GOAL_MISSED, row(V.MET, -0.3, "a"), row(V.GOAL_MISSED, -0.1, "b")) == (
        "Goal missed: p95 latency of a −30.0 % (98 % CI −32.0 to −28.0 %): meets 20 %; "
        "p95 latency of b −10.0 % (98 % CI −12.0 to −8.0 %): surely less than the 20 % asked."
    )


@pytest.mark.parametrize(("shown", "end"), [(True, "meets 20 % and 30 %"), (False, "meets 20 %, 30 % not shown")])
def test_the_stretch_is_said_to_be_met_or_not_shown(shown: bool, end: str) -> None:
    met = replace(row(V.MET, -0.241), goal=Goal("latency_p95", 0.2, 0.3), stretch_met=shown)
    assert said(V.MET, met) == f"Goal met: p95 latency of list −24.1 % (98 % CI −26.1 to −22.1 %): {end}."


def test_what_points_the_other_way_is_told() -> None:
    text = said(V.MET, row(V.MET, -0.3), row(V.REGRESSED, 0.4, "all", "memory_peak", "shown"))
    assert text.endswith("; but peak memory +40.0 % (98 % CI +38.0 to +42.0 %).")


def test_what_did_not_improve_is_not_told_as_if_it_had() -> None:
    faster = row(V.IMPROVED, -0.2, "all", "latency_p50", "shown")
    same = row(V.EQUIVALENT, 0.001, "all", "latency_p95", "shown")
    unknown = row(V.INCONCLUSIVE, -0.045, "all", "cpu_per_request", "shown")
    assert improved([unknown, faster, same]) == (
        "p50 latency −20.0 % (98 % CI −22.0 to −18.0 %); p95 latency +0.1 % (98 % CI −1.9 to +2.1 %): no difference; "
        "CPU per request −4.5 % (98 % CI −6.5 to −2.5 %): not decided"
    )


def test_a_broken_budget_comes_first() -> None:
    broken = BudgetCheck("latency_p95", "list", "candidate", "ms", 500.0, 612.0, True)
    text = said(V.GOAL_MISSED, row(V.MET, -0.3), budgets=(broken,))
    assert text.startswith(
        "Budget broken: p95 latency of list 612 ms, limit 500 ms; Goal met: p95 latency of list −30.0 %"
    )


def test_an_open_budget_says_why_and_leaves_what_was_shown() -> None:
    unknown = BudgetCheck(
        "queries_per_request", "list", "candidate", "queries", 10.0, None, False, "no source; grant it"
    )
    text = said(V.INCONCLUSIVE, row(V.MET, -0.3), budgets=(unknown,))
    assert text.startswith(
        "Budget open: queries of list not measured (no source; grant it); Goal met: p95 latency of list −30.0 %"
    )


def test_an_open_question_says_what_would_settle_it() -> None:
    open_ = row(V.INCONCLUSIVE, 0.01, "all", "latency_p50", "gate", ("about 8 more rounds would settle it",))
    assert said(V.INCONCLUSIVE, open_) == (
        "Not decided: p50 latency +1.0 % (98 % CI −1.0 to +3.0 %) after 12 rounds; about 8 more rounds would settle it."
    )


def test_an_invalid_measurement_gives_its_first_reason() -> None:
    assert invalid(["the service died.", "and more."]) == "Invalid: the service died (1 more reason)."


@pytest.mark.parametrize("kind", ["run", "ab", "noise"])
def test_a_run_without_rounds_is_invalid_and_nothing_breaks(kind: str) -> None:
    empty = make_recording(kind=kind, rounds=0)  # type: ignore[arg-type]
    result = analyse(empty)
    assert (result.verdict, result.exit_code) == (V.INVALID, 4)
    assert "no round was completed" in result.sentence
    assert progress(empty) == ()
    assert look(empty).result.verdict is V.INVALID
    assert compare(empty, make_recording(kind="run", rounds=3)).verdict is V.INVALID


def test_spreads_of_too_few_rounds_are_none() -> None:
    assert spreads(make_recording(kind="noise", rounds=1)) == ()


def test_the_package_is_imported_without_scipy() -> None:
    code = "import sys, perfproof.judge; sys.exit('scipy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
