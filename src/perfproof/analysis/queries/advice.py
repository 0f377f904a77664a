"""What to do about an N+1, in the words of the library that sent it and of how it was asked."""

from __future__ import annotations

from collections.abc import Sequence

_SQLALCHEMY = "load the relation with it: selectinload(...) for collections, joinedload(...) for objects"
_IN = "ask for all rows at once, before the loop"
_KNOWN = {
    "sqlalchemy.relation": _SQLALCHEMY,
    "sqlalchemy": f"{_IN}: select(...).where(Model.key.in_(keys))",
    "sqlmodel": f"{_IN}: select(...).where(Model.key.in_(keys))",
    "django.relation": (
        "load the relation with it: select_related(...) for objects, prefetch_related(...) for collections"
    ),
    "django.generic": "a generic foreign key: load it with prefetch_related(...), since select_related cannot",
    "django.deferred": "a field that was left out: name it in only(...), or do not defer(...) it",
    "django": (
        "of a relation: prefetch_related(...), where filter and order_by ask again unless given to"
        f" Prefetch(queryset=...); else {_IN}: filter(key__in=keys)"
    ),
    "tortoise": "load the relation with it: prefetch_related(...)",
    "peewee": "load the relation with it: prefetch(...), or join it in the query",
    "asyncpg": f"{_IN}: WHERE key = ANY($1)",
    "psycopg": f"{_IN}: WHERE key = ANY(%s)",
    "psycopg2": f"{_IN}: WHERE key = ANY(%s)",
    "mysql": f"{_IN}: WHERE key IN (%s, %s, ...)",
    "sqlite3": f"{_IN}: WHERE key IN (?, ?, ...)",
    "aiosqlite": f"{_IN}: WHERE key IN (?, ?, ...)",
}
_ANY = "ask for all rows at once (`key = ANY($1)` or `key IN (...)`), through the ORM's eager loading, or a dataloader"


def advice(libraries: Sequence[str]) -> str:
    """Return what removes the N+1, by how a library was asked if that is known, else by the first known library."""
    names = [library.lower() for library in libraries]
    for name in [*(each for each in names if "." in each), *(each.partition(".")[0] for each in names)]:
        if name in _KNOWN:
            return _KNOWN[name]
    return _ANY
