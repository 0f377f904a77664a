"""An engine for a database URL, with the settings each backend needs, and its errors in plain words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError

from perfproof.errors import StoreError

BUSY_SECONDS = 10.0
"""How long to wait for a database that another program has locked."""

_SECRET_QUERY = re.compile(r"(?i)\b((?:ssl)?password)=[^&\s]*")

_REASONS: tuple[tuple[str, str, str | None], ...] = (
    (r"database is locked|lock timeout", "the database is locked", "another program is writing to it; try again"),
    (r"not a database", "the file is not a database", "name another file, or move this one away"),
    (r"malformed", "the database is damaged", "move the file away; run directories are found again"),
    (r"readonly database|read-only transaction", "the database is read-only", "allow writing to it and its folder"),
    (r"permission denied|not permitted", "the database does not permit this", "grant the user the right to do it"),
    (r"unable to open", "the database file cannot be opened", "check that its folder exists and may be written to"),
    (r"disk is full|No space left", "the disk is full", "free some space; run directories are complete without it"),
    (
        r"connect|authentication|timeout expired|terminat",
        "the database cannot be reached",
        "check that it runs, and the URL",
    ),
)
"""Pattern of the driver's message -> what happened, and what to do. Messages are the only thing both drivers share."""


def parse_url(text: str) -> URL:
    """Return the URL of a supported database; ``StoreError`` (which never repeats the text) for any other."""
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        url = None
    backend = url.get_backend_name() if url is not None else None
    if url is not None and backend in ("postgresql", "postgres"):
        return url.set(drivername="postgresql+psycopg")
    if url is not None and backend == "sqlite":
        return url
    raise StoreError(
        "the database URL is not understood" if url is None else f"{backend} databases are not supported",
        hint="use sqlite:////folder/perfproof.db or postgresql+psycopg://user@host/name",
    )


def shown(url: URL) -> str:
    """Return the URL fit for people: without any password."""
    return _SECRET_QUERY.sub(r"\1=***", url.render_as_string(hide_password=True))


def database_file(url: URL) -> Path | None:
    """Return the file of a SQLite URL, absolute; None for another backend, for memory and for ``file:`` URIs."""
    name = url.database
    if url.get_backend_name() != "sqlite" or not name or name == ":memory:" or name.startswith("file:"):
        return None
    return Path(name).absolute()


def connect(url: URL) -> Engine:
    """Return an engine for ``url``. With the option ``writes=True`` it takes SQLite's write lock on begin."""
    try:
        if url.get_backend_name() == "sqlite":
            engine = create_engine(url, connect_args={"timeout": BUSY_SECONDS})
            event.listen(engine, "connect", _prepare_sqlite)
            event.listen(engine, "begin", _begin_sqlite)
            return engine
        options = f"-c lock_timeout={int(BUSY_SECONDS * 1000)}"
        return create_engine(
            url,
            connect_args={"connect_timeout": int(BUSY_SECONDS), "application_name": "perfproof", "options": options},
        )
    except (ImportError, NoSuchModuleError):
        raise StoreError(
            "the PostgreSQL driver is not installed", where=shown(url), hint="pip install 'psycopg[binary]'"
        ) from None


def _prepare_sqlite(connection: Any, record: object) -> None:  # noqa: ARG001 - the signature of the event
    # The journal stays SQLite's default. WAL was rejected: it needs shared memory (not on network file systems), its
    # side files are lost when a results folder is copied, and a read-only folder could not be read. Writes are few.
    connection.isolation_level = None  # the driver would begin too late, and never before DDL
    connection.execute("PRAGMA foreign_keys = ON")


def _begin_sqlite(connection: Connection) -> None:
    # A transaction that reads first and then writes fails at once when another one wrote meanwhile; the busy timeout
    # only covers the wait for the lock. So writers take the lock first.
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


@contextmanager
def plain_errors(url: URL) -> Iterator[None]:
    """Turn the driver's errors into a ``StoreError`` that says what happened at which database and what to do."""
    try:
        yield
    except DBAPIError as error:
        reason = str(error.orig).strip() or type(error.orig).__name__
        if url.password:
            reason = reason.replace(str(url.password), "***")
        first = _SECRET_QUERY.sub(r"\1=***", reason.splitlines()[0])
        for pattern, what, hint in _REASONS:
            if re.search(pattern, reason, re.IGNORECASE):
                raise StoreError(what, where=shown(url), why=first, hint=hint) from error
        raise StoreError("the database refused", where=shown(url), why=first) from error
