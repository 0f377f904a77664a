from __future__ import annotations

import numpy as np
import pytest

from perfproof.capacity.steps import searched
from perfproof.model.rules import Rules
from perfproof.model.scenario import Budget
from searches import block, judged, samples


def test_a_step_within_its_budgets_is_kept_and_shows_its_figure():
    step = judged(samples(block(200), 12.0), block(200))
    assert step.kept
    assert step.value == pytest.approx(12.0)
    assert (step.limited, step.why, step.errors) == ("", "", 0.0)


def test_a_step_over_its_budget_says_which_and_by_how_much():
    step = judged(samples(block(100), 130.0), block(100))
    assert not step.kept
    assert step.why == "p95 latency of item 130 ms, limit 100 ms"
    assert step.limited == ""


def test_a_queue_that_grows_breaks_the_budget_before_it_has_got_there():
    step = judged(samples(block(103), lambda t: 10 + 30 * t), block(103))
    assert not step.kept
    assert step.why == "a queue was growing: latency rose by 30 ms in each second"
    assert judged(samples(block(103), lambda t: 10 + 3 * t), block(103)).kept, "not within 10 s"


def test_latency_that_wavers_is_no_growing_queue():
    rng = np.random.default_rng(4)
    kept = sum(judged(samples(block(200), lambda t: 20 + 15 * rng.random()), block(200)).kept for _ in range(50))
    assert kept >= 49


def test_errors_break_the_usual_limit_although_no_budget_names_them():
    step = judged(samples(block(100), 12.0, failed=3), block(100))
    assert not step.kept
    assert step.why == "error rate 1.5 %, limit 1 %"
    own = Rules(budgets=(Budget("latency_p95", 100.0), Budget("error_rate", 0.05)))
    assert judged(samples(block(100), 12.0, failed=3), block(100), own).kept
    assert [budget.metric for budget in searched(own)] == ["latency_p95", "error_rate"]


@pytest.mark.parametrize(
    "trouble",
    [
        {"generator_cpu_ns": 1_900_000_000},
        {"generator_cpu_ns": 900_000_000, "waited_ns": 900_000_000},
        {"late": 60},
        {"lag_max_ns": 80_000_000},
    ],
)
def test_a_broken_step_of_a_troubled_generator_is_not_blamed_on_the_service(trouble):
    step = judged(samples(block(100), 130.0), block(100, **trouble))
    assert not step.kept
    assert step.limited == "generator"
    assert judged(samples(block(100), 10.0), block(100, **trouble)).limited == "", "what was kept was kept"


def test_waiting_for_a_connection_while_the_service_is_quick_is_not_blamed_on_the_service():
    slow = samples(block(400), 150.0, served_ms=40.0)
    before = [judged(samples(block(100), 38.0), block(100))]
    assert judged(slow, block(400), connections=16, before=before).limited == "connections"
    assert judged(slow, block(400), connections=64, before=before).limited == "", "as many as the budget itself needs"
    quick = [judged(samples(block(100), 5.0), block(100))]
    assert judged(slow, block(400), connections=16, before=quick).limited == "", "it took longer the more it had to do"
    growing = samples(block(210), lambda t: 8 + 50 * t)
    assert judged(growing, block(210), connections=16, before=before).limited == "", "nobody waited for a connection"


def test_a_step_without_a_single_completed_request_is_broken():
    step = judged(samples(block(50), 10.0, failed=100), block(50))
    assert not step.kept
    assert step.value is None
    assert step.why == "no request of item was completed"
