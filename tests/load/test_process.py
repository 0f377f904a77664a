"""The load process as a whole, against real servers."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path

import numpy as np
import psutil
import pytest

from perfproof.errors import LoadError
from perfproof.load.load_client import LoadProcess
from perfproof.load.plan import BlockReport
from perfproof.model.recording import SAMPLE_COLUMNS, Outcome
from perfproof.model.scenario import Expect, Load, Request, Stage

pytestmark = pytest.mark.server

CLOSED = Load(model="closed", users=4, connections=4)


def get(path: str, **rest: object) -> Request:
    return Request(path, "GET", path, **rest)  # type: ignore[arg-type]


def test_every_request_is_accounted_for_as_the_server_counted_it(server, start_load, sealed):
    load = start_load(
        get("/ok", weight=5),
        get("/status/503"),
        get("/close"),
        get("/slow/0.05", timeout=0.02),
        load=Load(rate=300, connections=8),
    )
    load.open(0, server.url)
    report = load.block(0, 3, 0, 2.0, seed=5)
    columns = sealed(load)
    asked = server.counts()["asked"]
    assert report.intended == 600
    assert report.intended == report.sent + report.dropped
    assert report.sent == report.completed + report.failed
    twice = int((columns["reconnected"] == 2).sum())  # /close on a connection that had answered before
    assert report.sent + twice == sum(count for name, count in asked.items() if name != "_counts")
    assert report.completed == asked["ok"] == (columns["outcome"] == Outcome.OK).sum()
    assert len(columns["outcome"]) == report.intended
    assert set(columns["pair"]) == {3}
    assert {name: str(column.dtype) for name, column in columns.items()} == SAMPLE_COLUMNS


def test_an_answer_that_comes_after_its_timeout_is_none_however_soon_after(server, start_load, sealed):
    # Timeouts are looked for every 10 ms: half of these come before that, and all of them too late.
    load = start_load(get("/slow/0.025", timeout=0.02), load=Load(model="closed", users=4))
    load.open(0, server.url)
    report = load.block(0, 1, 0, 0.6, seed=5)
    assert report.sent == report.failed > 20
    assert set(sealed(load)["outcome"]) == {Outcome.TIMEOUT}


AWKWARD = {
    "/ok": (Outcome.OK, 200, 12),
    "/status/204": (Outcome.OK, 204, 0),
    "/status/404": (Outcome.BAD_STATUS, 404, 0),
    "/status/302": (Outcome.BAD_STATUS, 302, 0),
    "/chunked": (Outcome.OK, 200, 11),
    "/eof": (Outcome.OK, 200, 13),
    "/interim": (Outcome.OK, 200, 12),
    "/interim-eof": (Outcome.OK, 200, 13),
    "/big/3000000": (Outcome.OK, 200, 3_000_000),
    "/trickle": (Outcome.OK, 200, 12),
    "/once": (Outcome.OK, 200, 12),
    "/headers/30000": (Outcome.OK, 200, 12),
    "/headers/200000": (Outcome.PROTOCOL, 0, None),
    "/garbage": (Outcome.PROTOCOL, 0, 0),
    "/badchunk": (Outcome.PROTOCOL, 0, 0),
    "/long": (Outcome.PROTOCOL, 200, 5),
    "/twice": (Outcome.PROTOCOL, 200, None),
    "/switch": (Outcome.PROTOCOL, 0, 0),
    "/short": (Outcome.CLOSED, 0, 10),
    "/close": (Outcome.CLOSED, 0, 0),
    "/reset": (Outcome.CLOSED, 0, 0),
    "/hang": (Outcome.TIMEOUT, 0, 0),
}


def test_every_kind_of_response_is_counted_as_what_it_is(server, start_load, sealed):
    requests = [get(path, timeout=0.3 if path == "/hang" else 20.0) for path in AWKWARD]
    requests.append(get("/status/304", expect=Expect((304,))))
    requests.append(Request("HEAD", "HEAD", "/ok"))
    load = start_load(*requests, load=CLOSED)
    load.open(0, server.url)
    load.block(0, 0, 0, 2.0, seed=1)
    columns = sealed(load)
    for number, (path, (outcome, status, size)) in enumerate(AWKWARD.items()):
        mine = columns["request"] == number
        assert mine.any(), path
        assert {Outcome(value).name for value in columns["outcome"][mine]} == {outcome.name}, path
        assert set(columns["status"][mine]) == {status}, path
        if size is not None:
            assert set(columns["bytes"][mine]) == {size}, path
        assert (columns["done_ns"][mine] >= columns["sent_ns"][mine]).all()
    for number in (len(AWKWARD), len(AWKWARD) + 1):
        mine = columns["request"] == number
        assert set(columns["outcome"][mine]) == {Outcome.OK}
        assert set(columns["bytes"][mine]) == {0}


def test_the_id_of_a_sample_is_the_trace_id_the_server_saw(server, start_load, sealed):
    load = start_load(get("/ok"), load=Load(rate=100))
    load.open(0, server.url)
    load.block(0, 0, 0, 0.5, seed=1)
    ids = sealed(load)["id"]
    assert len(set(ids.tolist())) == 50
    assert sorted(ids.tolist()) == sorted(server.counts()["ids"])


def test_the_same_seed_sends_the_same_sequence_to_both_arms_and_another_seed_does_not(server, start_load, sealed):
    load = start_load(
        Request("list", "GET", "/ok?n={n}", values={"n": (1, 2, 3, 4)}, weight=3), get("/echo"), load=Load(rate=200)
    )
    assert load.variants == (("n=1", "n=2", "n=3", "n=4"), ("",))
    sequences = {}
    for arm, seed in ((0, 7), (1, 7), (0, 8)):
        load.open(arm, server.url)
        load.block(arm, 0, 0, 0.5, seed=seed)
        columns = sealed(load)
        assert set(columns["arm"]) == {arm}
        order = np.argsort(columns["intended_ns"], kind="stable")
        intended = columns["intended_ns"][order]
        sequences[arm, seed] = (
            columns["request"][order].tolist(),
            columns["variant"][order].tolist(),
            (intended - intended[0]).tolist(),
        )
    assert sequences[0, 7] == sequences[1, 7]
    assert sequences[0, 7] != sequences[0, 8]
    assert sequences[0, 7][0].count(0) == 75


def test_the_rate_is_what_was_asked(server, start_load, sealed):
    load = start_load(get("/ok"), load=Load(rate=80))
    load.open(0, server.url)
    load.warm(0, 0.2)
    report = load.block(0, 0, 0, 3.0, seed=3)
    sent = sealed(load)["sent_ns"]
    assert report.sent == 240
    # 240 uniform instants in 3 s leave about 2 * 3/240 s at the ends; the machine may add a little.
    assert (sent.max() - sent.min()) / 1e9 == pytest.approx(3.0, abs=0.15)


def test_a_stall_shows_in_latency_and_not_in_service_time(server, start_load, sealed):
    load = start_load(get("/ok"), load=Load(rate=100, arrivals="constant", connections=4))
    load.open(0, server.url)
    load.warm(0, 0.2)
    service = psutil.Process(server.process.pid)

    stalled = []

    def stall() -> None:
        time.sleep(0.6)
        service.suspend()
        began = time.monotonic()
        time.sleep(1.0)
        service.resume()
        stalled.append(time.monotonic() - began)

    thread = threading.Thread(target=stall)
    thread.start()
    report = load.block(0, 0, 0, 2.4, seed=1)
    thread.join()
    columns = sealed(load)
    latency = np.sort((columns["done_ns"] - columns["intended_ns"])[columns["outcome"] == Outcome.OK]) / 1e9
    service_time = (columns["done_ns"] - columns["sent_ns"])[columns["outcome"] == Outcome.OK] / 1e9
    # A hundred requests a second fall into the stall. Four are at the service, forty wait for them, others are dropped;
    # those kept are the earliest of the stall and wait for what is left of it, so the first 44 wait longest.
    assert report.dropped == pytest.approx(100 * stalled[0] - 44, abs=15)
    assert (latency > 0.5).sum() >= 35
    assert (service_time > 0.5).sum() <= 5


def test_a_queue_that_is_too_long_drops_and_says_so(server, start_load, sealed):
    load = start_load(get("/hang", timeout=0.4), load=Load(rate=200, connections=2))
    load.open(0, server.url)
    started = time.monotonic()
    report = load.block(0, 0, 0, 0.5, seed=1)
    assert time.monotonic() - started < 5
    columns = sealed(load)
    assert report.intended == 100
    assert report.dropped > 70
    assert report.completed == 0
    dropped = columns["outcome"] == Outcome.DROPPED
    assert dropped.sum() == report.dropped
    assert (columns["sent_ns"][dropped] == 0).all()
    assert (columns["done_ns"] > 0).all()


def test_a_service_killed_in_mid_block_fails_requests_and_the_generator_survives(server, start_load, sealed):
    load = start_load(get("/ok"), load=CLOSED)
    load.open(0, server.url)
    threading.Timer(0.5, server.process.kill).start()
    report = load.block(0, 0, 0, 1.0, seed=1)
    assert report.completed > 0
    assert 0 < report.failed < 1000  # a refused user pauses instead of filling the memory with failures
    outcomes = set(sealed(load)["outcome"])
    assert outcomes <= {Outcome.OK, Outcome.CLOSED, Outcome.CONNECT}
    with pytest.raises(LoadError, match="not been opened"):
        load.block(1, 0, 0, 0.1, seed=1)


def test_a_connection_closed_while_idle_is_reopened_without_a_failure(server, start_load, sealed):
    load = start_load(get("/forgetful/0.01"), load=Load(rate=8, arrivals="constant", connections=1))
    load.open(0, server.url)
    report = load.block(0, 0, 0, 1.0, seed=1)
    assert (report.completed, report.failed) == (8, 0)
    assert set(sealed(load)["reconnected"]) == {1}
    assert report.opened == 8


def test_requests_that_do_not_overlap_share_one_connection(server, start_load, sealed):
    # So far apart that none overlaps where other tests keep the server from its core for a while.
    load = start_load(get("/ok"), load=Load(rate=8, arrivals="constant", connections=8))
    load.open(0, server.url)
    reports = [load.block(0, pair, 0, 1.0, seed=pair) for pair in range(3)]
    assert [report.opened for report in reports] == [1, 0, 0]
    assert 0 < reports[0].connecting_ns < 1e9
    assert reports[2].connecting_ns == 0
    assert sealed(load)["reconnected"].tolist() == [1] + 23 * [0]
    assert server.counts()["connections"] == 1 + 1


def test_a_connection_that_a_whole_block_had_no_use_for_is_closed_before_the_next(server, start_load):
    load = start_load(get("/slow/0.01"), load=Load(rate=8, arrivals="constant", connections=6))
    load.open(0, server.url)
    load.warm(0, 0, requests=60)  # by six users at once
    assert server.counts()["open"] == 6 + 1
    load.block(0, 0, 0, 0.5, seed=1)
    load.block(0, 1, 0, 0.5, seed=1)
    assert server.counts()["open"] == 1 + 1


def test_unrecorded_load_with_fresh_connections_opens_one_for_each_request(server, start_load, sealed):
    load = start_load(get("/ok"), load=Load(rate=50))
    load.open(0, server.url)
    report = load.warm(0, 0, requests=40, fresh_connections=True)
    assert (report.requests, report.failed, report.connections) == (40, 0, 40)
    assert report.p50_ns > 0
    assert server.counts()["connections"] == 40 + 1
    report = load.warm(0, 0.2, requests=30)
    assert report.requests == 30
    assert len(sealed(load)["arm"]) == 0


def test_users_of_the_closed_model_think_between_requests(server, start_load, sealed):
    load = start_load(get("/ok"), load=Load(model="closed", users=3, think_time=0.1, connections=2))
    load.open(0, server.url)
    started = time.monotonic()
    report = load.block(0, 0, 0, 1.0, seed=1)
    assert time.monotonic() - started < 3
    assert 15 <= report.completed <= 30
    columns = sealed(load)
    assert (columns["intended_ns"] == columns["sent_ns"]).all()


@pytest.mark.quiet
@pytest.mark.parametrize(("seconds", "think"), [(0.2, 0.0), (0.16, 0.0), (0.1, 0.0), (0.05, 0.45)])
def test_requests_of_users_over_the_time_of_their_turns_are_the_true_rate(server, start_load, seconds, think):
    load = start_load(get(f"/slow/{seconds}"), load=Load(model="closed", users=4, think_time=think))
    load.open(0, server.url)
    load.warm(0, 0.0, requests=8)
    reports = [load.block(0, pair, 0, 0.5, seed=pair) for pair in range(3)]
    rate = sum(report.completed for report in reports) / sum(report.turns_ns for report in reports) * 1e9
    assert rate == pytest.approx(4 / (seconds + think), rel=0.1)


def test_workers_with_users_of_their_own_add_up_to_one_rate():
    one, two = (
        BlockReport(
            started_ns=0,
            ended_ns=10**9,
            intended=8,
            sent=8,
            completed=done,
            failed=0,
            dropped=0,
            late=0,
            generator_cpu_ns=0,
            lag_max_ns=0,
            steal_ns=0,
            turns_ns=turns,
        )
        for done, turns in ((10, 10**9), (30, 2 * 10**9))
    )
    merged = BlockReport.merged([one, two])
    assert merged.completed / merged.turns_ns * 1e9 == pytest.approx(10 + 15)


def test_set_up_steps_capture_what_requests_then_send(server, start_load, tmp_path):
    login = Request(
        "log in",
        "POST",
        "/login",
        json={"password": "{word}"},
        values={"word": ("hunter2",)},
        capture={"token": "$.auth.tokens[0]", "id": "$.id"},
    )
    echo = Request("echo", "POST", "/echo/{id}", headers={"Authorization": "Bearer {token}"}, json={"id": "{id}"})
    load = start_load(get("/ok"), setup=(login, echo), secrets=frozenset({"hunter2"}))
    load.open(0, server.url)
    assert server.counts()["asked"]["echo"] == 1


@pytest.mark.parametrize(
    ("step", "says"),
    [
        (
            Request("log in", "POST", "/rejected", body="hunter2"),
            r"'log in' was answered with status 401[\s\S]*it was .* of 25 bytes",
        ),
        (
            Request("log in", "GET", "/login", capture={"t": "$.auth.token"}),
            r"'log in'[\s\S]*no 'token'; it has tokens",
        ),
        (Request("log in", "GET", "/hang", timeout=0.2), "'log in' failed \\(timeout\\)"),
    ],
    ids=["bad status", "wrong capture", "timeout"],
)
def test_a_set_up_step_that_fails_is_named_without_its_secrets(step, says, server, start_load, tmp_path):
    load = start_load(get("/ok"), setup=(step,), secrets=frozenset({"hunter2"}))
    with pytest.raises(LoadError, match=says) as caught:
        load.open(0, server.url)
    assert "hunter2" not in str(caught.value)
    load.stop()
    assert "hunter2" not in (tmp_path / "load.log").read_text()
    assert "hunter2" not in " ".join(psutil.Process().cmdline())


def test_a_host_elsewhere_is_refused_before_any_packet(start_load):
    load = start_load(get("/ok"))
    with pytest.raises(LoadError, match=r"192\.0\.2\.1 is not allowed"):
        load.open(0, "http://192.0.2.1:80")
    connections = Path(f"/proc/{load.pid}/net/tcp").read_text()
    assert "010200C0" not in connections  # 192.0.2.1 as the kernel writes it


def test_abort_stops_sending_within_a_second_and_keeps_what_was_recorded(server, start_load, sealed):
    load = start_load(get("/slow/0.1"), get("/hang", weight=0.2), load=Load(rate=50, connections=4))
    load.open(0, server.url)
    ended = []

    def abort() -> None:
        load.abort()
        ended.append(time.monotonic())

    threading.Timer(0.7, abort).start()
    report = load.block(0, 0, 0, 20.0, seed=1)
    assert time.monotonic() - ended[0] < 3
    assert report.aborted
    assert report.intended == report.completed + report.failed + report.dropped
    assert report.completed > 0
    columns = sealed(load)
    assert len(columns["arm"]) == report.intended
    assert columns["sent_ns"].max() / 1e9 - ended[0] < 1.0, "CLOCK_MONOTONIC on both sides"
    assert load.block(0, 0, 1, 5.0, seed=1).intended == 0
    with pytest.raises(LoadError, match="aborted"):
        load.open(0, server.url)


def test_a_wait_that_ctrl_c_interrupts_leaves_the_conversation_in_order(server, start_load, sealed):
    load = start_load(get("/ok"), load=Load(rate=100))
    load.open(0, server.url)

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.5)
        with pytest.raises(KeyboardInterrupt):
            load.block(0, 0, 0, 20.0, seed=1)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    started = time.monotonic()
    load.abort()
    columns = sealed(load)  # its reply comes after the one to the interrupted block
    assert 20 < len(columns["arm"]) < 200
    assert time.monotonic() - started < 12, "the block had 19 s to go; the first Parquet file takes some"


@pytest.mark.parametrize(
    "load_model", [Load(rate=1), Load(model="closed", users=2, think_time=30.0)], ids=["open", "closed"]
)
def test_abort_does_not_wait_for_what_is_not_due_yet(load_model, server, start_load):
    load = start_load(get("/ok"), load=load_model)
    load.open(0, server.url)
    threading.Timer(0.4, load.abort).start()
    started = time.monotonic()
    assert load.block(0, 0, 0, 20.0, seed=1).aborted
    assert time.monotonic() - started < 3


def test_abort_ends_a_set_up_step_that_hangs(server, start_load):
    load = start_load(get("/ok"), setup=(get("/hang"),))
    threading.Timer(0.4, load.abort).start()
    started = time.monotonic()
    with pytest.raises(LoadError, match="'/hang' failed"):
        load.open(0, server.url)
    assert time.monotonic() - started < 3


def test_two_thousand_users_have_a_connection_each(server, start_load, sealed):
    load = start_load(get("/slow/0.2"), load=Load(model="closed", users=2000))
    load.open(0, server.url)
    report = load.block(0, 0, 0, 1.0, seed=1)
    assert report.failed == 0
    assert report.opened == 2000
    assert report.completed >= 2000


def test_more_variants_than_fit_are_refused_before_they_are_made(start_load):
    many = tuple(range(1000))
    with pytest.raises(LoadError, match="1,000,000 variants"):
        start_load(Request("r", "GET", "/{a}/{b}", values={"a": many, "b": many}))


def test_samples_stay_when_they_cannot_be_written_and_can_be_discarded(server, start_load, sealed, tmp_path):
    load = start_load(get("/ok"), load=Load(rate=100))
    load.open(0, server.url)
    load.block(0, 0, 0, 0.2, seed=1)
    with pytest.raises(LoadError, match=r"cannot write x\.parquet"):
        load.seal(tmp_path / "missing" / "x.parquet")
    assert len(sealed(load)["arm"]) == 20
    assert len(sealed(load)["arm"]) == 0
    load.block(0, 0, 0, 0.2, seed=1)
    load.discard()
    assert len(sealed(load)["arm"]) == 0


def test_the_child_outlives_ctrl_c_and_its_death_is_reported(server, start_load, tmp_path):
    load = start_load(get("/ok"), secrets=frozenset({"hunter2"}))
    os.kill(load.pid, signal.SIGINT)
    load.open(0, server.url)
    assert os.getpgid(load.pid) != os.getpgid(0)
    with (tmp_path / "load.log").open("a") as log:
        log.write("last words, hunter2\n")
    os.kill(load.pid, signal.SIGKILL)
    with pytest.raises(LoadError, match=r"has died \(exit code -9\)[\s\S]*last words, \*\*\*"):
        load.block(0, 0, 0, 0.1, seed=1)
    load.stop()
    load.stop()
    load.abort()


ORPHAN = """
import sys, time
from pathlib import Path
from perfproof.load.load_client import LoadProcess
from perfproof.load.plan import BlockReport
from perfproof.model.scenario import Arm, Load, Request, Scenario, Service
scenario = Scenario("t", Path("t"), (Arm("baseline", Service(url="u")),), (Request("ok", "GET", "/ok"),), load=Load())
load = LoadProcess.start(scenario, log=Path(sys.argv[1]))
load.open(0, sys.argv[2])
print(load.pid, flush=True)
load.block(0, 0, 0, 30.0, seed=1)
"""


def test_the_child_ends_at_once_when_its_parent_is_killed(server, tmp_path):
    parent = subprocess.Popen(
        [sys.executable, "-c", ORPHAN, str(tmp_path / "log"), server.url], stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    child = psutil.Process(int(parent.stdout.readline()))
    time.sleep(0.3)
    parent.kill()
    parent.wait()
    assert not psutil.wait_procs([child], timeout=5)[1]


@pytest.mark.parametrize(
    "command",
    [
        ["uvicorn", "pid_app:asgi", "--workers", "2", "--log-level", "warning", "--port"],
        ["gunicorn", "pid_app:wsgi", "--workers", "2", "--bind"],
    ],
    ids=["uvicorn", "gunicorn"],
)
def test_every_worker_of_a_real_server_is_reached(command, start_load, sealed, tmp_path):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    where = f"127.0.0.1:{port}" if command[0] == "gunicorn" else str(port)
    served_by = tmp_path / "pids"
    process = subprocess.Popen(
        [sys.executable, "-m", *command, where],
        cwd=Path(__file__).parent,
        env={**os.environ, "SERVED_BY": str(served_by)},
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        load = start_load(get("/"), load=Load(rate=100))
        up: set[str] = set()  # both workers, of which on a busy machine one starts long before the other
        for _ in range(2000):
            with contextlib.suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5):
                up = set(served_by.read_text().split())
            if len(up) == 2:
                break
            time.sleep(0.01)
        served_by.write_text("")
        load.open(0, f"http://127.0.0.1:{port}")
        load.warm(0, 0, requests=60, fresh_connections=True)
        assert len(up) == 2
        assert set(served_by.read_text().split()) == up
        report = load.block(0, 0, 0, 1.0, seed=1)
        assert (report.completed, report.failed, report.dropped) == (100, 0, 0)
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(20)


def test_the_parents_side_imports_neither_gevent_nor_locust():
    code = "import sys, perfproof.load.load_client; sys.exit(bool({'gevent', 'locust'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_a_child_that_cannot_start_is_reported_with_its_log(tmp_path, monkeypatch):
    broken = tmp_path / "httptools.py"
    broken.write_text("raise ImportError('no parser today')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    from perfproof.model.scenario import Arm, Scenario, Service

    scenario = Scenario("t", Path("t"), (Arm("baseline", Service(url="u")),), (get("/ok"),))
    with pytest.raises(LoadError, match=r"has died \(exit code 1\)[\s\S]*no parser today"):
        LoadProcess.start(scenario, log=tmp_path / "load.log")


def test_a_ramp_is_walked_once_in_a_block(server, start_load, sealed):
    stages = (Stage(1.0, 100.0), Stage(1.0, 100.0))
    load = start_load(get("/ok"), load=Load(rate=0.0, arrivals="constant", stages=stages))
    load.open(0, server.url)
    assert load.warm(0, 0.4).requests == pytest.approx(30, abs=1)
    report = load.block(0, 0, 0, 2.0, seed=1)
    assert report.intended == report.completed == 150
    since = (sealed(load)["intended_ns"] - report.started_ns) / 1e9
    assert np.histogram(since, [0, 0.5, 1.0, 1.5, 2.1])[0] == pytest.approx([12, 38, 50, 50], abs=2)


def test_the_child_ends_with_a_parent_that_had_not_read_its_last_reply(start_load):
    load = start_load(get("/ok"))
    load._tell({"do": "discard", "number": 1})
    time.sleep(0.5)
    load._channel.close()
    assert load._child.wait(10) is not None, "it ended by itself; otherwise this raises TimeoutExpired"
