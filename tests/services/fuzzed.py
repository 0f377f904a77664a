"""A service that sends fuzzed statements: /send?n=50&seed=s&system=mysql sends 50, and answers with their literals.

POSTGRESQL, MYSQL: where (SQLite is in memory); SENT: a file that it writes every statement to; ARM: shown in answers. A
statement that the server refuses is passed over. It prints nothing: what a service prints itself is its own.
"""

import contextlib
import json
import os
import sqlite3
import sys
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import psycopg
import pymysql

sys.path.insert(0, str(Path(__file__).parent.parent))

from literals import statements

address = urlsplit(os.environ["MYSQL"])
connections = {
    "postgresql": psycopg.connect(os.environ["POSTGRESQL"], autocommit=True),
    "mysql": pymysql.connect(
        host=address.hostname, port=address.port, user=address.username, password=address.password,
        database=address.path[1:], autocommit=True, charset="utf8mb4",
    ),
    "sqlite": sqlite3.connect(":memory:", isolation_level=None),
}  # fmt: skip
connections["sqlite"].execute("CREATE TABLE stock (id integer PRIMARY KEY, title text)")
connections["sqlite"].execute("CREATE TABLE sent (title text)")


def send_statements(system, count, seed):
    literals = []
    with Path(os.environ["SENT"]).open("a", encoding="utf-8") as sent:
        for each in statements(system, seed, count):
            cursor = connections[system].cursor()
            with contextlib.suppress(psycopg.Error, pymysql.err.Error, sqlite3.Error):
                cursor.execute(each.sql, each.values or (() if system == "sqlite" else None))
                if cursor.description:
                    cursor.fetchall()
            cursor.close()
            sent.write(f"{each.sql} {' '.join(each.values)}\n")
            literals.append(each.cores)
    return literals


async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            await send({"type": message["type"] + ".complete"})
            if message["type"] == "lifespan.shutdown":
                return
    query = {name: values[0] for name, values in parse_qs(scope["query_string"].decode()).items()}
    answer = {"status": "ok"}
    if "n" in query:
        items = send_statements(query["system"], int(query["n"]), query["seed"])
        answer = {"items": items, "arm": items[int(os.environ["ARM"])]}
    body = json.dumps(answer).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})
