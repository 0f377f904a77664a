"""An application that does not bear being watched."""

import os

from asgi import app as usual

watched = "PERFPROOF_AGENT_DIR" in os.environ
if watched and os.environ.get("DIE"):
    raise SystemExit("not while I am watched")
left = 40


async def app(scope, receive, send):
    global left
    left -= 1
    if watched and left < 0:
        os._exit(11)
    await usual(scope, receive, send)
