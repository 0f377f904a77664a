"""What the count pass sends: requests, flows, and what is left when some of them fail."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from perfproof.instructions.one_arm import CountCase, NotAnsweredError, parts
from perfproof.instructions.run import how_often, most_starts, narrowed, plan
from perfproof.model.scenario import Arm, Count, Request, Rounds, Scenario, Service, Stream

ARM = Arm("baseline", Service(url="http://127.0.0.1"))


def get(name: str, **more: object) -> Request:
    return Request(name, "GET", f"/{name}", **more)  # type: ignore[arg-type]


FLOW = tuple(get(name, flow="buy", values={"n": (1, 2)}, weight=2.0) for name in ("enter", "look", "leave"))


def planned(*requests: Request) -> tuple[tuple[CountCase, ...], dict[str, str]]:
    return plan(Scenario("test", Path("test.yaml"), (ARM,), requests))


def refused(case: CountCase, at: int, *, alone: bool = False) -> NotAnsweredError:
    return NotAnsweredError(case, at, f"{case.names[at]!r} was answered with status 500", "why", alone=alone)


def test_flows_are_cases_of_their_own_beside_single_requests():
    cases, skipped = planned(get("one"), *FLOW, get("two"), get("ticker", stream=Stream("sse")))
    assert [(case.index, case.names, case.flow) for case in cases] == [
        (0, ("one",), False),
        (1, ("enter", "look", "leave"), True),
        (4, ("two",), False),
    ]
    assert [variant.values for variant in cases[1].variants] == [{"n": 1}, {"n": 2}]
    assert skipped == {"ticker": "it is a stream, which waits rather than works"}


def test_a_flow_with_a_stream_is_not_counted_and_says_which_step_it_is():
    steps = (FLOW[0], replace(FLOW[1], stream=Stream("sse")), FLOW[2])
    cases, skipped = planned(*steps, get("two"))
    assert [case.names for case in cases] == [("two",)]
    why = "its step look is a stream, which waits rather than works"
    assert skipped == dict.fromkeys(("enter", "look", "leave"), why)


def test_users_who_failed_side_by_side_walk_alone_before_anything_is_left_out():
    (flow,), _ = planned(*FLOW)
    assert narrowed((flow,), [refused(flow, 1)]) == ((replace(flow, abreast=1),), {})


def test_a_step_that_fails_loses_what_follows_it_and_keeps_what_was_before():
    cases, _ = planned(get("one"), *FLOW)
    kept, skipped = narrowed(cases, [refused(cases[1], 2, alone=True), refused(cases[1], 1, alone=True)])
    assert [case.names for case in kept] == [("one",), ("enter",)]
    assert skipped == {
        "look": "'look' was answered with status 500: why",
        "leave": "it follows 'look' in its flow, which failed",
    }


def test_a_flow_whose_first_step_fails_is_gone_and_so_is_a_single_request():
    cases, _ = planned(get("one"), *FLOW)
    kept, skipped = narrowed(cases, [refused(cases[0], 0), refused(cases[1], 0, alone=True)])
    assert kept == ()
    assert set(skipped) == {"one", "enter", "look", "leave"}


@pytest.mark.parametrize(
    ("took", "expected"),
    [(0.001, 400), (0.05, 40), (0.5, 30), (2.0, 10), (60.0, 4)],
    ids=["most", "as its share allows", "fewest", "fewer than these where one takes seconds", "never less than four"],
)
def test_how_often_a_case_is_sent_follows_from_how_long_it_takes(took, expected):
    assert how_often(took, 2.0, 1, 30, 400) == expected


def test_every_stretch_has_every_combination_and_users_are_not_too_many_at_once():
    one, flow = planned(get("one"), *FLOW)[0]
    assert parts(32, one) == [7, 7, 6, 6, 6]
    assert parts(3, one) == [1, 1, 1]
    assert parts(20, flow) == [4] * 5
    assert parts(9, flow) == [2] * 5
    assert parts(9, replace(flow, abreast=1)) == [10]
    assert sum(parts(400, flow)) == 400
    assert max(parts(400, flow)) <= 25
    (many,) = planned(get("many", values={"n": tuple(range(50))}))[0]
    assert parts(4, many) == [8]  # what takes long is not sent more often for the sake of stretches
    assert parts(20, many) == [8, 8, 8]


def test_what_is_drawn_or_writes_is_sent_anew_each_time():
    found = {case.names[0]: case.same for case in planned(get("plain"), get("drawn", headers={"x": "{uuid}"}))[0]}
    assert found == {"plain": True, "drawn": False}
    assert not planned(Request("post", "POST", "/", json={}))[0][0].same


def test_more_starts_are_made_only_where_neither_their_number_nor_the_time_is_given():
    free = Scenario("test", Path("test.yaml"), (ARM,), (get("one"),))
    assert (free.count.fewest, most_starts(free)) == (4, 8)
    assert most_starts(replace(free, count=Count(starts=3))) == 3
    assert most_starts(replace(free, rounds=Rounds(time=60.0))) == 4
