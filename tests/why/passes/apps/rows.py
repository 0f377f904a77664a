"""Rows of a SQLite file through SQLAlchemy, with or without a pool, for any web framework."""

import gzip
import json
import os

from opening import Connection
from sqlalchemy import NullPool, QueuePool, create_engine, text

engine = create_engine(
    f"sqlite:///{os.environ['FILE']}",
    poolclass=QueuePool if os.environ.get("POOL") == "1" else NullPool,
    connect_args={"factory": Connection} if "OPENING_MS" in os.environ else {},
)


def page(limit: int) -> bytes:
    with engine.connect() as connection:
        rows = connection.execute(text("SELECT id, name FROM item WHERE kind = 3 LIMIT :n"), {"n": limit})
        return json.dumps([dict(row) for row in rows.mappings()]).encode()


def add() -> None:
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO item (id, kind, name) VALUES (-1, 3, 'new')"))


def encoded(body: bytes, accepted: str) -> tuple[bytes, dict[str, str]]:
    """Compress what is long, for who accepts it."""
    if os.environ.get("GZIP") != "1" or "gzip" not in accepted or len(body) < 500:
        return body, {}
    return gzip.compress(body), {"Content-Encoding": "gzip", "Vary": "Accept-Encoding"}
