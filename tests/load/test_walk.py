"""Users who walk a flow side by side, one step at a time."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from perfproof.model.scenario import Capture, Expect, Feed, Repeat, Request


def step(name, path, **more):
    return Request(name, "GET", path, flow="f", values={"n": (1, 2)}, **more)


def walk(load, at, users=3, *, warming=False, fresh=False):
    return load.walk(0, 0, at, [number % 2 for number in range(users)], fresh_connection=fresh, warming=warming)


@pytest.fixture
def feed(tmp_path: Path) -> Path:
    path = tmp_path / "users.csv"
    path.write_text("name\n" + "".join(f"user{number}\n" for number in range(8)))
    return path


def test_all_take_a_step_before_anyone_takes_the_next_each_with_what_is_their_own(server, start_load, feed):
    first = step("first", "/echo/{n}/{users.name}", capture={"mine": Capture(regex=r"user\d")}, think_time=60.0)
    load = start_load(first, step("second", "/echo/{mine}/{n}"), feeds=(Feed("users", feed),))
    load.open(0, server.url)
    replies = [walk(load, at) for at in (0, 1)]
    assert [(reply.users, reply.sent, reply.outcome) for reply in replies] == [(3, 3, "ok")] * 2
    paths = [each["path"] for each in server.counts()["seen"]]
    mine = list(enumerate((1, 2, 1)))
    assert paths == [f"/echo/{n}/user{at}" for at, n in mine] + [f"/echo/user{at}/{n}" for at, n in mine]
    walk(load, 0, 2)
    assert [each["path"] for each in server.counts()["seen"]][6:] == ["/echo/1/user3", "/echo/2/user4"]


def test_a_step_that_fails_is_told_and_nobody_goes_on(server, start_load):
    load = start_load(step("first", "/ok"), step("second", "/status/500"))
    load.open(0, server.url)
    assert walk(load, 0).outcome == "ok"
    reply = walk(load, 1)
    assert (reply.outcome, reply.status, reply.sent) == ("bad_status", 500, 1)


def test_a_step_that_cannot_be_filled_is_told(server, start_load):
    first = step("first", "/echo/x", capture={"mine": Capture(json="$.path")})
    load = start_load(first, step("second", "/ok", headers={"x": "{mine}\r\n"}))
    load.open(0, server.url)
    walk(load, 0)
    reply = walk(load, 1)
    assert (reply.outcome, reply.sent) == ("not_sent", 0)
    assert "it cannot be sent" in reply.problem


def test_polling_counts_every_try_and_ends_in_failure(server, start_load):
    never = Repeat(until=Expect(json={"$.path": "/never"}), every=0.01, at_most=4)
    load = start_load(step("poll", "/echo/x", repeat=never))
    load.open(0, server.url)
    reply = walk(load, 0, 2)
    assert (reply.outcome, reply.sent) == ("unexpected", 4)


def test_rows_that_are_given_once_end_and_those_of_the_warm_up_are_others(server, start_load, feed):
    load = start_load(step("first", "/echo/{users.name}"), feeds=(Feed("users", feed, "once"),))
    load.open(0, server.url)
    found = [walk(load, 0, 5, warming=warming) for warming in (True, False, False)]
    assert [(reply.users, list(reply.unfed)) for reply in found] == [(2, ["users"]), (5, []), (1, ["users"])]
    names = [each["path"].rpartition("/")[2] for each in server.counts()["seen"]]
    assert sorted(names) == [f"user{number}" for number in range(8)]
    assert json.dumps(names[:2]) == '["user6", "user7"]'


def test_users_share_a_connection_unless_each_is_to_open_one(server, start_load):
    load = start_load(step("first", "/ok"), step("second", "/ok"))
    load.open(0, server.url)
    before = server.counts()["connections"]
    walk(load, 0)
    walk(load, 1)
    assert server.counts()["connections"] - before <= 2  # one, and that of asking
    before = server.counts()["connections"]
    walk(load, 0, fresh=True)
    assert server.counts()["connections"] - before >= 3
