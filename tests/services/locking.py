"""A service that locks its data folder for itself, as embedded stores do, and shows what it read there. No library.

Started with ``--data=FOLDER PORT``; DATA may name the folder instead. ``/docs/json`` is its document, which shows most
only to who is logged in.
"""

from __future__ import annotations

import fcntl
import json
import os
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

SECURED = {"security": [{"key": []}], "responses": {"200": {"description": "ok"}}}
LOGIN = {
    "type": "object",
    "required": ["username", "password"],
    "properties": {"username": {"type": "string"}, "password": {"type": "string"}},
}
ANYONE = {
    "/login": {
        "post": {
            "requestBody": {"content": {"application/json": {"schema": LOGIN}}},
            "responses": {"200": {"description": "ok"}},
        }
    },
    "/items": {"get": {"responses": {"200": {"description": "ok"}}}},
}
INSIDE = {"/orders": {"get": SECURED}, "/customers": {"get": SECURED}}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args: object) -> None:
        pass

    def answer(self, status: int, data: object) -> None:
        body = json.dumps(data).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", "0")))
        known = self.headers.get("Authorization") == "Bearer t0ken"
        document = {
            "openapi": "3.0.3",
            "info": {"title": "Locking", "version": "1"},
            "components": {"securitySchemes": {"key": {"type": "http", "scheme": "bearer"}}},
            "paths": ANYONE | (INSIDE if known else {}),
        }
        if self.path == "/docs/json":
            self.answer(200, document)
        elif self.path in ("/items", "/health"):
            self.answer(200, json.loads((data / "items.json").read_text()))
        elif self.path in INSIDE:
            self.answer(200 if known else 401, [])
        elif self.path == "/login":
            self.answer(200, {"access_token": "t0ken"})
        else:
            self.answer(404, {})

    do_POST = do_GET  # noqa: N815 - the name that http.server looks for


data = Path(os.environ.get("DATA") or sys.argv[1].partition("=")[2])
lock = (data / "store.lock").open("w")
try:
    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
except BlockingIOError:
    sys.exit("cannot open the store: is another instance running?")
ThreadingHTTPServer(("127.0.0.1", int(sys.argv[-1])), Handler).serve_forever()
