"""psycopg2: connections and cursors become subclasses through the factories that the driver offers for that."""

from __future__ import annotations

import functools
from typing import Any

from . import calls
from .scanner import POSTGRESQL
from .sqlite import Counted

_IDLE = 0
_classes: dict[Any, Any] = {}


def patch(module: Any) -> None:
    """Have ``connect`` make connections that report."""
    original = module.connect
    extensions = module.extensions

    @functools.wraps(original)
    def connect(dsn: Any = None, connection_factory: Any = None, cursor_factory: Any = None, **named: Any) -> Any:
        factory = connection_factory or extensions.connection
        if isinstance(factory, type):
            factory = _cached(factory, extensions, connection_class)
        return original(dsn, factory, cursor_factory, **named)

    module.connect = connect


def _cached(base: Any, extensions: Any, make: Any) -> Any:
    if getattr(base, "_perfproof", False):
        return base
    found = _classes.get(base)
    if found is None:
        made = calls.guarded(make, base, extensions)
        _classes[base] = found = made if made is not None else base
    return found


def connection_class(base: Any, extensions: Any) -> Any:
    """Return a connection class whose cursors report, and which reports COMMIT and ROLLBACK."""

    class ReportingConnection(base):  # type: ignore[misc]
        _perfproof = True
        _perfproof_inside = False

        def cursor(self, *arguments: Any, **named: Any) -> Any:
            values = list(arguments)
            given = values[1] if len(values) > 1 else named.get("cursor_factory")
            factory = given or self.cursor_factory or extensions.cursor
            if isinstance(factory, type):
                factory = _cached(factory, extensions, cursor_class)
            if len(values) > 1:
                values[1] = factory
            else:
                named["cursor_factory"] = factory
            return super().cursor(*values, **named)

        def commit(self) -> Any:
            return _ending(self, super().commit, "COMMIT")

        def rollback(self) -> Any:
            return _ending(self, super().rollback, "ROLLBACK")

        def __exit__(self, kind: Any, value: Any, trace: Any) -> Any:
            leave = functools.partial(super().__exit__, kind, value, trace)
            return _ending(self, leave, "COMMIT" if kind is None else "ROLLBACK")

    ReportingConnection.__name__ = base.__name__
    ReportingConnection.__qualname__ = base.__qualname__
    return ReportingConnection


def _ending(connection: Any, end: Any, sql: str) -> Any:
    if connection._perfproof_inside or connection.closed:
        return end()
    connection._perfproof_inside = True
    call = calls.begin(POSTGRESQL) if connection.get_transaction_status() != _IDLE else None
    failed = True
    try:
        result = end()
        failed = False
        return result
    finally:
        connection._perfproof_inside = False
        calls.finish(call, sql, failed=failed)


def cursor_class(base: Any, _extensions: Any) -> Any:
    """Return a cursor class that reports what is sent, in the form in which the server gets it."""

    class ReportingCursor(base):  # type: ignore[misc]
        _perfproof = True
        _perfproof_inside = False

        def execute(self, query: Any, vars: Any = None) -> Any:  # noqa: A002 - the driver's own name
            return _running(self, functools.partial(super().execute, query, vars), query)

        def executemany(self, query: Any, vars_list: Any) -> Any:
            sets = Counted(vars_list)
            return _running(self, functools.partial(super().executemany, query, sets), query, sets)

        def callproc(self, procname: Any, *arguments: Any) -> Any:
            return _running(self, functools.partial(super().callproc, procname, *arguments), procname)

        def copy_expert(self, sql: Any, *arguments: Any, **named: Any) -> Any:
            return _running(self, functools.partial(super().copy_expert, sql, *arguments, **named), sql)

        def copy_from(self, *arguments: Any, **named: Any) -> Any:
            return _running(self, functools.partial(super().copy_from, *arguments, **named), "COPY")

        def copy_to(self, *arguments: Any, **named: Any) -> Any:
            return _running(self, functools.partial(super().copy_to, *arguments, **named), "COPY")

    ReportingCursor.__name__ = base.__name__
    ReportingCursor.__qualname__ = base.__qualname__
    return ReportingCursor


def _running(cursor: Any, run: Any, query: Any, sets: Counted | None = None) -> Any:
    if cursor._perfproof_inside:
        return run()
    connection = cursor.connection
    begins = not connection.closed and not connection.autocommit and connection.get_transaction_status() == _IDLE
    cursor._perfproof_inside = True
    call = calls.begin(POSTGRESQL)
    try:
        result = run()
    except BaseException:
        _finish(cursor, call, query, sets, begins=begins, failed=True)
        raise
    finally:
        cursor._perfproof_inside = False
    _finish(cursor, call, query, sets, begins=begins, failed=False)
    return result


def _finish(cursor: Any, call: Any, query: Any, sets: Counted | None, *, begins: bool, failed: bool) -> None:
    if begins and calls.guarded(cursor.connection.get_transaction_status) != _IDLE:
        calls.note(POSTGRESQL, "BEGIN")
    sent = calls.guarded(lambda: cursor.query)
    text = sent or (query if isinstance(query, (str, bytes)) else "")
    times = sets.count if sets is not None else None
    calls.finish(call, text, rows=None if failed else cursor.rowcount, failed=failed, times=times)
