"""psycopg 3: the generators that both the synchronous and the asynchronous classes send their statements with."""

from __future__ import annotations

import functools
import importlib
import importlib.util
import sys
from typing import Any

from . import calls, channel
from .scanner import POSTGRESQL
from .sqlite import Counted


def patch(_module: Any) -> None:
    """Hook the cursors and what connections send by themselves: BEGIN, COMMIT, ROLLBACK, savepoints, FETCH."""
    connection = _found("BaseConnection", "psycopg._connection_base", "psycopg.connection")
    cursor = _found("BaseCursor", "psycopg._cursor_base", "psycopg.cursor")
    server_cursor = _found("ServerCursorMixin", "psycopg._server_cursor_base", "psycopg.server_cursor")
    _patch(cursor, "_execute_gen", _statement)
    _patch(cursor, "_stream_send_gen", _statement)
    _patch(cursor, "_start_copy_gen", _statement)
    _patch(cursor, "_executemany_gen_pipeline", _many)
    _patch(cursor, "_executemany_gen_no_pipeline", _many)
    _patch(server_cursor, "_declare_gen", _declare)
    _patch(connection, "_exec_command", _command)


def _found(name: str, *modules: str) -> Any:
    """Return the class from the first module that has it: 3.2 moved two of them, 3.2.8 the third."""
    there = next(each for each in modules if importlib.util.find_spec(each) is not None)
    return getattr(importlib.import_module(there), name)


def _patch(owner: Any, name: str, wrap: Any) -> None:
    original = getattr(owner, name, None)
    if original is None:
        channel.complain("psycopg has no %s.%s" % (owner.__name__, name), module=sys.modules.get("psycopg"))
    else:
        setattr(owner, name, functools.wraps(original)(wrap(original)))


def text_of(query: Any, cursor: Any) -> Any:
    """Return a query as text or bytes: it may also be a composed object or a template string."""
    if isinstance(query, (str, bytes)):
        return query
    if hasattr(query, "as_string"):
        return query.as_string(cursor)
    sent = getattr(cursor, "_query", None)
    return sent.query if sent is not None else ""


def _statement(original: Any) -> Any:
    def generator(self: Any, query: Any, params: Any = None, *arguments: Any, **named: Any) -> Any:
        call = calls.begin(POSTGRESQL)
        try:
            result = yield from original(self, query, params, *arguments, **named)
        except BaseException:
            calls.finish(call, calls.guarded(text_of, query, self) or "", params, failed=True)
            raise
        rows = calls.guarded(lambda: self.rowcount)
        calls.finish(call, calls.guarded(text_of, query, self) or "", params, rows=rows)
        return result

    return generator


def _many(original: Any) -> Any:
    def generator(self: Any, query: Any, params_seq: Any, *arguments: Any, **named: Any) -> Any:
        call = calls.begin(POSTGRESQL)
        sets = Counted(params_seq)
        try:
            result = yield from original(self, query, sets, *arguments, **named)
        except BaseException:
            calls.finish(call, calls.guarded(text_of, query, self) or "", failed=True, times=sets.count)
            raise
        rows = calls.guarded(lambda: self.rowcount)
        calls.finish(call, calls.guarded(text_of, query, self) or "", rows=rows, times=sets.count)
        return result

    return generator


def _declare(original: Any) -> Any:
    def generator(self: Any, query: Any, params: Any = None, *arguments: Any, **named: Any) -> Any:
        call = calls.begin(POSTGRESQL)
        failed = True
        try:
            result = yield from original(self, query, params, *arguments, **named)
            failed = False
            return result
        finally:
            declared = calls.guarded(lambda: self._query.query) or b"DECLARE"
            calls.finish(call, declared, params, failed=failed)

    return generator


def _command(original: Any) -> Any:
    def generator(self: Any, command: Any, *arguments: Any, **named: Any) -> Any:
        call = calls.begin(POSTGRESQL)
        failed = True
        try:
            result = yield from original(self, command, *arguments, **named)
            failed = False
            return result
        finally:
            rows = calls.guarded(lambda: result.ntuples) if not failed and result is not None else None
            calls.finish(call, calls.guarded(text_of, command, self) or "", failed=failed, rows=rows)

    return generator
