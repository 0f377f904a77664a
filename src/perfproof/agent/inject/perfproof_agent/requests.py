"""Which request is current: applications are wrapped where servers and frameworks call them.

Each wrapper passes through if an outer one has begun the request already, so it does no harm that a server and a
framework are both hooked.
"""

from __future__ import annotations

import functools
from typing import Any, Callable

from . import channel, debugging, profiling
from .calls import Request, request
from .wants import PROFILE

_TRACE = slice(3, 35)  # 00-<32 hex digits>-<16 hex digits>-01
_SPAN = slice(36, 52)


def trace_of(header: str | None) -> str:
    """Return the trace id of a ``traceparent`` header, or ""."""
    if header and len(header) >= _TRACE.stop and header[2] == "-":
        return header[_TRACE].lower()
    return ""


def _start(header: str | None) -> Request | None:
    """Begin a request, unless one is current or something is wrong."""
    try:
        current = request.get()
        if current is not None and not current.done:
            return None
        debugging.look()
        started = Request(trace_of(header))
        started.begin()
        if PROFILE:
            profiling.begin(started, (header or "")[_SPAN])
    except Exception:  # noqa: BLE001 - the service goes on without
        channel.complain("request")
        return None
    return started


def _end(started: Request) -> None:
    if PROFILE and not started.done:
        profiling.end(started)
    started.end()


def asgi_header(scope: Any) -> str | None:
    """Return the traceparent header of an ASGI scope."""
    for name, value in scope.get("headers") or ():
        if name.lower() == b"traceparent":
            header: str = value.decode("latin-1")
            return header
    return None


async def run_asgi(call: Callable[..., Any], scope: Any, receive: Any, send: Any) -> None:
    """Await an ASGI application with its request as the current one."""
    is_request = isinstance(scope, dict) and scope.get("type") == "http"
    started = _start(asgi_header(scope)) if is_request else None
    if started is None:
        await call(scope, receive, send)
        return
    token = request.set(started)
    try:
        await call(scope, receive, send)
    finally:
        request.reset(token)
        _end(started)


def run_wsgi(call: Callable[..., Any], environ: Any, start_response: Any) -> Any:
    """Call a WSGI application with its request as the current one, until its body has been sent."""
    started = _start(environ.get("HTTP_TRACEPARENT"))
    if started is None:
        return call(environ, start_response)
    token = request.set(started)
    try:
        body = call(environ, start_response)
    except BaseException:
        request.reset(token)
        _end(started)
        raise
    request.reset(token)
    if isinstance(body, (list, tuple)):  # sent as it is: servers look at its length
        _end(started)
        return body
    return _Body(body, started)


class _Body:
    """A WSGI body whose parts are made with the request as the current one; ends the request when it is closed."""

    def __init__(self, body: Any, started: Request) -> None:
        self._body = body
        self._parts: Any = None
        self._request = started

    def __iter__(self) -> _Body:
        return self

    def __next__(self) -> Any:
        token = request.set(self._request)
        try:
            if self._parts is None:
                self._parts = iter(self._body)
            return next(self._parts)
        finally:
            request.reset(token)

    def close(self) -> None:
        """Close the body, which is where many applications give back their connection."""
        token = request.set(self._request)
        try:
            close = getattr(self._body, "close", None)
            if close is not None:
                close()
        finally:
            request.reset(token)
            _end(self._request)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._body, name)


def wrap_asgi(application: Any) -> Any:
    """Return the ASGI application with its requests tracked."""

    @functools.wraps(application, updated=())
    async def tracked(scope: Any, receive: Any, send: Any) -> None:
        await run_asgi(application, scope, receive, send)

    return tracked


def wrap_wsgi(application: Any) -> Any:
    """Return the WSGI application with its requests tracked."""

    @functools.wraps(application, updated=())
    def tracked(environ: Any, start_response: Any) -> Any:
        return run_wsgi(application, environ, start_response)

    return tracked


def patch_asgi_class(owner: Any) -> None:
    """Track requests of every instance of a class whose ``__call__`` is an ASGI application."""
    original = owner.__call__

    @functools.wraps(original)
    async def tracked(self: Any, scope: Any, receive: Any, send: Any) -> None:
        debugging.look(self)
        await run_asgi(functools.partial(original, self), scope, receive, send)

    owner.__call__ = tracked


def patch_wsgi_class(owner: Any) -> None:
    """Track requests of every instance of a class whose ``__call__`` is a WSGI application."""
    original = owner.__call__

    @functools.wraps(original)
    def tracked(self: Any, environ: Any, start_response: Any) -> Any:
        debugging.look(self)
        return run_wsgi(functools.partial(original, self), environ, start_response)

    owner.__call__ = tracked
