from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import builders
from hypothesis import given
from hypothesis import strategies as st

from perfproof.model.metrics import ALL
from perfproof.model.result import Comparison, Verdict
from perfproof.model.scenario import Goal
from perfproof.verdict import display_rows

ROWS = st.lists(
    st.builds(
        lambda metric, request, impact, verdict: replace(
            builders.comparison(metric, request, 10.0, -0.1, 0.02), impact=impact, verdict=verdict
        ),
        st.sampled_from(["latency_p50", "latency_p95", "unheard_of"]),
        st.sampled_from([ALL, "a", "b", "c"]),
        st.floats(-100, 100),
        st.sampled_from(list(Verdict)),
    ),
    max_size=30,
)


def test_all_comes_first_then_the_request_that_saved_or_lost_most() -> None:
    ordered = display_rows.by_impact(builders.make_result().comparisons)
    names = list(dict.fromkeys(row.request for row in ordered))
    assert names[:3] == [ALL, builders.NAMES[1], "export records"]
    assert [row.metric for row in ordered if row.request == "health"] == ["latency_p50", "latency_p95", "latency_p99"]


@given(ROWS)
def test_ordering_keeps_every_row_and_keeps_a_request_together(found: list[Comparison]) -> None:
    ordered = display_rows.by_impact(found)
    assert sorted(map(id, ordered)) == sorted(map(id, found))
    changes = [a.request != b.request for a, b in pairwise(ordered)]
    assert sum(changes) == max(0, len({row.request for row in found}) - 1)


@given(ROWS, st.integers(1, 40))
def test_cutting_keeps_the_order_and_counts_what_it_leaves_out(found: list[Comparison], limit: int) -> None:
    kept, left_out = display_rows.most_urgent(found, limit)
    assert len(kept) == min(limit, len(found))
    assert len(kept) + left_out == len(found)
    places = [next(at for at, row in enumerate(found) if row is one) for one in kept]
    assert places == sorted(places)


def test_a_regression_is_never_cut_in_favour_of_noise() -> None:
    calm = [builders.comparison("latency_p50", f"r{at}", 10.0, 0.0, 0.01, impact=99.0) for at in range(30)]
    bad = builders.comparison("latency_p50", "slow", 10.0, 0.2, 0.01)
    kept, left_out = display_rows.most_urgent([*calm, bad], 5)
    assert bad in kept
    assert left_out == 26


def test_a_met_stretch_is_named_instead_of_the_goal() -> None:
    row = builders.comparison("latency_p95", ALL, 10.0, -0.5, 0.02, goal=Goal("latency_p95", 0.2, 0.3))
    assert display_rows.verdict_words(row) == "met 30 %"
    assert display_rows.verdict_words(replace(row, stretch_met=False)) == "met 20 %"
    assert display_rows.verdict_words(replace(row, verdict=Verdict.GOAL_MISSED)) == "short of 20 %"
    assert display_rows.verdict_words(replace(row, verdict=Verdict.INCONCLUSIVE)) == "inconclusive"


def test_a_single_run_is_recorded_not_judged() -> None:
    run = builders.make_run()
    assert display_rows.headline(run)[1] == "recorded"
    broken = replace(run.budgets[0], broken=True)
    assert display_rows.headline(replace(run, budgets=(broken,)))[1] == "budget broken"
    assert display_rows.headline(replace(run, verdict=Verdict.INVALID))[1] == "invalid"


def test_the_most_frequent_come_first_and_the_others_are_counted() -> None:
    assert display_rows.top({"a": 1, "b": 5, "c": 1}, 2) == ([("b", 5), ("a", 1)], 1)


def test_a_goal_that_no_difference_missed_is_not_called_equivalent() -> None:
    row = replace(builders.comparison("latency_p50", ALL, 10.0, 0.0, 0.01), verdict=Verdict.EQUIVALENT)
    result = replace(builders.make_result(), verdict=Verdict.EQUIVALENT, comparisons=(row,))
    assert display_rows.headline(result) == ("≈", "equivalent", "calm")
    missed = replace(row, role="goal", goal=Goal("latency_p50", 0.2))
    assert display_rows.headline(replace(result, comparisons=(missed,))) == ("✗", "goal missed", "bad")
