"""Looks at a store without making, upgrading or writing anything."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import func, select

from perfproof.store.connection import connect, database_file, parse_url, plain_errors, shown
from perfproof.store.models import RunRow
from perfproof.store.upgrade import revision_state


@dataclass(frozen=True)
class StoreState:
    """How a store is: ``absent`` (a file that the first run makes), ``empty``, ``older`` (a run upgrades it), current.

    ``runs`` counts what it knows (0 where it is not current); ``writable`` is False for a file that may only be read.
    """

    state: Literal["absent", "empty", "older", "current"]
    where: str
    runs: int = 0
    writable: bool = True


def look(url: str) -> StoreState:
    """Return how the store at ``url`` is; ``StoreError`` where a run would get one."""
    parsed = parse_url(url)
    where, file = shown(parsed), database_file(parsed)
    if file is not None and not file.exists():
        return StoreState("absent", where)
    writable = file is None or (os.access(file, os.W_OK) and os.access(file.parent, os.W_OK))
    engine = connect(parsed)
    try:
        with plain_errors(parsed):
            state = revision_state(engine, where)
            if state != "current":
                return StoreState(state, where, writable=writable)
            with engine.connect() as connection:
                runs = connection.execute(select(func.count()).select_from(RunRow)).scalar_one()
            return StoreState(state, where, runs, writable)
    finally:
        engine.dispose()
