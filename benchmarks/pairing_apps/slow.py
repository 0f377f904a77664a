"""A service that takes 20 s to start and 1.5 s for a request; FASTER is the share of work its candidate saves."""

import os
import time

time.sleep(float(os.environ.get("START", "20")))


async def app(scope, receive, send):
    if scope["type"] != "http":
        while True:
            message = await receive()
            await send({"type": message["type"] + ".complete"})
            if message["type"] == "lifespan.shutdown":
                return
    if scope["path"] != "/health":
        end = time.thread_time() + 1.5 * (1 - float(os.environ.get("FASTER", "0")))
        while time.thread_time() < end:
            pass
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})
