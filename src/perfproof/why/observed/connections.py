"""Connections as the database itself sees them, for services in any language: opened meanwhile, and busy at once."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

import psycopg
import pymysql

from perfproof.databases.mysql import MysqlClient
from perfproof.databases.postgres import APPLICATION, HIDDEN, PostgresClient
from perfproof.databases.source import SourceError
from perfproof.model.levers import PoolFacts

SOURCE = "agent in the service"
Line = Mapping[str, Any]


def pool_facts(lines: Iterable[Line], every: Iterable[Line], requests: int) -> PoolFacts | None:
    """Return what the agent saw over ``requests``, or None if it saw no process of the service.

    ``every`` are the lines since the start of the service, ``lines`` too: pools made before are still there. Where
    requests are told apart, only waiting inside of one counts: a pool that fills itself keeps nobody waiting.
    """
    now, since_start = list(lines), list(every)
    if not any(line["k"] == "hello" for line in since_start):
        return None
    opened = [line for line in now if line["k"] == "o"]
    taken = [line for line in now if line["k"] == "w"]
    told_apart = any(line["k"] == "b" for line in now)
    waits = [*taken, *(line for line in opened if not line["i"])]
    pools = [line for line in since_start if line["k"] == "z"]
    return PoolFacts(
        source=SOURCE,
        requests=requests,
        opened=len(opened),
        waited_ns=sum(line["t"] for line in waits if line["r"] or not told_apart),
        checkouts=len(taken) if pools else None,
        in_use=_at_once(now) if pools else None,
        pool_size=_kept(pools),
    )


def sqlite_files(lines: Iterable[Line]) -> list[Path]:
    """Return the files that the service has opened with SQLite, in order."""
    return [Path(name) for name in dict.fromkeys(line["p"] for line in lines if line["k"] == "f")]


def _at_once(lines: Iterable[Line]) -> int:
    """Return how many connections were lent at the same time, over all processes."""
    steps = sorted((line["at"], 1 if line["k"] == "w" else -1) for line in lines if line["k"] in ("w", "u"))
    most = now = 0
    for _, step in steps:
        now = max(now + step, 0)  # what was taken before the first line is given back after it
        most = max(most, now)
    return most


def _kept(pools: Iterable[Line]) -> int | None:
    sizes = [line["size"] for line in pools]
    known = [size for size in sizes if size is not None]
    return sum(known) if sizes and len(known) == len(sizes) else None


EVERY = 0.02
"""Seconds between two looks at who is busy."""
FLUSHED_WITHIN = 0.3
"""Seconds after which the server has booked the sessions that ended last."""


class View(Protocol):
    """What one database can tell of its connections. Ours are left out."""

    source: str

    def opened(self) -> int | None:
        """Return how many connections were opened since some moment in the past; None if that is not counted."""

    def look(self) -> tuple[frozenset[Any], int]:
        """Return the connections there are now, each with its start, and how many of them are at work."""

    def close(self) -> None:
        """End our connection."""


class PostgresView:
    """PostgreSQL: pg_stat_database.sessions (from version 14 on) and pg_stat_activity."""

    def __init__(self, client: PostgresClient) -> None:
        self._client = client
        self._version = int(client.value("SELECT current_setting('server_version_num')::int AS perfproof_own"))
        self.source = "PostgreSQL (pg_stat_activity)"
        if self._version >= 140000:
            self.source = "PostgreSQL (pg_stat_database, pg_stat_activity)"

    def opened(self) -> int | None:
        """Return pg_stat_database.sessions of this database."""
        if self._version < 140000:
            return None
        if self._version >= 150000:
            self._client.run("SELECT pg_stat_force_next_flush() AS perfproof_own")  # our own session, once and for all
        sql = "SELECT sessions AS perfproof_own FROM pg_stat_database WHERE datname = current_database()"
        return int(self._client.value(sql))

    def look(self) -> tuple[frozenset[Any], int]:
        """Return the backends of clients on this database; raise SourceError where their state is hidden."""
        rows = self._client.run(
            "SELECT pid, backend_start::text, state, query = %s AS perfproof_own FROM pg_stat_activity"
            " WHERE pid <> pg_backend_pid() AND datname = current_database() AND application_name IS DISTINCT FROM %s"
            " AND coalesce(backend_type, 'client backend') = 'client backend'",
            [HIDDEN, APPLICATION],
        )
        if any(hidden for *_, hidden in rows):
            problems = self._client.unseen()
            raise SourceError(problems[0] if problems else "the connections of the service are hidden")
        busy = sum(state not in (None, "idle", "disabled") for _, _, state, _ in rows)  # None: it is being opened
        return frozenset((pid, began) for pid, began, *_ in rows), busy

    def close(self) -> None:
        """End our connection."""
        self._client.close()


class MysqlView:
    """MariaDB and MySQL: the status ``Connections``, which is that of the whole server, and the list of processes."""

    source = "MariaDB or MySQL (Connections, of the whole server; processlist)"

    def __init__(self, client: MysqlClient) -> None:
        self._client = client
        client.run("SELECT 1")

    def opened(self) -> int | None:
        """Return the status ``Connections``."""
        return int(self._client.run("SHOW GLOBAL STATUS LIKE 'Connections'")[0][1])

    def look(self) -> tuple[frozenset[Any], int]:
        """Return the connections that have chosen our database."""
        rows = self._client.run(
            "SELECT id, command FROM information_schema.processlist WHERE db = %s AND id <> CONNECTION_ID()",
            [self._client.address.database],
        )
        return frozenset(number for number, _ in rows), sum(command != "Sleep" for _, command in rows)

    def close(self) -> None:
        """End our connection."""
        self._client.close()


class ConnectionWatch:
    """Looks at a database from a thread of its own while its ``with`` block runs; ``problem`` says why it could not."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, name="perfproof-connections", daemon=True)
        self._before: int | None = None
        self._there: frozenset[Any] = frozenset()
        self._seen: set[Any] = set()
        self._busy = 0
        self.problem: str | None = None

    def __enter__(self) -> Self:
        self._guarded(self._begin)
        if self.problem is None:
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end.set()
        if self._thread.ident is not None:
            self._thread.join()

    def facts(self, requests: int) -> PoolFacts | None:
        """Return what was seen over ``requests``, after the end of the block; None if nothing could be."""
        if self.problem is not None:
            return None
        time.sleep(FLUSHED_WITHIN)
        after: list[int | None] = []
        self._guarded(lambda: after.append(self._view.opened()))
        if not after:
            return None
        appeared = len(self._seen - self._there)
        counted = after[0] - self._before if after[0] is not None and self._before is not None else None
        # A connection shorter than our step is seen by the counter alone, one that lasts perhaps by looking alone.
        opened = max(counted, appeared) if counted is not None else appeared
        return PoolFacts(self._view.source, requests, opened=opened, in_use=self._busy)

    def _begin(self) -> None:
        self._view.opened()  # books our own session
        time.sleep(FLUSHED_WITHIN)
        self._before = self._view.opened()
        self._there, _ = self._view.look()

    def _run(self) -> None:
        while not self._end.wait(EVERY) and self.problem is None:
            self._guarded(self._look)

    def _look(self) -> None:
        there, busy = self._view.look()
        self._seen |= there
        self._busy = max(self._busy, busy)

    def _guarded(self, action: Callable[[], object]) -> None:
        try:
            action()
        except SourceError as error:
            self.problem = ": ".join(part for part in (error.what, error.why, error.hint) if part)
        except (psycopg.Error, pymysql.err.Error) as error:
            self.problem = f"connections cannot be watched: {str(error).strip().partition(chr(10))[0]}"
