from __future__ import annotations

from dataclasses import replace

import builders
import pytest
import states

from perfproof.model.result import Verdict
from perfproof.model.scenario import Goal
from perfproof.report import promises


@pytest.mark.parametrize(
    ("fraction", "towards", "near", "said"),
    [
        (0.63, "", (), "63 %"),
        (-0.041, "", (), "4.1 %"),
        (0.5567, "down", (), "55 %"),  # "at least" is never rounded up
        (0.1501, "up", (), "16 %"),  # and "at most" never down
        (0.55, "down", (), "55 %"),  # although 0.55 * 100 is 55.00000000000001
        (0.57, "up", (), "57 %"),
        (0.194, "", (0.2,), "19.4 %"),  # next to a goal a tenth is kept
        (0.206, "down", (0.2,), "20.6 %"),
        (12.0, "", (), "1,200 %"),
        (0.0, "", (), "0 %"),
    ],
)
def test_a_share_is_not_rounded_in_favour_of_the_claim(
    fraction: float, towards: str, near: tuple[float, ...], said: str
) -> None:
    assert promises.share(fraction, towards=towards, near=near) == said


def test_what_missed_a_goal_by_little_is_not_written_as_if_it_met_it() -> None:
    assert promises.share(0.1996, near=(0.2,), towards="down") == "19.9 %"
    assert promises.at_most(states.one(-0.15, 0.0499)) == "sure: at most 20 %"
    assert promises.at_most(states.one(-0.15, 0.0432)) == "sure: at most 19.4 %"


@pytest.mark.parametrize(
    ("change", "width", "verdict", "said"),
    [
        (-0.63, 0.08, Verdict.MET, "reached 63 % (sure: at least 55 %)"),
        (-0.12, 0.03, Verdict.GOAL_MISSED, "reached 12 % (sure: at most 15 %)"),
        (-0.18, 0.21, Verdict.INCONCLUSIVE, "measured 18 % shorter so far (between 3 % longer and 39 % shorter)"),
        (-0.24, 0.09, Verdict.IMPROVED, "measured 24 % shorter so far (between 15 % and 33 % shorter)"),
        (0.004, 0.011, Verdict.EQUIVALENT, "no difference (sure: less than 1.5 % either way)"),
        (0.06, 0.02, Verdict.REGRESSED, "got 6 % longer (sure: at least 4 %)"),
        (0.0, 0.0, Verdict.INVALID, "nothing can be said"),
    ],
)
def test_the_outcome_of_a_goal_in_plain_words(change: float, width: float, verdict: Verdict, said: str) -> None:
    assert promises.outcome(states.one(change, width, verdict=verdict)) == said


def test_a_goal_that_could_not_be_measured_says_so() -> None:
    unknown = replace(states.one(0, 0), change=None, ci_low=None, ci_high=None, verdict=Verdict.INCONCLUSIVE)
    assert promises.outcome(unknown) == "could not be measured"


def test_what_is_counted_needs_no_bound() -> None:
    goal = Goal("queries_per_request", 0.5)
    assert promises.outcome(states.queries("list", 41, 3, goal=goal)) == "reached 93 % (counted)"


def test_more_is_better_where_it_is() -> None:
    goal = Goal("capacity", 0.2, 0.3)
    row = builders.comparison("capacity", "all", 100, 0.25, 0.03, goal=goal, verdict=Verdict.MET)
    assert promises.outcome(row) == "reached 25 % (sure: at least 22 %)"
    assert promises.reached([row]) == "25 % more"
    assert promises.promised(goal) == "20–30 % more"


def test_goals_of_one_kind_are_named_and_of_several_only_sized() -> None:
    p50, p95, memory = (Goal(name, 0.2, 0.3) for name in ("latency_p50", "latency_p95", "memory_peak"))
    assert promises.wanted([p50, p95]) == "20–30 % shorter response times"
    assert promises.wanted([memory]) == "20–30 % less peak memory"
    assert promises.wanted([p50, memory]) == "20–30 %"
    assert promises.wanted([p50, Goal("memory_peak", 0.1)]) == "a goal each"


def test_the_unit_is_written_once_and_values_that_contradict_a_typical_change_are_not() -> None:
    assert promises.values(states.one(-0.5, 0.1)) == "31.4 → 15.7 ms"
    assert promises.values(replace(states.one(-0.5, 0.1), baseline=900.0, candidate=1200.0, change=1 / 3)) == (
        "900 ms → 1.20 s"
    )
    assert promises.values(replace(states.one(-0.5, 0.1), typical=True, candidate=31.0)) == ""


def test_many_names_are_counted() -> None:
    found = [states.row("latency_p50", name, 3, -0.3, 0.1) for name in ("a", "b", "c", "d")]
    assert promises.names(found[:1]) == "a"
    assert promises.names(found[:3]) == "a, b and c"
    assert promises.names(found) == "4 requests"


def test_what_began_at_nothing_has_no_change_and_is_told_by_its_values() -> None:
    row = replace(states.one(-0.5, 0.1), unit="ratio", baseline=0.0, candidate=1.0, change=None)
    assert promises.reached([row]) == "100 % from 0 %"
    assert promises.reached([row, replace(row, candidate=0.5)]) == "more than nothing"
    assert promises.reached([replace(row, candidate=None)]) == "not measured"
