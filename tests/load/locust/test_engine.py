"""User classes of a Locust file, run unchanged: what is recorded of their requests, and what is told."""

from __future__ import annotations

import re

import numpy as np
import pytest

from load.conftest import troubles
from perfproof.errors import LoadError
from perfproof.evidence.tables import read_table
from perfproof.model.recording import HISTOGRAM_COLUMNS, SAMPLE_COLUMNS, Outcome
from perfproof.model.scenario import Limits

pytestmark = pytest.mark.server


def test_every_request_of_every_kind_of_client_is_recorded_as_the_server_counted_it(server, start, sealed):
    load = start(
        """
        class Plain(HttpUser):
            wait_time = constant(0.002)
            @task
            def get(self):
                self.client.get("/ok")

        class Fast(FastHttpUser):
            wait_time = constant(0.002)
            @task
            def get(self):
                self.client.post("/echo", data="x", name="say")

        class Raw(User):
            wait_time = constant(0.002)

            @task
            def call(self):
                host, port = self.host.removeprefix("http://").split(":")
                start = time.perf_counter()
                with socket.create_connection((host, int(port))) as connection:
                    connection.sendall(b"GET /raw HTTP/1.1\\r\\nhost: x\\r\\n\\r\\n")
                    answer = connection.recv(4096)
                took = (time.perf_counter() - start) * 1000
                self.environment.events.request.fire(
                    request_type="RAW", name="call", response_time=took, response_length=len(answer), exception=None
                )
        """,
        users=3,
    )
    load.open(0, server.url)
    load.warm(0, 0.2)
    before = server.counts()["asked"]
    report = load.block(0, 5, 0, 0.5, seed=1)
    asked = {name: count - before.get(name, 0) for name, count in server.counts()["asked"].items()}
    columns = sealed(load)
    names = load.learned().names
    counts = {names[n]: int((columns["request"] == n).sum()) for n in np.unique(columns["request"])}
    assert counts == {"GET /ok": asked["ok"], "POST say": asked["echo"], "RAW call": asked["raw"]}
    assert min(counts.values()) > 20
    assert report.intended == report.sent == report.completed == len(columns["id"]) == len(set(columns["id"]))
    assert {name: str(column.dtype) for name, column in columns.items()} == SAMPLE_COLUMNS
    assert set(columns["outcome"]) == {Outcome.OK}
    assert set(columns["pair"]) == {5}
    assert set(columns["status"][columns["request"] != names.index("RAW call")]) == {200}
    assert (columns["done_ns"] > columns["sent_ns"]).all()
    assert (columns["sent_ns"] >= report.started_ns).all()
    assert (columns["done_ns"] <= report.drained_ns).all()


def test_times_are_those_of_the_client_to_the_nanosecond_and_never_rounded(server, start, sealed):
    load = start(
        """
        class Telling(User):
            wait_time = constant(0.01)
            @task
            def tell(self):
                for ms in (0.000321, 1.234567, 123.456789):
                    events.request.fire(request_type="T", name=str(ms), response_time=ms, response_length=0)
                events.request.fire(request_type="T", name="untold", response_time=None, response_length=0)
        """,
        users=1,
    )
    load.open(0, server.url)
    load.block(0, 0, 0, 0.3, seed=1)
    columns = sealed(load)
    learned = load.learned()
    took = columns["done_ns"] - columns["intended_ns"]
    found = {learned.names[n]: set(took[columns["request"] == n].tolist()) for n in np.unique(columns["request"])}
    assert found == {"T 0.000321": {321}, "T 1.234567": {1_234_567}, "T 123.456789": {123_456_789}}
    assert [each.text for each in learned.troubles] == ["T untold: its event has no response_time, so it is left out"]


def test_a_slow_request_is_timed_whole_and_not_cut_off_at_the_end_of_its_block(server, start, sealed):
    load = start(
        """
        class Slow(HttpUser):
            @task
            def wait(self):
                self.client.get("/slow/0.5")
        """
    )
    load.open(0, server.url)
    report = load.block(0, 0, 0, 0.2, seed=1)
    columns = sealed(load)
    took = (columns["done_ns"] - columns["sent_ns"]) / 1e9
    assert report.sent == report.completed == 2
    assert ((took > 0.5) & (took < 0.7)).all()
    assert 0.5 < (report.ended_ns - report.started_ns) / 1e9 < 0.75


def test_failures_are_counted_as_what_they_are(server, start, sealed):
    load = start(
        """
        class Failing(HttpUser):
            wait_time = constant(0.01)

            @task
            def fail(self):
                self.client.get("/status/503")
                self.client.get("/close")
                self.client.get("/short")
                self.client.get("/garbage")
                self.client.get("/slow/1", timeout=0.02, name="late")
                self.client.get("http://127.0.0.1:1/refused")
                with self.client.get("/ok", name="failed by the file", catch_response=True) as response:
                    response.failure("not what was wanted")
                with self.client.get("/status/404", name="taken by the file", catch_response=True) as response:
                    response.success()

        class Fast(FastHttpUser):
            wait_time = constant(0.01)

            @task
            def fail(self):
                self.client.get("/status/500", name="fast 500")
                self.client.get("/close", name="fast close")
                self.client.get("/garbage", name="fast garbage")
                self.client.get("http://127.0.0.1:1/refused", name="fast refused")
                with self.client.get("/ok", name="fast failed", catch_response=True) as response:
                    response.failure("no")
        """
    )
    load.open(0, server.url)
    load.block(0, 0, 0, 0.4, seed=1)
    columns = sealed(load)
    names = load.learned().names
    found = {
        names[n].removeprefix("GET "): {Outcome(o).name for o in columns["outcome"][columns["request"] == n]}
        for n in np.unique(columns["request"])
    }
    assert found == {
        "/status/503": {"BAD_STATUS"},
        "/close": {"CLOSED"},
        "/short": {"CLOSED"},
        "/garbage": {"PROTOCOL"},
        "late": {"TIMEOUT"},
        "/refused": {"CONNECT"},
        "failed by the file": {"UNEXPECTED"},
        "taken by the file": {"OK"},
        "fast 500": {"BAD_STATUS"},
        "fast close": {"CLOSED"},
        "fast garbage": {"PROTOCOL"},
        "fast refused": {"CONNECT"},
        "fast failed": {"UNEXPECTED"},
    }


def test_an_exception_in_a_task_is_told_with_its_place_and_the_user_goes_on(server, start):
    load = start(
        """
        class Clumsy(HttpUser):
            wait_time = constant(0.01)
            @task
            def stumble(self):
                self.client.get("/ok").json()["nothing"]
        """
    )
    load.open(0, server.url)
    report = load.block(0, 0, 0, 0.3, seed=1)
    [task] = troubles(load)["task"]
    assert task.count == report.completed > 10
    assert task.text == "KeyError: 'nothing' (load.py:12 in stumble)"
    assert task.arm == 0


def test_a_listener_that_fails_is_told_and_requests_are_recorded_all_the_same(server, start):
    load = start(
        """
        heard = []

        @events.request.add_listener
        def listen(name, **_):
            heard.append(name)
            raise RuntimeError("deaf")

        @events.test_stop.add_listener
        def tell(environment, **_):
            environment.runner and print("heard", len(heard))

        class One(HttpUser):
            wait_time = constant(0.01)
            @task
            def get(self):
                self.client.get("/ok")
        """
    )
    load.open(0, server.url)
    report = load.block(0, 0, 0, 0.2, seed=1)
    [found] = troubles(load)["listener"]
    assert report.completed == found.count > 5
    assert "RuntimeError: deaf" in found.text


def test_too_many_failures_in_a_row_stop_the_load(server, start):
    load = start(
        """
        class Failing(HttpUser):
            @task
            def fail(self):
                self.client.get("/status/500")
        """,
        limits=Limits(consecutive_errors=20),
    )
    load.open(0, server.url)
    with pytest.raises(LoadError, match="requests in a row have failed"):
        load.block(0, 0, 0, 5.0, seed=1)
    assert server.counts()["asked"]["status"] < 300


def test_names_beyond_measure_are_refused_with_the_way_out(server, start):
    load = start(
        """
        class Each(HttpUser):
            @task
            def get(self):
                self.client.get(f"/ok?{random.random()}")
        """
    )
    load.open(0, server.url)
    with pytest.raises(LoadError, match="more than 200 names") as caught:
        load.block(0, 0, 0, 5.0, seed=1)
    assert "name=" in str(caught.value.hint)


def test_secrets_in_names_are_masked(server, start):
    load = start(
        """
        class One(HttpUser):
            @task
            def get(self):
                self.client.get("/ok?key=hunter2")
        """,
        secrets=["hunter2"],
    )
    load.open(0, server.url)
    load.block(0, 0, 0, 0.1, seed=1)
    assert load.learned().names == ("GET /ok?key=***",)


def test_a_proxy_of_the_environment_is_not_taken(server, start, monkeypatch):
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    load = start("class A(HttpUser):\n    @task\n    def t(self): self.client.get('/ok')\n")
    load.open(0, server.url)
    report = load.block(0, 0, 0, 0.1, seed=1)
    assert report.completed == report.sent > 0


def test_histograms_instead_of_requests_hold_every_request_of_a_locust_file(server, start, tmp_path):
    load = start(
        """
        class Plain(HttpUser):
            wait_time = constant(0.005)
            @task(3)
            def get(self):
                self.client.get("/ok")
            @task
            def refused(self):
                self.client.get("/status/503")
        """,
        samples="histogram",
    )
    load.open(0, server.url)
    report = load.block(0, 0, 0, 0.6, seed=1)
    assert report.completed > 5
    assert load.seal(tmp_path / "h.parquet") == report.intended
    rows = read_table(tmp_path / "h.parquet", HISTOGRAM_COLUMNS)
    latency = rows["since"] == 0
    counted = np.bincount(rows["outcome"][latency], rows["count"][latency]).astype(int)
    assert counted[Outcome.OK] == report.completed
    assert counted.sum() == report.sent
    assert set(rows["request"].tolist()) <= {0, 1}


def test_requests_say_in_their_header_which_of_the_names_they_are_known_by(server, start, sealed):
    load = start(
        """
        class Plain(HttpUser):
            wait_time = constant(0.02)
            def on_start(self):
                self.client.get("/login")
            @task
            def all(self):
                self.client.get("/ok", params={"page": 2})
                self.client.get("/ok/7", name="/ok/[id]")
                with self.client.get("/ok/early", catch_response=True) as response:
                    response.request_meta["name"] = "late"
                self.client.get("/own", headers={"Traceparent": "00-" + "ab" * 16 + "-" + "cd" * 8 + "-01"})

        class Fast(FastHttpUser):
            wait_time = constant(0.02)
            @task
            def all(self):
                self.client.post("/echo", data="x", headers={"x-mine": "1"})
                self.client.get("/status/201", name="made")
        """
    )
    load.open(0, server.url)
    load.warm(0, 0.1)
    assert not load.learned().labels
    before = len(server.counts()["seen"])
    load.block(0, 0, 0, 0.3, seed=1)
    sealed(load)
    learned = load.learned()
    carried = {}
    for seen in server.counts()["seen"][before:]:
        for number in re.findall(r"(?i)traceparent: 00-[0-9a-f]{32}-7065726670([0-9a-f]{6})-01", seen["head"]):
            carried.setdefault(f"{seen['method']} {seen['path']}", set()).add(learned.labels[int(number, 16)])
    assert carried == {
        "GET /ok?page=2": {"GET /ok?page=2"},
        "GET /ok/7": {"GET /ok/[id]"},
        "GET /ok/early": {"GET /ok/early"},
        "POST /echo": {"POST /echo"},
        "GET /status/201": {"GET made"},
    }
    assert set(learned.names) == set(learned.labels) - {"GET /ok/early"} | {"GET late", "GET /own"}
