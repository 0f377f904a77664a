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

import numpy as np
import psutil
import pytest

from perfproof.errors import LoadError
from perfproof.model.recording import Outcome
from perfproof.model.scenario import Load, Request

pytestmark = [pytest.mark.server, pytest.mark.timeout(120)]

LIST = Request("list", "GET", "/ok?n={n}", values={"n": (1, 2, 3)}, weight=3)
SLOW = Request("slow", "GET", "/slow/0.01")


def workers_of(pid: int) -> list[psutil.Process]:
    return [each for each in psutil.Process(pid).children() if "perfproof.load.worker" in each.cmdline()]


def test_one_worker_and_three_send_the_same_schedule_and_lose_nothing(server, start_load, sealed):
    schedules = {}
    for workers in (1, 3):
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
    assert schedules[1] == schedules[3]
    asked = server.counts()["asked"]
    assert asked["ok"] + asked["slow"] == 600


def test_users_are_shared_out_and_warm_up_reaches_all(server, start_load, sealed):
    load = start_load(SLOW, load=Load(model="closed", users=5, connections=5, workers=2))
    load.open(0, server.url)
    warm = load.warm(0, 0, requests=20, fresh_connections=True)
    assert (warm.requests, warm.failed, warm.connections) == (20, 0, 20)
    assert 5e6 < warm.p50_ns < 5e9
    report = load.block(0, 0, 0, 0.5, seed=1)
    assert report.reconnects == 5
    assert report.completed == (sealed(load)["outcome"] == Outcome.OK).sum() > 20


def test_a_worker_that_dies_is_an_error_and_never_a_smaller_number(server, start_load, tmp_path):
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


def test_workers_end_with_the_load_process_however_it_ends(server, start_load):
    for end in (lambda load: load.stop(), lambda load: os.kill(load.pid, signal.SIGKILL)):
        load = start_load(LIST, load=Load(rate=100, workers=2))
        workers = workers_of(load.pid)
        assert len(workers) == 2
        end(load)
        assert not psutil.wait_procs(workers, timeout=10)[1]


def test_workers_leave_no_files_and_no_secret_in_their_arguments(server, start_load, sealed, tmp_path):
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
    workers = [joining(port, wrong), joining(port, token)]
    try:
        listening = Load(rate=200, workers=1, listen=f"127.0.0.1:{port}", token_file=str(token))
        load = start_load(LIST, load=listening)
        load.open(0, server.url)
        report = load.block(0, 0, 0, 0.5, seed=1)
        assert report.completed == len(sealed(load)["arm"]) == 100
        assert workers[0].wait(40) == 4
        assert "does not know the token" in workers[0].stdout.read()
        load.stop()
    finally:
        for worker in workers:
            worker.send_signal(signal.SIGINT)
            worker.communicate(timeout=20)
