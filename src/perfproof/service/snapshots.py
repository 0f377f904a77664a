"""Databases as ``prepare`` left them: kept once per arm, and put back before every round.

So a migration of an hour runs once, and every round still starts from the same data. A SQLite file is copied, a
PostgreSQL database cloned as a template by its server.
"""

from __future__ import annotations

import ipaddress
import secrets
import shutil
import sqlite3
from collections.abc import Collection, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import SplitResult, unquote, urlsplit

from perfproof.errors import PerfproofError, ServiceError, UsageError
from perfproof.model.scenario import Arm
from perfproof.service.command import fill

_SIDE_FILES = ("-wal", "-shm", "-journal")


class Snapshot(Protocol):
    """One database as it was after ``prepare``."""

    def restore(self) -> None:
        """Put it back; nothing may use it meanwhile."""

    def drop(self) -> None:
        """Forget the kept copy; the database itself stays."""


@contextmanager
def taken(arms: Sequence[Arm], folder: Path, allow: Collection[str] = ()) -> Iterator[tuple[Snapshot, ...]]:
    """Lend a snapshot of each database that the arms' ``snapshot`` names; one that both arms use is kept once.

    ``folder`` is a private directory for copies; ``allow`` are hosts other than this machine that may be changed.
    Raises ``UsageError`` for what is no such database, ``ServiceError`` when its server refuses.
    """
    snapshots: dict[str, Snapshot] = {}
    try:
        for arm in arms:
            target = fill(arm.service.snapshot or "", arm.name, None)
            if not target:
                continue
            if arm.service.url or arm.service.restart == "never":
                raise UsageError(
                    f"{arm.name}: a snapshot cannot be put back under a service that is not started afresh",
                    hint="remove service.snapshot, or let perfproof start the service for every round",
                )
            server = target.startswith(("postgresql://", "postgres://", "postgresql+"))
            file = arm.service.directory.absolute() / target.removeprefix("sqlite:///")
            if (key := target if server else str(file)) in snapshots:
                continue
            if server:
                snapshots[key] = PostgresSnapshot(arm.name, urlsplit(target), allow)
            else:
                snapshots[key] = SqliteSnapshot(arm.name, file, folder / f"snapshot-{len(snapshots)}")
        yield tuple(snapshots.values())
    finally:
        for snapshot in snapshots.values():
            # What was measured is not lost for a copy that cannot be removed.
            with suppress(PerfproofError, OSError):
                snapshot.drop()


class SqliteSnapshot:
    """A SQLite file; its copy is made by SQLite itself, so that what is still in a write-ahead log is in it."""

    def __init__(self, arm: str, file: Path, copy: Path) -> None:
        if not file.is_file():
            raise UsageError(
                f"{arm}: there is no database {file} to keep",
                why="service.snapshot names a file that service.prepare should have made",
                hint="correct the path (relative to service.directory), or write a postgresql:// URL",
            )
        self._file, self._copy = file, copy
        try:
            with closing(sqlite3.connect(file)) as source, closing(sqlite3.connect(copy)) as target:
                source.backup(target)
        except sqlite3.DatabaseError as error:
            raise UsageError(f"{arm}: {file} cannot be kept", why=str(error), hint="is it a SQLite database?") from None

    def restore(self) -> None:
        """Copy the kept file over the database and take its side files away, which belong to what it was."""
        for ending in _SIDE_FILES:
            self._file.with_name(self._file.name + ending).unlink(missing_ok=True)
        shutil.copyfile(self._copy, self._file)

    def drop(self) -> None:
        """Remove the copy."""
        self._copy.unlink(missing_ok=True)


class PostgresSnapshot:
    """A PostgreSQL database, cloned into a template beside it. Restoring drops the database and makes it anew."""

    def __init__(self, arm: str, url: SplitResult, allow: Collection[str]) -> None:
        host, self._name = url.hostname or "", unquote(url.path.lstrip("/"))
        if not (_is_loopback(host) or host in allow):
            raise UsageError(
                f"{arm}: the database on {host} would be dropped and made anew",
                why="it is not on this machine",
                hint=f"if that is what you want, add `allow: [{host}]` to the scenario",
            )
        if not self._name or self._name in ("postgres", "template0", "template1"):
            raise UsageError(f"{arm}: service.snapshot names no database of your own", hint="end the URL in /its_name")
        self._arm, self._url = arm, url
        self._template = f"{self._name[:40]}_perfproof_{secrets.token_hex(4)}"
        self._owner = ""
        with self._server() as server:
            row = server.execute(
                "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = %s", (self._name,)
            ).fetchone()
            if row is None:
                raise UsageError(
                    f"{arm}: there is no database {self._name} to keep", hint="let service.prepare make it"
                )
            self._owner = str(row[0])
            self._clone(server, self._name, self._template)

    def restore(self) -> None:
        """Drop the database, connections that are left over included, and clone it from the template."""
        from psycopg import sql

        with self._server() as server:
            server.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(self._name)))
            self._clone(server, self._template, self._name)

    def drop(self) -> None:
        """Remove the template."""
        from psycopg import sql

        with self._server() as server:
            server.execute(sql.SQL("DROP DATABASE IF EXISTS {}").format(sql.Identifier(self._template)))

    def _clone(self, server: Any, source: str, target: str) -> None:
        from psycopg import sql

        names = (sql.Identifier(each) for each in (target, source, self._owner))
        server.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {} OWNER {}").format(*names))

    @contextmanager
    def _server(self) -> Iterator[Any]:
        """Lend a connection to the server's maintenance database; its errors hold no password."""
        try:
            import psycopg
        except ImportError as error:
            raise UsageError("the PostgreSQL driver is missing", hint="pip install 'perfproof[postgresql]'") from error
        try:
            with psycopg.connect(
                host=self._url.hostname, port=self._url.port or 5432, dbname="postgres", connect_timeout=10,
                user=unquote(self._url.username or "") or None, password=unquote(self._url.password or "") or None,
                autocommit=True,
            ) as server:  # fmt: skip
                yield server
        except psycopg.Error as error:
            raise ServiceError(
                f"{self._arm}: the snapshot of {self._name} failed",
                why=str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__,
                hint="the user needs CREATEDB and must own the database; nothing else may be connected to it",
            ) from None


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
