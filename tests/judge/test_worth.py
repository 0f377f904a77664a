from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from perfproof.model.metrics import ALL, METRICS
from perfproof.model.result import Comparison, Verdict
from perfproof.verdict.worth import rate_of, worth

SENT = {"list": 30.0, "show": 10.0, ALL: 40.0}


def row(metric: str, request: str, before: float, after: float, **more: Any) -> Comparison:
    change = after / before - 1 if before else None
    ends = (None, None) if METRICS[metric].exact or change is None else (change - 0.1, change + 0.1)
    made = Comparison(
        metric, request, METRICS[metric].unit, before, after, change, *ends, 0.95, Verdict.IMPROVED, "gate", 4
    )
    return replace(made, **more)


MEAN = row("latency_mean", ALL, 20.0, 12.0, role="shown")


def test_a_day_at_a_rate_adds_up_waiting_cpu_and_queries() -> None:
    found = worth(
        [
            MEAN,
            row("cpu_per_request", ALL, 6.0, 3.0),
            row("queries_per_request", "list", 41, 3),
            row("queries_per_request", "show", 5, 5),
        ],
        SENT,
        50.0,
    )
    assert found is not None
    assert found.requests == 50 * 86_400
    waiting, cpu, queries = found.savings
    assert waiting.saved == pytest.approx(8.0 * found.requests)
    # -40 % ± 10 of 20 ms: between 6 and 10 ms of each request.
    assert (waiting.low, waiting.high) == pytest.approx((6.0 * found.requests, 10.0 * found.requests))
    assert cpu.saved == pytest.approx(3.0 * found.requests)
    assert queries.baseline / found.requests == pytest.approx(0.75 * 41 + 0.25 * 5), "three of four requests list"
    assert queries.saved == pytest.approx(0.75 * 38 * found.requests)
    assert all(each.sure for each in found.savings)


def test_without_a_rate_it_is_reckoned_over_a_million_requests() -> None:
    found = worth([MEAN], SENT, None)
    assert found is not None
    assert found.rate is None
    assert found.savings[0].saved == pytest.approx(8e6)


def test_what_costs_more_is_told_as_a_loss() -> None:
    found = worth([row("cpu_per_request", ALL, 3.0, 6.0, verdict=Verdict.REGRESSED)], SENT, 1.0)
    assert found is not None
    assert found.savings[0].saved < 0
    assert found.savings[0].sure


@pytest.mark.parametrize("verdict", [Verdict.EQUIVALENT, Verdict.INCONCLUSIVE])
def test_a_guard_that_did_not_move_saves_nothing_for_sure(verdict: Verdict) -> None:
    found = worth([row("cpu_per_request", ALL, 6.0, 5.0, verdict=verdict)], SENT, 1.0)
    assert found is not None
    assert not found.savings[0].sure


def test_an_interval_around_nothing_is_not_sure_although_the_row_is_only_shown() -> None:
    found = worth([replace(MEAN, ci_low=-0.5, ci_high=0.1)], SENT, 1.0)
    assert found is not None
    assert not found.savings[0].sure


def test_requests_that_were_not_counted_are_left_out_and_said_so() -> None:
    found = worth([row("queries_per_request", "list", 40, 4)], SENT, 1.0)
    assert found is not None
    assert found.savings[0].partial
    assert found.savings[0].saved == pytest.approx(0.75 * 36 * found.requests)


def test_an_invalid_measurement_is_worth_nothing() -> None:
    assert worth([replace(MEAN, verdict=Verdict.INVALID)], SENT, 1.0) is None
    assert worth([], SENT, 1.0) is None
    assert worth([row("memory_peak", ALL, 1e6, 9e5)], SENT, 1.0) is None


@pytest.mark.parametrize(
    ("load", "rate"),
    [
        ({"model": "open", "rate": 80.0, "given": True}, 80.0),
        ({"model": "open", "rate": 80.0}, 80.0),  # recorded before it was said whether it was given
        ({"model": "open", "rate": 100.0, "given": False}, None),
        ({"model": "closed", "rate": 100.0, "given": True}, None),
        ({"model": "open", "rate": 10.0, "stages": [{"seconds": 1, "rate": 50}]}, None),
        (None, None),
    ],
)
def test_only_a_rate_that_the_scenario_gives_counts(load: Any, rate: float | None) -> None:
    assert rate_of({} if load is None else {"load": load}) == rate


def test_a_rate_of_flows_is_no_rate_of_requests() -> None:
    assert rate_of({"load": {"model": "open", "rate": 80.0}, "flows": 1}) is None
