"""Services with the agent inside, and a client that sends trace ids."""

import http.client
import os
import secrets
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from counting import counting_server, database
from mariadb import mariadb
from perfproof.databases.agent import AgentSource

__all__ = ["counting_server", "database", "mariadb"]

APPS = Path(__file__).parent / "apps"
SERVERS = {
    "uvicorn": "uvicorn --host 127.0.0.1 --port {port} --log-level warning {app}",
    "uvicorn workers": "uvicorn --host 127.0.0.1 --port {port} --workers 2 --log-level warning {app}",
    "hypercorn": "hypercorn -b 127.0.0.1:{port} {app}",
    "gunicorn": "gunicorn -b 127.0.0.1:{port} -w 2 {app}",
    "gunicorn asgi": "gunicorn -b 127.0.0.1:{port} -w 2 -k asgi {app}",
    "gunicorn threads": "gunicorn -b 127.0.0.1:{port} -w 2 --threads 4 --preload {app}",
    "flask": "flask --app {app} run -h 127.0.0.1 -p {port}",
    "waitress": "waitress --listen=127.0.0.1:{port} {app}",
}


class Running:
    """A service that runs: send requests to it."""

    def __init__(self, port: int) -> None:
        self.port = port

    def get(self, path: str, trace: str | None = None) -> str:
        """Send a GET with its own trace id and return that id."""
        trace = trace or secrets.token_hex(16)
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        connection.request("GET", path, headers={"traceparent": f"00-{trace}-{secrets.token_hex(8)}-01"})
        response = connection.getresponse()
        body = response.read()
        connection.close()
        assert response.status == 200, (response.status, body)
        return trace


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A SQLite file with 60 orders of 20 customers."""
    file = tmp_path / "shop.db"
    connection = sqlite3.connect(file)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT)")
    connection.execute("CREATE TABLE orders (id INTEGER PRIMARY KEY, customer INTEGER)")
    connection.executemany("INSERT INTO customers VALUES (?, ?)", [(i, f"name {i}") for i in range(20)])
    connection.executemany("INSERT INTO orders VALUES (?, ?)", [(i, i % 20) for i in range(60)])
    connection.commit()
    connection.close()
    return file


@pytest.fixture
def agent(tmp_path: Path) -> AgentSource:
    source = AgentSource(tmp_path / "agent")
    source.open()
    return source


@pytest.fixture
def serve(shop: Path, agent: AgentSource) -> Callable[..., object]:
    """Start an application under a server, with the agent unless told otherwise."""

    @contextmanager
    def start(server: str, app: str, *, inject: bool = True, **extra: str) -> Iterator[Running]:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        program, *arguments = SERVERS[server].format(port=port, app=app).split()
        environment = {**os.environ, "SHOP": str(shop), "PYTHONPATH": str(APPS), **extra}
        if inject:
            environment = agent.environment(environment)
        process = subprocess.Popen([sys.executable, "-m", program, *arguments], env=environment, cwd=APPS)
        try:
            wait_until_open(process, port)
            yield Running(port)
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    return start


def wait_until_open(process: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        assert process.poll() is None, "the service has ended"
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise AssertionError("the service did not open its port")
