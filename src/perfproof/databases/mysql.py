"""perfproof's own connection to a MariaDB or MySQL server.

It chooses no database, so that it is in none's statistics.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Sequence
from typing import Any

import pymysql

from perfproof.databases.idle import Look, Quiet
from perfproof.databases.source import SourceLostError
from perfproof.databases.urls import Address

OWN = "perfproof_own"
"""In a comment at the head of each of perfproof's own statements, for sources that see every connection's."""
TRANSACTIONS_AGE_S = 0.11
DENIED = frozenset((1044, 1045, 1142, 1143, 1227))
_LOST = frozenset((2002, 2003, 2006, 2013, 2014, 2055, 1053, 1927))


class MysqlClient:
    """A connection in autocommit mode that is opened when first used and again after it was lost."""

    def __init__(self, address: Address, role: str | None, mark: Callable[[], Hashable], patience: int = 10) -> None:
        self.address = address
        self.patience = patience
        self.role = role
        self.quiet = Quiet(self._look)
        self._mark = mark
        self._sees_transactions = True
        self._open: list[tuple[Any, ...]] = []  # transactions as last read, when, and after which activity
        self._read_at = -TRANSACTIONS_AGE_S
        self._read_after: Hashable = None
        self._connection: pymysql.Connection[Any] | None = None
        self.product = "MySQL"
        """Whose server it is, once it has answered: MariaDB or MySQL."""

    def run(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Run one statement and return its rows; raise SourceError (never with a password) if the server is gone.

        What the server refuses stays a ``pymysql.err.Error``: the caller knows what it means.
        """
        try:
            with self._connected().cursor() as cursor:
                cursor.execute(f"/* {OWN} */ {sql}", values)
                return list(cursor.fetchall())
        except (pymysql.err.OperationalError, pymysql.err.InterfaceError, OSError) as error:
            if isinstance(error, pymysql.err.OperationalError) and error.args and error.args[0] not in _LOST:
                raise
            self.close()
            raise SourceLostError(
                f"the database {self.address} does not answer",
                why=self.address.hide(str(error.args[-1] if error.args else error)),
                hint="check that it runs and that the address in service.database is right",
            ) from error

    def value(self, sql: str, values: Sequence[Any] = ()) -> Any:
        """Run one statement and return the first field of its first row, or None."""
        rows = self.run(sql, values)
        return rows[0][0] if rows else None

    def variable(self, name: str) -> str:
        """Return a global server variable, "" if it does not exist."""
        rows = self.run("SHOW GLOBAL VARIABLES LIKE %s", [name])
        return str(rows[0][1]) if rows else ""

    def close(self) -> None:
        """Close the connection; the next ``run`` opens another."""
        connection, self._connection = self._connection, None
        if connection is not None and connection.open:
            connection.close()

    def limits(self) -> tuple[str, ...]:
        """Return what cannot be seen for lack of the PROCESS privilege."""
        self._transactions()
        if self._sees_transactions:
            return ()
        user = self.address.user
        return (
            f"without the PROCESS privilege only connections of {user} are waited for, and open transactions are not"
            f' seen: run "GRANT PROCESS ON *.* TO {user}"',
        )

    def _look(self) -> Look:
        rows = self.run(
            "SELECT id, command FROM information_schema.processlist"
            " WHERE db = %s AND id <> CONNECTION_ID() AND (%s IS NULL OR user = %s)",
            [self.address.database, self.role, self.role],
        )
        mark = self._mark()
        if mark != self._read_after:
            self._await_transactions()
            mark = self._mark()  # after the wait: a timer may well tick within it, and no look would equal another
            self._open, self._read_after = self._transactions(), mark
        threads = {thread for thread, _ in rows}
        busy: set[Hashable] = {(thread, "") for thread, command in rows if command != "Sleep"}
        busy |= {(thread, str(since)) for thread, since in self._open if thread in threads}
        return Look(frozenset(busy), mark)

    def _await_transactions(self) -> None:
        """Wait until InnoDB shows a fresh picture: asked again within 0.1 s, it shows the same one."""
        if self._sees_transactions:
            time.sleep(max(0.0, self._read_at + TRANSACTIONS_AGE_S - time.monotonic()))

    def _transactions(self) -> list[tuple[Any, ...]]:
        """Return connections inside a transaction: a late COMMIT may follow."""
        if not self._sees_transactions:
            return []
        self._read_at = time.monotonic()
        try:
            return self.run("SELECT trx_mysql_thread_id, trx_started FROM information_schema.innodb_trx")
        except pymysql.err.Error:
            self._sees_transactions = False
            return []

    def _connected(self) -> pymysql.Connection[Any]:
        if self._connection is None:
            address = self.address
            local = address.host is not None and address.host.startswith("/")
            self._connection = pymysql.connect(
                host=None if local else address.host or "127.0.0.1",
                unix_socket=address.host if local else None,
                port=address.port or 3306,
                user=address.user,
                password=address.password or "",
                autocommit=True,
                charset="utf8mb4",
                connect_timeout=self.patience,
                read_timeout=3 * self.patience,
            )
            version = str(self._connection.get_server_info())  # type: ignore[no-untyped-call]
            self.product = "MariaDB" if "mariadb" in version.lower() else "MySQL"
        return self._connection


def refused(error: pymysql.err.Error) -> bool:
    """Tell whether the server refused for lack of a privilege."""
    return bool(error.args) and error.args[0] in DENIED
