"""Several workers together are as good as one: same schedule, nothing lost, and a lost worker is an error."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import msgpack
import numpy as np
import psutil
import pytest
import zmq

from perfproof.errors import LoadError
from perfproof.model.recording import Outcome
from perfproof.model.scenario import Feed, Load, Request

pytestmark = [pytest.mark.server, pytest.mark.timeout(120)]

LIST = Request("list", "GET", "/ok?n={n}", values={"n": (1, 2, 3)}, weight=3)
SLOW = Request("slow", "GET", "/slow/0.01")


def workers_of(pid: int) -> list[psutil.Process]:
    return [each for each in psutil.Process(pid).children() if "perfproof.load.locust.worker" in each.cmdline()]


def test_one_worker_and_four_send_the_same_schedule_and_lose_nothing(server, start_load, sealed):
    schedules = {}
    for workers in (1, 4):
        load = start_load(LIST, SLOW, load=Load(rate=300, workers=workers))
        load.open(0, server.url)
        report = load.block(0, 2, 0, 1.0, seed=9)
        columns = sealed(load)
        assert report.intended == report.completed == len(columns["arm"]) == 300
        assert len(set(columns["id"].tolist())) == 300
        assert set(columns["pair"]) == {2}
        order = np.argsort(columns["intended_ns"], kind="stable")
        intended = columns["intended_ns"][order]
        schedules[workers] = (
            (intended - intended[0]).tolist(),
            columns["request"][order].tolist(),
            columns["variant"][order].tolist(),
        )
        assert (columns["done_ns"] > columns["sent_ns"]).all()
    assert schedules[1] == schedules[4]
    asked = server.counts()["asked"]
    assert asked["ok"] + asked["slow"] == 600


def test_four_workers_account_for_every_request_whatever_becomes_of_it(server, start_load, sealed):
    load = start_load(
        LIST,
        Request("bad", "GET", "/status/503"),
        Request("closed", "GET", "/close"),
        Request("hang", "GET", "/slow/1.5", timeout=1.0),
        load=Load(rate=400, connections=8, workers=4),
    )
    load.open(0, server.url)
    reports = [load.block(0, pair, 0, 1.0, seed=pair) for pair in range(2)]
    columns = sealed(load)
    asked = {name: count for name, count in server.counts()["asked"].items() if name != "_counts"}
    sent = sum(report.sent for report in reports)
    assert sum(report.intended for report in reports) == 800 == len(columns["id"]) == len(set(columns["id"].tolist()))
    assert all(report.intended == report.completed + report.failed + report.dropped for report in reports)
    assert sum(report.dropped for report in reports) == (columns["outcome"] == Outcome.DROPPED).sum() > 0
    twice = (columns["reconnected"] == 2).sum()  # /close on a connection that had answered before
    assert sent + twice == sum(asked.values())
    assert sent == 800 - (columns["outcome"] == Outcome.DROPPED).sum()
    assert sum(report.completed for report in reports) == asked["ok"]


def rows_of(tmp_path: Path, count: int) -> Feed:
    file = tmp_path / "users.csv"
    file.write_text("email\n" + "".join(f"u{number}\n" for number in range(count)))
    return Feed("users", file, "once")


def emails(server) -> list[str]:
    return [one["path"].partition("u=")[2] for one in server.counts()["seen"] if "/once-only" in one["path"]]


ONCE = Request("feed", "GET", "/once-only?u={users.email}&n={sequence}", weight=2)
MODELS = {
    "open": Load(rate=130, connections=8, workers=4),
    "closed": Load(model="closed", users=7, think_time=0.02, workers=4),
}


@pytest.mark.parametrize("model", MODELS)
def test_rows_used_once_are_never_taken_twice_and_none_is_passed_over(model, server, start_load, tmp_path):
    load = start_load(ONCE, Request("ok", "GET", "/ok"), load=MODELS[model], feeds=(rows_of(tmp_path, 240),))
    arms = (0, 1) if model == "open" else (0,)
    warmed: dict[int, list[str]] = {}
    for arm in arms:
        load.open(arm, server.url)
        load.warm(arm, 0.2, requests=60)
        warmed[arm] = emails(server)[sum(map(len, warmed.values())) :]
    taken: dict[int, list[str]] = {arm: [] for arm in arms}
    unfed = 0
    # In the short one some workers have nothing to send; in the last one the rows end.
    for pair, seconds in enumerate((0.3, 0.02, 0.3, 3.0)):
        for arm in arms:
            before = len(emails(server))
            unfed += load.block(arm, pair, 0, seconds, seed=pair).unfed
            taken[arm] += emails(server)[before:]
    for paths, rows in (
        *((paths, range(180, 240)) for paths in warmed.values()),
        *((paths, range(180)) for paths in taken.values()),
    ):
        found = [int(path.partition("&")[0].removeprefix("u")) for path in paths]
        assert len(set(found)) == len(found)
        assert set(found) <= set(rows)
        assert len({path.partition("n=")[2] for path in paths}) == len(paths)
    for paths in taken.values():
        assert sorted(int(path.partition("&")[0].removeprefix("u")) for path in paths) == list(range(180))
    assert unfed > 10


def test_users_are_shared_out_and_warm_up_reaches_all(server, start_load, sealed):
    load = start_load(SLOW, load=Load(model="closed", users=5, connections=5, workers=2))
    load.open(0, server.url)
    warm = load.warm(0, 0, requests=20, fresh_connections=True)
    assert (warm.requests, warm.failed, warm.connections) == (20, 0, 20)
    assert 5e6 < warm.p50_ns < 5e9
    report = load.block(0, 0, 0, 0.5, seed=1)
    assert report.opened == 5
    assert report.completed == (sealed(load)["outcome"] == Outcome.OK).sum() > 20


def test_a_worker_that_dies_is_an_error_and_never_a_smaller_number(server, cold_start, start_load, tmp_path):
    load = start_load(LIST, load=Load(rate=100, workers=2))
    load.open(0, server.url)
    victim = workers_of(load.pid)[0]
    threading.Timer(0.3, victim.kill).start()
    with pytest.raises(LoadError, match=r"worker .* has died"):
        load.block(0, 0, 0, 1.0, seed=1)
    with pytest.raises(LoadError, match=r"worker .* has died"):
        load.seal(tmp_path / "samples.parquet")
    assert not (tmp_path / "samples.parquet").exists()


def test_abort_reaches_every_worker_and_what_was_recorded_stays(server, start_load, sealed):
    load = start_load(LIST, load=Load(rate=100, workers=2))
    load.open(0, server.url)
    threading.Timer(0.5, load.abort).start()
    started = time.monotonic()
    report = load.block(0, 0, 0, 20.0, seed=1)
    assert time.monotonic() - started < 4
    assert report.aborted
    assert 10 < report.completed < 200
    assert len(sealed(load)["arm"]) == report.intended


def test_workers_end_with_the_load_process_however_it_ends(server, cold_start, start_load):
    for end in (lambda load: load.stop(), lambda load: os.kill(load.pid, signal.SIGKILL)):
        load = start_load(LIST, load=Load(rate=100, workers=2))
        workers = workers_of(load.pid)
        assert len(workers) == 2
        end(load)
        assert not psutil.wait_procs(workers, timeout=10)[1]


def test_workers_leave_no_files_and_no_secret_in_their_arguments(server, cold_start, start_load, sealed, tmp_path):
    load = start_load(LIST, load=Load(rate=50, workers=2), secrets=frozenset({"hunter2"}))
    for worker in workers_of(load.pid):
        assert len(worker.cmdline()) == 5
        assert "hunter2" not in " ".join([*worker.cmdline(), *worker.environ().values()])
    load.open(0, server.url)
    load.block(0, 0, 0, 0.3, seed=1)
    sealed(load)
    assert {path.name for path in Path(tmp_path).iterdir()} == {"load.log", "samples.parquet"}


def joining(port: int, token_file: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "perfproof", "worker", "--join", f"127.0.0.1:{port}", "--token-file", str(token_file)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_a_worker_joins_from_outside_with_the_token_and_not_without(server, start_load, sealed, tmp_path):
    token, wrong = tmp_path / "token", tmp_path / "wrong"
    token.write_text("correct horse battery staple\n")
    wrong.write_text("incorrect horse battery staple\n")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    workers = [joining(port, wrong)]

    def then_the_right_one():
        workers[0].wait(50)
        workers.append(joining(port, token))

    follower = threading.Thread(target=then_the_right_one)
    follower.start()
    try:
        listening = Load(rate=200, workers=1, listen=f"127.0.0.1:{port}", token_file=str(token))
        load = start_load(LIST, load=listening)
        load.open(0, server.url)
        report = load.block(0, 0, 0, 0.5, seed=1)
        assert report.completed == len(sealed(load)["arm"]) == 100
        assert workers[0].wait(1) == 4
        assert "does not know the token" in workers[0].stdout.read()
        workers.append(joining(port, token))
        assert workers[2].wait(30) == 4
        assert "has all its workers already" in workers[2].stdout.read()
        assert load.block(0, 1, 0, 0.2, seed=2).completed == 40
        load.stop()
    finally:
        follower.join()
        for worker in workers:
            worker.send_signal(signal.SIGINT)
            worker.communicate(timeout=20)


@pytest.fixture
def port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def listening(port: int, tmp_path: Path) -> Load:
    (tmp_path / "token").write_text("correct horse battery staple\n")
    return Load(rate=200, workers=1, listen=f"127.0.0.1:{port}", token_file=str(tmp_path / "token"))


def dealer(port: int, identity: str) -> zmq.Socket[bytes]:
    stranger = zmq.Context.instance().socket(zmq.DEALER)
    stranger.setsockopt(zmq.IDENTITY, identity.encode())
    stranger.setsockopt(zmq.LINGER, 2000)
    stranger.connect(f"tcp://127.0.0.1:{port}")
    return stranger


def test_a_joined_worker_ends_by_itself_after_its_measurement(server, start_load, sealed, port, listening, tmp_path):
    for end in (lambda load: load.stop(), lambda load: os.kill(load.pid, signal.SIGKILL)):
        worker = joining(port, tmp_path / "token")
        load = start_load(LIST, load=listening)
        load.open(0, server.url)
        assert load.block(0, 0, 0, 0.3, seed=1).completed == 60
        end(load)
        assert worker.wait(15) == 0, worker.stdout.read()


GARBAGE = [
    b"",
    b"\xc1",
    b"\xff" * 100,
    msgpack.dumps(5),
    msgpack.dumps(("perfproof",)),
    msgpack.dumps(("perfproof", None, "stranger")),
    msgpack.dumps(("perfproof", {"challenge": 5}, "stranger")),
    msgpack.dumps(("perfproof", {"proof": "x"}, "stranger")),
    msgpack.dumps(("heartbeat", None, "stranger")),
    msgpack.dumps(("stats", {}, "stranger")),
    msgpack.dumps(("quit", None, "stranger")),
    msgpack.dumps(({"a": 1}, [], {})),
]


def test_messages_of_strangers_keep_no_worker_from_joining(server, start_load, sealed, port, listening, tmp_path):
    stranger = dealer(port, "stranger")
    for message in GARBAGE:
        stranger.send(message)
    stranger.send_multipart([b"a", b"b", b"c"])
    late = []
    threading.Timer(3.0, lambda: late.append(joining(port, tmp_path / "token"))).start()
    load = start_load(LIST, load=listening)
    load.open(0, server.url)
    assert load.block(0, 0, 0, 0.5, seed=1).completed == len(sealed(load)["arm"]) == 100
    stranger.close()
    load.stop()
    assert late[0].wait(15) == 0


def test_a_forged_message_ends_no_measurement(server, start_load, sealed, port, listening, tmp_path):
    code = "import sys, uuid; uuid.uuid4 = lambda: uuid.UUID(int=7); "
    code += "from perfproof.load.locust.worker import main; main(*{})"
    known = f"{socket.gethostname()}_{7:032x}"
    worker = subprocess.Popen(
        [sys.executable, "-c", code.format(("127.0.0.1", port))], stdin=subprocess.PIPE, stderr=subprocess.PIPE
    )
    worker.stdin.write(b"correct horse battery staple\n")
    worker.stdin.flush()
    load = start_load(LIST, load=listening)
    load.open(0, server.url)
    strangers = [dealer(port, "stranger"), dealer(port, known)]
    forged = [("perfproof", {"data": b"{}", "mac": bytes(32)}), ("quit", None), ("client_ready", "0"), ("stats", {})]
    for stranger in strangers:
        for kind, data in forged:
            stranger.send(msgpack.dumps((kind, data, known)))
    report = load.block(0, 0, 0, 1.0, seed=1)
    assert report.completed == len(sealed(load)["arm"]) == 200
    assert (
        "a message from 'stranger', who is no worker of this measurement, was ignored"
        in (tmp_path / "load.log").read_text()
    )
    for stranger in strangers:
        stranger.close()
    load.stop()
    assert worker.wait(15) == 0, worker.stderr.read()
