"""Database statements of a probed request: their shape, how often each ran, and how far the count can be trusted.

``databases`` makes these, ``analysis`` concludes from them. A statement never holds a literal.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

StatementKind = Literal["query", "transaction", "other"]
"""``query`` reads or changes data (or structure); ``transaction`` is BEGIN, COMMIT, ROLLBACK, SAVEPOINT and the like;
``other`` sets up the session: SET, SHOW, DISCARD, DEALLOCATE, PRAGMA."""


@dataclass(frozen=True)
class Statement:
    """The shape of a statement: ``text`` with every literal and parameter as ``?``, and a short hash of it as ``key``.

    The key is the same from every source, driver and server version; it is the *fingerprint* of the glossary.
    """

    key: str
    text: str
    kind: StatementKind = "query"


@dataclass(frozen=True)
class StatementCount:
    """How often one statement ran during one probed request.

    ``rows`` were returned or changed, ``time_ns`` is the time in the database (from the agent: in the driver); None
    where the source cannot know. ``nested`` statements were run by the server itself, inside another one: triggers,
    foreign keys, functions. ``callers`` are lines of the user's code, ``"shop/views.py:12 list_orders"``, most frequent
    first; ``libraries`` the packages between that line and the driver (``sqlalchemy``, ``django``), nearest the user's
    code first, or the driver where there are none (``sqlalchemy.relation``: by an attribute that was asked for).
    ``repeated`` counts the calls whose parameters an earlier call of the same request already had. ``failed`` calls are
    included in ``calls``.
    """

    statement: Statement
    calls: int
    rows: int | None = None
    time_ns: int | None = None
    nested: bool = False
    callers: tuple[str, ...] = ()
    libraries: tuple[str, ...] = ()
    repeated: int | None = None
    failed: int | None = None


@dataclass(frozen=True)
class ProbeCount:
    """What one source counted for one probed request.

    ``failed`` is the number of statements the server refused, None where the source cannot see them. ``doubts`` are
    plain sentences that weaken the count; ``void``, if set, says why it must not be used at all. ``strays`` are
    queries, by fingerprint, that ran meanwhile and could not be booked on any request.
    """

    source: str
    statements: tuple[StatementCount, ...]
    failed: int | None = None
    doubts: tuple[str, ...] = ()
    void: str | None = None
    strays: Mapping[str, int] = field(default_factory=dict)

    @property
    def queries(self) -> int:
        """Return the number of statements an application is accused of: queries it sent itself, nested ones apart."""
        return sum(each.calls for each in self.statements if each.statement.kind == "query" and not each.nested)

    @property
    def time_ns(self) -> int | None:
        """Return the time of all statements that were not nested (those run inside the others), or None if unknown."""
        return _total([each.time_ns for each in self.statements if not each.nested])

    @property
    def rows(self) -> int | None:
        """Return the rows that the application's queries returned or changed, or None if unknown."""
        return _total([each.rows for each in self.statements if each.statement.kind == "query" and not each.nested])


def _total(values: list[int | None]) -> int | None:
    known = [value for value in values if value is not None]
    return sum(known) if len(known) == len(values) else None


N_PLUS_ONE = 0.5
"""Statements per additional row from which on it is N+1."""
