"""One statement on its way: begun and finished by a driver's hook, booked on the request that is current.

No function here raises: what goes wrong is reported through the channel and the service goes on.
"""

from __future__ import annotations

import contextvars
import hashlib
import os
import threading
import time
from typing import Any, Callable

from . import callers, channel, scanner
from .wants import QUERIES

KEPT = 500  # statements of one request held back for their row counts; more are written at once
CACHED = 2000
LONGEST_CACHED = 5000
_SALT = os.urandom(16)  # equal parameters are recognised within a process, and nothing can be looked up from the hash
_stripped: dict[tuple[str, str], str] = {}


class Request:
    """One request that the service is working on; ``trace`` is its trace id, "" without a traceparent header.

    ``pid`` is the process that answers it, ``number`` says which of the scenario's requests it is, ``slice`` in which
    slice of a profile it began (0: none), ``thread`` where that was, if it is profiled.
    """

    __slots__ = ("_lock", "calls", "done", "number", "pid", "slice", "thread", "trace")

    def __init__(self, trace: str) -> None:
        self.trace = trace
        self.pid = os.getpid()
        self.number = 0
        self.slice = 0
        self.thread: int | None = None
        self.calls: list[Call] = []
        self.done = False
        self._lock = threading.Lock()

    def add(self, call: Call) -> None:
        """Keep a finished statement until the request ends."""
        with self._lock:
            self.calls.append(call)
            ready = self._take() if len(self.calls) >= KEPT else []
        if ready:
            channel.send(*[each.line() for each in ready])

    def begin(self) -> None:
        """Say that the request has begun, where somebody counts what it runs."""
        if QUERIES:
            channel.send({"k": "b", "r": self.trace})

    def end(self) -> None:
        """Write what is left and say that the request has ended."""
        with self._lock:
            if self.done:
                return
            self.done = True
            ready = self._take()
        if QUERIES:
            channel.send(*[each.line() for each in ready], {"k": "e", "r": self.trace})

    def _take(self) -> list[Call]:
        ready, self.calls = self.calls, []
        return ready


class Origin:
    """Who asked, for drivers that hand their work to a thread of their own."""

    __slots__ = ("caller", "request")

    def __init__(self, request: Request | None, caller: callers.Caller) -> None:
        self.request = request
        self.caller = caller


request: contextvars.ContextVar[Request | None] = contextvars.ContextVar("perfproof_request", default=None)
origin: contextvars.ContextVar[Origin | None] = contextvars.ContextVar("perfproof_origin", default=None)


class Call:
    """One statement: its text without literals, how often, rows, time, whether it failed, and who asked."""

    __slots__ = ("caller", "dialect", "digest", "failed", "late", "ns", "request", "rows", "sql", "started", "times")

    def __init__(self, dialect: str, times: int) -> None:
        self.dialect = dialect
        self.times = times
        self.sql = ""
        self.digest: str | None = None
        self.rows: int | None = None
        self.failed = False
        self.late = False
        self.ns: int | None = None
        known = origin.get()
        self.request = known.request if known else request.get()
        self.caller = known.caller if known else callers.find()
        self.started = time.perf_counter_ns()

    def line(self) -> dict[str, Any]:
        """Return what is written about it."""
        line = {
            "k": "q",
            "r": self.request.trace if self.request else None,
            "s": self.sql,
            "d": self.dialect,
            "m": self.times,
            "n": self.rows,
            "t": self.ns,
            "p": self.digest,
            "f": self.failed,
            "c": self.caller.line,
            "l": self.caller.libraries,
        }
        if self.late:
            line["late"] = True
        return line


def begin(dialect: str, times: int = 1) -> Call | None:
    """Start the clock of a statement."""
    try:
        return Call(dialect, times)
    except Exception:  # noqa: BLE001 - see above
        channel.complain("begin")
        return None


def finish(
    call: Call | None,
    sql: Any,
    parameters: Any = None,
    *,
    rows: int | None = None,
    failed: bool = False,
    times: int | None = None,
) -> None:
    """Stop the clock, take the literals out of ``sql`` and book the statement."""
    try:
        if call is None:
            return
        if times is not None:
            if times == 0:
                return
            call.times = times
        call.ns = time.perf_counter_ns() - call.started
        call.failed = failed
        call.rows = rows if rows is not None and 0 <= rows < 1 << 62 else None
        text = sql if isinstance(sql, str) else bytes(sql).decode("utf-8", "replace")
        call.sql = stripped(text, call.dialect)
        if call.times == 1:
            call.digest = _digest(text, parameters)
        book(call)
    except Exception:  # noqa: BLE001 - see above
        channel.complain("finish")


def note(dialect: str, sql: str) -> None:
    """Book a statement that the driver sends by itself, such as BEGIN and COMMIT."""
    finish(begin(dialect), sql)


def book(call: Call) -> None:
    """Keep the call with its request, or write it at once if it belongs to none or to one that has ended."""
    if call.request is None or call.request.done:  # a task that outlives its request, or a timer that one has started
        call.late = call.request is not None
        channel.send(call.line())
    elif call.request.pid != os.getpid():  # a process that the request has forked, whose copy of it never ends
        channel.send(call.line())
    else:
        call.request.add(call)


def stripped(text: str, dialect: str) -> str:
    """Return ``text`` without literals, remembered for the next time."""
    found = _stripped.get((text, dialect))
    if found is None:
        found = scanner.strip(text, dialect)
        if len(text) <= LONGEST_CACHED:
            if len(_stripped) >= CACHED:
                _stripped.clear()
            _stripped[text, dialect] = found
    return found


def guarded(function: Callable[..., Any], *arguments: Any) -> Any:
    """Return what ``function`` returns, or None if it fails."""
    try:
        return function(*arguments)
    except Exception:  # noqa: BLE001 - see above
        channel.complain(getattr(function, "__name__", "?"))
        return None


def _digest(text: str, parameters: Any) -> str:
    data = (text + "\0" + repr(parameters)).encode("utf-8", "backslashreplace")
    return hashlib.blake2b(data, digest_size=8, key=_SALT).hexdigest()
