"""Work that a request hands to threads and pools of threads stays that request's."""

from __future__ import annotations

import functools
from typing import Any

_POOLS = ("concurrent.futures.thread", "multiprocessing.pool")


def _current() -> Any:
    # Imported late: the first module that this hooks, threading, is imported by that one.
    from .calls import request

    return request.get()


def carried(function: Any, current: Any) -> Any:
    """Return ``function`` with ``current`` as the request that it works for, whatever thread runs it."""
    from .calls import request

    @functools.wraps(function, updated=())
    def work(*inner: Any, **named: Any) -> Any:
        token = request.set(current)
        try:
            return function(*inner, **named)
        finally:
            request.reset(token)

    return work


def executor(module: Any) -> None:
    """Let work that a request hands to a thread pool stay that request's (``asyncio.to_thread`` does so by itself)."""
    original = module.ThreadPoolExecutor.submit

    @functools.wraps(original)
    def submit(*arguments: Any, **named: Any) -> Any:
        current = _current()
        if current is None or len(arguments) < 2:
            return original(*arguments, **named)
        return original(arguments[0], carried(arguments[1], current), *arguments[2:], **named)

    module.ThreadPoolExecutor.submit = submit


def thread(module: Any) -> None:
    """Let what runs in a thread that a request starts be that request's; the work of pools is told piece by piece."""
    original = module.Thread.start

    @functools.wraps(original)
    def start(self: Any) -> None:
        current = _current()
        target = getattr(self, "_target", None)
        if current is not None and getattr(target, "__module__", "") not in _POOLS:
            self.run = carried(self.run, current)
        original(self)

    module.Thread.start = start


def multiprocessing_pool(module: Any) -> None:
    """Let work that a request hands to a pool of threads stay that request's. Pools of processes are left alone."""
    for name in ("apply_async", "imap", "imap_unordered", "_map_async"):
        setattr(module.Pool, name, _handing_on(getattr(module.Pool, name), module.ThreadPool))


def _handing_on(original: Any, threads: Any) -> Any:
    @functools.wraps(original)
    def handing_on(self: Any, func: Any, *arguments: Any, **named: Any) -> Any:
        current = _current()
        if current is not None and isinstance(self, threads):
            func = carried(func, current)
        return original(self, func, *arguments, **named)

    return handing_on
