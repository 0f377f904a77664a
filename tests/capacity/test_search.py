from __future__ import annotations

from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfproof.capacity.search import MOST_STEPS, next_rate, settle
from perfproof.model.result import CapacityStep


def step(rate: float, *, kept: bool, limited: str = "") -> CapacityStep:
    return CapacityStep("baseline", 1, rate, 2.0, 10.0, 0.0, kept, limited, "" if kept else "p95 over")  # type: ignore[arg-type]


def searched(knee: float, first: float, highest: float = inf, resolution: float = 0.05) -> list[CapacityStep]:
    steps: list[CapacityStep] = []
    while (rate := next_rate(steps, first, highest, resolution)) is not None:
        steps.append(step(rate, kept=rate <= knee))
    return steps


@given(st.floats(2.0, 1e5), st.floats(1.0, 1e5), st.floats(0.005, 0.5))
def test_the_knee_of_a_service_that_never_wavers_is_found_to_within_the_resolution(knee, first, resolution):
    steps = searched(knee, first, resolution=resolution)
    found = settle(steps)
    assert found is not None
    assert found.bound == ""
    assert found.kept <= knee < found.broken <= found.kept * (1 + resolution) * (1 + 1e-12)  # of rounding
    assert found.kept <= found.rate <= found.broken
    assert len(steps) <= MOST_STEPS


def test_a_service_that_holds_the_highest_rate_is_known_to_hold_at_least_that():
    found = settle(searched(1e9, 100.0, highest=1000.0))
    assert found is not None
    assert (found.kept, found.bound, found.why) == (1000.0, "at least", "highest")


def test_a_service_that_never_keeps_a_budget_is_known_to_lie_below_the_lowest_rate_tried():
    steps = searched(0.0, 100.0)
    found = settle(steps)
    assert found is not None
    assert found.bound == "below"
    assert found.rate == min(each.rate for each in steps) < 0.5
    assert found.why == "p95 over"


def test_a_single_hiccup_far_below_the_knee_does_not_end_the_climb():
    steps: list[CapacityStep] = []
    while (rate := next_rate(steps, 100.0, inf, 0.05)) is not None:
        hiccup = rate == pytest.approx(225.0) and all(each.rate != rate for each in steps)
        steps.append(step(rate, kept=rate <= 1000 and not hiccup))
    found = settle(steps)
    assert found is not None
    assert found.kept <= 1000 < found.broken


def test_a_saturated_generator_ends_the_search_as_a_bound_and_not_as_the_services_limit():
    steps = [step(100.0, kept=True)]
    while (rate := next_rate(steps, 100.0, inf, 0.05)) is not None:
        steps.append(step(rate, kept=rate < 300, limited="" if rate < 300 else "generator"))
    found = settle(steps)
    assert found is not None
    assert (found.kept, found.bound, found.why) == (225.0, "at least", "generator")
    assert [each.rate for each in steps[-2:]] == [337.5, 337.5], "tried twice before it is believed"


def test_one_try_with_a_troubled_generator_and_one_without_is_the_services_limit():
    steps = [step(100.0, kept=True), step(150.0, kept=False, limited="generator"), step(150.0, kept=False)]
    assert next_rate(steps, 100.0, inf, 0.05) == pytest.approx((100 * 150) ** 0.5)


def test_nothing_is_known_before_the_first_step():
    assert settle([]) is None
    assert next_rate([], 500.0, 200.0, 0.05) == 200.0, "never above the highest"
