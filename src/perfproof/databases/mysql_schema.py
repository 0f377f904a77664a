"""MariaDB and MySQL through performance_schema: the history of single statements, else differences of the digests.

The history (events_statements_history_long) is exact and knows nested statements and that prepared statements were
executed, which MariaDB's digests leave out; which ones, prepared_statements_instances tells. But the history is a ring
(1,000 statements on MariaDB unless set otherwise): when it has overflown, or may not be switched on, the digests count,
and only if nothing was prepared.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pymysql

from perfproof.databases.fingerprint import fingerprint, fingerprints
from perfproof.databases.mysql import MysqlClient, refused
from perfproof.databases.source import SourceError
from perfproof.databases.urls import Address
from perfproof.model.queries import ProbeCount, Statement, StatementCount

Counter = tuple[int, int, int, int]
"""Calls, rows sent or changed, picoseconds, errors."""

_CONSUMERS = ("events_statements_current", "events_statements_history_long")
_DIGESTS = (
    "SELECT digest, count_star, sum_rows_sent + sum_rows_affected, sum_timer_wait, sum_errors"
    " FROM performance_schema.events_statements_summary_by_digest WHERE schema_name = %s OR digest IS NULL"
)
_DIGEST_TEXT = (
    "SELECT digest_text FROM performance_schema.events_statements_summary_by_digest"
    " WHERE schema_name = %s AND digest = %s"
)
_ACTIVITY = "SELECT SUM(count_star) FROM performance_schema.events_statements_summary_by_digest WHERE schema_name = %s"
_EXECUTED = (
    "SELECT count_star FROM performance_schema.events_statements_summary_global_by_event_name"
    " WHERE event_name = 'statement/com/Execute'"
)
_LAST = "SELECT COALESCE(MAX(timer_end), 0) FROM performance_schema.events_statements_history_long"
_SINCE = "SELECT COUNT(*) FROM performance_schema.events_statements_history_long WHERE timer_start > %s"
_HISTORY = (
    "SELECT IF(LENGTH(sql_text) < %s OR digest_text IS NULL, sql_text, digest_text),"
    " rows_sent + rows_affected, timer_wait, errors, nesting_event_type = 'STATEMENT', LENGTH(sql_text) < %s"
    " FROM performance_schema.events_statements_history_long"
    " WHERE timer_start > %s AND current_schema = %s AND sql_text IS NOT NULL"
    " AND event_name NOT IN ('statement/com/Prepare', 'statement/com/Execute')"
)
_EXECUTED_HERE = (
    "SELECT COUNT(*) FROM performance_schema.events_statements_history_long"
    " WHERE timer_start > %s AND current_schema = %s AND event_name = 'statement/com/Execute'"
)
_PREPARED = (
    "SELECT p.owner_thread_id, p.object_instance_begin, p.sql_text, p.count_execute,"
    " p.sum_rows_sent + p.sum_rows_affected, p.sum_timer_execute, p.sum_errors"
    " FROM performance_schema.prepared_statements_instances p"
    " JOIN performance_schema.threads t ON t.thread_id = p.owner_thread_id WHERE t.processlist_db = %s"
)


_NONE: Counter = (0, 0, 0, 0)


@dataclass(frozen=True)
class SchemaState:
    """A quiet moment.

    ``executed`` counts executions of prepared statements on the whole server; ``prepared`` has those of this database
    by connection, place in memory and text; ``last`` is the end of the history (None: not kept).
    """

    totals: dict[str | None, Counter]
    executed: int
    prepared: dict[tuple[int, int, str], Counter]
    last: int | None
    doubts: tuple[str, ...]


class MysqlSchema:
    """A QuerySource over performance_schema, of one database."""

    def __init__(self, address: Address, role: str | None = None) -> None:
        self.limits: tuple[str, ...] = ()
        self._client = MysqlClient(address, role, self._activity)
        self._database = address.database
        self._statements: dict[str | None, Statement] = {}
        self._switched_on: list[str] = []
        self._history = 0  # how many statements it holds; 0 when it is off
        self._text_length = 0

    @property
    def name(self) -> str:
        """Return what reports call it."""
        return f"{self._client.product} (performance_schema)"

    def check(self) -> list[str]:
        """Return what is missing: the performance schema, its digests, or a grant."""
        try:
            return self._problems()
        except SourceError as error:
            return [str(error)]

    def open(self) -> None:
        """Switch on the history of statements, where allowed."""
        problems = self._problems()
        if problems:
            raise SourceError("performance_schema cannot be used", why=problems[0])
        length = self._client.variable("max_digest_length")
        self._text_length = int(self._client.variable("performance_schema_max_sql_text_length") or 1024)
        limits = [f"statements that are alike in their first {length} bytes of digest are one", *self._client.limits()]
        try:
            self._switch_on()
            self._history = int(self._client.variable("performance_schema_events_statements_history_long_size") or 0)
        except pymysql.err.Error:
            user = self._client.address.user
            limits.append(
                "nested statements (triggers, procedures) and prepared statements are not counted: run"
                f' "GRANT UPDATE ON performance_schema.setup_consumers TO {user}"'
            )
        self.limits = tuple(limits)

    def close(self) -> None:
        """Switch off what was switched on, and close the connection."""
        while self._switched_on:
            self._set_consumer(self._switched_on.pop(), "NO")
        self._client.close()

    def quiesce(self) -> tuple[str, ...]:
        """Wait until every connection to the database is idle and outside a transaction."""
        return self._client.quiet.wait(after_request=True)

    def snapshot(self) -> SchemaState:
        """Return the state at a quiet moment."""
        return self._state(self._client.quiet.wait(after_request=False))

    def count_since(self, snapshot: SchemaState, trace: str | None = None) -> ProbeCount:  # noqa: ARG002 - not known
        """Return what ran since; void if it overflowed the server's tables or they were reset."""
        doubts = tuple(dict.fromkeys(snapshot.doubts + self.quiesce()))
        now = self._state(doubts)
        if snapshot.last is not None and int(self._client.value(_SINCE, [snapshot.last])) < self._history:
            return self._from_history(snapshot.last, snapshot, now)
        return self._from_digests(snapshot, now)

    def _from_history(self, last: int, before: SchemaState, now: SchemaState) -> ProbeCount:
        tallies: dict[tuple[Statement, bool], _Tally] = defaultdict(_Tally)
        values = [self._text_length, self._text_length, last, self._database]
        for sql, rows, picoseconds, errors, nested, whole in self._client.run(_HISTORY, values):
            text = sql.decode("utf-8", "replace") if isinstance(sql, bytes) else str(sql)
            for statement in fingerprints(text, "mysql"):
                tally = tallies[statement, bool(nested)]
                tally.add((1, int(rows), int(picoseconds or 0), int(errors)))
                # A digest, and a text that was cut, are the same whatever the values.
                tally.texts.append(hash(text) if whole else None)
        executed = int(self._client.value(_EXECUTED_HERE, [last, self._database]))
        for (thread, place, sql), counter in now.prepared.items():
            difference = _minus(counter, before.prepared.get((thread, place, sql), _NONE))
            if difference[0] > 0:
                executed -= difference[0]
                tallies[fingerprint(sql, "mysql"), False].add(difference)
        if executed:
            reason = f"{executed} executions of prepared statements that are closed already cannot be told apart"
            return ProbeCount(self.name, (), doubts=now.doubts, void=reason)
        counts = tuple(tally.counted(statement, nested) for (statement, nested), tally in tallies.items())
        return ProbeCount(self.name, counts, sum(each.failed or 0 for each in counts), now.doubts)

    def _from_digests(self, before: SchemaState, now: SchemaState) -> ProbeCount:
        if now.executed != before.executed:
            reason = (
                "prepared statements ran, and the history of statements does not hold them all: set"
                " performance_schema_events_statements_history_long_size=100000 and restart the server"
            )
            return ProbeCount(self.name, (), doubts=now.doubts, void=reason)
        tallies: dict[Statement, _Tally] = defaultdict(_Tally)
        for digest, counter in now.totals.items():
            difference = _minus(counter, before.totals.get(digest, _NONE))
            if difference[0] < 0:
                return ProbeCount(self.name, (), doubts=now.doubts, void="the digests were reset meanwhile")
            if difference[0] and digest is None:
                reason = "the table of digests is full: raise performance_schema_digests_size, or truncate it"
                return ProbeCount(self.name, (), doubts=now.doubts, void=reason)
            if difference[0]:
                tallies[self._statement(digest)].add(difference)
        counts = tuple(tally.counted(statement, nested=False) for statement, tally in tallies.items())
        return ProbeCount(self.name, counts, sum(each.failed or 0 for each in counts), now.doubts)

    def _state(self, doubts: tuple[str, ...]) -> SchemaState:
        try:
            rows = self._client.run(_DIGESTS, [self._database])
            executed = int(self._client.value(_EXECUTED) or 0)
            last = int(self._client.value(_LAST)) if self._history else None
            prepared = self._client.run(_PREPARED, [self._database]) if self._history else []
        except pymysql.err.Error as error:
            raise SourceError("performance_schema can no longer be read", why=str(error.args[-1])) from error
        return SchemaState(
            {row[0]: _counter(row[1:]) for row in rows},
            executed,
            {(int(row[0]), int(row[1]), str(row[2])): _counter(row[3:]) for row in prepared},
            last,
            doubts,
        )

    def _statement(self, digest: str | None) -> Statement:
        if digest not in self._statements:
            text = self._client.value(_DIGEST_TEXT, [self._database, digest])
            self._statements[digest] = fingerprint(str(text or ""), "mysql")
        return self._statements[digest]

    def _activity(self) -> tuple[object, object]:
        """Return what changes with every statement: MariaDB's digests know none that was prepared."""
        return self._client.value(_ACTIVITY, [self._database]), self._client.value(_EXECUTED)

    def _switch_on(self) -> None:
        rows = self._client.run("SELECT name, enabled FROM performance_schema.setup_consumers")
        enabled = {name for name, value in rows if value == "YES"}
        for consumer in _CONSUMERS:
            if consumer not in enabled:
                self._set_consumer(consumer, "YES")
                self._switched_on.append(consumer)

    def _set_consumer(self, consumer: str, value: str) -> None:
        self._client.run(
            "UPDATE performance_schema.setup_consumers SET enabled = %s WHERE name = %s", [value, consumer]
        )

    def _problems(self) -> list[str]:
        client = self._client
        address = client.address
        if not address.database:
            return [f"the address {address} names no database: write it as mysql://user@host/database"]
        if client.variable("performance_schema") != "ON":
            return [
                f"performance_schema is off on {address}: add performance_schema=ON to the section [mariadbd] (or"
                " [mysqld]) of its configuration and restart the server"
            ]
        try:
            consumers = client.run(
                "SELECT name FROM performance_schema.setup_consumers WHERE enabled = 'YES'"
                " AND name IN ('statements_digest', 'global_instrumentation', 'thread_instrumentation')"
            )
            client.run(_DIGESTS, [address.database])
        except pymysql.err.Error as error:
            if not refused(error):
                raise
            return [f'performance_schema cannot be read: run "GRANT SELECT ON performance_schema.* TO {address.user}"']
        if len(consumers) < len(("digest", "global", "thread")):
            return [
                "statement digests are off: run \"UPDATE performance_schema.setup_consumers SET enabled = 'YES' WHERE"
                " name IN ('statements_digest', 'global_instrumentation', 'thread_instrumentation')\""
            ]
        return []


def _counter(row: Sequence[Any]) -> Counter:
    calls, rows, picoseconds, errors = (int(value or 0) for value in row)
    return calls, rows, picoseconds, errors


def _minus(one: Counter, other: Counter) -> Counter:
    return _counter([mine - yours for mine, yours in zip(one, other, strict=True)])


@dataclass
class _Tally:
    """One statement's calls, summed up; ``texts`` are hashes of whole texts with their values, None if unknown."""

    sums: Counter = _NONE
    texts: list[int | None] = field(default_factory=list)

    def add(self, counter: Counter) -> None:
        self.sums = _counter([one + other for one, other in zip(self.sums, counter, strict=True)])

    def counted(self, statement: Statement, nested: bool) -> StatementCount:
        calls, rows, picoseconds, errors = self.sums
        known = len(self.texts) == calls and None not in self.texts
        repeated = calls - len(set(self.texts)) if known else None
        return StatementCount(
            statement, calls, rows, picoseconds // 1000, nested=nested, repeated=repeated, failed=errors
        )
