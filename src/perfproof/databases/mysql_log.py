"""MariaDB and MySQL through the general log, written to the table mysql.general_log while the source is open."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from dataclasses import dataclass

import pymysql

from perfproof.databases.fingerprint import fingerprints
from perfproof.databases.mysql import OWN, MysqlClient, refused
from perfproof.databases.source import SourceError
from perfproof.databases.urls import Address
from perfproof.model.queries import ProbeCount, Statement, StatementCount

TRUNCATE_ABOVE = 1000
_OTHERS = "SELECT COUNT(*) FROM mysql.general_log WHERE argument NOT LIKE %s"
_VARIABLES = ("log_output", "general_log")


@dataclass(frozen=True)
class Line:
    """How many lines the log had."""

    number: int
    doubts: tuple[str, ...]


class MysqlLog:
    """A QuerySource over the general log. ``open`` switches it on for the whole server, ``close`` restores it."""

    def __init__(self, address: Address, role: str | None = None) -> None:
        self.limits: tuple[str, ...] = ()
        self._client = MysqlClient(address, role, lambda: self._client.value(_OTHERS, [f"/* {OWN}%"]))
        self._restore: dict[str, str] = {}
        self._ours = False  # the table was empty before
        self._databases: dict[int, str | None] = {}

    @property
    def name(self) -> str:
        """Return what reports call it."""
        return f"{self._client.product} (general log)"

    def check(self) -> list[str]:
        """Return what is missing: the right to switch the log on, or to read it."""
        try:
            return self._problems()
        except SourceError as error:
            return [str(error)]

    def open(self) -> None:
        """Switch the general log on and to its table."""
        problems = self._problems()
        if problems:
            raise SourceError("the general log cannot be used", why=problems[0])
        self._ours = self._ours or self._length() == 0  # opened again after the server restarted, it holds our lines
        before = {name: self._client.variable(name) for name in _VARIABLES}
        # A log that is being kept in a file goes on; one that is switched off is not begun there.
        output = f"{before['log_output']},TABLE" if before["general_log"] == "ON" else "TABLE"
        for name, wanted in (("log_output", output), ("general_log", "ON")):
            if ("TABLE" if name == "log_output" else wanted) not in before[name]:
                self._client.run(f"SET GLOBAL {name} = %s", [wanted])
                self._restore[name] = before[name]
        self.limits = (
            "rows, times, failures and nested statements (triggers, procedures) are not in the general log",
            *self._client.limits(),
        )

    def close(self) -> None:
        """Restore the settings, and empty the table if it was empty."""
        while self._restore:
            name, value = self._restore.popitem()
            self._client.run(f"SET GLOBAL {name} = %s", [value])
            if not self._restore and self._ours:
                self._client.run("TRUNCATE mysql.general_log")
        self._client.close()

    def quiesce(self) -> tuple[str, ...]:
        """Wait until every connection to the database is idle and outside a transaction."""
        return self._client.quiet.wait(after_request=True)

    def snapshot(self) -> Line:
        """Return the end of the log at a quiet moment."""
        doubts = self._client.quiet.wait(after_request=False)
        self._databases = {
            int(thread): database
            for thread, database in self._client.run("SELECT id, db FROM information_schema.processlist")
        }
        length = self._length()
        if self._ours and length > TRUNCATE_ABOVE:  # it is a CSV file: every look reads all of it
            self._client.run("TRUNCATE mysql.general_log")
            length = self._length()
        return Line(length, doubts)

    def count_since(self, snapshot: Line, trace: str | None = None) -> ProbeCount:  # noqa: ARG002 - not in the log
        """Return what the log says since ``snapshot``."""
        doubts = tuple(dict.fromkeys(snapshot.doubts + self.quiesce()))
        rows = self._client.run(
            "SELECT thread_id, user_host, command_type, argument FROM mysql.general_log LIMIT %s, 1000000000",
            [snapshot.number],
        )
        if self._length() < snapshot.number:
            return ProbeCount(self.name, (), doubts=doubts, void="the general log was emptied meanwhile")
        values: dict[Statement, Counter[bytes]] = defaultdict(Counter)
        for thread, user_host, command, argument in rows:
            text = argument.decode("utf-8", "replace") if isinstance(argument, bytes) else str(argument)
            self._follow(int(thread), command, text)
            if (
                text.startswith(f"/* {OWN}")
                or command not in ("Query", "Execute")
                or not self._relevant(int(thread), user_host)
            ):
                continue
            for statement in fingerprints(text, "mysql"):
                values[statement][hashlib.blake2b(text.encode(), digest_size=8).digest()] += 1
        counts = tuple(
            StatementCount(statement, sum(seen.values()), repeated=sum(times - 1 for times in seen.values()))
            for statement, seen in values.items()
        )
        return ProbeCount(self.name, counts, doubts=doubts)

    def _follow(self, thread: int, command: str, text: str) -> None:
        """Keep track of which connection uses which database."""
        if command == "Connect":  # user@host on database using TCP/IP
            self._databases[thread] = text.partition(" on ")[2].partition(" using ")[0].strip() or None
        elif command == "Init DB":
            self._databases[thread] = text
        elif command == "Query" and text[:4].lower() == "use ":
            self._databases[thread] = text[4:].strip(" `;")

    def _relevant(self, thread: int, user_host: str) -> bool:
        role = self._client.role
        mine = role is None or user_host.startswith(f"{role}[")
        return mine and self._databases.get(thread) == self._client.address.database

    def _length(self) -> int:
        return int(self._client.value("SELECT COUNT(*) FROM mysql.general_log") or 0)

    def _problems(self) -> list[str]:
        client = self._client
        address = client.address
        if not address.database:
            return [f"the address {address} names no database: write it as mysql://user@host/database"]
        problems = []
        try:
            self._length()
        except pymysql.err.Error as error:
            if not refused(error):
                raise
            problems.append(f'the log cannot be read: run "GRANT SELECT, DROP ON mysql.general_log TO {address.user}"')
        if "TABLE" not in client.variable("log_output") or client.variable("general_log") != "ON":
            try:  # setting what is set already needs the same privilege and changes nothing
                client.run("SET GLOBAL general_log = @@GLOBAL.general_log")
            except pymysql.err.Error as error:
                if not refused(error):
                    raise
                problems.append(
                    f'the general log cannot be switched on: run "GRANT SUPER ON *.* TO {address.user}" (MySQL 8:'
                    " SYSTEM_VARIABLES_ADMIN)"
                )
        return problems
