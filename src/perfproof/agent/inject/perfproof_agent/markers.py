"""Functions whose frames tell which request a thread works on, seen from another thread.

A context variable can only be read by the thread itself; but where a request becomes current there is a frame on the
stack that holds it, or the context that does.
"""

from __future__ import annotations

from types import FrameType
from typing import Any, Callable

from .calls import request


def _started(frame: Any) -> Any:
    return frame.f_locals.get("started")


def _current(frame: Any) -> Any:
    return frame.f_locals.get("current")


def _own_request(frame: Any) -> Any:
    return frame.f_locals["self"]._request


def _handle(frame: Any) -> Any:
    """Ask the context in which asyncio runs a callback or a step of a task, which child tasks inherit."""
    return frame.f_locals["self"]._context.get(request)


def _worker(frame: Any) -> Any:
    """Ask the context in which anyio's worker thread runs a function."""
    context = frame.f_locals.get("context")
    return context.get(request) if context is not None else None


_MARKERS: dict[tuple[str, str], Callable[[Any], Any]] = {
    ("perfproof_agent.requests", "run_asgi"): _started,
    ("perfproof_agent.requests", "run_wsgi"): _started,
    ("perfproof_agent.requests", "__next__"): _own_request,
    ("perfproof_agent.requests", "close"): _own_request,
    ("perfproof_agent.handing", "work"): _current,
    ("asyncio.events", "_run"): _handle,
    ("anyio._backends._asyncio", "run"): _worker,
}


def marker(frame: FrameType) -> Callable[[Any], Any] | None:
    """Return what finds the request in frames of the function that ``frame`` runs, if they hold one."""
    asks = _MARKERS.get((str(frame.f_globals.get("__name__")), frame.f_code.co_name))
    return None if asks is None else _Careful(asks)


class _Careful:
    """Asks, and takes a frame that is not as expected for one that knows nothing."""

    def __init__(self, asks: Callable[[Any], Any]) -> None:
        self._asks = asks

    def __call__(self, frame: Any) -> Any:
        try:
            found = self._asks(frame)
        except Exception:  # noqa: BLE001 - a library that has changed
            return None
        return found if found is not None and not found.done else None
