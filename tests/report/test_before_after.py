from __future__ import annotations

from dataclasses import replace

import builders
import pytest
import states

from perfproof.model.result import Verdict
from perfproof.model.scenario import Goal
from perfproof.report.before_after import MOST, before_after


def test_the_band_is_where_the_goal_is_and_the_bar_ends_where_it_was_reached() -> None:
    chart = before_after(states.met())
    assert chart is not None
    (bar,) = chart.bars
    assert bar.before == 1.0
    assert bar.after == pytest.approx(0.37)
    assert bar.band == pytest.approx((0.7, 0.8))
    assert (bar.low, bar.high) == pytest.approx((0.29, 0.45))
    assert chart.band == "promised: 20–30 % shorter"
    assert chart.left_out == 0


def test_without_a_stretch_everything_beyond_the_goal_is_shaded() -> None:
    chart = before_after(states.made([states.one(-0.3, 0.05, goal=Goal("latency_p50", 0.2))], Verdict.MET, ""))
    assert chart is not None
    assert chart.bars[0].band == pytest.approx((0.0, 0.8))


def test_where_more_is_better_the_band_lies_right_of_before() -> None:
    goal = Goal("capacity", 0.2, 0.3)
    row = builders.comparison("capacity", "all", 100, 0.25, 0.03, goal=goal, verdict=Verdict.MET)
    chart = before_after(states.made([row], Verdict.MET, "", kind="capacity"))
    assert chart is not None
    (bar,) = chart.bars
    assert bar.band is not None
    assert bar.before is not None
    assert bar.before < bar.band[0] < bar.after < bar.band[1] <= 1.0


def test_what_more_than_doubled_leaves_the_axis_with_an_arrow() -> None:
    chart = before_after(states.no_goal_worse())
    assert chart is not None
    worst = next(bar for bar in chart.bars if bar.beyond)
    assert worst.after == 1.0
    assert worst.change == "190 % longer"
    assert ("twice") in [word for _, word in chart.ticks]
    for bar in chart.bars:
        assert all(0 <= place <= 1 for place in (bar.after, bar.low, bar.high) if place is not None)


def test_of_sixty_goals_those_that_failed_are_drawn_and_the_others_counted() -> None:
    chart = before_after(states.many())
    assert chart is not None
    assert len(chart.bars) == MOST
    assert {bar.sign for bar in chart.bars} == {"✗"}
    assert chart.left_out == 55


def test_goals_that_are_missed_leave_room_for_the_one_that_is_met() -> None:
    goal = Goal("latency_p50", 0.2)
    rows = [
        builders.comparison("latency_p50", f"item {at}", 10, -0.02, 0.01, goal=goal, verdict=Verdict.GOAL_MISSED)
        for at in range(9)
    ]
    met = builders.comparison("latency_p50", "projects", 10, -0.9, 0.01, goal=goal, verdict=Verdict.MET)
    chart = before_after(states.made([*rows, met], Verdict.GOAL_MISSED, ""))
    assert chart is not None
    assert [bar.sign for bar in chart.bars].count("✗") == MOST - 1
    assert [bar.name for bar in chart.bars if bar.sign == "✓"] == ["projects"]
    assert chart.left_out == 5


def test_without_goals_what_improved_is_drawn_before_what_is_not_told_apart() -> None:
    noise = [
        builders.comparison("latency_p50", f"slow {n}", 40, -0.02, 0.1, verdict=Verdict.INCONCLUSIVE) for n in range(8)
    ]
    gain = builders.comparison("latency_p50", "books", 30, -0.5, 0.05, verdict=Verdict.IMPROVED)
    whole = builders.comparison("latency_p50", "all", 40, -0.09, 0.03, verdict=Verdict.IMPROVED)
    chart = before_after(states.made([*noise, whole, gain], Verdict.IMPROVED, ""))
    assert chart is not None
    assert {"books", "all requests"} <= {bar.name for bar in chart.bars}
    assert sum(bar.change == "not told apart" for bar in chart.bars) == MOST - 2


def test_no_difference_is_a_missed_goal_and_else_just_none() -> None:
    promised, free = before_after(states.unmoved()), before_after(states.no_goal_alike())
    assert promised is not None
    assert free is not None
    assert (promised.bars[0].sign, promised.bars[0].tone) == ("✗", "bad")
    assert (free.bars[0].sign, free.bars[0].tone) == ("≈", "calm")
    assert free.bars[0].band is None


def test_one_arm_is_held_against_its_budgets() -> None:
    chart = before_after(states.broken_budget_alone())
    assert chart is not None
    bars = {bar.name: bar for bar in chart.bars}
    assert bars["export records"].sign == "✗"
    assert bars["export records"].limit is not None
    assert bars["export records"].limit < bars["export records"].after
    assert bars["all requests"].tone == "good"
    assert all(bar.before is None and bar.band is None for bar in chart.bars)


def test_a_limit_far_beyond_what_was_measured_is_told_in_words_alone() -> None:
    run = builders.make_run()
    far = replace(run, budgets=(replace(run.budgets[0], limit=60_000.0),))
    chart = before_after(far)
    assert chart is not None
    assert chart.bars[0].limit is None
    assert chart.bars[0].change == "limit 60.0 s"
    assert max(bar.after for bar in chart.bars) > 0.8


def test_nothing_is_drawn_of_what_cannot_carry_a_verdict() -> None:
    assert before_after(builders.make_invalid()) is None
    assert before_after(builders.make_empty()) is None
