"""User classes of a Locust file, from when they start until they are dismissed."""

from __future__ import annotations

import time
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
import pytest

from load.conftest import troubles
from perfproof.errors import LoadError
from perfproof.model.recording import Outcome
from perfproof.model.scenario import LocustFile

pytestmark = pytest.mark.server


def test_users_start_once_and_stop_at_the_end_outside_of_what_is_recorded(server, start, sealed):
    load = start(
        """
        @events.init.add_listener
        def init(environment, **_):
            environment.said = ["init"]

        @events.test_start.add_listener
        def begin(environment, **_):
            environment.said.append("start")

        @events.test_stop.add_listener
        def end(environment, **_):
            import urllib.request
            urllib.request.urlopen(environment.host + "/told-" + "-".join([*environment.said, "stop"])).read()

        class One(HttpUser):
            wait_time = constant(0.01)
            def on_start(self):
                self.client.get("/hello")
            @task
            def get(self):
                self.client.get("/ok")
            def on_stop(self):
                self.client.get("/goodbye")
        """,
        users=3,
    )
    load.open(0, server.url)
    load.open(1, server.url)
    for pair in range(3):
        for arm in (0, 1):
            load.warm(arm, 0.05)
            load.block(arm, pair, 0, 0.1, seed=pair)
    asked = server.counts()["asked"]
    assert asked["hello"] == 6
    assert "goodbye" not in asked
    columns = sealed(load)
    asked = server.counts()["asked"]
    assert asked["goodbye"] == 6
    assert asked["told-init-start-stop"] == 2
    learned = load.learned()
    assert learned.names == ("GET /ok",)
    assert not learned.troubles
    assert set(columns["arm"]) == {0, 1}


def test_nothing_that_the_file_keeps_passes_from_one_arm_or_round_to_the_next(server, start, tmp_path):
    (tmp_path / "beside.py").write_text("taken = []\n")
    load = start(
        """
        import beside

        accounts = ["a", "b"]

        class One(HttpUser):
            def on_start(self):
                beside.taken.append(1)
                self.account = accounts.pop()
            @task
            def get(self):
                self.client.get("/ok", name=f"{len(beside.taken)} of {len(accounts)}")
        """
    )
    for _ in range(2):
        load.open(0, server.url)
        load.open(1, server.url)
        load.block(0, 0, 0, 0.1, seed=1)
        load.block(1, 0, 0, 0.1, seed=1)
    assert load.learned().names == ("GET 2 of 0",)


@pytest.mark.quiet  # judges gaps of 150 ms to 10 ms
def test_waiting_stands_still_while_the_other_arm_has_its_turn(server, start, sealed):
    load = start(
        """
        class Paced(HttpUser):
            wait_time = constant_pacing(0.15)
            @task
            def get(self):
                self.client.get("/ok")
        """,
        users=1,
    )
    load.open(0, server.url)
    blocks = []
    for pair in range(12):
        report = load.block(0, pair, 0, 0.1, seed=pair)
        blocks.append((pair, report.started_ns, report.ended_ns))
        time.sleep(0.2)
    columns = sealed(load)
    # Moments on the clock of the arm, which runs only in its blocks: 1.2 s of it hold 8 or 9 tasks, 150 ms apart.
    stood = {pair: start - sum(e - s for _, s, e in blocks[:n]) for n, (pair, start, _) in enumerate(blocks)}
    moments = np.array([sent - stood[pair] for pair, sent in zip(columns["pair"], columns["sent_ns"], strict=True)])
    assert len(moments) in (8, 9)
    gaps = np.diff(moments) / 1e9
    assert np.median(gaps) == pytest.approx(0.15, abs=0.01)
    assert gaps.min() > 0.12


def test_both_arms_draw_the_same_from_random_and_each_block_anew(server, start, sealed):
    load = start(
        """
        class Dice(HttpUser):
            @task
            def roll(self):
                self.client.get("/ok", name=str(random.randrange(50)))
        """,
        users=1,
    )
    load.open(0, server.url)
    load.open(1, server.url)
    for pair in (0, 1):
        for arm in (0, 1):
            load.block(arm, pair, 0, 0.2, seed=100 + pair)
    columns = sealed(load)
    drawn = {
        (arm, pair): columns["request"][(columns["arm"] == arm) & (columns["pair"] == pair)][:20].tolist()
        for arm in (0, 1)
        for pair in (0, 1)
    }
    assert len(drawn[0, 0]) == 20
    assert drawn[0, 0] == drawn[1, 0]
    assert drawn[0, 1] == drawn[1, 1]
    assert drawn[0, 0] != drawn[0, 1]


def test_users_tags_weights_and_task_sets_mean_what_they_mean_to_locust(server, start, sealed):
    text = """
        class Nested(SequentialTaskSet):
            @tag("read")
            @task
            def first(self):
                self.client.get("/first")
            @tag("read")
            @task
            def second(self):
                self.client.get("/second")
                self.interrupt()

        class Chosen(HttpUser):
            fixed_count = 1
            wait_time = constant(0.01)
            tasks = [Nested]

        class Tagged(FastHttpUser):
            wait_time = constant(0.01)
            weight = 3
            def on_start(self):
                self.client.get("/tagged")
            @tag("read")
            @task
            def read(self):
                self.client.get("/read")
            @tag("write")
            @task
            def write(self):
                self.client.get("/write")
            @tag("read", "slow")
            @task
            def slow(self):
                self.client.get("/slow/1")

        class Other(HttpUser):
            wait_time = constant(0.01)
            def on_start(self):
                self.client.get("/other")
            @tag("read")
            @task
            def get(self):
                self.client.get("/otherwise")

        class Unchosen(HttpUser):
            @task
            def get(self):
                self.client.get("/never")
        """
    chosen = LocustFile(Path(), ("Chosen", "Tagged", "Other"), ("read",), ("slow",))
    load = start(text, users=9, named=chosen)
    load.open(0, server.url)
    asked = server.counts()["asked"]
    assert (asked["tagged"], asked["other"]) == (6, 2)
    load.block(0, 0, 0, 0.4, seed=1)
    columns = sealed(load)
    names = load.learned().names
    assert set(names) == {"GET /first", "GET /second", "GET /read", "GET /otherwise"}
    in_turn = [names[n] for n in columns["request"] if names[n] in ("GET /first", "GET /second")]
    assert in_turn == [f"GET /{name}" for name in ("first", "second")] * (len(in_turn) // 2) + in_turn[:1] * (
        len(in_turn) % 2
    )
    assert len(in_turn) > 10


def test_the_load_is_stopped_within_a_second_whatever_the_users_do(server, start, sealed):
    load = start(
        """
        class Endless(HttpUser):
            @task
            def loop(self):
                while True:
                    self.client.get("/ok")
            def on_stop(self):
                self.client.get("/goodbye")
        """
    )
    load.open(0, server.url)
    reports: list[Any] = []
    thread = Thread(target=lambda: reports.append(load.block(0, 0, 0, 30.0, seed=1)))
    thread.start()
    time.sleep(0.5)
    load.abort()
    time.sleep(1.0)
    first = server.counts()["asked"]
    time.sleep(0.5)
    second = server.counts()["asked"]
    thread.join(5)
    assert not thread.is_alive()
    assert first["ok"] == second["ok"]
    assert "goodbye" not in second
    assert reports[0].aborted
    columns = sealed(load)
    assert (columns["outcome"] == Outcome.OK).sum() >= second["ok"] - 2
    with pytest.raises(LoadError, match="aborted"):
        load.open(0, server.url)


def test_users_that_end_by_themselves_are_told_and_none_left_is_an_error(server, start):
    load = start(
        """
        from locust.exception import StopUser

        class Brief(HttpUser):
            wait_time = constant(0.01)
            @task
            def get(self):
                self.client.get("/ok")
                self.seen = getattr(self, "seen", 0) + 1
                if self.seen == (3 if self is first else 9):
                    raise StopUser
            def on_start(self):
                global first
                first = self

        """
    )
    load.open(0, server.url)
    load.block(0, 0, 0, 0.06, seed=1)
    with pytest.raises(LoadError, match=r"all users of load.py have ended"):
        any(load.block(0, pair, 0, 0.06, seed=1).aborted for pair in range(1, 9))
    found = troubles(load)["stopped"]
    assert found[0].text.endswith("of 2 users had ended by themselves")


@pytest.mark.parametrize(
    ("start_up", "why"),
    [
        ("def on_start(self): self.client.get('/ok').json()['token']", "KeyError: 'token' (load.py:9 in on_start)"),
        ("def __init__(self, environment): raise ValueError('no account')", "ValueError: no account (load.py:9"),
    ],
)
def test_a_user_that_cannot_start_ends_the_opening_with_its_reason(start_up, why, server, start):
    load = start(
        f"""
        class Sad(HttpUser):
            {start_up}
            @task
            def get(self):
                self.client.get("/ok")
        """
    )
    with pytest.raises(LoadError) as caught:
        load.open(0, server.url)
    assert why in str(caught.value.why)


def test_requests_that_fail_while_users_start_are_told(server, start):
    load = start(
        """
        class One(HttpUser):
            def on_start(self):
                self.client.get("/status/403")
            @task
            def get(self):
                self.client.get("/ok")
        """
    )
    load.open(0, server.url)
    load.block(0, 0, 0, 0.1, seed=1)
    [found] = troubles(load)["start"]
    assert (found.count, found.arm) == (2, 0)
    assert found.text.startswith("GET /status/403: 403")


def test_requests_of_greenlets_that_are_not_paused_are_told_and_not_recorded(server, start, sealed):
    load = start(
        """
        import gevent

        class One(HttpUser):
            wait_time = constant(0.01)
            def on_start(self):
                self.beat = gevent.spawn(self.poll)
            def poll(self):
                while True:
                    gevent.sleep(0.05)
                    self.client.get("/poll")
            @task
            def get(self):
                self.client.get("/ok")
            def on_stop(self):
                self.beat.kill()
        """,
        users=1,
    )
    load.open(0, server.url)
    load.open(1, server.url)
    load.block(0, 0, 0, 0.5, seed=1)
    load.block(1, 0, 1, 0.5, seed=1)
    columns = sealed(load)
    learned = load.learned()
    assert {each.kind for each in learned.troubles} == {"stray"}
    assert {each.text for each in learned.troubles} == {"GET /poll"}
    polls = columns["request"] == learned.names.index("GET /poll")
    assert 6 <= polls.sum() <= 20  # those within the blocks of their own arm
