"""A service that tells everything it knows: every header, cookie and address it was given, and markup besides."""

from __future__ import annotations

import json
import os

EVIL = "<script>alert('log')</script><img src=x onerror=alert('img')>"
served = 0

print("database at", os.environ.get("DATABASE_URL", "none"), EVIL, flush=True)
print("started with", {name: value for name, value in os.environ.items() if name.startswith("SHOP_")}, flush=True)


async def app(scope, receive, send):
    global served
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            await send({"type": message["type"] + ".complete"})
            if message["type"] == "lifespan.shutdown":
                return
    body = b""
    more = True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    told = {name.decode(): value.decode() for name, value in scope["headers"]}
    if scope["path"] != "/health":
        served += 1
        if served % 50 == 1:
            print("request", scope["path"], scope["query_string"].decode(), told, body.decode(), EVIL, flush=True)
    # One request in 300 fails, and says with what: below what makes a measurement invalid.
    status = 500 if scope["path"] != "/health" and served % 300 == 299 else 200
    answer = json.dumps({"you": told if status == 500 else "are welcome", "evil": EVIL}).encode()
    headers = [
        (b"content-type", b"application/json"), (b"content-length", str(len(answer)).encode()),
        (b"set-cookie", b"session=c00kie-of-the-service; Path=/"),
    ]  # fmt: skip
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": answer})
