"""How the time given to a whole command is shared out: rounds, causes, checks and what comes after."""

from __future__ import annotations

import time
from dataclasses import replace

from perfproof.measure.arms import Kind
from perfproof.measure.resume import ResumedRun
from perfproof.measure.rounds import PLANNING_ROUNDS
from perfproof.model.scenario import Scenario
from perfproof.rounds.pace import Design, Pace

_CLOSING = 1.5
"""Seconds that the analysis and the reports take after everything was measured."""
_SHARE_OF_CAUSES = 0.2
"""Share of the time of the whole command that is kept for looking for causes."""
MOST_OF_CHECKS, ALL_OF_CHECKS = 0.4, 0.9
"""Shares of the time of the whole command that checks which ask and builds may take: beside rounds, and without any."""


def left_for_causes(scenario: Scenario, began: float) -> float | None:
    """Return the seconds left for the causes, of the time of the whole command; None where it has no limit."""
    budget = scenario.rounds.time
    return None if budget is None else began + budget - _CLOSING - time.monotonic()


def hurried(scenario: Scenario, share: float) -> Scenario:
    """Return the scenario with its checks in a share of the time of the command; restarts take what they take."""
    checks, budget = scenario.checks, scenario.rounds.time or 0.0
    asking = sum(name != "rollout" for name in checks.wanted) or 1
    each = max(1.0, share * budget / asking)
    wanted = {
        name: {**settings, "minutes": max(1, min(int(str(settings["minutes"])), round(each / 60)))}
        if "minutes" in settings
        else settings
        for name, settings in checks.wanted.items()
    }
    return replace(scenario, checks=replace(checks, wanted=wanted, time=min(checks.time, each / len(scenario.arms))))


def without_clock(scenario: Scenario, taken_up: ResumedRun) -> Scenario:
    """Return the scenario without a time for the command where the number of rounds is fixed already."""
    if len(taken_up.rounds) < PLANNING_ROUNDS:
        return scenario
    return replace(scenario, rounds=replace(scenario.rounds, time=None))


def pace_of(scenario: Scenario, kind: Kind, began: float, known: Design | None = None) -> Pace:
    """Return the pace of the rounds: with a time for the whole command, less what comes after them.

    ``known`` is how the arms took turns in the rounds there are.
    """
    budget = scenario.rounds.time
    deadline = None if budget is None else began + seconds_for_rounds(scenario, kind, budget)
    design = Design(False, True, "the highest rate is searched for") if kind == "capacity" else known
    return Pace(scenario, len(scenario.arms), deadline, design)


def seconds_for_rounds(scenario: Scenario, kind: Kind, budget: float) -> float:
    """Return the seconds from the beginning until the rounds have to be over, of ``budget`` for the whole command."""
    explain = scenario.explain
    causes = kind in ("ab", "run") and (explain.levers or explain.memory or explain.profile != "off")
    return budget - _CLOSING - (_SHARE_OF_CAUSES * budget if causes else 0.0)
