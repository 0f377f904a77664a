"""What ``tiny.py`` is, without a framework, for tests in which the service is started often: ``quick.py PORT``.

It imports next to nothing and answers one connection at a time, so it starts in hundredths of a second. WORK_US,
SLEEP_MS and STATUS are those of ``tiny.py``.
"""

import os
import socket
import sys
import time

WORK_US = float(os.environ.get("WORK_US", "500"))
SLEEP_MS = float(os.environ.get("SLEEP_MS", "0"))
STATUS = int(os.environ.get("STATUS", "200"))


def burn(microseconds):
    end = time.thread_time_ns() + int(microseconds * 1000)
    while time.thread_time_ns() < end:
        pass


def answer(head):
    """Return the answer to a request, of which no more than its head is looked at."""
    path = head.split(b" ", 2)[1].decode().partition("?")[0]
    status = 200
    if path != "/health":
        status = STATUS
        burn(WORK_US)
        time.sleep(SLEEP_MS / 1000)
    body = f'{{"path": "{path}", "pid": {os.getpid()}}}'
    if path == "/login":
        body = f'{{"token": "{os.environ.get("SECRET", "token-123")}"}}'
    return (
        f"HTTP/1.1 {status} .\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()
    )


def serve(connection):
    """Answer what comes on a connection until it is closed."""
    received = b""
    while True:
        while b"\r\n\r\n" not in received:
            more = connection.recv(65536)
            if not more:
                return
            received += more
        head, _, received = received.partition(b"\r\n\r\n")
        lines = head.lower().split(b"\r\n")
        length = next((int(line[15:]) for line in lines if line.startswith(b"content-length:")), 0)
        while len(received) < length:
            received += connection.recv(65536)
        received = received[length:]
        connection.sendall(answer(head))
        if b"connection: close" in lines:
            return


with socket.create_server(("127.0.0.1", int(sys.argv[1])), backlog=64) as listening:
    while True:
        client, _ = listening.accept()
        with client:
            try:
                serve(client)
            except OSError:
                continue
