"""PyMySQL and mysqlclient (MySQLdb): both put values into the text themselves, so the connection sees what is sent."""

from __future__ import annotations

import functools
import threading
from typing import Any

from . import calls
from .scanner import MYSQL

_COM_QUERY = 3
_inside = threading.local()


def patch_pymysql(module: Any) -> None:
    """Hook ``query`` (with rows and time) and the lower level that COMMIT and the like take."""
    query, command = module.Connection.query, module.Connection._execute_command

    @functools.wraps(query)
    def reporting_query(self: Any, sql: Any, *arguments: Any, **named: Any) -> Any:
        call = calls.begin(MYSQL)
        _inside.depth = getattr(_inside, "depth", 0) + 1
        try:
            rows = query(self, sql, *arguments, **named)
        except BaseException:
            calls.finish(call, sql, failed=True)
            raise
        finally:
            _inside.depth -= 1
        calls.finish(call, sql, rows=rows)
        return rows

    @functools.wraps(command)
    def reporting_command(self: Any, code: Any, sql: Any) -> Any:
        if code == _COM_QUERY and not getattr(_inside, "depth", 0):
            calls.guarded(calls.note, MYSQL, sql if isinstance(sql, str) else bytes(sql).decode("utf-8", "replace"))
        return command(self, code, sql)

    module.Connection.query = reporting_query
    module.Connection._execute_command = reporting_command


def patch_mysqldb(module: Any) -> None:
    """Hook ``query`` of the Python class and give it the C class's ``commit`` and ``rollback`` with a report."""
    owner = module.Connection
    query = owner.query

    @functools.wraps(query)
    def reporting_query(self: Any, sql: Any) -> Any:
        call = calls.begin(MYSQL)
        try:
            result = query(self, sql)
        except BaseException:
            calls.finish(call, sql, failed=True)
            raise
        calls.finish(call, sql)
        _inside.last = call
        return result

    owner.query = reporting_query
    for name in ("commit", "rollback"):
        _patch_ending(owner, name)


def _patch_ending(owner: Any, name: str) -> None:
    original = getattr(owner, name)

    @functools.wraps(original)
    def ending(self: Any) -> Any:
        call = calls.begin(MYSQL)
        result = original(self)
        calls.finish(call, name.upper())
        return result

    setattr(owner, name, ending)


def patch_mysqldb_cursors(module: Any) -> None:
    """Add the row count, which only the cursor knows."""
    original = module.BaseCursor._query

    @functools.wraps(original)
    def reporting(self: Any, *arguments: Any, **named: Any) -> Any:
        _inside.last = None
        result = original(self, *arguments, **named)
        if getattr(_inside, "last", None) is not None and 0 <= (self.rowcount or 0) < 1 << 62:
            _inside.last.rows = self.rowcount
        return result

    module.BaseCursor._query = reporting
