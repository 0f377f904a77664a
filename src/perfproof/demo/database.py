"""Connections: a pool that keeps them, or a new one for every request."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Engine, NullPool, QueuePool, create_engine, event

READER_PRAGMAS = ("foreign_keys=ON", "query_only=ON", "busy_timeout=5000", "temp_store=MEMORY", "cache_size=-16000")


def reading_engine(url: str, pooled: bool) -> Engine:
    """Return an engine for the service, which only reads.

    ``pooled`` is the ``POOL`` lever. Setting up a SQLite connection is what such services really do (a few PRAGMAs),
    and a new connection also starts with an empty page cache and no parsed schema: that is the cost the pool saves.
    With a server such as PostgreSQL it saves the connect and the log-in.
    """
    engine = create_engine(url, poolclass=QueuePool if pooled else NullPool)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _set_up_reader)
    return engine


def writing_engine(url: str) -> Engine:
    """Return an engine for the seed: on SQLite a transaction really begins at its begin and locks out other writers.

    Python's sqlite3 would otherwise begin only before the first INSERT, leaving CREATE TABLE outside of it.
    """
    engine = create_engine(url, poolclass=NullPool)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _begin_nothing_by_itself)
        event.listen(engine, "begin", _begin_at_once)
    return engine


def _set_up_reader(connection: Any, _record: Any) -> None:
    cursor = connection.cursor()
    for pragma in READER_PRAGMAS:
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_nothing_by_itself(connection: Any, _record: Any) -> None:
    connection.isolation_level = None
    connection.execute("PRAGMA busy_timeout=30000")


def _begin_at_once(connection: Any) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")
