"""A tiny ASGI service for end-to-end tests; its ways are set by the environment.

WORK_US: CPU time burnt per request; SLEEP_MS: time waited; STATUS: what every request answers;
DIE_AFTER: exit hard after so many requests; SECRET: printed at start, to be found masked in logs.
"""

import asyncio
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


async def app(scope, receive, send):
    global served
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
    status = 200 if health else STATUS
    if not health:
        served += 1
        if DIE_AFTER and served > DIE_AFTER:
            os._exit(9)
        burn(WORK_US)
        if SLEEP_MS:
            await asyncio.sleep(SLEEP_MS / 1000)
    if scope["path"] == "/login":
        body = json.dumps({"token": os.environ.get("SECRET", "token-123")}).encode()
    else:
        body = json.dumps({"path": scope["path"], "pid": os.getpid()}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
