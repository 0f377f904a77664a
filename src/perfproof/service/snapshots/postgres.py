"""A PostgreSQL database as ``prepare`` left it: cloned by its server, and how the clone takes its place.

Every database made here has the process it belongs to in its name and, in its comment, what it is a copy of.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import SplitResult, quote, unquote, urlsplit

from perfproof.core.addresses import is_this_machine
from perfproof.core.owner import Owner
from perfproof.errors import PerfproofError, ServiceError, UsageError

_NAME = re.compile(r".*_perfproof_([0-9a-f_]+)_[0-9a-f]{4}", re.DOTALL)
_LONGEST = 63
"""Bytes of a name; the server cuts longer ones off without a word."""

_SLACK = 1 << 20
"""Bytes by which a clone may be smaller than what it was made of: files that the server makes when they are missing."""

_TRIES = 3


class PostgresSnapshot:
    """A PostgreSQL database and its clone. Restoring clones the clone, and the two names change in one transaction."""

    def __init__(self, arm: str, url: SplitResult, allow: Collection[str], say: Callable[[str], None]) -> None:
        host, self._name = url.hostname or "", _database(url)
        if not (is_this_machine(host) or host in allow):
            raise UsageError(
                f"{arm}: the database on {host} would be dropped and made anew",
                why="it is not on this machine",
                hint=f"if that is what you want, add `allow: [{host}]` to the scenario",
            )
        if not self._name or self._name in ("postgres", "template0", "template1"):
            raise UsageError(f"{arm}: service.snapshot names no database of your own", hint="end the URL in /its_name")
        self._arm, self._url = arm, url
        self._made: list[str] = []
        with self._server() as server:
            for done in _swept(server):
                say(done)
            row = _row(server, "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = %s", self._name)
            if row is None:
                raise UsageError(
                    f"{arm}: there is no database {self._name} to keep", hint="let service.prepare make it"
                )
            self._owner = str(row[0])
            self._kept = self._clone(server, self._name, "kept")
            with server.transaction():
                _carry_over(server, self._name, self._kept)  # now, since what cannot be carried over must come out now

    def restore(self) -> None:
        """Clone the kept one under another name and look at it; then it takes the database's name; then that one goes.

        The names change in one transaction, so that at every moment a whole database has the name. Connections that are
        left over are ended.
        """
        with self._server() as server:
            fresh = self._clone(server, self._kept, "new")
            missing = _size(server, self._kept) - _size(server, fresh)
            if missing > _SLACK:
                raise ServiceError(
                    f"{self._arm}: {self._name} cannot be put back; it stands as it was",
                    why=f"its clone lacks {missing:,} bytes",
                )
            self._drop(server, self._swap(server, fresh))

    def drop(self) -> None:
        """Remove what was made; a database that is not there any more gets the kept one, as it is the only copy."""
        with self._server() as server:
            if not _exists(server, self._name) and _exists(server, self._kept):
                _rename(server, self._kept, self._name)
                _comment(server, self._name, None)
                self._made.remove(self._kept)
            for name in list(self._made):
                self._drop(server, name)

    def _swap(self, server: Any, fresh: str) -> str:
        """Give ``fresh`` the database's name; return the name that the other one has now."""
        import psycopg

        aside = _new_name(self._name)
        for attempt in range(_TRIES):
            server.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND pid <> pg_backend_pid()",
                (self._name,),
            )
            try:
                with server.transaction():
                    said = _commented(server, self._name)
                    if _exists(server, self._name):
                        _carry_over(server, self._name, fresh)
                        self._made.append(aside)
                        _rename(server, self._name, aside)
                        _comment(server, aside, _label(self._name, "old"))
                    else:  # the service itself has dropped it
                        _carry_over(server, self._kept, fresh)
                    _rename(server, fresh, self._name)
                    _comment(server, self._name, said)
                break
            except psycopg.errors.ObjectInUse:  # something connected again
                if attempt == _TRIES - 1:
                    raise
        self._made.remove(fresh)
        return aside

    def _clone(self, server: Any, source: str, role: str) -> str:
        from psycopg import sql

        name = _new_name(self._name)
        self._made.append(name)  # before it is there: an interruption may come while it is being made
        names = (sql.Identifier(each) for each in (name, source, self._owner))
        server.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {} OWNER {}").format(*names))
        _comment(server, name, _label(self._name, role))
        return name

    def _drop(self, server: Any, name: str) -> None:
        _drop(server, name)
        if name in self._made:
            self._made.remove(name)

    @contextmanager
    def _server(self) -> Iterator[Any]:
        """Lend a connection to the server's maintenance database; its errors hold no password."""
        with _connected(self._arm, self._url) as server:
            yield server


def entry(url: SplitResult) -> dict[str, Any]:
    """Return what must be known to tidy up after a kill: never the password."""
    user = f"{quote(unquote(url.username), safe='')}@" if url.username else ""
    host = f"[{url.hostname}]" if ":" in (url.hostname or "") else url.hostname
    return {"kind": "postgresql", "url": f"postgresql://{user}{host}:{url.port or 5432}{url.path}"}


def tidied(listed: dict[str, Any]) -> Iterator[str]:
    """Drop on that server what killed processes made; yield what was done, or why not.

    The password is not known here: the server may ask for none, or the driver finds it (``PGPASSFILE``).
    """
    url = urlsplit(listed["url"])
    try:
        with _connected("tidying up", url) as server:
            yield from _swept(server)
    except PerfproofError as error:
        yield (
            f"copies of the database {_database(url)} (called ..._perfproof_...) may be left on {url.hostname}: "
            f"{error.why or error.what}; the next measurement with this snapshot drops them"
        )


def _swept(server: Any) -> Iterator[str]:
    """Drop the databases of processes that are gone; one whose original is missing becomes the original again."""
    query = "SELECT datname, shobj_description(oid, 'pg_database') FROM pg_database WHERE datname LIKE '%perfproof%'"
    left = []
    for name, comment in server.execute(query).fetchall():
        found = _NAME.fullmatch(name)
        owner = Owner.parse(found[1]) if found else None
        if owner is not None and owner.gone:
            left.append((name, *_told(comment)))
    import psycopg

    for name, original, _ in sorted(left, key=lambda each: each[2] != "kept"):
        try:
            if original is not None and not _exists(server, original):
                _rename(server, name, original)
                _comment(server, original, None)
                yield f"the database {original} was gone: put back as `prepare` had left it"
            else:
                _drop(server, name)
                yield f"dropped {name}, a copy{f' of {original}' if original else ''} that a killed perfproof left"
        except psycopg.Error as error:  # another user's: no reason not to measure
            yield f"{name}, which a killed perfproof left, stays: {str(error).strip().splitlines()[0]}"


def _carry_over(server: Any, source: str, target: str) -> None:
    """Give ``target`` what belongs to the database ``source`` and is not in it: settings, rights, limit.

    The server clones none of these. Within a transaction.
    """
    from psycopg import sql

    into = sql.Identifier(target)
    query = (
        "SELECT r.rolname, unnest(s.setconfig) FROM pg_db_role_setting s JOIN pg_database d ON d.oid = s.setdatabase "
        "LEFT JOIN pg_roles r ON r.oid = s.setrole WHERE d.datname = %s"
    )
    for role, setting in server.execute(query, (source,)).fetchall():
        name, _, value = setting.partition("=")
        # Written out, a list (search_path) would need other quotes than a text: the server copies what is in force.
        before = _row(server, "SELECT current_setting(%s, true)", name)[0]
        server.execute("SELECT set_config(%s, %s, true)", (name, value))
        whose = sql.SQL("ROLE {} IN DATABASE {}").format(sql.Identifier(role), into) if role else None
        whose = whose or sql.SQL("DATABASE {}").format(into)
        setting_name = sql.SQL(".").join(map(sql.Identifier, name.split(".")))
        server.execute(sql.SQL("ALTER {} SET {} FROM CURRENT").format(whose, setting_name))
        server.execute("SELECT set_config(%s, %s, true)", (name, before))
    query = (
        "SELECT pg_get_userbyid(a.grantee), a.grantee = 0, a.privilege_type, a.is_grantable "
        "FROM pg_database d, aclexplode(d.datacl) a WHERE d.datname = %s AND a.grantee <> d.datdba"
    )
    if _row(server, "SELECT 1 FROM pg_database WHERE datname = %s AND datacl IS NOT NULL", source):
        server.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(into))
        for grantee, public, right, grantable in server.execute(query, (source,)).fetchall():
            whom = sql.SQL("PUBLIC") if public else sql.Identifier(grantee)
            grant = sql.SQL("GRANT {} ON DATABASE {} TO {}").format(sql.SQL(right), into, whom)
            server.execute(grant + sql.SQL(" WITH GRANT OPTION" if grantable else ""))
    (limit,) = _row(server, "SELECT datconnlimit FROM pg_database WHERE datname = %s", source)
    server.execute(sql.SQL("ALTER DATABASE {} CONNECTION LIMIT {}").format(into, sql.Literal(limit)))


def _new_name(original: str) -> str:
    rest = f"_perfproof_{Owner.mine()}_{secrets.token_hex(2)}"
    return original.encode()[: _LONGEST - len(rest)].decode(errors="ignore") + rest


def _label(original: str, role: str) -> str:
    return json.dumps({"perfproof": role, "of": original})


def _told(comment: str | None) -> tuple[str | None, str]:
    """Return what a database is a copy of, and its role; (None, "") for a comment that is not ours."""
    try:
        said = json.loads(comment or "")
        return str(said["of"]), str(said["perfproof"])
    except (ValueError, KeyError, TypeError):
        return None, ""


def _comment(server: Any, name: str, comment: str | None) -> None:
    from psycopg import sql

    server.execute(sql.SQL("COMMENT ON DATABASE {} IS {}").format(sql.Identifier(name), sql.Literal(comment)))


def _commented(server: Any, name: str) -> str | None:
    row = _row(server, "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = %s", name)
    return None if row is None or row[0] is None else str(row[0])


def _rename(server: Any, name: str, to: str) -> None:
    from psycopg import sql

    server.execute(sql.SQL("ALTER DATABASE {} RENAME TO {}").format(sql.Identifier(name), sql.Identifier(to)))


def _drop(server: Any, name: str) -> None:
    from psycopg import sql

    server.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def _exists(server: Any, name: str) -> bool:
    return _row(server, "SELECT 1 FROM pg_database WHERE datname = %s", name) is not None


def _size(server: Any, name: str) -> int:
    return int(_row(server, "SELECT pg_database_size(%s)", name)[0])


def _row(server: Any, query: str, value: str) -> Any:
    return server.execute(query, (value,)).fetchone()


@contextmanager
def _connected(arm: str, url: SplitResult) -> Iterator[Any]:
    try:
        import psycopg
    except ImportError as error:
        raise UsageError("the PostgreSQL driver is missing", hint="pip install 'psycopg[binary]'") from error
    try:
        with psycopg.connect(
            host=url.hostname, port=url.port or 5432, dbname="postgres", connect_timeout=10,
            user=unquote(url.username or "") or None, password=unquote(url.password or "") or None,
            autocommit=True, application_name="perfproof",
        ) as server:  # fmt: skip
            yield server
    except psycopg.Error as error:
        raise ServiceError(
            f"{arm}: the snapshot of {_database(url)} failed",
            why=str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__,
            hint="the user needs CREATEDB and must own the database; nothing else may be connected to it",
        ) from None


def _database(url: SplitResult) -> str:
    return unquote(url.path.lstrip("/"))
