"""perfproof's own connection to a PostgreSQL server, marked so that its statements can be left out of every count."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, LiteralString

import psycopg
from psycopg.conninfo import make_conninfo
from psycopg.sql import Composed

from perfproof.databases.idle import Look, Quiet
from perfproof.databases.source import SourceError, SourceLostError
from perfproof.databases.urls import Address

OWN = "perfproof_own"
"""An identifier in each of perfproof's own statements. Filtering by role is not enough: it may be the service's."""
APPLICATION = "perfproof"
_IDLE = ("idle", "disabled")
HIDDEN = "<insufficient privilege>"
"""The query of a connection that we may not see. Its state alone does not tell: a connection that is just being
opened has none either."""


class PostgresClient:
    """A connection in autocommit mode that is opened when first used and again after it was lost."""

    def __init__(self, address: Address, role: str | None = None, patience: int = 10) -> None:
        self.address = address
        self.patience = patience
        self.role = role
        self.quiet = Quiet(self._look)
        self._connection: psycopg.Connection[tuple[Any, ...]] | None = None

    def run(self, sql: LiteralString | Composed, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Run one statement and return its rows; raise SourceError (never with a password) if the server is gone.

        What the server refuses stays a ``psycopg.Error``: the caller knows what it means.
        """
        try:
            cursor = self._connected().execute(sql, values or None)
            return cursor.fetchall() if cursor.description else []
        except (psycopg.OperationalError, psycopg.InterfaceError) as error:
            if self._connection is not None and not self._connection.closed:
                raise
            self.close()
            raise SourceLostError(
                f"the database {self.address} does not answer",
                why=self.address.hide(str(error).strip().splitlines()[0] if str(error).strip() else repr(error)),
                hint="check that it runs and that the address in service.database is right",
            ) from error

    def value(self, sql: LiteralString, values: Sequence[Any] = ()) -> Any:
        """Run one statement and return the first field of its first row, or None."""
        rows = self.run(sql, values)
        return rows[0][0] if rows else None

    def setting(self, name: str) -> str | None:
        """Return a server setting as this connection sees it, or None if it does not exist."""
        found = self.value("SELECT current_setting(%s, true) AS perfproof_own", [name])
        return None if found is None else str(found)

    def close(self) -> None:
        """Close the connection; the next ``run`` opens another."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def sees_others(self) -> bool:
        """Tell whether this role may see what other roles' connections do."""
        return bool(self.value("SELECT pg_has_role('pg_read_all_stats', 'USAGE') AS perfproof_own"))

    def unseen(self) -> list[str]:
        """Return problems if connections of other roles cannot be seen: then nobody knows when they are idle."""
        if self.sees_others():
            return []
        user = self.value("SELECT current_user::text AS perfproof_own")
        if self.role in (None, user) and not self._foreign_backends():
            return []
        return [self._blind(str(user))]

    def _blind(self, user: str) -> str:
        return (
            f"the role {user} cannot see the statements of other roles on {self.address}:"
            f' run "GRANT pg_read_all_stats TO {user}" as a superuser, or give the service\'s own role in'
            " service.database"
        )

    def _foreign_backends(self) -> bool:
        return bool(
            self.value(
                "SELECT count(*) AS perfproof_own FROM pg_stat_activity"
                " WHERE datname = current_database() AND usename <> current_user"
            )
        )

    def _look(self) -> Look:
        rows = self.run(
            "SELECT pid, state, xact_start::text, state_change::text, query = %s AS perfproof_own FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            " AND application_name IS DISTINCT FROM %s AND coalesce(backend_type, 'client backend') = 'client backend'"
            " AND (%s::text IS NULL OR usename = %s) ORDER BY pid",
            [HIDDEN, APPLICATION, self.role, self.role],
        )
        if any(hidden for *_, hidden in rows):  # the service has connected as a role that we cannot see
            user = str(self.value("SELECT current_user::text AS perfproof_own"))
            raise SourceError("the statements of the service are hidden", why=self._blind(user))
        busy = frozenset((pid, since) for pid, state, since, *_ in rows if state not in _IDLE)
        return Look(busy, tuple((pid, changed) for pid, _, _, changed, _ in rows))

    def _connected(self) -> psycopg.Connection[tuple[Any, ...]]:
        if self._connection is None:
            address = self.address
            parameters = make_conninfo(
                host=address.host,
                port=address.port,
                user=address.user,
                password=address.password,
                dbname=address.database or None,
                application_name=APPLICATION,
                connect_timeout=self.patience,
                **{key: value for key, value in address.options if key.startswith("ssl")},
            )
            self._connection = psycopg.connect(parameters, autocommit=True, prepare_threshold=None)
        return self._connection
