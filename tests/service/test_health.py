from __future__ import annotations

import socket
import threading
import time

from perfproof.service.health import HealthAnswer, ask, wait_until_healthy
from perfproof.service.sockets import choose_ports


def answering(*replies: bytes):
    """Serve one raw reply per connection; return the base URL."""
    server = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with server:
            for reply in replies:
                connection, _ = server.accept()
                with connection:
                    connection.recv(4096)
                    connection.sendall(reply)

    threading.Thread(target=serve, daemon=True).start()
    return f"http://127.0.0.1:{server.getsockname()[1]}"


def test_below_400_is_healthy():
    url = answering(b"HTTP/1.1 204 x\r\n\r\n", b"HTTP/1.1 302 x\r\n\r\n", b"HTTP/1.1 404 x\r\n\r\n")
    assert [ask(url, "/") for _ in range(3)] == [
        HealthAnswer(True, "status 204"),
        HealthAnswer(True, "status 302"),
        HealthAnswer(False, "status 404"),
    ]


def test_a_refused_connection_is_said():
    assert ask(f"http://127.0.0.1:{choose_ports(1)[0]}", "/") == HealthAnswer(False, "connection refused", refused=True)


def test_silence_is_said():
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        assert ask(url, "/", timeout=0.1) == HealthAnswer(False, "no answer within 0.1 s")


def test_nonsense_is_not_healthy():
    assert not ask(answering(b"SSH-2.0-x\r\n"), "/").healthy
    assert not ask(answering(b""), "/").healthy


def test_waiting_goes_on_until_healthy():
    url = answering(b"HTTP/1.1 503 x\r\n\r\n", b"HTTP/1.1 503 x\r\n\r\n", b"HTTP/1.1 200 x\r\n\r\n")
    assert wait_until_healthy(url, "health", 20, given_up=lambda: False) == HealthAnswer(True, "status 200")


def test_waiting_ends_when_given_up():
    url = f"http://127.0.0.1:{choose_ports(1)[0]}"
    began = time.monotonic()
    assert not wait_until_healthy(url, "/", 60, given_up=lambda: True).healthy
    assert time.monotonic() - began < 30
