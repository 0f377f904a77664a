"""Rows of the service's own metrics: intervals over rounds, zeros, and what one side does not tell."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from perfproof.judge.analysis import analyse
from perfproof.judge.several import of_two
from perfproof.model.recording import Collected
from perfproof.model.result import Verdict
from perfproof.model.rules import Rules
from perfproof.model.scenario import Budget, Goal
from recording_builders import make_recording

WAIT = "prometheus:wait_seconds"
JOBS = "prometheus:jobs_total"


def told(values, *, metric=WAIT, kind="mean", rules=None, **more):
    """Return a recording with one stretch a round and arm; ``values`` are the baseline's and the candidate's rounds."""
    recording = make_recording(rounds=len(values[0]), rules=rules or Rules())
    rounds = []
    for place, a_round in enumerate(recording.rounds):
        collected = tuple(
            Collected(arm, 0, metric, "none", problem=side[place])
            if isinstance(side[place], str)
            else Collected(arm, 0, metric, kind, rise=side[place], **{"count": 1, "sent": 10, "seconds": 2.0, **more})
            for arm, side in enumerate(values)
        )
        rounds.append(replace(a_round, collected=collected))
    return replace(recording, rounds=tuple(rounds))


def row_of(recording, metric=WAIT):
    return next(row for row in analyse(recording).comparisons if row.metric == metric)


def noisy(level, rounds=12, seed=1):
    return list(level * np.exp(np.random.default_rng(seed).normal(0, 0.02, rounds)))


def test_a_mean_is_in_the_unit_of_its_name_with_an_interval_over_rounds():
    row = row_of(told((noisy(0.004), noisy(0.002, seed=2))))
    assert row.unit == "ms"
    assert row.baseline == pytest.approx(4, rel=0.02)
    assert row.change == pytest.approx(-0.5, abs=0.02)
    assert row.ci_low < -0.5 < row.ci_high < -0.45
    assert (row.verdict, row.role, row.rounds) == (Verdict.IMPROVED, "shown", 12)


def test_a_counter_is_per_request_or_per_second_and_a_gauge_as_it_stands():
    assert row_of(told(([20.0] * 4, [20.0] * 4), metric=JOBS, kind="counter"), JOBS).baseline == pytest.approx(2.0)
    name = f"{JOBS}:per_second"
    assert row_of(told(([20.0] * 4, [20.0] * 4), metric=name, kind="counter"), name).baseline == pytest.approx(10.0)
    for how, value in (("", 3.0), (":last", 4.0), (":max", 5.0)):
        name = f"prometheus:workers{how}"
        found = row_of(told(([3.0] * 4, [3.0] * 4), metric=name, kind="gauge", last=4.0, most=5.0, count=0), name)
        assert found.baseline == pytest.approx(value)


def test_a_goal_or_a_budget_is_held_against_it_as_against_every_metric():
    rules = Rules(goals=(Goal(WAIT, 0.3),), budgets=(Budget(WAIT, 3.0),))
    result = analyse(told((noisy(0.004), noisy(0.002, seed=2)), rules=rules))
    row = next(row for row in result.comparisons if row.metric == WAIT)
    assert (row.verdict, row.role, result.verdict) == (Verdict.MET, "goal", Verdict.MET)
    assert [(check.broken, check.open) for check in result.budgets] == [(False, False)]
    worse = analyse(told((noisy(0.002), noisy(0.004, seed=2)), rules=rules))
    assert worse.verdict is Verdict.REGRESSED
    assert worse.budgets[0].broken


def test_values_of_zero_are_compared_by_difference():
    same = row_of(told(([0.0] * 6, [0.0] * 6), metric=JOBS, kind="counter"), JOBS)
    assert (same.verdict, same.change, same.baseline, same.candidate) == (Verdict.EQUIVALENT, 0.0, 0.0, 0.0)
    gone = row_of(told(([30.0, 28.0, 31.0, 29.0, 30.0, 30.0], [0.0] * 6), metric=JOBS, kind="counter"), JOBS)
    assert (gone.verdict, gone.change) == (Verdict.IMPROVED, pytest.approx(-1.0))
    new = row_of(told(([0.0] * 6, [30.0, 28.0, 31.0, 29.0, 30.0, 30.0]), metric=JOBS, kind="counter"), JOBS)
    assert (new.verdict, new.change) == (Verdict.REGRESSED, None)
    rare = row_of(
        told(([0.0, 9.0, 0.0, 1.0, 0.0, 4.0], [3.0, 0.0, 6.0, 0.0, 2.0, 0.0]), metric=JOBS, kind="counter"), JOBS
    )
    assert rare.verdict is Verdict.INCONCLUSIVE


def test_what_one_side_does_not_tell_is_open_with_its_reason():
    rules = Rules(goals=(Goal(WAIT, 0.3),), budgets=(Budget(WAIT, 3.0),))
    result = analyse(told((noisy(0.004), ["it is gone: bring it back"] * 12), rules=rules))
    row = next(row for row in result.comparisons if row.metric == WAIT)
    assert (row.verdict, row.candidate, row.role) == (Verdict.INCONCLUSIVE, None, "goal")
    assert row.notes == ("candidate: it is gone: bring it back",)
    assert result.budgets[0].open
    assert result.budgets[0].why == "it is gone: bring it back"
    assert any("is open: it is gone" in text for text in result.comparability.warnings)
    assert result.exit_code == 3


def test_what_is_the_same_in_every_round_keeps_a_budget_of_just_that():
    for kind, values in (("counter", [50.0] * 4), ("gauge", [5.0] * 4)):
        name = "prometheus:connections"
        rules = Rules(budgets=(Budget(name, 5.0),))
        (check,) = analyse(told((values, values), metric=name, kind=kind, rules=rules)).budgets
        assert (check.value, check.broken, check.open) == (5.0, False, False)


def test_nothing_observed_is_not_zero():
    row = row_of(told(([0.0] * 4, [0.0] * 4), count=0))
    assert (row.baseline, row.candidate) == (None, None)
    assert "nothing was observed" in row.notes[0]


def test_identical_versions_have_no_claim_on_it():
    claims = 0
    for seed in range(40):
        row = row_of(told((noisy(0.004, seed=seed), noisy(0.004, seed=seed + 1000))))
        claims += row.verdict in (Verdict.IMPROVED, Verdict.REGRESSED)
    assert claims <= 2


def test_of_several_versions_any_two_keep_their_own():
    recording = told((noisy(0.004), noisy(0.002, seed=2)))
    turned = of_two(recording, (1, 0), 1)
    assert [each.arm for each in turned.rounds[0].collected] == [1, 0]
