"""What went wrong in a Locust file's code, as reports tell it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from perfproof.judge import analyse
from perfproof.model.recording import Recording, Trouble
from perfproof.model.result import Verdict
from perfproof.model.rules import Rules
from perfproof.model.scenario import Budget, Goal
from recording_builders import make_recording


def troubled(*troubles: Trouble, rules: Rules | None = None) -> Recording:
    recording = make_recording(rounds=4, **({"rules": rules} if rules else {}))
    return Recording(recording.info, tuple(replace(r, troubles=troubles) for r in recording.rounds))


def test_a_few_exceptions_in_tasks_are_a_warning_with_the_commonest() -> None:
    result = analyse(troubled(Trouble(1, "task", "KeyError: 'id' (a.py:3 in t)", 2), Trouble(1, "task", "other")))
    assert result.verdict is not Verdict.INVALID
    assert "12 tasks of candidate ended with an exception, mostly KeyError: 'id' (a.py:3 in t)." in (
        result.comparability.warnings
    )


def test_as_many_as_requests_may_fail_void_the_measurement() -> None:
    result = analyse(troubled(Trouble(0, "task", "ValueError: no", 100_000)))
    assert (result.verdict, result.exit_code) == (Verdict.INVALID, 4)
    assert "400,000 tasks of baseline ended with an exception, mostly ValueError: no" in result.sentence


TOLD = {
    "start": (Trouble(0, "start", "POST /login: 500", 3), "12 requests failed while users of baseline started: "),
    "stopped": (
        Trouble(1, "stopped", "1 of 4 had ended", 1),
        "Users of candidate ended by themselves: 1 of 4 had ended.",
    ),
    "stray": (Trouble(0, "stray", "GET /poll", 1), "4 requests of baseline came outside of its blocks and were not "),
    "listener": (Trouble(-1, "listener", "in it: E", 1), "The Locust file's own code failed 4 times: in it: E."),
    "refused": (
        Trouble(-1, "refused", "1.2.3.4 is not allowed", 1),
        "The Locust file tried to reach other hosts and was refused 4 times: 1.2.3.4 is not allowed.",
    ),
}


@pytest.mark.parametrize("kind", TOLD)
def test_other_troubles_are_told_once(kind: str) -> None:
    trouble, said = TOLD[kind]
    result = analyse(troubled(trouble))
    assert result.verdict is not Verdict.INVALID
    assert len([text for text in result.comparability.warnings if text.startswith(said)]) == 1


def test_a_goal_or_budget_for_a_name_that_never_came_up_cannot_be_judged() -> None:
    goals = (Goal("latency_p50", 0.2, requests=("GET /nowhere", "all")),)
    budgets = (Budget("latency_p95", 100.0, requests=("GET /neither",)),)
    result = analyse(troubled(rules=Rules(goals=goals, budgets=budgets)))
    assert result.verdict is Verdict.INVALID
    assert "no request was called `GET /nowhere` or `GET /neither`, which goals or budgets name" in result.sentence
