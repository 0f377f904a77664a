"""A tiny service for end-to-end tests, on an ASGI server or by itself; its ways are set by the environment.

WORK_US: CPU time burnt per request; SLEEP_MS: time waited; STATUS: what every request answers;
DIE_AFTER: exit hard after so many requests; SECRET: printed at start, to be found masked in logs.

``python -S tiny.py PORT`` starts and ends in a fifth of the time that an ASGI server takes: for tests that send little.
"""

import json
import os
import sys
import time

WORK_US = float(os.environ.get("WORK_US", "500"))
SLEEP_MS = float(os.environ.get("SLEEP_MS", "0"))
STATUS = int(os.environ.get("STATUS", "200"))
DIE_AFTER = int(os.environ.get("DIE_AFTER", "0"))
served = 0

print("tiny is up; secret is", os.environ.get("SECRET", "none"), flush=True)
if os.environ.get("REFUSE"):
    print("tiny refuses to start: no configuration", file=sys.stderr, flush=True)
    sys.exit(3)


def burn(microseconds: float) -> None:
    end = time.thread_time_ns() + int(microseconds * 1000)
    while time.thread_time_ns() < end:
        pass


def worked() -> None:
    """Work as much as a request takes, but for the waiting."""
    global served
    served += 1
    if DIE_AFTER and served > DIE_AFTER:
        os._exit(9)
    burn(WORK_US)


def body_of(path: str) -> bytes:
    if path == "/login":
        return json.dumps({"token": os.environ.get("SECRET", "token-123")}).encode()
    return json.dumps({"path": path, "pid": os.getpid()}).encode()


async def app(scope, receive, send):
    import asyncio

    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            await send({"type": message["type"] + ".complete"})
            if message["type"] == "lifespan.shutdown":
                return
    more = True
    while more:
        more = (await receive()).get("more_body", False)
    health = scope["path"] == "/health"
    if not health:
        worked()
        if SLEEP_MS:
            await asyncio.sleep(SLEEP_MS / 1000)
    body = body_of(scope["path"])
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200 if health else STATUS, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def serve(port: int) -> None:
    """Answer on this port, each connection in a thread of its own, until the process ends."""
    import socket
    import threading

    listening = socket.create_server(("127.0.0.1", port), backlog=128)
    while True:
        connection, _ = listening.accept()
        threading.Thread(target=_converse, args=(connection,), daemon=True).start()


def _converse(connection) -> None:
    with connection, connection.makefile("rb") as incoming:
        while line := incoming.readline():
            length, close = 0, False
            while (header := incoming.readline().lower()) not in (b"\r\n", b""):
                name, _, value = header.partition(b":")
                length = int(value) if name == b"content-length" else length
                close = close or (name == b"connection" and value.strip() == b"close")
            incoming.read(length)
            path = line.split()[1].decode().partition("?")[0]
            if path != "/health":
                worked()
                time.sleep(SLEEP_MS / 1000)
            status, body = 200 if path == "/health" else STATUS, body_of(path)
            head = f"HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
            try:
                connection.sendall(head.encode() + body)
            except OSError:
                return
            if close:
                return


if __name__ == "__main__":
    serve(int(sys.argv[1]))
