"""Back-off is told from a fixed interval, also where it is drawn at random."""

from __future__ import annotations

import random

import pytest

from perfproof.checks.webhooks.judge import compare
from perfproof.checks.webhooks.pauses import ENOUGH, alike


def backed_off(draw: random.Random, low: float, high: float, growth: float) -> list[float]:
    """Return what a service with random back-off waits, as far as it is asked to: until two pauses differ."""
    pauses: list[float] = []
    while len(pauses) < ENOUGH and alike(pauses):
        pauses.append(0.5 * growth ** len(pauses) * draw.uniform(low, high))
    return pauses


def accused(pauses: list[float]) -> bool:
    failure = {
        "how": "500", "delivered": True, "tries": len(pauses) + 1, "pauses": pauses, "after_success": 0,
        "patient": False, "inline": False, "waited": sum(pauses),
    }  # fmt: skip
    cause = {"took_ms": 1.0, "latency_ms": 1.0, "delivered": 1, "duplicates": 0, "lost": False}
    facts = {
        "why": "", "request": "order", "events": 1, "within": 5, "causes": [cause], "failures": [failure],
        "deliveries": len(pauses) + 2, "signed": {}, "unsigned_why": "no signature is asked for",
    }  # fmt: skip
    return "webhook_no_back_off" in {each.kind for each in compare(None, facts).findings}


@pytest.mark.parametrize(
    ("low", "high", "growth"), [(0.5, 1.5, 1.5), (0.5, 1.0, 2.0), (0.0, 1.0, 2.0), (0.9, 1.1, 1.5)]
)
def test_random_back_off_is_not_said_to_be_none(low: float, high: float, growth: float) -> None:
    draw = random.Random(7)
    assert sum(accused(backed_off(draw, low, high, growth)) for _ in range(2000)) <= 2


@pytest.mark.parametrize("pauses", [[2.0, 2.01, 2.0, 2.02], [0.001, 0.02, 0.004, 0.002], [0.4, 0.44, 0.41, 0.4]])
def test_a_fixed_interval_and_no_pause_at_all_are_said_to_be_no_back_off(pauses: list[float]) -> None:
    assert accused(pauses)


@pytest.mark.parametrize("pauses", [[0.5, 0.5], [0.5, 0.5, 0.5], [1.0, 2.0], [0.4, 0.4, 0.4, 0.8]])
def test_few_pauses_and_those_that_differ_are_not(pauses: list[float]) -> None:
    assert not accused(pauses)
