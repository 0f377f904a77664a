"""Child tasks of a request under uvloop, whose compiled event loop has no frames in which ``markers`` could look.

asyncio's own loop runs every step of a task from a Python frame that holds the step's context. uvloop does so in C, so
each task is noted when a request makes it, and who is current is asked of asyncio, which knows it for any loop.
"""

from __future__ import annotations

import functools
from _thread import get_ident
from types import FrameType
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary, ref

from . import channel
from .calls import Request, request

_owners: WeakKeyDictionary[Any, Request] = WeakKeyDictionary()
_loops: dict[int, ref[Any]] = {}  # by the thread that runs them


class Child(NamedTuple):
    """The task that a thread is at: the request that has made it, and the frame that its stack begins with."""

    request: Request
    root: FrameType


def uvloop(module: Any) -> None:
    """Note the tasks that requests make on this loop; called once with the module after its import."""
    original = module.Loop.create_task

    @functools.wraps(original)
    def create_task(self: Any, coro: Any, **named: Any) -> Any:
        task = original(self, coro, **named)
        try:
            context = named.get("context")
            current = request.get() if context is None else context.get(request)
            if current is not None and not current.done:
                _owners[task] = current
                _loops[get_ident()] = ref(self)
        except Exception:  # noqa: BLE001 - the task runs without
            channel.complain("task")
        return task

    module.Loop.create_task = create_task


def child(ident: int) -> Child | None:
    """Return the noted task that thread ``ident`` is at now, None if it is at none."""
    made = _loops.get(ident)
    loop = made() if made is not None else None
    if loop is None:
        return None
    import asyncio  # there already, since there is a loop; other services should not load it for this

    task = asyncio.current_task(loop)
    found = _owners.get(task) if task is not None else None
    root = getattr(task.get_coro(), "cr_frame", None) if task is not None and found is not None else None
    return Child(found, root) if found is not None and root is not None and not found.done else None
