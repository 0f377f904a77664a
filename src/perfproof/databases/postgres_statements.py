"""PostgreSQL through pg_stat_statements: differences of its counters around a serial probe; the service is untouched.

``queryid`` differs between server versions and clusters and is only used to find a text again on this server.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql as compose

from perfproof.databases.fingerprint import fingerprint
from perfproof.databases.postgres import OWN, PostgresClient
from perfproof.databases.source import SourceError
from perfproof.databases.urls import Address
from perfproof.model.queries import ProbeCount, Statement, StatementCount

Key = tuple[int, int, bool]
"""Role, queryid, and whether the statement came from a client (False: nested in another)."""
Counter = tuple[int, int, float]
"""Calls, rows, milliseconds."""


@dataclass(frozen=True)
class Counters:
    """All counters of one database at a quiet moment; ``epoch`` changes when the extension dropped or reset any."""

    totals: dict[Key, Counter]
    epoch: tuple[Any, ...]
    doubts: tuple[str, ...]


class PostgresStatements:
    """A QuerySource over pg_stat_statements, of one database and, if ``role`` is given, one role."""

    name = "PostgreSQL (pg_stat_statements)"

    def __init__(self, address: Address, role: str | None = None) -> None:
        self.limits: tuple[str, ...] = ()
        self._client = PostgresClient(address, role)
        self._texts: dict[Key, Statement | None] = {}  # None: perfproof's own
        self._select: compose.Composed | None = None
        self._text_select: compose.Composed | None = None
        self._epoch_select: compose.Composed | None = None

    def check(self) -> list[str]:
        """Return what is missing: the library, the extension, a setting or a grant."""
        try:
            return self._problems()
        except SourceError as error:
            return [str(error)]

    def open(self) -> None:
        """Find the extension and build the statements for its version."""
        problems = self._problems()
        if problems:
            raise SourceError("pg_stat_statements cannot be used", why=problems[0])
        self._build()
        limits = [
            "statements that failed, and one that ran just before a failure in the same transaction, are not counted"
        ]
        if self._client.setting("pg_stat_statements.track") != "all":
            limits.append("nested statements (triggers, foreign keys, functions) are not counted: track is not `all`")
        if self._client.setting("pg_stat_statements.track_utility") == "off":
            limits.append("BEGIN, COMMIT and ROLLBACK are not counted: track_utility is off")
        self.limits = tuple(limits)

    def close(self) -> None:
        """Close the connection; nothing was changed."""
        self._client.close()

    def quiesce(self) -> tuple[str, ...]:
        """Wait until every connection to the database is idle."""
        return self._client.quiet.wait(after_request=True)

    def snapshot(self) -> Counters:
        """Return the counters at a quiet moment."""
        return self._counters(self._client.quiet.wait(after_request=False))

    def count_since(self, snapshot: Counters, trace: str | None = None) -> ProbeCount:  # noqa: ARG002 - not visible here
        """Return the differences; void if the extension dropped or reset counters in between."""
        now = self._counters(self.quiesce())
        doubts = tuple(dict.fromkeys(snapshot.doubts + now.doubts))
        if now.epoch != snapshot.epoch:
            reason = "pg_stat_statements dropped or reset counters meanwhile: raise pg_stat_statements.max"
            return ProbeCount(self.name, (), doubts=doubts, void=reason)
        changed: dict[Key, Counter] = {}
        for key, (calls, rows, time) in now.totals.items():
            before = snapshot.totals.get(key, (0, 0, 0.0))
            if calls < before[0]:
                return ProbeCount(
                    self.name, (), doubts=doubts, void="counters of pg_stat_statements were reset meanwhile"
                )
            if calls > before[0]:
                changed[key] = (calls - before[0], rows - before[1], time - before[2])
        self._learn(changed.keys())
        return ProbeCount(self.name, self._counted(changed), doubts=doubts)

    def _counted(self, changed: dict[Key, Counter]) -> tuple[StatementCount, ...]:
        sums: dict[tuple[Statement, bool], list[float]] = defaultdict(lambda: [0, 0, 0.0])
        for key, counter in changed.items():
            statement, toplevel = self._texts.get(key), key[2]
            if statement is not None:
                total = sums[statement, not toplevel]
                total[:] = [one + other for one, other in zip(total, counter, strict=True)]
        return tuple(
            StatementCount(statement, int(calls), rows=int(rows), time_ns=round(time * 1e6), nested=nested)
            for (statement, nested), (calls, rows, time) in sums.items()
        )

    def _counters(self, doubts: tuple[str, ...]) -> Counters:
        try:
            epoch = self._run(self._epoch_select)[0] if self._epoch_select else ()
            rows = self._run(self._select)
        except psycopg.Error as error:
            raise SourceError("pg_stat_statements can no longer be read", why=str(error).splitlines()[0]) from error
        totals = {(role, queryid, top): (calls, count, time) for role, queryid, top, calls, count, time in rows}
        return Counters(totals, epoch, doubts)

    def _learn(self, keys: Iterable[Key]) -> None:
        """Fetch the texts of statements not seen before.

        By the whole key: a statement of the service whose plan was asked for stands there a second time, nested in
        perfproof's own, under the same id.
        """
        unknown = list({key[1] for key in keys if key not in self._texts})
        if not unknown:
            return
        for role, queryid, toplevel, text in self._run(self._text_select, [unknown]):
            self._texts[role, queryid, toplevel] = None if OWN in text else fingerprint(text, "postgresql")

    def _run(self, statement: compose.Composed | None, values: list[Any] | None = None) -> list[tuple[Any, ...]]:
        if statement is None:
            raise SourceError("the source is not open")
        return self._client.run(statement, values or [])

    def _build(self) -> None:
        schema, columns = self._extension()
        view = compose.Identifier(schema, "pg_stat_statements")
        mine: compose.Composable = compose.SQL(
            "dbid = (SELECT oid FROM pg_database WHERE datname = current_database()) AND queryid IS NOT NULL"
        )
        if self._client.role is not None:
            mine += compose.SQL(" AND userid = to_regrole({})::oid").format(compose.Literal(self._client.role))
        toplevel = compose.SQL("toplevel" if "toplevel" in columns else "true")  # since PostgreSQL 14
        self._select = compose.SQL(
            "SELECT userid, queryid, {toplevel}, calls, rows, {time} AS {own} FROM {view}(false) WHERE {mine}"
        ).format(
            toplevel=toplevel,
            time=compose.SQL("total_exec_time" if "total_exec_time" in columns else "total_time"),
            own=compose.Identifier(OWN),
            view=view,
            mine=mine,
        )
        self._text_select = compose.SQL(
            "SELECT userid, queryid, {toplevel}, query AS {own} FROM {view}(true) WHERE {mine} AND queryid = ANY(%s)"
        ).format(toplevel=toplevel, own=compose.Identifier(OWN), view=view, mine=mine)
        if "toplevel" in columns:
            self._epoch_select = compose.SQL("SELECT dealloc, stats_reset AS {own} FROM {info}").format(
                own=compose.Identifier(OWN), info=compose.Identifier(schema, "pg_stat_statements_info")
            )

    def _extension(self) -> tuple[str, set[str]]:
        rows = self._client.run(
            "SELECT n.nspname::text, a.attname::text AS perfproof_own FROM pg_extension e"
            " JOIN pg_namespace n ON n.oid = e.extnamespace"
            " JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = e.extname"
            " JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 WHERE e.extname = 'pg_stat_statements'"
        )
        return (rows[0][0] if rows else "", {column for _, column in rows})

    def _problems(self) -> list[str]:
        client = self._client
        problems = []
        if client.setting("pg_stat_statements.max") is None and not self._preloaded():
            problems.append(
                f"pg_stat_statements is not loaded on {client.address}: set shared_preload_libraries ="
                " 'pg_stat_statements' in postgresql.conf and restart the server"
            )
        if not self._extension()[0]:
            problems.append(
                f"the extension is missing in the database {client.address}:"
                ' run "CREATE EXTENSION pg_stat_statements" there as a superuser'
            )
        if client.setting("pg_stat_statements.track") == "none":
            problems.append("statements are not tracked: run \"ALTER SYSTEM SET pg_stat_statements.track = 'all'\"")
        if client.setting("compute_query_id") == "off":
            problems.append("statements get no id: run \"ALTER SYSTEM SET compute_query_id = 'auto'\"")
        if (
            client.role is not None
            and client.value("SELECT to_regrole(%s)::text AS perfproof_own", [client.role]) is None
        ):
            problems.append(f"there is no role {client.role!r} on {client.address}")
        return problems + client.unseen()

    def _preloaded(self) -> bool:
        """Tell whether the library answers although its settings are hidden from this role."""
        try:
            self._client.run("SELECT dealloc AS perfproof_own FROM pg_stat_statements_info")
        except psycopg.Error:
            return False
        return True
