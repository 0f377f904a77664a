"""EXPLAIN (FORMAT JSON) of a prepared statement with NULLs and a generic plan, in a transaction that is rolled back.

A generic plan is the one PostgreSQL makes without looking at values, so the NULLs are not read. EXPLAIN (GENERIC_PLAN)
does the same from version 16 on; this way works on every version from 12 on and is therefore the only one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, cast

import psycopg

from perfproof.databases.postgres import PostgresClient
from perfproof.databases.source import SourceError
from perfproof.why.observed.plans import Explained

COUNTED = 100_000
_TIMEOUT = "SET LOCAL statement_timeout = '3s'"
_READ_ONLY = "BEGIN READ ONLY"


class PostgresExplainer:
    """One database; ``client`` is perfproof's own connection to it."""

    def __init__(self, client: PostgresClient) -> None:
        self._client = client
        self._rows: dict[str, int | None] = {}

    def explain(self, text: str) -> Explained | str:
        """Return the plan, or why there is none and what to grant."""
        numbered, count = parameters(text)
        given = f"({', '.join(['NULL'] * count)})" if count else ""
        try:
            self._run(_READ_ONLY)
            try:
                self._run(_TIMEOUT)
                self._run("SET LOCAL plan_cache_mode = force_generic_plan")
                self._run(f"PREPARE perfproof_own AS {numbered}")
                try:
                    plan = self._run(f"EXPLAIN (FORMAT JSON) EXECUTE perfproof_own{given}")[0][0][0]["Plan"]
                finally:
                    self._run("ROLLBACK")
                    self._run("DEALLOCATE ALL")
            except psycopg.Error:
                self._run("ROLLBACK")
                raise
            return Explained(tuple(lines(plan)), self._scanned(plan), plan.get("Total Cost"))
        except psycopg.errors.InsufficientPrivilege as error:
            user = self._client.address.user or "the role in service.database"
            return f'{_first_line(error)}: run "GRANT SELECT ON ALL TABLES IN SCHEMA public TO {user}"'
        except (psycopg.Error, SourceError) as error:
            return f"PostgreSQL says: {_first_line(error)}"

    def close(self) -> None:
        """End the connection."""
        self._client.close()

    def _run(self, sql: str) -> list[tuple[Any, ...]]:
        return self._client.run(cast("Any", sql))

    def _scanned(self, plan: Mapping[str, Any]) -> dict[str, int | None]:
        found: dict[str, int | None] = {}
        for node in nodes(plan):
            if node["Node Type"] == "Seq Scan":
                name = str(node["Relation Name"])
                if name not in self._rows:
                    self._rows[name] = self._count(name, node.get("Schema"))
                found[name] = self._rows[name]
        return found

    def _count(self, table: str, schema: str | None) -> int | None:
        """Return the table's rows: counted up to a limit, or what the server last estimated."""
        name = ".".join('"{}"'.format(part.replace('"', '""')) for part in (schema, table) if part)
        try:
            self._run(_READ_ONLY)
            try:
                self._run(_TIMEOUT)
                sql = f"SELECT count(*) AS perfproof_own FROM (SELECT 1 FROM {name} LIMIT {COUNTED}) AS some"  # noqa: S608
                return int(self._run(sql)[0][0])
            finally:
                self._run("ROLLBACK")
        except (psycopg.Error, SourceError):
            return self._estimate(table)

    def _estimate(self, table: str) -> int | None:
        sql = (
            "SELECT max(reltuples)::bigint AS perfproof_own FROM pg_class WHERE relname = %s AND relkind IN ('r', 'p')"
        )
        try:
            found = self._client.value(sql, [table])
        except (psycopg.Error, SourceError):
            return None
        return int(found) if found is not None and int(found) >= 0 else None


def parameters(text: str) -> tuple[str, int]:
    """Return the text of a fingerprint with ``$1``, ``$2`` ... for its ``?``, and how many there are."""
    count = 0

    def number(_: re.Match[str]) -> str:
        nonlocal count
        count += 1
        return f"${count}"

    return re.sub(r"(?<![\w@#&|<>-])\?(?![|&?])", number, text), count


def nodes(plan: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield every node of a plan, outer ones first."""
    yield plan
    for child in plan.get("Plans", ()):
        yield from nodes(child)


def lines(plan: Mapping[str, Any], depth: int = 0) -> Iterator[str]:
    """Yield a line for each node: what it does, on which table, by which index; no condition and no estimate."""
    words = [str(plan["Node Type"])]
    if plan.get("Join Type", "Inner") != "Inner":
        words[0] += f" {plan['Join Type']}"
    if "Index Name" in plan:
        words.append(f"using {plan['Index Name']}")
    if "Relation Name" in plan:
        words.append(f"on {plan['Relation Name']}")
    if plan.get("Subplan Name"):
        words.append(f"({plan['Subplan Name']})")
    yield "  " * depth + " ".join(words)
    for child in plan.get("Plans", ()):
        yield from lines(child, depth + 1)


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]
