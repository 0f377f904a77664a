"""The same tiny service as ASGI (for uvicorn) and WSGI (for gunicorn): every answer names the process that gave it."""

from __future__ import annotations

import os
from pathlib import Path


def _note() -> bytes:
    with Path(os.environ["SERVED_BY"]).open("a") as file:
        file.write(f"{os.getpid()}\n")
    return str(os.getpid()).encode()


async def asgi(scope, receive, send):
    if scope["type"] != "http":
        return
    body = _note()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
    await send({"type": "http.response.body", "body": body})


def wsgi(environ, start_response):
    body = _note()
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]
