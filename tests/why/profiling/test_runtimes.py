"""Functions of services in other runtimes are named, request by request, with nothing changed in the service."""

from __future__ import annotations

from pathlib import Path

import pytest

import runtimes
from postgres import missing
from profiling_pass import ms_per_request, profiled

pytestmark = pytest.mark.server

TOO_MUCH = {"node": 20_000, "java": 6_000_000}
"""Rounds of work by which sixty requests in a second are more than one core does."""


@pytest.fixture(params=["node", "java"])
def runtime(request: pytest.FixtureRequest) -> str:
    lacking = runtimes.missing(request.param)
    if lacking:
        missing(lacking)
    return str(request.param)


@pytest.mark.quiet
def test_a_planted_function_is_named_first_and_on_its_request_alone(runtime: str, tmp_path: Path) -> None:
    profiles = profiled(
        tmp_path,
        runtimes.COMMANDS[runtime],
        "",
        *runtimes.REQUESTS,
        python="",
        rate=30,
        seconds=4,
        candidate=f"PLANTED: '{runtimes.PLANTED[runtime]}'",
    )
    before, after = profiles
    assert (before.engine, after.engine) == (runtimes.ENGINES[runtime],) * 2, before.notes
    assert before.clock == "cpu"
    assert after.requests == ("all", *runtimes.REQUESTS)
    assert ms_per_request(after, "surcharge", "/orders") > 0.5
    assert ms_per_request(after, "surcharge", "/customers") == 0
    assert ms_per_request(before, "surcharge") == 0
    assert {frame.own for frame in after.frames if frame.function == "surcharge"} == {True}
    found = runtimes.concluded(profiles)
    request, function = runtimes.first_named(found)
    assert (request, function.rpartition(".")[2]) == ("/orders", "surcharge"), found
    assert {cause.request for cause in found.causes} == {"/orders"}
    assert str(Path.home()) not in repr(after.frames)


def test_identical_arms_name_nothing(runtime: str, tmp_path: Path) -> None:
    profiles = profiled(
        tmp_path,
        runtimes.started_sooner(runtime),
        "",
        *runtimes.REQUESTS,
        python="",
        rate=30,
        seconds=2,
        environment=f"PLANTED: '{runtimes.PLANTED[runtime] // 4}'",
        candidate="WHO: b",
    )
    assert profiles[0].engine == runtimes.ENGINES[runtime], profiles[0].notes
    assert runtimes.concluded(profiles).causes == ()


def test_a_load_that_the_service_does_not_carry_is_profiled_all_the_same(runtime: str, tmp_path: Path) -> None:
    rounds = f"PLANTED: '{TOO_MUCH[runtime]}'"
    before, after = profiled(
        tmp_path, runtimes.started_sooner(runtime), "", "/orders", python="", rate=60, seconds=1, candidate=rounds
    )
    assert before.engine == runtimes.ENGINES[runtime], before.notes
    assert ms_per_request(after, "surcharge") > 10
