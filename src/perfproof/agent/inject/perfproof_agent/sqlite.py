"""sqlite3 (and aiosqlite): connections and cursors become subclasses, since the C types cannot be changed."""

from __future__ import annotations

import functools
import time
from typing import Any, Iterable, Iterator

from . import callers, calls
from .scanner import SQLITE

_FACTORY_POSITION = 5  # connect(database, timeout, detect_types, isolation_level, check_same_thread, factory, ...)
_classes: dict[Any, Any] = {}


def patch(module: Any) -> None:
    """Have ``connect`` make connections that report."""
    original = module.connect

    @functools.wraps(original)
    def connect(*arguments: Any, **named: Any) -> Any:
        values = list(arguments)
        if len(values) > _FACTORY_POSITION:
            values[_FACTORY_POSITION] = _reporting(values[_FACTORY_POSITION], module, connection_class)
        else:
            named["factory"] = _reporting(named.get("factory", module.Connection), module, connection_class)
        return original(*values, **named)

    module.connect = connect


def _reporting(factory: Any, module: Any, make: Any) -> Any:
    """Return the reporting subclass of ``factory``; something that is no class is left alone."""
    if not isinstance(factory, type) or getattr(factory, "_perfproof", False):
        return factory
    found = _classes.get(factory)
    if found is None:
        found = calls.guarded(make, factory, module)
        _classes[factory] = found = found if found is not None else factory
    return found


def connection_class(base: Any, module: Any) -> Any:
    """Return a connection class whose cursors report, and which reports COMMIT and ROLLBACK."""

    class ReportingConnection(base):  # type: ignore[misc]
        _perfproof = True
        _perfproof_inside = False

        def cursor(self, *arguments: Any, **named: Any) -> Any:
            values = list(arguments)
            if values:
                values[0] = _reporting(values[0], module, cursor_class)
            else:
                named["factory"] = _reporting(named.get("factory", module.Cursor), module, cursor_class)
            return super().cursor(*values, **named)

        def commit(self) -> Any:
            return _ending(self, super().commit, "COMMIT")

        def rollback(self) -> Any:
            return _ending(self, super().rollback, "ROLLBACK")

        def __exit__(self, kind: Any, value: Any, trace: Any) -> Any:
            leave = functools.partial(super().__exit__, kind, value, trace)
            return _ending(self, leave, "COMMIT" if kind is None else "ROLLBACK")

    for name in ("execute", "executemany", "executescript"):
        if getattr(base, name) is getattr(module.Connection, name):  # a subclass of the service's keeps its own
            setattr(ReportingConnection, name, _shortcut(getattr(base, name), name))
    ReportingConnection.__name__ = base.__name__
    ReportingConnection.__qualname__ = base.__qualname__
    return ReportingConnection


def _shortcut(original: Any, name: str) -> Any:
    """Return a shortcut of the connection that goes through ``cursor()``, as it did in C before Python 3.11."""

    @functools.wraps(original)
    def shortcut(self: Any, *arguments: Any) -> Any:
        return getattr(self.cursor(), name)(*arguments)

    return shortcut


def _ending(connection: Any, end: Any, sql: str) -> Any:
    """Run what ends a transaction and report it, once, if there was one."""
    if connection._perfproof_inside:
        return end()
    open_before = connection.in_transaction
    connection._perfproof_inside = True
    call = calls.begin(SQLITE) if open_before else None
    try:
        result = end()
    except BaseException:
        calls.finish(call, sql, failed=True)
        raise
    finally:
        connection._perfproof_inside = False
    calls.finish(call, sql)
    return result


def cursor_class(base: Any, _module: Any) -> Any:
    """Return a cursor class that reports statements and counts the rows that are fetched."""

    class ReportingCursor(base):  # type: ignore[misc]
        _perfproof = True
        _perfproof_call: Any = None
        _perfproof_inside = False

        def execute(self, sql: Any, *arguments: Any) -> Any:
            run = super().execute
            return _running(self, run, sql, arguments[0] if arguments else None, None, (sql, *arguments))

        def executemany(self, sql: Any, parameters: Any) -> Any:
            counted = Counted(parameters)
            return _running(self, super().executemany, sql, None, counted, (sql, counted))

        def executescript(self, script: Any) -> Any:
            if self.connection.in_transaction:
                calls.note(SQLITE, "COMMIT")
            return _running(self, super().executescript, script, None, None, (script,))

        def fetchone(self) -> Any:
            began = time.perf_counter_ns()
            row = super().fetchone()
            return _fetched(self, row is not None, row, began)

        def fetchmany(self, *arguments: Any, **named: Any) -> Any:
            began = time.perf_counter_ns()
            rows = super().fetchmany(*arguments, **named)
            return _fetched(self, len(rows), rows, began)

        def fetchall(self) -> Any:
            began = time.perf_counter_ns()
            rows = super().fetchall()
            return _fetched(self, len(rows), rows, began)

        def __next__(self) -> Any:
            began = time.perf_counter_ns()
            return _fetched(self, 1, super().__next__(), began)

    ReportingCursor.__name__ = base.__name__
    ReportingCursor.__qualname__ = base.__qualname__
    return ReportingCursor


class Counted:
    """Parameter sets that are counted as the driver takes them."""

    def __init__(self, sets: Iterable[Any]) -> None:
        self.count = 0
        self._sets = iter(sets)

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        found = next(self._sets)
        self.count += 1
        return found


def _running(cursor: Any, run: Any, sql: Any, parameters: Any, sets: Any, arguments: tuple[Any, ...]) -> Any:
    if cursor._perfproof_inside:  # a subclass of the service's that calls its own methods
        return run(*arguments)
    connection = cursor.connection
    outside = not connection.in_transaction
    call = calls.begin(SQLITE)
    cursor._perfproof_inside = True
    try:
        result = run(*arguments)
    except BaseException:
        calls.finish(call, sql, parameters, failed=True, times=sets.count if sets else None)
        raise
    finally:
        cursor._perfproof_inside = False
    if outside and connection.in_transaction and not str(sql).lstrip()[:9].lower().startswith(("begin", "savepoint")):
        calls.note(SQLITE, "BEGIN " + str(connection.isolation_level or ""))
    changed = cursor.rowcount if cursor.description is None else 0
    calls.finish(call, sql, parameters, rows=changed, times=sets.count if sets else None)
    cursor._perfproof_call = call
    return result


def _fetched(cursor: Any, rows: int, result: Any, began: int) -> Any:
    """Add rows to the statement, and the time that they took: SQLite looks for a row when it is asked for it."""
    call = cursor._perfproof_call
    if call is not None and call.rows is not None:
        call.rows += rows
        call.ns += time.perf_counter_ns() - began
    return result


def patch_aiosqlite(module: Any) -> None:
    """Tell aiosqlite's thread on whose behalf it works."""
    original = module.Connection._execute

    @functools.wraps(original)
    async def execute(self: Any, function: Any, *arguments: Any, **named: Any) -> Any:
        asked = calls.guarded(lambda: calls.Origin(calls.request.get(), callers.find()))

        @functools.wraps(function, updated=(), assigned=())
        def work(*inner: Any, **inner_named: Any) -> Any:
            token = calls.origin.set(asked)
            try:
                return function(*inner, **inner_named)
            finally:
                calls.origin.reset(token)

        return await original(self, work, *arguments, **named)

    module.Connection._execute = execute
