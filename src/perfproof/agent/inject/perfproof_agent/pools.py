"""Database connections: when one is opened, waited for, taken out of a pool and given back, and which file SQLite has.

Lines, with times of CLOCK_MONOTONIC in nanoseconds: ``o`` (a connection was opened, which took ``t``), ``w`` (one was
taken out of a pool at ``at`` after waiting ``t``), ``u`` (given back at ``at``), ``z`` (a pool ``id`` that keeps at
most ``size`` connections and lends ``most``), ``f`` (the file ``p`` of SQLite). ``r`` tells whether a request was
current and ``i`` whether the connection was opened while a pool was waited for, whose time then holds it.
"""

from __future__ import annotations

import contextvars
import functools
import os
import time
from typing import Any, Callable

from . import calls, channel

_waiting: contextvars.ContextVar[bool] = contextvars.ContextVar("perfproof_waiting", default=False)
_known: set[tuple[int, int]] = set()


def opened(took_ns: int) -> None:
    """Book a connection that a driver has opened."""
    channel.send({"k": "o", "t": took_ns, "r": _in_request(), "i": _waiting.get()})


def _in_request() -> bool:
    current = calls.request.get()
    return current is not None and not current.done


def _connecting(original: Callable[..., Any], told: Callable[..., Any] | None = None) -> Callable[..., Any]:
    """Return a function that opens a connection, timed; ``told`` gets its arguments afterwards."""

    @functools.wraps(original)
    def connect(*arguments: Any, **named: Any) -> Any:
        began = time.perf_counter_ns()
        result = original(*arguments, **named)
        calls.guarded(opened, time.perf_counter_ns() - began)
        if told is not None:
            calls.guarded(lambda: told(*arguments, **named))
        return result

    return connect


def _connecting_async(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    async def connect(*arguments: Any, **named: Any) -> Any:
        began = time.perf_counter_ns()
        result = await original(*arguments, **named)
        calls.guarded(opened, time.perf_counter_ns() - began)
        return result

    return connect


def _taken(began: int, pool: Any, size: Callable[[Any], tuple[int | None, int | None]]) -> None:
    now = time.monotonic_ns()
    key = (os.getpid(), id(pool))
    if key not in _known:
        _known.add(key)
        keeps, lends = size(pool)
        channel.send({"k": "z", "id": id(pool), "size": keeps, "most": lends})
    channel.send({"k": "w", "t": now - began, "at": now, "r": _in_request()})


def _given_back() -> None:
    channel.send({"k": "u", "at": time.monotonic_ns()})


def _taking(original: Callable[..., Any], size: Callable[[Any], tuple[int | None, int | None]]) -> Callable[..., Any]:
    """Return a method of a pool that lends a connection, timed."""

    @functools.wraps(original)
    def take(self: Any, *arguments: Any, **named: Any) -> Any:
        began = time.monotonic_ns()
        token = _waiting.set(True)
        try:
            result = original(self, *arguments, **named)
        finally:
            _waiting.reset(token)
        calls.guarded(_taken, began, self, size)
        return result

    return take


def _taking_async(
    original: Callable[..., Any], size: Callable[[Any], tuple[int | None, int | None]]
) -> Callable[..., Any]:
    @functools.wraps(original)
    async def take(self: Any, *arguments: Any, **named: Any) -> Any:
        began = time.monotonic_ns()
        token = _waiting.set(True)
        try:
            result = await original(self, *arguments, **named)
        finally:
            _waiting.reset(token)
        calls.guarded(_taken, began, self, size)
        return result

    return take


def _giving_back(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def give(*arguments: Any, **named: Any) -> Any:
        calls.guarded(_given_back)
        return original(*arguments, **named)

    return give


def _giving_back_async(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    async def give(*arguments: Any, **named: Any) -> Any:
        calls.guarded(_given_back)
        return await original(*arguments, **named)

    return give


def _sqlalchemy_size(pool: Any) -> tuple[int | None, int | None]:
    """Return what a pool keeps and lends at most; None where it has no limit."""
    name = type(pool).__name__
    if name == "NullPool":
        return 0, None
    if name in ("StaticPool", "SingletonThreadPool"):
        return (1 if name == "StaticPool" else None), None
    keeps = pool.size() if hasattr(pool, "size") else None
    extra = getattr(pool, "_max_overflow", None)
    return keeps, keeps + extra if keeps is not None and isinstance(extra, int) and extra >= 0 else None


def sqlalchemy(module: Any) -> None:
    """Hook what every pool of SQLAlchemy lends and takes back through, asynchronous ones too."""
    module.Pool.connect = _taking(module.Pool.connect, _sqlalchemy_size)
    module._ConnectionRecord.checkin = _giving_back(module._ConnectionRecord.checkin)


def psycopg_pool(module: Any) -> None:
    """Hook psycopg's own pool."""
    pool = module.ConnectionPool
    pool.getconn = _taking(pool.getconn, _psycopg_pool_size)
    pool.putconn = _giving_back(pool.putconn)


def psycopg_pool_async(module: Any) -> None:
    """Hook psycopg's own asynchronous pool."""
    pool = module.AsyncConnectionPool
    pool.getconn = _taking_async(pool.getconn, _psycopg_pool_size)
    pool.putconn = _giving_back_async(pool.putconn)


def _psycopg_pool_size(pool: Any) -> tuple[int | None, int | None]:
    if pool.max_size == 0:  # NullConnectionPool without a limit
        return 0, None
    keeps = 0 if type(pool).__name__.endswith("NullConnectionPool") else pool.max_size
    return keeps, pool.max_size


def asyncpg_pool(module: Any) -> None:
    """Hook asyncpg's own pool."""
    pool = module.Pool
    pool._acquire = _taking_async(pool._acquire, lambda each: (each._maxsize, each._maxsize))
    pool.release = _giving_back_async(pool.release)


def asyncpg(module: Any) -> None:
    """Hook what every connection of asyncpg is opened through."""
    module._connect = _connecting_async(module._connect)


def psycopg(module: Any) -> None:
    """Hook ``connect`` of both connection classes; the module's own is the first of them."""
    for owner, wrap in ((module.Connection, _connecting), (module.AsyncConnection, _connecting_async)):
        owner.connect = classmethod(wrap(owner.connect.__func__))
    module.connect = module.Connection.connect


def psycopg2(module: Any) -> None:
    """Hook ``connect``, through which the pool of psycopg2 goes as well."""
    module.connect = _connecting(module.connect)


def sqlite(module: Any) -> None:
    """Hook ``connect`` and remember which file it opens."""
    module.connect = _connecting(module.connect, _opened_file)


_files: set[tuple[int, str]] = set()


def _opened_file(database: Any, *_: Any, **named: Any) -> None:
    text = os.fsdecode(database)
    if named.get("uri") and text.startswith("file:"):
        text = text[len("file:") :].partition("?")[0]
    if not text or text == ":memory:":
        return
    path = os.path.abspath(text)
    if (os.getpid(), path) not in _files:
        _files.add((os.getpid(), path))
        channel.send({"k": "f", "p": path})


def pymysql(module: Any) -> None:
    """Hook ``connect``, also what ``ping`` connects again with."""
    module.Connection.connect = _connecting(module.Connection.connect)


def mysqldb(module: Any) -> None:
    """Hook the making of a connection, which connects."""
    module.Connection.__init__ = _connecting(module.Connection.__init__)
