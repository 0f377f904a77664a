"""The demo's supervisor: at SIGHUP a new process takes over, and nobody notices, or everybody does."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psutil
import pytest

pytestmark = [pytest.mark.server, pytest.mark.timeout(120)]


@contextmanager
def serving(database_url: str, **more: str) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    with socket.create_server(("127.0.0.1", 0)) as found:
        port = found.getsockname()[1]
    environment = {**os.environ, "DATABASE_URL": database_url, **more}
    words = [sys.executable, "-m", "perfproof.demo.serve", "--port", str(port)]
    process = subprocess.Popen(words, env=environment, stdout=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 30
        while status(port) != 200:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        yield process, port
    finally:
        process.terminate()
        process.wait(30)


def status(port: int, path: str = "/health") -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    except OSError:
        return 0
    finally:
        connection.close()


def workers(process: subprocess.Popen[bytes]) -> list[int]:
    return [child.pid for child in psutil.Process(process.pid).children()]


def reloaded(process: subprocess.Popen[bytes], port: int) -> list[int]:
    """Return the statuses of requests, each on a connection of its own, while the worker is replaced."""
    (old,) = workers(process)
    seen: list[int] = []
    over = threading.Event()

    def ask() -> None:
        while not over.is_set():
            seen.append(status(port, "/openapi.json"))

    clients = [threading.Thread(target=ask) for _ in range(3)]
    for client in clients:
        client.start()
    time.sleep(0.3)
    process.send_signal(signal.SIGHUP)
    deadline = time.monotonic() + 30
    while psutil.pid_exists(old) or len(workers(process)) != 1:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    while status(port, "/openapi.json") != 200:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    time.sleep(0.5)
    over.set()
    for client in clients:
        client.join()
    return seen


def test_a_new_worker_takes_over_without_a_failed_request(database_url: str) -> None:
    with serving(database_url, PROMISES="kept") as (process, port):
        seen = reloaded(process, port)
    assert len(seen) > 20
    assert set(seen) == {200}
    assert process.returncode == 0


def test_a_worker_that_is_killed_first_loses_requests_and_says_it_is_ready_before_it_is(database_url: str) -> None:
    with serving(database_url, PROMISES="kept", RESTARTS="broken") as (process, port):
        seen = reloaded(process, port)
        assert status(port, "/openapi.json") == 200
    assert 503 in seen
