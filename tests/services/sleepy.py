"""Answers every request after 20 ms, as WSGI and as ASGI; as a program it gives each connection a thread of its own.

With ``one`` it has a single thread, which stays with a connection until that is closed; with ``lock`` one request at a
time is worked on.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Iterable
from contextlib import nullcontext
from http.server import BaseHTTPRequestHandler, HTTPServer, ThreadingHTTPServer
from threading import Lock
from typing import Any

SECONDS = 0.02
BODY = b'{"ok": true}'
LOCK = Lock()


def wsgi(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    time.sleep(SECONDS)
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(BODY)))])
    return [BODY]


async def asgi(scope: dict[str, Any], receive: Any, send: Any) -> None:
    if scope["type"] != "http":
        return
    await asyncio.sleep(SECONDS)
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(BODY)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": BODY})


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body in one segment: else the second waits until the client has confirmed the first

    def do_GET(self) -> None:
        with LOCK if "lock" in sys.argv else nullcontext():
            time.sleep(SECONDS)
        self.send_response(200)
        self.send_header("Content-Length", str(len(BODY)))
        self.end_headers()
        self.wfile.write(BODY)

    def log_message(self, *_: object) -> None:
        pass


if __name__ == "__main__":
    server = HTTPServer if "one" in sys.argv else ThreadingHTTPServer
    server(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
