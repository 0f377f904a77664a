"""What is done around every request: its id, its headers, its limit, its line in the log, its count for Prometheus."""

from __future__ import annotations

import json
import os
import re
import secrets
import sys
import time
from collections import Counter, defaultdict, deque
from collections.abc import Callable

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from perfproof.demo.problems import problem
from perfproof.demo.promises import Promises

SECURITY = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "geolocation=(), camera=(), microphone=()",
    "Strict-Transport-Security": "max-age=31536000; includeSubDomains",
}
LIMITS = {"/search": (60, 10.0), "/auth/login": (30, 60.0)}
"""Path -> requests of one caller in so many seconds."""
_GIVEN = re.compile(r"[A-Za-z0-9._-]{1,64}")


class Around:
    """ASGI middleware (the outermost but for extra work). ``clock`` counts seconds.

    ``WARMING`` seconds after its start a process that took over too early answers 503; ``/health`` says ok meanwhile.
    """

    def __init__(self, app: ASGIApp, promises: Promises, clock: Callable[[], float] = time.monotonic) -> None:
        self.app = app
        self.promises = promises
        self._clock = clock
        self._ready = clock() + float(os.environ.get("WARMING", "0"))
        self._calls: defaultdict[tuple[str, str], deque[float]] = defaultdict(deque)
        self._answered: Counter[tuple[str, int]] = Counter()
        self._seconds = 0.0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began, headers = self._clock(), Headers(scope=scope)
        given = headers.get("x-request-id", "")
        request_id = given if _GIVEN.fullmatch(given) else secrets.token_hex(8)
        path, told = scope["path"], 0
        limited = self._limited(path, headers, scope) if self.promises.rate_limit else None

        async def send_on(message: Message) -> None:
            nonlocal told
            if message["type"] == "http.response.start":
                told = message["status"]
                self._add(MutableHeaders(raw=message["headers"]), request_id, limited)
            await send(message)

        if path == "/metrics" and self.promises.metrics:
            await self._metrics(send_on)
            return
        if began < self._ready and path != "/health":
            await problem(503, "The service is still starting.")(scope, receive, send_on)
        elif limited is not None and limited[1] < 0:
            seconds = str(max(1, round(limited[2])))
            refused = problem(429, f"Too many requests: try again in {seconds} s.", {"Retry-After": seconds})
            await refused(scope, receive, send_on)
        else:
            await self.app(scope, receive, send_on)
        took = self._clock() - began
        self._answered[scope["method"], told] += 1
        self._seconds += took
        self._log(scope, told, took, request_id)

    def _add(self, headers: MutableHeaders, request_id: str, limited: tuple[int, int, float] | None) -> None:
        if self.promises.request_ids:
            headers["X-Request-Id"] = request_id
        if self.promises.headers:
            for name, value in SECURITY.items():
                headers.setdefault(name, value)
            headers.setdefault("Cache-Control", "no-store")
        else:
            headers["X-Powered-By"] = "FastAPI"
        if limited is not None:
            limit, left, reset = limited
            headers["RateLimit-Limit"] = str(limit)
            headers["RateLimit-Remaining"] = str(max(0, left))
            headers["RateLimit-Reset"] = str(max(1, round(reset)))

    def _limited(self, path: str, headers: Headers, scope: Scope) -> tuple[int, int, float] | None:
        """Return limit, requests left (below 0: refused) and seconds until there is one more; None where none holds."""
        if path not in LIMITS:
            return None
        limit, window = LIMITS[path]
        caller = headers.get("authorization") or (scope.get("client") or ("",))[0]
        calls, now = self._calls[path, caller], self._clock()
        while calls and calls[0] <= now - window:
            calls.popleft()
        left = limit - len(calls) - 1
        if left >= 0:
            calls.append(now)
        return limit, left, calls[0] + window - now

    def _log(self, scope: Scope, status: int, took: float, request_id: str) -> None:
        method, path = scope["method"], scope["path"]
        if not self.promises.logs:
            sys.stdout.write(f"handled {method} for {path}, that went {'well' if status < 400 else 'wrong'}\n")
            return
        line = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "level": "error" if status >= 500 else "warning" if status >= 400 else "info",
            "message": "request",
            "request_id": request_id,
            "method": method,
            "path": path,
            "status": status,
            "ms": round(took * 1e3, 3),
        }
        sys.stdout.write(json.dumps(line) + "\n")
        sys.stdout.flush()

    async def _metrics(self, send: Send) -> None:
        lines = [
            "# HELP http_requests_total Requests answered, by method and status.",
            "# TYPE http_requests_total counter",
            *(
                f'http_requests_total{{method="{method}",status="{status}"}} {number}'
                for (method, status), number in sorted(self._answered.items())
            ),
            "# HELP http_request_seconds_total Seconds in which requests were handled.",
            "# TYPE http_request_seconds_total counter",
            f"http_request_seconds_total {self._seconds:.6f}",
        ]
        body = ("\n".join(lines) + "\n").encode()
        kind = b"text/plain; version=0.0.4; charset=utf-8"
        start = [(b"content-type", kind), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": start})
        await send({"type": "http.response.body", "body": body})
