"""What every source of statement counts has in common."""

from __future__ import annotations

from typing import Any, Protocol, TypeVar

import psycopg
import pymysql

from perfproof.errors import ExitCode, PerfproofError
from perfproof.model.queries import ProbeCount

State = TypeVar("State")


class SourceError(PerfproofError):
    """A source cannot count: no privileges, a setting is off, or the database is gone. The rest of a run goes on."""

    exit_code = ExitCode.INVALID


FAILURES = (PerfproofError, OSError, psycopg.Error, pymysql.err.Error)
"""What a source may raise: its own errors, and what a driver says when something was taken away in mid-probe."""


class SourceLostError(SourceError):
    """The database does not answer. It may come back: a restart, or a connection that somebody has ended."""


class QuerySource(Protocol[State]):
    """A place where statements can be counted around serial probes.

    Order of use: ``check``, ``open`` (before the service starts: some sources change what new connections log), then
    per probed request ``snapshot``, send, ``count_since``; at the end ``close``, which restores every changed setting.
    A source whose database goes away raises SourceError and may be used again: it reconnects by itself.
    """

    @property
    def name(self) -> str:
        """Return what reports call it, for example ``PostgreSQL (pg_stat_statements)``."""

    @property
    def limits(self) -> tuple[str, ...]:
        """Return, after ``open``, what this source cannot see, in plain sentences."""

    def check(self) -> list[str]:
        """Return what stands in the way and what to grant or set, in plain sentences; empty when all is well."""

    def open(self) -> None:
        """Get ready to count; raise SourceError with the first problem of ``check`` if that is impossible."""

    def close(self) -> None:
        """Stop counting and restore what ``open`` changed. May be called at any time and more than once."""

    def quiesce(self) -> tuple[str, ...]:
        """Wait until no connection of the service does anything; return doubts if one would not come to rest."""

    def snapshot(self) -> State:
        """Quiesce and return the state to count from."""

    def count_since(self, snapshot: State, trace: str | None = None) -> ProbeCount:
        """Quiesce and return what ran since ``snapshot``.

        ``trace`` is the trace id (32 hex digits) of the ``traceparent`` header that the request carried. The agent
        then counts that request alone, whatever else runs; a database cannot tell and counts everything.
        """


AnySource = QuerySource[Any]
