from __future__ import annotations

import pytest

from perfproof.judge import plan
from perfproof.model.rules import Rules, Spread


def test_a_time_budget_buys_the_rounds_that_fit() -> None:
    found = plan(Rules(), 11.6, 150)
    assert (found.rounds, found.looks, found.rules.planned_rounds) == (12, (4, 8, 12), 12)
    assert found.seconds <= 150
    assert "12 rounds in about 2 min see p50 changes from" in found.sentence


def test_a_noise_run_tells_what_can_be_seen() -> None:
    quiet = plan(Rules(), 10, None, (Spread("latency_p50", "all", 0.01, 12),))
    usual = plan(Rules(), 10)
    assert quiet.measured_spread
    assert quiet.smallest_effect == pytest.approx(0.013, abs=0.002)
    assert quiet.smallest_effect < usual.smallest_effect


def test_more_time_sees_less() -> None:
    effects = [plan(Rules(), 10, seconds).smallest_effect for seconds in (40, 60, 120, 240, 480)]
    assert effects == sorted(effects, reverse=True)


def test_too_short_a_time_still_plans_two_rounds_and_says_so() -> None:
    found = plan(Rules(), 30, 10)
    assert found.rounds == 2
    assert "too short" in found.sentence


def test_one_round_is_said_to_give_no_interval() -> None:
    assert plan(Rules(planned_rounds=1), 10.0).sentence == "1 round in about 10 s: no interval, plan at least 4."
