"""Endpoints on PostgreSQL that ask in every way: lists, chains, cursors, a table for each tenant, joins that multiply.

``ARM`` says whether ``/tags`` asks once for each row or once for all, ``WHOLE`` whether ``/report`` joins.
"""

from __future__ import annotations

import os
import random
import uuid
from collections.abc import Callable
from typing import Any

import psycopg
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

connection = psycopg.connect(os.environ["DATABASE_URL"], autocommit=True)
Rows = list[tuple[Any, ...]]


def ask(sql: str, values: Any = ()) -> Rows:
    cursor = connection.execute(sql.encode(), values)
    return cursor.fetchall() if cursor.description else []


def items(count: int) -> Rows:
    return ask("SELECT id, name, author_id FROM item ORDER BY id LIMIT %s", (count,))


def each(count: int) -> Rows:
    rows = items(count)
    for row in rows:
        ask("SELECT tag FROM tag WHERE item_id = %s", (row[0],))
    return rows


def inlist(count: int) -> Rows:
    rows = items(count)
    ask(f"SELECT tag FROM tag WHERE item_id IN ({','.join(['%s'] * len(rows))})", [row[0] for row in rows])
    return rows


def tags(count: int) -> Rows:
    return each(count) if os.environ["ARM"] == "baseline" else inlist(count)


def savepoint(count: int) -> Rows:
    rows = items(count)
    with connection.transaction():
        for row in rows:
            with connection.transaction(savepoint_name=f"s{uuid.uuid4().hex[:8]}"):
                ask("UPDATE item SET name = name WHERE id = %s", (row[0],))
    return rows


def cursor(count: int) -> Rows:
    with connection.transaction(), connection.cursor(name=f"_django_curs_{random.randint(1, 10**12)}_sync_1") as named:
        named.itersize = 10
        named.execute("SELECT id, name, author_id FROM item ORDER BY id LIMIT %s", (count,))
        return list(named)


def temptable(count: int) -> Rows:
    table, rows = f"_temp_{random.randint(10**9, 10**10)}_{uuid.uuid4().hex[:8]}_items", items(count)
    ask(f"CREATE TEMP TABLE {table} (id int)")
    ask(f"INSERT INTO {table} SELECT generate_series(1, {count})")
    ask(f"SELECT count(*) FROM {table}")
    ask(f"DROP TABLE {table}")
    return rows


def tenants(count: int) -> Rows:
    rows = items(count)
    for row in rows:
        ask(f"SELECT tag FROM tag_{row[0] % 60} WHERE item_id = %s", (row[0],))
    return rows


def twice(count: int) -> Rows:
    for _ in range(5):
        ask("SELECT count(*) FROM author")
    return items(count)


def identity(count: int) -> Rows:
    rows, seen = items(count), set()
    for row in rows:
        if row[2] not in seen:
            seen.add(row[2])
            ask("SELECT name FROM author WHERE id = %s", (row[2],))
    return rows


def orchain(count: int) -> Rows:
    rows = items(count)
    ask("SELECT tag FROM tag WHERE " + " OR ".join(f"(item_id = {row[0]} AND tag = 'a')" for row in rows))
    return rows


def unionall(count: int) -> Rows:
    rows = items(count)
    ask(" UNION ALL ".join(f"SELECT tag FROM tag WHERE item_id = {row[0]}" for row in rows))
    return rows


def casewhen(count: int) -> Rows:
    rows = items(count)
    cases = " ".join(f"WHEN {row[0]} THEN 'n{row[0]}'" for row in rows)
    ask(f"UPDATE item SET name = CASE id {cases} END WHERE id <= {count}")
    return rows


def report(count: int) -> Rows:
    """Answer in one query that multiplies rows, or in two that do not."""
    if os.environ.get("ARM") != "baseline":
        ask("SELECT i.id, a.tag, b.tag FROM item i, tag a, tag b WHERE i.id <= 1 ORDER BY i.id")
        return ask("SELECT id FROM item ORDER BY id LIMIT %s", (count,))
    rows = items(count)
    ask("SELECT tag FROM tag WHERE item_id <= %s", (count,))
    ask("SELECT name FROM author")
    return rows


def reserved(count: int) -> Rows:
    return ask('SELECT "desc", "order" FROM "user" ORDER BY "order" LIMIT %s', (count,))


VIEWS: tuple[Callable[[int], Rows], ...] = (
    tags,
    inlist,
    savepoint,
    cursor,
    temptable,
    tenants,
    twice,
    identity,
    orchain,
    unionall,
    casewhen,
    report,
    reserved,
)


def route(view: Callable[[int], Rows]) -> Route:
    def endpoint(request: Request) -> JSONResponse:
        return JSONResponse({"items": [{"id": row[0]} for row in view(int(request.query_params["limit"]))]})

    return Route("/" + view.__name__, endpoint)


app = Starlette(routes=[Route("/", lambda _: JSONResponse({})), *map(route, VIEWS)])
