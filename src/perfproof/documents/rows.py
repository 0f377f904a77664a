"""The rows in an answer, and what tells them apart: what other requests ask for by it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from perfproof.model.scenario import Scalar

VALUES = 5
"""Different ids that are taken of one list."""


def rows_of(data: Any) -> list[Any] | None:
    """Return the longest list in an answer, looked for from the outside in; None if there is none."""
    if isinstance(data, list):
        return data
    if isinstance(data, dict):
        lists = [value for value in data.values() if isinstance(value, list) and value]
        if lists:
            return max(lists, key=len)
        for value in data.values():
            if isinstance(value, dict) and (inner := rows_of(value)):
                return inner
    return None


def ids_in(rows: Sequence[Any], name: str, fields: Sequence[str], above: str) -> list[Scalar]:
    """Return the values of the field that a placeholder means: of its own name, or what rows are told apart by.

    ``fields`` are names it may have in a row, ``above`` is the path of the list that it stands below.
    """
    last = above.rstrip("/").rpartition("/")[2]
    singular = re.sub(r"(ies|s)$", lambda match: "y" if match[1] == "ies" else "", last)
    squeezed = {_squeeze(each) for each in fields}
    likely = [*fields, "id", "Id", "ID", f"{singular}_id", f"{singular}Id", "_id", "uuid", "slug", "key", "code"]
    tail = re.sub(r"^.*_(id|slug|key|name|code|uuid)$", r"\1", name)
    likely = [name, tail, *likely] if tail != name else [*likely, "name"]
    plain: list[Scalar] = [row for row in rows if isinstance(row, str | int) and not isinstance(row, bool)]
    if plain:
        return plain[:VALUES]
    mappings = [row for row in rows if isinstance(row, dict)]
    if not mappings:
        return []
    for field in [*(key for key in mappings[0] if _squeeze(key) in squeezed), *likely]:
        found = [row[field] for row in mappings if isinstance(row.get(field), str | int) and row.get(field) != ""]
        if found:
            return _spread(found)
    return []


def _spread(values: list[Scalar]) -> list[Scalar]:
    """Return some values from the whole list, not only its beginning."""
    step = max(1, len(values) // VALUES)
    return values[::step][:VALUES]


def _squeeze(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())
