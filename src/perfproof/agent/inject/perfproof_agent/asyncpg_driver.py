"""asyncpg: the protocol object that every connection, pool, prepared statement and cursor sends through."""

from __future__ import annotations

import functools
from typing import Any

from . import calls
from .scanner import POSTGRESQL


def patch(module: Any) -> None:
    """Hook the methods of the protocol that make the server run something."""
    protocol = module.protocol.Protocol
    for name in ("bind_execute", "bind", "bind_execute_many"):
        _patch_bound(protocol, name)
    _patch_simple(protocol, "query")
    _patch_simple(protocol, "copy_out")
    _patch_simple(protocol, "copy_in")
    _patch_prepare(protocol)


def _patch_bound(protocol: Any, name: str) -> None:
    original = getattr(protocol, name)

    many = name == "bind_execute_many"

    @functools.wraps(original)
    async def bound(self: Any, *given: Any, **named: Any) -> Any:
        call = calls.begin(POSTGRESQL)
        state: Any = given[0] if given else named.get("state")
        arguments = given[1] if len(given) > 1 else named.get("args")
        sets = _CountedSets(arguments) if many else None
        if sets is not None and len(given) > 1:
            given = (state, sets, *given[2:])
        elif sets is not None:
            named["args"] = sets
        try:
            result = await original(self, *given, **named)
        except BaseException:
            calls.finish(call, state.query, arguments, failed=True, times=sets.count if sets else None)
            raise
        rows = calls.guarded(rows_of, result)
        calls.finish(call, state.query, arguments, rows=rows, times=sets.count if sets else None)
        return result

    setattr(protocol, name, bound)


class _CountedSets:
    """Parameter sets, counted as they are taken; the driver may take them twice, so this is no mere iterator."""

    def __init__(self, sets: Any) -> None:
        self.count = 0
        self._sets = sets

    def __iter__(self) -> Any:
        self.count = 0
        for each in self._sets:
            self.count += 1
            yield each


def _patch_simple(protocol: Any, name: str) -> None:
    original = getattr(protocol, name)

    @functools.wraps(original)
    async def simple(self: Any, *given: Any, **named: Any) -> Any:
        call = calls.begin(POSTGRESQL)
        query = given[0] if given else named.get("query", named.get("copy_stmt", ""))
        try:
            result = await original(self, *given, **named)
        except BaseException:
            calls.finish(call, query, failed=True)
            raise
        calls.finish(call, query, rows=calls.guarded(rows_of, result))
        return result

    setattr(protocol, name, simple)


def _patch_prepare(protocol: Any) -> None:
    """Report a statement that the server refuses before it can be run; preparing alone is not running."""
    original = protocol.prepare

    @functools.wraps(original)
    async def prepare(self: Any, *given: Any, **named: Any) -> Any:
        call = calls.begin(POSTGRESQL)
        try:
            return await original(self, *given, **named)
        except BaseException:
            query = given[1] if len(given) > 1 else named.get("query", "")
            calls.finish(call, query, failed=True)
            raise

    protocol.prepare = prepare


def rows_of(result: Any) -> int | None:
    """Return the number of rows in what the protocol answers: rows, ``(rows, status, ...)`` or a status."""
    if isinstance(result, tuple) and len(result) > 1:
        rows, status = result[:2]
        return len(rows) if rows else _of_status(status)
    if isinstance(result, list):
        return len(result)
    return _of_status(result)


def _of_status(status: Any) -> int | None:
    text = status.decode() if isinstance(status, bytes) else status
    last = text.rsplit(" ", 1)[-1] if isinstance(text, str) else ""
    return int(last) if last.isdigit() else None
