"""What fails in a callback of the event loop, in a greenlet or in a thread ends the load, with its reason.

gevent prints such an exception and goes on, and whatever waits for what the callback would have done waits for ever.
"""

from __future__ import annotations

import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

from gevent import get_hub

from perfproof.errors import LoadError

Tell = Callable[[LoadError], None]
Hide = Callable[[str], str]


def end_on_faults(tell: Tell, hide: Hide, expected: tuple[type[Exception], ...] = ()) -> None:
    """Have ``tell`` called, in the event loop, with every exception that nobody catches; to be called once.

    ``hide`` masks what their texts hold of secrets. Those of an ``expected`` kind are no faults: who raises them counts
    them.
    """
    hub = get_hub()
    printed = hub.handle_error

    def handle_error(context: Any, kind: Any, value: Any, trace: Any) -> None:
        printed(context, kind, value, trace)
        if isinstance(value, Exception) and not isinstance(value, (*hub.NOT_ERROR, *expected)):
            _told(tell, fault(value, value.__traceback__ or trace, hide))

    def excepthook(args: threading.ExceptHookArgs) -> None:
        threading.__excepthook__(args)
        if isinstance(args.exc_value, Exception) and not isinstance(args.exc_value, expected):
            error = fault(args.exc_value, args.exc_traceback, hide)
            hub.loop.run_callback_threadsafe(_told, tell, error)

    hub.handle_error = handle_error
    threading.excepthook = excepthook


def fault(error: BaseException, trace: TracebackType | None, hide: Hide) -> LoadError:
    """Return what is told of an exception that should not have been: its kind, its text and its place."""
    frames = traceback.extract_tb(trace)
    where = "/".join(Path(frames[-1].filename).parts[-3:]) + f":{frames[-1].lineno}" if frames else None
    why = hide(str(error)) or None
    what = f"the load process failed: {type(error).__name__}"
    return LoadError(what, where=where, why=why, hint="its traceback is in load.log; please report it")


def _told(tell: Tell, error: LoadError) -> None:
    try:
        tell(error)
    except Exception:  # noqa: BLE001 - the event loop must not hear of it, or it would be told for ever
        traceback.print_exc()
