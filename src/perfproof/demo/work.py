"""Injected extra work: what "+5 %" means when a test asks whether a change of that size is seen."""

from __future__ import annotations

import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send


class ExtraWork:
    """ASGI middleware (the outermost) that burns CPU time before a response leaves.

    ``fraction`` is of the CPU time that handling the request took, ``extra_ns`` nanoseconds come on top. Handlers never
    wait between start and response (see ``app``), so the thread's CPU clock in between counts this request alone.
    It spins instead of sleeping because a slower program burns CPU, and so latency and CPU per request both show it.
    What uvicorn itself does (about 0.2 ms: reading and writing HTTP) lies outside and is not enlarged.
    """

    def __init__(self, app: ASGIApp, fraction: float, extra_ns: int) -> None:
        self.app = app
        self.fraction = fraction
        self.extra_ns = extra_ns

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request, then spin just before its first byte is sent."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = time.thread_time_ns()

        async def send_later(message: Message) -> None:
            if message["type"] == "http.response.start":
                spin(int((time.thread_time_ns() - started) * self.fraction) + self.extra_ns)
            await send(message)

        await self.app(scope, receive, send_later)


def spin(cpu_ns: int) -> None:
    """Burn ``cpu_ns`` nanoseconds of this thread's CPU time."""
    end = time.thread_time_ns() + cpu_ns
    while time.thread_time_ns() < end:
        pass
