"""The time for causes is kept, and what there is none for is told."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from perfproof.errors import ServiceError
from perfproof.model.scenario import Arm, Explain, Request, Service
from perfproof.rounds.single_start import SETTLING, WITHOUT_LIMIT, Allowance, OutOfTimeError
from perfproof.why.passes.one_request import Alone


class Clock:
    """A clock that is set by hand."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


ARM = Arm("baseline", Service(command="x", directory=Path(), start_timeout=30.0))


def test_what_is_left_shrinks_with_the_clock_and_keeps_something_for_the_end(clock: Clock) -> None:
    allowed = Allowance(20.0, clock)
    assert allowed.left() == 20.0 - SETTLING
    clock.now += 15
    assert allowed.left(keeping=1.0) == 5.0 - SETTLING - 1.0
    clock.now += 15
    assert allowed.left() == 0.0


def test_a_part_that_would_take_longer_is_told_with_both_figures(clock: Clock) -> None:
    allowed = Allowance(20.0, clock)
    allowed.require(19.0, "profiles")
    clock.now += 10
    with pytest.raises(OutOfTimeError) as told:
        allowed.require(14.0, "profiles")
    assert str(told.value).startswith("no time was left for profiles: it takes about 14 s, and 9 of 20 s were left")


def test_a_start_is_waited_for_no_longer_than_there_is_time(clock: Clock) -> None:
    assert Allowance(100.0, clock).hurried(ARM).service.start_timeout == 30.0
    assert Allowance(11.0, clock).hurried(ARM).service.start_timeout == 10.0


def test_how_long_a_start_takes_is_known_afterwards_also_where_only_a_part_was_lent(clock: Clock) -> None:
    allowed = Allowance(100.0, clock)
    with allowed.part(0.5) as part:
        assert part.left() == pytest.approx(0.5 * allowed.left())
        with part.starting(ARM, "levers"):
            clock.now += 25
    assert allowed.started_in == 25


def test_a_start_that_the_clock_ended_is_no_fault_of_the_service(clock: Clock) -> None:
    def started(allowed: Allowance, problem: str) -> None:
        with allowed.starting(ARM, "levers"):
            clock.now += 10
            raise ServiceError(problem)

    with pytest.raises(OutOfTimeError, match="did not start within 10 s"):
        started(Allowance(11.0, clock), "baseline was not healthy within 10 s")
    with pytest.raises(ServiceError, match="died"):
        started(Allowance(100.0, clock), "baseline died")


def test_without_a_limit_there_is_time_for_the_profiles_that_were_asked_for() -> None:
    explain = Explain(seconds=60.0)
    assert Allowance.of(explain, None, 2).seconds == WITHOUT_LIMIT + 2 * 2 * 60.0
    assert Allowance.of(replace(explain, profile="off"), None, 2).seconds == WITHOUT_LIMIT
    assert Allowance.of(explain, 12.0, 2).seconds == 12.0


@pytest.mark.parametrize(
    ("took", "slices", "each"),
    [
        (0.001, 8, 125),  # as often as fits
        (0.0001, 8, 200),  # and no more than is of use
        (0.1, 8, 1),
        (0.2, 5, 1),  # a slow name is sent in some of the slices
        (0.3, 0, 0),
    ],
)
def test_a_name_is_sent_alone_as_often_as_there_is_time(took: float, slices: int, each: int) -> None:
    alone = Alone(None, 8, [(0, Request("one", "GET", "/"))], [[int(took * 1e9)]])  # type: ignore[arg-type]
    plans = [alone.planned(0, slice_, 1.0) for slice_ in range(8)]
    assert [len(plan) for plan in plans].count(1) == slices
    assert all(plan == [(0, each)] for plan in plans if plan)
    assert alone.too_slow(1.0) == ([] if slices else ["one"])
