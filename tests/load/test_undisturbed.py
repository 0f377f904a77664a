"""What perfproof measures of real servers is what a plain client that sends one request after another would see."""

from __future__ import annotations

import http.client
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import numpy as np
import pytest

from perfproof.load.load_client import LoadProcess
from perfproof.model.scenario import Load, Request

pytestmark = [pytest.mark.server, pytest.mark.quiet, pytest.mark.timeout(240)]

SERVICES = Path(__file__).parent.parent / "services"
RATE, BLOCK, PAIRS = 25, 0.4, 6
GUNICORN = (sys.executable, "-m", "gunicorn", "-b", "127.0.0.1:{port}", "sleepy:wsgi")
COMMANDS: dict[str, tuple[str, ...]] = {
    "gunicorn sync": GUNICORN,
    "gunicorn gthread, 1 thread": (*GUNICORN, "-k", "gthread", "--threads", "1"),
    "gunicorn gthread, 2 threads": (*GUNICORN, "-k", "gthread", "--threads", "2"),
    "gunicorn gthread, 8 threads": (*GUNICORN, "-k", "gthread", "--threads", "8"),
    "gunicorn gevent": (*GUNICORN, "-k", "gevent"),
    "uvicorn": (sys.executable, "-m", "uvicorn", "--port", "{port}", "--log-level", "warning", "sleepy:asgi"),
    "hypercorn": (sys.executable, "-m", "hypercorn", "-b", "127.0.0.1:{port}", "sleepy:asgi"),
    "waitress": (sys.executable, "-m", "waitress", "--listen", "127.0.0.1:{port}", "sleepy:wsgi"),
    "a thread for each connection": (sys.executable, "sleepy.py", "{port}"),
    "node": ("node", "sleepy.js", "{port}"),
    "go": ("sleepy-go", "{port}"),
    "nginx before node": ("nginx", "{port}"),
}


@contextmanager
def running(command: tuple[str, ...], folder: Path) -> Iterator[int]:
    """Run a server on a free port, which is yielded once it answers; it is ended with all its processes."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    argv = [part.format(port=port) for part in command]
    with (folder / f"{port}.log").open("wb") as log:
        process = subprocess.Popen(argv, cwd=SERVICES, stdout=log, stderr=log, start_new_session=True)
    try:
        deadline = time.monotonic() + 30
        while True:
            try:
                connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
                ask(connection)
                connection.close()
                break
            except OSError:
                assert process.poll() is None, (folder / f"{port}.log").read_text()
                assert time.monotonic() < deadline, (folder / f"{port}.log").read_text()
                time.sleep(0.1)
        yield port
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@contextmanager
def served(name: str, folder: Path) -> Iterator[int]:
    command = COMMANDS[name]
    if name == "go":
        built = folder / "sleepy-go"
        cache = {"GOCACHE": str(folder / "cache"), "GO111MODULE": "off", **os.environ}
        subprocess.run(["go", "build", "-o", built, SERVICES / "sleepy.go"], check=True, env=cache)
        command = (str(built), *command[1:])
    if command[0] != "nginx":
        with running(command, folder) as port:
            yield port
        return
    with running(COMMANDS["node"], folder) as behind:
        config = folder / "nginx.conf"
        paths = "".join(f"{kind}_temp_path {folder}/{kind};" for kind in ("proxy", "fastcgi", "uwsgi", "scgi"))
        text = f"""daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/error.log;
            events {{ worker_connections 256; }}
            http {{ access_log off; client_body_temp_path {folder}/body; {paths}
                upstream node {{ server 127.0.0.1:{behind}; keepalive 8; }}
                server {{ listen 127.0.0.1:PORT; location / {{
                    proxy_http_version 1.1; proxy_set_header Connection ""; proxy_pass http://node; }} }} }}"""
        config.write_text(text)
        binary = shutil.which("nginx") or "/usr/sbin/nginx"
        put_port = f"sed -i s/PORT/{{port}}/ {config} && exec {binary} -p {folder} -c {config}"
        with running(("sh", "-c", put_port), folder) as port:
            yield port


def ask(connection: http.client.HTTPConnection) -> int:
    """Send one request and return how long it took (ns), connecting included where that was needed."""
    began = time.perf_counter_ns()
    connection.request("GET", "/")
    response = connection.getresponse()
    response.read()
    assert response.status == 200
    return time.perf_counter_ns() - began


def plain(port: int) -> list[int]:
    """Return what a block's worth of requests takes a client that sends them one after another, at the same moments."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    took, start = [], time.monotonic()
    for number in range(int(RATE * BLOCK)):
        time.sleep(max(0.0, start + number / RATE - time.monotonic()))
        took.append(ask(connection))
    connection.close()
    return took


@pytest.mark.parametrize("name", COMMANDS)
def test_p50_is_that_of_a_plain_sequential_client(
    name: str,
    tmp_path: Path,
    start_load: Callable[..., LoadProcess],
    sealed: Callable[[LoadProcess], dict[str, np.ndarray]],
) -> None:
    with served(name, tmp_path) as port:
        load = start_load(Request("r", "GET", "/"), load=Load(rate=RATE, arrivals="constant"))
        load.open(0, f"http://127.0.0.1:{port}")
        load.warm(0, 0.5)
        found = []
        for _ in range(3):  # other programs of the machine may meet one of the two in any one try
            theirs = []
            for pair in range(PAIRS):
                report = load.block(0, pair, 0, BLOCK, seed=pair)
                assert (report.failed, report.dropped) == (0, 0)
                theirs.append(median(plain(port)))
            rows = sealed(load)
            took = rows["done_ns"] - rows["intended_ns"]
            ours = [float(np.median(took[rows["pair"] == pair])) for pair in range(PAIRS)]
            found.append(median(mine / other for mine, other in zip(ours, theirs, strict=True)))
            if abs(found[-1] - 1) < 0.05:
                return
        pytest.fail(f"perfproof's p50 as a share of the plain client's, in each try: {found}")


def test_a_server_of_one_thread_that_waits_for_each_connection_answers_load_that_does_not_overlap(
    tmp_path: Path, start_load: Callable[..., LoadProcess]
) -> None:
    with running((sys.executable, "sleepy.py", "{port}", "one"), tmp_path) as port:
        load = start_load(Request("r", "GET", "/", timeout=2.0), load=Load(rate=20, arrivals="constant"))
        load.open(0, f"http://127.0.0.1:{port}")
        warm = load.warm(0, 0.5)
        reports = [load.block(0, pair, 0, 0.5, seed=pair) for pair in range(3)]
        assert [warm.failed, *(report.failed for report in reports)] == [0, 0, 0, 0]
        assert [report.opened for report in reports] == [0, 0, 0]
