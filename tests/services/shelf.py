"""A tiny ASGI service over SQLite for tests of probing; its ways are set by the environment.

LAZY: one query for each row instead of one for all; TABLE: a file that holds how many rows `/all` finds; EXTRA: a field
that only this version returns; STATUS: what every list request answers; JOIN: whether `/pages` finds what belongs to a
book with two queries for each (0) or with one join over all (1), which returns their product; KINDS: the kind of each
book is asked for as well, each of the three kinds once in a request, as by an identity map. When it starts it prints
whether perfproof's agent is in the process.
"""

import json
import os
import sqlite3
import sys
from pathlib import Path

LAZY = os.environ.get("LAZY") == "1"
STATUS = int(os.environ.get("STATUS", "200"))
SECRET = "zebra-4711-literal"
print("agent in the process:", "perfproof_agent" in sys.modules or "PERFPROOF_AGENT_DIR" in os.environ, flush=True)

database = sqlite3.connect(":memory:", isolation_level=None)
database.execute("CREATE TABLE books (id INTEGER PRIMARY KEY, title TEXT, owner TEXT)")
database.executemany("INSERT INTO books VALUES (?, ?, ?)", [(n, f"book {n}", SECRET) for n in range(1, 101)])
if "JOIN" in os.environ:
    for table in ("notes", "tags"):
        database.execute(f"CREATE TABLE {table} (book INTEGER, text TEXT)")
        rows = [(n, f"{table} {part} of book {n}") for n in range(1, 51) for part in range(30)]
        database.executemany(f"INSERT INTO {table} VALUES (?, ?)", rows)
        database.execute(f"CREATE INDEX {table}_by_book ON {table} (book)")


if "KINDS" in os.environ:
    database.execute("CREATE TABLE kinds (id INTEGER PRIMARY KEY, name TEXT)")
    database.executemany("INSERT INTO kinds VALUES (?, ?)", [(n, f"kind {n}") for n in range(3)])


def with_kinds(found):
    known = {}
    for book in found:
        kind = book["id"] % 3
        if kind not in known:
            known[kind] = database.execute("SELECT name FROM kinds WHERE id = ?", [kind]).fetchone()[0]
        book["kind"] = known[kind]
    return found


def pages(limit):
    if os.environ["JOIN"] == "0":
        ids = [n for (n,) in database.execute("SELECT id FROM books ORDER BY id LIMIT ?", [limit]).fetchall()]
        return [{"id": n, "notes": texts("notes", n), "tags": texts("tags", n)} for n in ids]
    found = {}
    sql = """SELECT b.id, n.text, t.text FROM (SELECT id FROM books ORDER BY id LIMIT ?) b
             JOIN notes n ON n.book = b.id JOIN tags t ON t.book = b.id"""
    for n, note, tag in database.execute(sql, [limit]).fetchall():
        notes, tags = found.setdefault(n, ({}, {}))
        notes[note] = tags[tag] = None
    return [{"id": n, "notes": sorted(notes), "tags": sorted(tags)} for n, (notes, tags) in sorted(found.items())]


def texts(table, book):
    sql = f"SELECT text FROM {table} WHERE book = ?"
    return sorted(text for (text,) in database.execute(sql, [book]).fetchall())


def books(limit):
    if not LAZY:
        sql = f"SELECT id, title FROM books WHERE owner = '{SECRET}' ORDER BY id LIMIT ?"
        return [{"id": n, "title": title} for n, title in database.execute(sql, [limit]).fetchall()]
    ids = [n for (n,) in database.execute("SELECT id FROM books ORDER BY id LIMIT ?", [limit]).fetchall()]
    sql = f"SELECT title FROM books WHERE owner = '{SECRET}' AND id = ?"
    return [{"id": n, "title": database.execute(sql, [n]).fetchone()[0]} for n in ids]


async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            await send({"type": message["type"] + ".complete"})
            if message["type"] == "lifespan.shutdown":
                return
    status, answer = 200, {"status": "ok"}
    if scope["path"] == "/books" and scope["method"] == "POST":
        database.execute("INSERT INTO books (title, owner) VALUES ('new', 'me')")
    elif scope["path"] == "/all":
        answer = books(int(Path(os.environ["TABLE"]).read_text()))
    elif scope["path"] == "/pages":
        answer = pages(int(scope["query_string"].decode().partition("limit=")[2]))
    elif scope["path"] == "/books":
        limit = int(scope["query_string"].decode().partition("limit=")[2] or 10)
        found = with_kinds(books(limit)) if "KINDS" in os.environ else books(limit)
        status, answer = STATUS, {"items": found, "secret": SECRET}
        if os.environ.get("EXTRA"):
            answer["extra"] = 1
    body = json.dumps(answer).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
