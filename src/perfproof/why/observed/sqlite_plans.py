"""EXPLAIN QUERY PLAN on the file that the service has opened, read only."""

from __future__ import annotations

import re
import sqlite3
from collections import defaultdict
from pathlib import Path

from perfproof.why.observed.plans import Explained

COUNTED = 1_000_000
"""Rows beyond which a table is not counted further."""
_SCAN = re.compile(r"SCAN (?:TABLE )?(\S+)")
_ALIAS = r"\b{name}\b(?: as)? {alias}\b"


class SqliteExplainer:
    """One database file, opened when first asked."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._connection: sqlite3.Connection | None = None

    def explain(self, text: str) -> Explained | str:
        """Return the plan, or why there is none."""
        try:
            rows = self._connected().execute(f"EXPLAIN QUERY PLAN {text}", [None] * text.count("?")).fetchall()
            tables = {
                name.lower(): name
                for (name,) in self._connected().execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            }
        except sqlite3.Error as error:
            return f"SQLite says: {error}"
        depth: dict[int, int] = defaultdict(int)
        shape: list[str] = []
        scanned: dict[str, int | None] = {}
        for number, parent, _, detail in rows:
            depth[number] = depth[parent] + 1 if parent else 0
            shape.append("  " * depth[number] + detail)
            found = _SCAN.match(detail)
            table = found and _table(found.group(1), text, tables)
            if table:
                scanned[table] = self._rows(tables[table])
        return Explained(tuple(shape), scanned)

    def close(self) -> None:
        """Close the file."""
        if self._connection is not None:
            self._connection.close()

    def _connected(self) -> sqlite3.Connection:
        if self._connection is None:
            self._connection = sqlite3.connect(f"{self._file.absolute().as_uri()}?mode=ro", uri=True, timeout=2.0)
        return self._connection

    def _rows(self, table: str) -> int | None:
        quoted = table.replace('"', '""')
        counting = f'SELECT count(*) FROM (SELECT 1 FROM "{quoted}" LIMIT {COUNTED})'  # noqa: S608 - a name it holds
        try:
            count: int = self._connected().execute(counting).fetchone()[0]
        except sqlite3.Error:
            return None
        return count


def _table(name: str, text: str, tables: dict[str, str]) -> str | None:
    """Return the table that the plan calls ``name``, which may be its alias in the statement; None: no table."""
    name = name.lower()
    if name in tables:
        return name
    for table in tables:
        if re.search(_ALIAS.format(name=re.escape(table), alias=re.escape(name)), text.lower()):
            return table
    return None
