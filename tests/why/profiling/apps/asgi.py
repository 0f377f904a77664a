"""An ASGI application without a framework; /two is another request of the same service."""

from busy import calls, respond


async def app(scope, receive, send):
    if scope["type"] != "http":
        return
    body = b"{}" if scope["path"] == "/health" else respond().encode()
    if scope["path"] == "/two":
        calls()
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})
