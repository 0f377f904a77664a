"""Exact rows, what became of each statement, and sentences that let queries and latency disagree."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfproof.model.metrics import ALL
from perfproof.model.probe import Difference, ProbedRequest, Probing
from perfproof.model.result import Comparison, Verdict
from perfproof.model.rules import Rules
from perfproof.model.scenario import Budget, Goal
from perfproof.queries.conclude import across, conclude_queries, judge_probes
from perfproof.verdict.sentence import describe, disagreement
from probe_builders import arm, both, probed, sized


def verdict(before: int | tuple[int, int], after: int | tuple[int, int], rules: Rules | None = None) -> Verdict:
    probing = both(*(probed([(50, {"q": each})]) for each in (before, after)))
    (row,) = [row for row in conclude_queries(probing, rules or Rules()).rows if row.metric == "queries_per_request"]
    return row.verdict


def test_fewer_queries_improve_more_regress_and_the_same_are_equivalent() -> None:
    assert verdict(501, 1) is Verdict.IMPROVED
    assert verdict(2, 3) is Verdict.REGRESSED
    assert verdict(0, 1) is Verdict.REGRESSED
    assert verdict(9, 9) is Verdict.EQUIVALENT


def test_a_goal_on_queries_is_met_or_surely_missed() -> None:
    rules = Rules(goals=(Goal("queries_per_request", 0.9),))
    assert verdict(100, 10, rules) is Verdict.MET
    assert verdict(100, 11, rules) is Verdict.GOAL_MISSED


def test_counts_that_vary_are_judged_by_their_ranges() -> None:
    assert verdict((5, 8), (6, 9)) is Verdict.INCONCLUSIVE
    assert verdict((5, 8), (9, 11)) is Verdict.REGRESSED
    assert verdict((5, 8), (1, 4)) is Verdict.IMPROVED


def test_a_goal_that_a_varying_count_leaves_open_is_not_missed() -> None:
    rules = Rules(goals=(Goal("queries_per_request", 0.5),))
    assert verdict((8, 12), (4, 6), rules) is Verdict.IMPROVED
    assert verdict((8, 12), (7, 9), rules) is Verdict.GOAL_MISSED
    assert verdict((8, 12), 20, rules) is Verdict.REGRESSED


def test_time_in_the_database_is_shown_and_never_judged() -> None:
    before, after = (
        replace(request, sizes=tuple(replace(size, db_ns=times) for size in request.sizes))
        for request, times in (
            (probed([(50, {"q": 1})]), (900_000, 910_000, 920_000)),
            (probed([(50, {"q": 1})]), (950_000, 960_000, 970_000)),
        )
    )
    rules = Rules(goals=(Goal("db_time_per_request", 0.2),))  # of a run recorded when that was allowed
    for one, two in ((before, after), (after, before)):
        (row,) = [r for r in conclude_queries(both(one, two), rules).rows if r.metric == "db_time_per_request"]
        assert row.verdict is Verdict.INCONCLUSIVE
        assert "never judged" in row.notes[0]


@given(st.integers(0, 500), st.integers(0, 500))
def test_more_is_never_called_an_improvement(before: int, after: int) -> None:
    found = verdict(before, after)
    assert found not in ((Verdict.IMPROVED,) if after >= before else (Verdict.REGRESSED,))


def test_the_difference_of_fingerprints_says_what_became_of_each() -> None:
    before = probed([(n, {"page": 1, "each": n, "old": 1, "grown": 1}) for n in (1, 10, 50)])
    after = probed([(n, {"page": 1, "new": 1, "each": max(1, n // 10), "grown": 2}) for n in (1, 10, 50)])
    (detail,) = conclude_queries(both(before, after), Rules()).details
    changes = {each.key: each.change for each in detail.statements}
    expected = {"page": "same", "each": "slope changed", "old": "gone", "new": "new", "grown": "count changed"}
    assert changes == expected


def test_what_only_the_baseline_has_is_good_news_and_what_stays_is_a_warning() -> None:
    slow = probed([(n, {"each": n}) for n in (1, 10, 50)])
    fast = probed([(n, {"all": 1}) for n in (1, 10, 50)])
    (gone,) = [f for f in conclude_queries(both(slow, fast), Rules()).findings if f.kind == "n_plus_one"]
    assert gone.severity == "info"
    stayed = [f for f in conclude_queries(both(slow, slow), Rules()).findings if f.kind == "n_plus_one"]
    assert [f.severity for f in stayed] == ["warning", "warning"]


def test_a_difference_is_a_finding_and_under_error_a_reason_to_conclude_nothing() -> None:
    request = probed([(1, {"q": 1})])
    unlike = Difference("list", 1, "json", ("$.n: 1 → 2",))
    for policy, severity, reasons in (("warn", "warning", 0), ("error", "error", 1)):
        found = conclude_queries(both(request, request, differences=(unlike,), policy=policy), Rules())
        (finding,) = [each for each in found.findings if each.kind == "response_changed"]
        assert finding.severity == severity
        assert "$.n: 1 → 2" in finding.summary
        assert len(found.reasons) == reasons
        told = [text for text in found.warnings if text.startswith("The arms answer 1 of ")]
        assert len(told) == 1 - reasons, "what weakens the claim, unless nothing is claimed"


def test_differences_of_every_size_are_told_and_what_a_start_may_give_anew_comes_last() -> None:
    request = probed([(n, {"q": 1}) for n in (1, 5, 50)])
    unlike = (
        Difference("list", 1, "json", ("$.items[0].id: 7 → 8",), doubtful=1),
        Difference("list", 5, "json", ("$.items: another order", "$.items[0].id: 7 → 8", "$.at: 1 → 2"), doubtful=2),
        Difference("list", 50, "json", ("$.items: another order", "$.items[4].id: 9 → 8"), 3, doubtful=1),
    )
    found = conclude_queries(both(request, request, differences=unlike), Rules())
    (finding,) = [each for each in found.findings if each.kind == "response_changed"]
    assert finding.summary == (
        "the arms answer differently: json, $.items: another order (at size 5), $.items[0].id: 7 → 8, "
        "$.at: 1 → 2 (at size 5) and 3 more places"
    )
    assert finding.evidence["sizes"] == [1, 5, 50]


def test_a_probe_alone_fails_on_a_broken_budget_and_not_on_n_plus_one() -> None:
    probing = Probing((arm("baseline", probed([(n, {"each": n}) for n in (1, 10, 50)])),))
    assert judge_probes(probing, Rules(), "s").exit_code == 0
    assert judge_probes(probing, Rules(budgets=(Budget("queries_per_request", 50),)), "s").exit_code == 0
    broken = judge_probes(probing, Rules(budgets=(Budget("queries_per_request", 49),)), "s")
    assert (broken.exit_code, broken.budgets[0].value) == (1, 50)


def test_two_recorded_runs_are_compared_by_their_last_arms() -> None:
    slow = Probing((arm("baseline", probed([(n, {"each": n}) for n in (1, 10, 50)])),))
    fast = Probing((arm("baseline", probed([(n, {"all": 1}) for n in (1, 10, 50)])),))
    joined = across(slow, fast, ("baseline", "candidate"))
    row = next(r for r in conclude_queries(joined, Rules()).rows if r.metric == "queries_per_request")
    assert (row.baseline, row.candidate, row.verdict) == (50, 1, Verdict.IMPROVED)
    assert across(slow, None, ("baseline", "candidate")) is None


def test_a_run_without_probes_adds_nothing() -> None:
    assert conclude_queries(None, Rules()).rows == ()


def row(metric: str, request: str, before: float, after: float, verdict: Verdict, unit: str = "ms") -> Comparison:
    return Comparison(metric, request, unit, before, after, after / before - 1, None, None, None, verdict, "gate", 8)


ROWS = [
    row("queries_per_request", "list", 501, 1, Verdict.IMPROVED, "queries"),
    row("latency_p50", ALL, 10, 75, Verdict.REGRESSED),
    row("memory_peak", ALL, 100, 400, Verdict.REGRESSED, "bytes"),
]


def test_queries_and_latency_may_disagree_and_the_sentence_says_so() -> None:
    told = disagreement(Verdict.REGRESSED, ROWS, describe)
    assert told == "; queries of list 501 → 1, but p50 latency 7.5 times slower and peak memory 4 times higher"


@pytest.mark.parametrize("verdict", list(Verdict))
def test_a_disagreement_is_told_whatever_the_verdict(verdict: Verdict) -> None:
    assert "501 → 1, but" in disagreement(verdict, ROWS, describe)


def test_no_disagreement_is_told_where_all_agree() -> None:
    agreeing = [replace(each, verdict=Verdict.IMPROVED) for each in ROWS]
    assert disagreement(Verdict.IMPROVED, agreeing, describe) == ""


def own(request: ProbedRequest, *sizes: int) -> ProbedRequest:
    return replace(request, sizes=tuple(replace(size, own=size.size in sizes) for size in request.sizes))


def test_the_count_is_that_of_the_loads_own_size_and_its_growth_stands_beside_it() -> None:
    slow = own(probed([(n, {"each": n, "page": 1}) for n in (1, 10, 20, 50)]), 20)
    fast = own(probed([(n, {"page": 1}) for n in (1, 10, 20, 50)]), 20)
    found = conclude_queries(both(slow, fast), Rules())
    (row,) = [row for row in found.rows if row.metric == "queries_per_request"]
    assert (row.baseline, row.candidate) == (21, 1)
    assert row.notes == ("grows with the size: 2 → 11 → 21 → 51 at 1 → 10 → 20 → 50 rows on the baseline",)


def test_of_several_sizes_of_the_load_the_mean_counts() -> None:
    slow = own(probed([(n, {"each": n}) for n in (10, 20, 50)]), 10, 50)
    (row, *_) = conclude_queries(both(slow, slow), Rules()).rows
    assert (row.metric, row.baseline) == ("queries_per_request", 30)


def test_a_budget_that_nobody_could_count_is_open_with_the_reason_and_exit_code_3() -> None:
    rules = Rules(budgets=(Budget("queries_per_request", 10),))
    blind = ProbedRequest("list", (replace(sized(1, 1, {}), statements=None, doubts=("grant pg_monitor",)),))
    result = judge_probes(Probing((arm("baseline", blind),)), rules, "shop")
    (check,) = result.budgets
    assert (check.open, check.broken, check.why, result.exit_code) == (True, False, "grant pg_monitor", 3)
    skipped = ProbedRequest("list", skipped="it writes: opt in")
    (check,) = judge_probes(Probing((arm("baseline", skipped),)), rules, "shop").budgets
    assert check.why.startswith("it writes: opt in; or name in the budget's `requests:`")
    lost = judge_probes(Probing((arm("baseline", blind, problems=("the database is away",)),)), rules, "shop")
    assert lost.exit_code == 3


def test_a_count_that_may_be_too_low_keeps_no_budget_but_can_break_one() -> None:
    request = probed([(n, {"q": n}) for n in (1, 10, 50)])
    stray = replace(request, sizes=tuple(replace(size, strays=3) for size in request.sizes))
    for limit, code in ((100, 3), (10, 1)):
        result = judge_probes(Probing((arm("b", stray),)), Rules(budgets=(Budget("queries_per_request", limit),)), "s")
        assert result.exit_code == code
    assert "3 more queries ran meanwhile" in " ".join(result.warnings)


def test_a_service_in_debug_mode_is_told() -> None:
    request = probed([(1, {"q": 1})])
    told = judge_probes(Probing((arm("b", request, debugging=("Django has DEBUG = True",)),)), Rules(), "s").warnings
    assert told == ("b runs in a mode for developing, not what users get: Django has DEBUG = True",)
