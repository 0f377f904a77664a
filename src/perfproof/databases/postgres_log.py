"""PostgreSQL through its server log, where pg_stat_statements is not to be had.

A marker that our own connection has the server log (``RAISE LOG`` needs no privilege) bounds each stretch: lines are
written before the statement's answer is sent, so what stands before the marker is complete. Waiting for a file size or
a time instead would guess.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import LiteralString

import psycopg
from psycopg import sql as compose

from perfproof.databases.postgres import OWN, PostgresClient
from perfproof.databases.postgres_log_lines import LogEntry, LogFormat, count, entries
from perfproof.databases.source import SourceError
from perfproof.databases.urls import Address
from perfproof.model.queries import ProbeCount

MARKER_TIMEOUT_S = 5.0
_MARK: LiteralString = "DO 'BEGIN RAISE LOG ''perfproof_own %'', current_setting(''perfproof.marker''); END'"
"""Always the same text, so that it is one entry of pg_stat_statements where that runs too."""
CHUNK = 8 << 20
_SUFFIXES: dict[str, LogFormat] = {".csv": "csv", ".json": "json"}
_KINDS: dict[LogFormat, str] = {"csv": "csvlog", "json": "jsonlog", "stderr": "stderr"}


@dataclass(frozen=True)
class Position:
    """A place in a log file: everything before it was read."""

    file: str
    offset: int
    doubts: tuple[str, ...] = ()


class PostgresLog:
    """A QuerySource over the server log: ``file`` if given (readable here), else the one the server names.

    ``open`` sets log_statement for the database where it is not on yet, so it must come before the service connects;
    ``close`` restores it.
    """

    name = "PostgreSQL (server log)"

    def __init__(self, address: Address, role: str | None = None, file: Path | None = None) -> None:
        self.limits: tuple[str, ...] = ()
        self._client = PostgresClient(address, role)
        self._file = file
        self._prefix = ""
        self._restore: dict[str, str | None] = {}
        self._opened_at: object = None

    def check(self) -> list[str]:
        """Return what is missing: a readable log, or the right to switch on log_statement."""
        try:
            return [*self._log_problems(), *self._setting_problems(), *self._client.unseen()]
        except SourceError as error:
            return [str(error)]

    def open(self) -> None:
        """Switch on statement logging for new connections to the database, unless it is on."""
        problems = [*self._log_problems(), *self._setting_problems(), *self._client.unseen()]
        if problems:
            raise SourceError("the server log cannot be used", why=problems[0])
        self._prefix = self._client.setting("log_line_prefix") or ""
        for name, wanted in self._wanted().items():
            self._set(name, wanted)
        if self._opened_at is None:  # opened again, the settings are still there
            self._opened_at = self._client.value("SELECT clock_timestamp() AS perfproof_own")
        self.limits = ("rows and nested statements (triggers, foreign keys, functions) are not in the log",)

    def close(self) -> None:
        """Restore the settings and close the connection."""
        while self._restore:
            name, value = self._restore.popitem()
            self._alter(name, value)
        self._client.close()

    def quiesce(self) -> tuple[str, ...]:
        """Wait until every connection to the database is idle."""
        return self._client.quiet.wait(after_request=True) + self._old_connections()

    def snapshot(self) -> Position:
        """Return the end of the log at a quiet moment."""
        doubts = self._client.quiet.wait(after_request=False)
        file = self._current()
        _, offset = self._until_marker(file, max(0, self._size(file) - 1))
        return Position(file, offset, doubts)

    def count_since(self, snapshot: Position, trace: str | None = None) -> ProbeCount:  # noqa: ARG002 - not in the log
        """Return what the log says since ``snapshot``."""
        doubts = self.quiesce()
        file = self._current()
        if file == snapshot.file:
            text, _ = self._until_marker(file, snapshot.offset)
        else:  # rotated meanwhile
            text = self._read(snapshot.file, snapshot.offset) + b"\n" + self._until_marker(file, 0)[0]
        form = _SUFFIXES.get(Path(file).suffix, "stderr")
        found = count(entries(text.decode("utf-8", "replace"), form, self._prefix), self._relevance(), OWN)
        return ProbeCount(self.name, found.statements, found.failed, tuple(dict.fromkeys(snapshot.doubts + doubts)))

    def _relevance(self) -> Callable[[LogEntry], bool]:
        """Return the test for entries of the service; a log without database names is sorted by connection."""
        database, role = self._client.address.database, self._client.role
        strangers = {
            pid
            for (pid,) in self._client.run(
                "SELECT pid AS perfproof_own FROM pg_stat_activity WHERE datname IS DISTINCT FROM current_database()"
                " OR application_name = 'perfproof' OR (%s::text IS NOT NULL AND usename <> %s)",
                [role, role],
            )
        }

        def relevant(entry: LogEntry) -> bool:
            if entry.pid in strangers:
                return False
            return entry.database in (None, "", database) and (role is None or entry.user in (None, "", role))

        return relevant

    def _until_marker(self, file: str, offset: int) -> tuple[bytes, int]:
        """Have a marker logged, and return the text from ``offset`` to it and the place behind it."""
        token = f"{OWN}_{secrets.token_hex(8)}"
        self._client.run("SELECT set_config('perfproof.marker', %s, false) AS perfproof_own", [token])
        self._client.run(_MARK)
        deadline = time.monotonic() + MARKER_TIMEOUT_S
        text = b""
        while True:
            text += self._read(file, offset + len(text))
            at = text.find(token.encode())
            line = text.find(b"\n", at)
            if at >= 0 and line >= 0:
                return text[:at], offset + line + 1
            if time.monotonic() > deadline:
                raise SourceError(
                    f"the log file {Path(file).name} does not show what the server {self._client.address} logs",
                    hint="give the right file, or look at log_destination and log_min_messages",
                )
            time.sleep(0.002)

    def _current(self) -> str:
        if self._file is not None:
            return str(self._file)
        destinations = self._client.setting("log_destination") or ""
        kind = next((kind for kind in ("csvlog", "jsonlog", "stderr") if kind in destinations), "stderr")
        return str(self._client.value("SELECT pg_current_logfile(%s) AS perfproof_own", [kind]) or "")

    def _path(self, file: str) -> Path:
        path = Path(file)
        return path if path.is_absolute() else Path(self._client.setting("data_directory") or "/") / path

    def _size(self, file: str) -> int:
        try:
            return self._path(file).stat().st_size
        except OSError:
            if self._file is not None:
                raise SourceError(f"the log file {self._file} cannot be read") from None
            return int(self._client.value("SELECT size AS perfproof_own FROM pg_stat_file(%s)", [file]) or 0)

    def _read(self, file: str, offset: int) -> bytes:
        try:
            with self._path(file).open("rb") as log:
                log.seek(offset)
                return log.read()
        except OSError:
            if self._file is not None:
                raise SourceError(f"the log file {self._file} cannot be read") from None
        found = self._client.value(
            "SELECT pg_read_binary_file(%s, %s, %s, true) AS perfproof_own", [file, offset, CHUNK]
        )
        return bytes(found or b"")

    def _log_problems(self) -> list[str]:
        address = self._client.address
        user = address.user or "this role"
        try:
            file = self._current()
            if not file:
                return [
                    f"the server {address} does not say where its log is: set logging_collector = on and restart it,"
                    " or name the log file"
                ]
            self._size(file)
            self._read(file, 0 if self._file is None else self._size(file))
        except psycopg.errors.InsufficientPrivilege as error:
            grant = "pg_monitor, pg_read_server_files"
            return [
                f"the log of {address} cannot be read ({str(error).splitlines()[0]}): run"
                f' "GRANT {grant} TO {user}" and "GRANT EXECUTE ON FUNCTION'
                f' pg_read_binary_file(text, bigint, bigint, boolean) TO {user}" as a superuser, or name a log file'
                " that can be read here"
            ]
        except psycopg.Error as error:
            return [f"the log of {address} cannot be read ({str(error).splitlines()[0]}): name a log file that can"]
        except SourceError as error:
            return [str(error)]
        return []

    def _wanted(self) -> dict[str, str]:
        """Return the settings that would have to change."""
        setting = self._client.setting
        wanted = {}
        if setting("log_statement") != "all" and setting("log_min_duration_statement") != "0":
            wanted = {"log_statement": "all", "log_duration": "on"}
        if wanted and not (setting("lc_messages") or "C").startswith(("C", "en", "POSIX")):
            wanted["lc_messages"] = "C"  # "LOG: statement:" is translated otherwise
        return wanted

    def _setting_problems(self) -> list[str]:
        if not self._wanted() or self._client.value(
            "SELECT usesuper AS perfproof_own FROM pg_user WHERE usename = current_user"
        ):
            return []
        database = self._client.address.database
        return [
            "statements are not logged and this role may not switch that on: run"
            f" \"ALTER DATABASE {database} SET log_statement = 'all'\" as a superuser"
        ]

    def _set(self, name: str, value: str) -> None:
        rows = self._client.run(
            "SELECT unnest(setconfig) AS perfproof_own FROM pg_db_role_setting s"
            " JOIN pg_database d ON d.oid = s.setdatabase WHERE d.datname = current_database() AND s.setrole = 0"
        )
        before = dict(row[0].split("=", 1) for row in rows).get(name)
        self._alter(name, value)
        self._restore[name] = before

    def _alter(self, name: str, value: str | None) -> None:
        change = compose.SQL("SET {} TO {}").format(compose.Identifier(name), compose.Literal(value)) if value else None
        reset = compose.SQL("RESET {}").format(compose.Identifier(name))
        database = compose.Identifier(str(self._client.value("SELECT current_database()::text AS perfproof_own")))
        self._client.run(compose.SQL("ALTER DATABASE {} {}").format(database, change or reset))

    def _old_connections(self) -> tuple[str, ...]:
        """Doubt what connections do that were opened before the settings changed: they log as before."""
        if not self._restore:
            return ()
        old = self._client.value(
            "SELECT count(*) AS perfproof_own FROM pg_stat_activity WHERE datname = current_database()"
            " AND backend_type = 'client backend' AND application_name <> 'perfproof' AND backend_start < %s",
            [self._opened_at],
        )
        return (
            (f"{old} connections are older than the log settings and log nothing: restart the service",) if old else ()
        )
