"""Streams for tests: server-sent events at /events, a WebSocket at /socket that sends, /echo that answers.

FIRST_MS passes before the first message, EVERY_MS before each other. COUNT messages come (0: without end); MODE=plain
answers /events with JSON, MODE=stuck sends two messages and then nothing more. Each message is numbered from 1.
MODE=guarded wants, of every stream, the token of a session that /session has begun and that no stream had before.
Whatever is sent ends when the client goes: a stream that nobody hears would keep the server from ending until it is
killed.
"""

import asyncio
import json
import os
from urllib.parse import parse_qs

FIRST = float(os.environ.get("FIRST_MS", "5")) / 1000
EVERY = float(os.environ.get("EVERY_MS", "2")) / 1000
COUNT = int(os.environ.get("COUNT", "0"))
MODE = os.environ.get("MODE", "")
SESSIONS = {}
"""Token -> the streams it had."""


def welcome(scope):
    """Whether this stream may be had: its kind once for each session."""
    if MODE != "guarded":
        return True
    token = dict(scope["headers"]).get(b"authorization", b"").decode().removeprefix("Bearer ")
    had = SESSIONS.get(token)
    if had is None or scope["path"] in had:
        return False
    had.append(scope["path"])
    return True


async def ticks(count):
    number = 0
    while not count or number < count:
        await asyncio.sleep(EVERY if number else FIRST)
        number += 1
        yield number
        if MODE == "stuck" and number == 2:
            await asyncio.sleep(3600)


async def events(scope, send):
    kind = b"application/json" if MODE == "plain" else b"text/event-stream"
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", kind)]})
    name = parse_qs(scope["query_string"].decode()).get("name", ["tick"])[0]
    await send({"type": "http.response.body", "body": b": welcome\n\n", "more_body": True})
    async for number in ticks(COUNT):
        data = f"event: tick\nid: {number}\ndata: {json.dumps({'n': number, 'name': name})}\n\n".encode()
        half = len(data) // 2  # in two pieces, as it happens
        await send({"type": "http.response.body", "body": data[:half], "more_body": True})
        await send({"type": "http.response.body", "body": data[half:], "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def while_heard(sending, receive, goodbye):
    """Send until all is sent or the client says goodbye."""

    async def gone():
        while (await receive())["type"] != goodbye:
            pass

    tasks = [asyncio.create_task(sending), asyncio.create_task(gone())]
    done, left = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in left:
        task.cancel()
    for task in done:
        task.result()


async def tell(send):
    async for number in ticks(COUNT):
        await send({"type": "websocket.send", "text": json.dumps({"n": number})})
    await send({"type": "websocket.close", "code": 1000})


async def socket(scope, receive, send):
    await receive()
    if scope["path"] not in ("/socket", "/echo") or not welcome(scope):
        await send({"type": "websocket.close"})  # before it was accepted: the server answers 403
        return
    await send({"type": "websocket.accept"})
    if scope["path"] == "/echo":
        while (heard := await receive())["type"] == "websocket.receive":
            await asyncio.sleep(EVERY)
            await send({"type": "websocket.send", "text": heard["text"].upper()})
        return
    await while_heard(tell(send), receive, "websocket.disconnect")


async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        while (await receive())["type"] != "lifespan.shutdown":
            await send({"type": "lifespan.startup.complete"})
        await send({"type": "lifespan.shutdown.complete"})
    elif scope["type"] == "websocket":
        await socket(scope, receive, send)
    elif scope["path"] == "/events" and welcome(scope):
        await while_heard(events(scope, send), receive, "http.disconnect")
    else:
        body, status = b'{"status": "ok"}', 401 if scope["path"] == "/events" else 200
        if scope["path"] == "/session":
            token = f"T{len(SESSIONS)}"  # what /echo says of it is it
            SESSIONS[token] = []
            body = json.dumps({"token": token}).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})
