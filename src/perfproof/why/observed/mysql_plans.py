"""EXPLAIN FORMAT=JSON on MariaDB and MySQL.

These plan with the values they are given, and a NULL makes every comparison impossible: each placeholder becomes the
text '1', which compares with columns of any type without keeping an index from being used, or the number 1 where only
a number is allowed. So a plan is that of one value, and rows that do not exist may be told as such.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pymysql

from perfproof.databases.mysql import DENIED, MysqlClient
from perfproof.databases.source import SourceError
from perfproof.why.observed.plans import Explained

COUNTED = 100_000
_NAME = re.compile(r'"((?:[^"]|"")*)"')
_ONLY_NUMBERS = re.compile(r"\b(limit|offset|interval) \?(?:(,) \?)?")
_CHILDREN = (
    "query_block",
    "nested_loop",
    "table",
    "block-nl-join",
    "read_sorted_file",
    "filesort",
    "temporary_table",
    "duplicates_removal",
    "subqueries",
    "materialized",
    "union_result",
    "query_specifications",
    "ordering_operation",
    "grouping_operation",
    "expression_cache",
    "optimized_away_subqueries",
    "window_functions_computation",
    "sorts",
    "having_subqueries",
    "attached_subqueries",
)
_NAMED = {
    "filesort": "Sort",
    "temporary_table": "Temporary table",
    "block-nl-join": "Join (buffered)",
    "duplicates_removal": "Remove duplicates",
    "materialized": "Materialize",
    "union_result": "Union",
    "ordering_operation": "Order",
    "grouping_operation": "Group",
}

SYNTAX = 1064
"""The server's number for a statement that it cannot read."""


class MysqlExplainer:
    """One database; ``client`` is perfproof's own connection to its server."""

    def __init__(self, client: MysqlClient) -> None:
        self._client = client
        self._rows: dict[str, int | None] = {}

    def explain(self, text: str) -> Explained | str:
        """Return the plan, or why there is none and what to grant."""
        name = self._client.address.database
        try:
            self._client.run(f"USE `{name.replace('`', '``')}`")
            filled = valued(text).replace("%", "%%")
            self._client.run("START TRANSACTION READ ONLY")
            try:
                plan = json.loads(self._client.run(f"EXPLAIN FORMAT=JSON {filled}")[0][0])
            finally:
                self._client.run("ROLLBACK")
            return Explained(tuple(lines(plan)), self._scanned(plan, text), _cost(plan))
        except pymysql.err.Error as error:
            number, told = (*error.args, 0, "")[:2]
            if number in DENIED:
                return f'{told}: run "GRANT SELECT ON `{name}`.* TO {self._client.address.user}"'
            if number == SYNTAX and len(text) > self._kept():
                return "the server keeps no more than its beginning: raise max_digest_length, and restart the server"
            return f"the server says: {told}"
        except (SourceError, ValueError, LookupError) as error:
            return f"the server's plan cannot be read: {error}"

    def _kept(self) -> int:
        """Return how long a statement may be that the server surely keeps whole; what we write is a bit shorter."""
        return int(self._client.variable("max_digest_length") or 1024) * 2 // 3

    def close(self) -> None:
        """End the connection."""
        self._client.close()

    def _scanned(self, plan: Any, text: str) -> dict[str, int | None]:
        found: dict[str, int | None] = {}
        for table in tables(plan):
            if table.get("access_type") in ("ALL", "index"):
                name = _real(str(table["table_name"]), text)
                if not name.startswith("<"):
                    if name not in self._rows:
                        self._rows[name] = self._count(name)
                    found[name] = self._rows[name]
        return found

    def _count(self, table: str) -> int | None:
        quoted = table.replace("`", "``")
        try:
            return int(self._client.value(f"SELECT COUNT(*) FROM (SELECT 1 FROM `{quoted}` LIMIT {COUNTED}) AS some"))  # noqa: S608
        except (pymysql.err.Error, SourceError):
            return None


def valued(text: str) -> str:
    """Return the text of a fingerprint with a value for each ``?``, and with names in MySQL's own quotes.

    A fingerprint holds no text in quotes, so what is between double ones is a name.
    """
    named = _NAME.sub(lambda found: "`" + found.group(1).replace("`", "``").replace('""', '"') + "`", text)
    numbered = _ONLY_NUMBERS.sub(lambda found: f"{found.group(1)} 1{', 1' if found.group(2) else ''}", named)
    return numbered.replace("?", "'1'")


def tables(plan: Any) -> Iterator[dict[str, Any]]:
    """Yield every table access of a plan, in the order of the document."""
    if isinstance(plan, dict):
        if isinstance(plan.get("table"), dict):
            yield plan["table"]
        for value in plan.values():
            yield from tables(value)
    elif isinstance(plan, list):
        for item in plan:
            yield from tables(item)


def lines(plan: Any, depth: int = 0) -> Iterator[str]:
    """Yield a line for each step: how a table is read, by which key, and what is done with the rows."""
    if isinstance(plan, list):
        for item in plan:
            yield from lines(item, depth)
        return
    if not isinstance(plan, dict):
        return
    if "message" in plan:
        yield "  " * depth + str(plan["message"])
    for key in _CHILDREN:
        if key not in plan:
            continue
        if key == "table":
            yield "  " * depth + _access(plan["table"])
            yield from lines(plan["table"], depth + 1)
        elif key in _NAMED:
            yield "  " * depth + _NAMED[key]
            yield from lines(plan[key], depth + 1)
        else:
            yield from lines(plan[key], depth)


def _access(table: dict[str, Any]) -> str:
    if "table_name" not in table:
        return str(table.get("message", "no table"))
    words = [str(table.get("access_type", "?")), "on", str(table["table_name"])]
    if table.get("key"):
        words += ["using", str(table["key"])]
    if table.get("using_index"):
        words.append("(index only)")
    return " ".join(words)


def _cost(plan: Any) -> float | None:
    block = plan.get("query_block", {}) if isinstance(plan, dict) else {}
    cost = block.get("cost_info", {}).get("query_cost", block.get("cost"))
    return float(cost) if cost is not None else None


def _real(name: str, text: str) -> str:
    """Return the table behind an alias of the statement."""
    found = re.search(rf"(?:from|join|,|update|into) (?:\w+\.)?(\w+)(?: as)? {re.escape(name.lower())}\b", text)
    return found.group(1) if found else name
