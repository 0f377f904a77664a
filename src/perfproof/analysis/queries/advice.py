"""What to do about an N+1, in the words of the library that sent it."""

from __future__ import annotations

from collections.abc import Sequence

_BY_LIBRARY = {
    "sqlalchemy": "load the relation with it: selectinload(...) for collections, joinedload(...) for objects",
    "sqlmodel": "load the relation with it: selectinload(...) for collections, joinedload(...) for objects",
    "django": "load the relation with it: prefetch_related(...) for collections, select_related(...) for objects",
    "tortoise": "load the relation with it: prefetch_related(...)",
    "peewee": "load the relation with it: prefetch(...), or join it in the query",
    "asyncpg": "ask for all rows at once: WHERE key = ANY($1)",
    "psycopg": "ask for all rows at once: WHERE key = ANY(%s)",
    "psycopg2": "ask for all rows at once: WHERE key = ANY(%s)",
    "mysql": "ask for all rows at once: WHERE key IN (%s, %s, ...)",
    "sqlite3": "ask for all rows at once: WHERE key IN (?, ?, ...)",
    "aiosqlite": "ask for all rows at once: WHERE key IN (?, ?, ...)",
}
_ANY = "ask for all rows at once (`key = ANY($1)` or `key IN (...)`), through the ORM's eager loading, or a dataloader"


def advice(libraries: Sequence[str]) -> str:
    """Return what removes the N+1, by the first known of the libraries that the caller went through."""
    for library in libraries:
        known = _BY_LIBRARY.get(library.partition(".")[0].lower())
        if known:
            return known
    return _ANY
