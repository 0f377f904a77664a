"""The corpus on Flask with psycopg2, behind gunicorn's workers."""

from __future__ import annotations

from typing import Any

import data
import psycopg2
from flask import Flask, jsonify, render_template_string, request

app = Flask(__name__)
_connections: list[Any] = []


def run(sql: str, *values: Any) -> list[tuple[Any, ...]]:
    if not _connections:
        _connections.append(psycopg2.connect(data.DSN))
        _connections[0].autocommit = True
    with _connections[0].cursor() as cursor:
        cursor.execute(sql, values)
        return cursor.fetchall()


def ids() -> list[int]:
    limit = request.args.get("limit", 10, int)
    return [i for (i,) in run("SELECT id FROM articles ORDER BY id LIMIT %s", limit)]


def comments(article: int) -> int:
    return run("SELECT count(*) FROM comments WHERE article_id = %s", article)[0][0]


@app.get("/")
def health() -> Any:
    return jsonify(status="ok")


@app.get("/loop")
def loop() -> Any:
    return jsonify(items=[{"id": i, "comments": comments(i)} for i in ids()])


@app.get("/template")
def template() -> str:
    return render_template_string(
        "{% for i in ids %}<li>{{ i }}: {{ comments(i) }}</li>{% endfor %}", ids=ids(), comments=comments
    )


@app.get("/template-joined")
def template_joined() -> str:
    sql = "SELECT article_id, count(id) FROM comments GROUP BY article_id ORDER BY article_id LIMIT %s"
    return render_template_string(
        "{% for i, n in rows %}<li>{{ i }}: {{ n }}</li>{% endfor %}", rows=run(sql, request.args.get("limit", 10, int))
    )


@app.get("/any")
def any_of() -> Any:
    return jsonify(
        items=[{"id": i, "title": t} for i, t in run("SELECT id, title FROM articles WHERE id = ANY(%s)", ids())]
    )


@app.get("/cursor")
def named_cursor() -> Any:
    with psycopg2.connect(data.DSN) as connection, connection.cursor("big") as cursor:
        cursor.itersize = 20
        cursor.execute("SELECT id FROM articles ORDER BY id LIMIT %s", [request.args.get("limit", 10, int)])
        return jsonify(items=[{"id": i} for (i,) in cursor])
