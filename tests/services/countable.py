"""Endpoints whose statements are known, on SQLite: behind a redirect, in threads, with names made up at random.

``python countable.py seed`` makes the data; ``python countable.py PORT`` serves with wsgiref, ``PORT unknown`` with a
server that the agent does not know.
"""

from __future__ import annotations

import concurrent.futures
import json
import sqlite3
import sys
import threading
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing.pool import ThreadPool
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit
from wsgiref.simple_server import WSGIRequestHandler, make_server

POOL = concurrent.futures.ThreadPoolExecutor(4)


def tags(item: int) -> dict[str, Any]:
    connection = sqlite3.connect("shop.db")
    found = [tag for (tag,) in connection.execute("SELECT tag FROM tag WHERE item_id = ?", (item,))]
    connection.close()
    return {"id": item, "tags": found}


def items(count: int) -> list[Any]:
    connection = sqlite3.connect("shop.db")
    rows = connection.execute("SELECT id, name FROM item ORDER BY id LIMIT ?", (count,)).fetchall()
    connection.close()
    return [tags(row[0]) for row in rows]


def bulk(count: int) -> list[Any]:
    """Send exactly five statements, as bulk loaders with a staging table do."""
    connection, table = sqlite3.connect("shop.db"), "loading_" + uuid.uuid4().hex[:12]
    rows = connection.execute("SELECT id FROM item ORDER BY id LIMIT ?", (count,)).fetchall()
    connection.execute(f"CREATE TEMP TABLE {table} (id)")
    connection.execute(f"INSERT INTO {table} SELECT id FROM item LIMIT 5")
    connection.execute(f"SELECT count(*) FROM {table}").fetchall()
    connection.execute(f"DROP TABLE {table}")
    connection.commit()
    connection.close()
    return rows


def thread(count: int) -> list[Any]:
    found: list[Any] = []
    threads = [threading.Thread(target=lambda item=item: found.append(tags(item))) for item in range(count)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    return found


class Loader(threading.Thread):
    """A thread as subclass, with a ``run`` of its own."""

    def __init__(self, item: int) -> None:
        super().__init__()
        self.item = item

    def run(self) -> None:
        self.found = tags(self.item)


def subclass(count: int) -> list[Any]:
    loaders = [Loader(item) for item in range(count)]
    for each in loaders:
        each.start()
    for each in loaders:
        each.join()
    return [each.found for each in loaders]


def mpool(count: int) -> list[Any]:
    with ThreadPool(4) as pool:
        return pool.map(tags, range(count))


SHARED: list[ThreadPool] = []


def shared(count: int) -> list[Any]:
    """Use a pool that an earlier request has made."""
    if not SHARED:
        SHARED.append(ThreadPool(4))
    return list(SHARED[0].imap_unordered(tags, range(count)))


def timer(count: int) -> list[Any]:
    done = threading.Event()
    found: list[Any] = []

    def work() -> None:
        found.extend(map(tags, range(count)))
        done.set()

    threading.Timer(0.001, work).start()
    done.wait()
    return found


VIEWS = {
    "/items/": items,
    "/bulk": bulk,
    "/thread": thread,
    "/subclass": subclass,
    "/pool": lambda count: list(POOL.map(tags, range(count))),
    "/mpool": mpool,
    "/shared": shared,
    "/timer": timer,
}


def answered(path: str, query: str) -> tuple[str, list[tuple[str, str]], bytes]:
    if path == "/items":  # as Django's APPEND_SLASH and Starlette's redirect_slashes do
        return "301 Moved Permanently", [("Location", f"/items/?{query}"), ("Content-Length", "0")], b""
    view = VIEWS.get(path)
    body = json.dumps({"items": view(int(parse_qs(query)["limit"][0]))} if view else {}).encode()
    return "200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))], body


def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    status, headers, body = answered(environ["PATH_INFO"], environ["QUERY_STRING"])
    start_response(status, headers)
    return [body]


class Quiet(WSGIRequestHandler):
    def log_message(self, *_: Any) -> None:
        pass


class Unknown(BaseHTTPRequestHandler):
    protocol_version: ClassVar[str] = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        pass

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        status, headers, body = answered(parts.path, parts.query)
        self.send_response(int(status[:3]))
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


def seed() -> None:
    connection = sqlite3.connect("shop.db")
    connection.executescript(
        "DROP TABLE IF EXISTS item; DROP TABLE IF EXISTS tag;"
        "CREATE TABLE item(id INTEGER PRIMARY KEY, name); CREATE TABLE tag(item_id, tag)"
    )
    connection.executemany("INSERT INTO item VALUES(?, ?)", [(at, f"n{at}") for at in range(100)])
    connection.executemany("INSERT INTO tag VALUES(?, 'a')", [(at,) for at in range(100)])
    connection.commit()


if __name__ == "__main__":
    if sys.argv[1] == "seed":
        seed()
    elif sys.argv[2:] == ["unknown"]:
        ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Unknown).serve_forever()
    else:
        make_server("127.0.0.1", int(sys.argv[1]), application, handler_class=Quiet).serve_forever()
