"""An ASGI service over PostgreSQL or MariaDB for tests of probing; its ways are set by the environment.

DATABASE_URL: where; LAZY: one query for each row instead of one for all; WATCHER: the database role that perfproof
uses, whose connections this service counts when it starts and when it ends; END_WATCHER: at ten rows it ends those
connections, once; STATUS: what `/broken` answers. The table `stock` (id, title) is the test's to make.
"""

import json
import os
import sys
from urllib.parse import parse_qs, unquote, urlsplit

URL = urlsplit(os.environ["DATABASE_URL"])
MARIADB = URL.scheme == "mysql"
LAZY = os.environ.get("LAZY") == "1"
WATCHER = os.environ.get("WATCHER", "")


class Database:
    """One connection in autocommit mode, opened again after it was lost."""

    def __init__(self):
        self.connection = None

    def ask(self, sql, values=()):
        for attempt in (1, 2):
            try:
                if self.connection is None:
                    self.connection = self.connect()
                cursor = self.connection.cursor()
                cursor.execute(sql, values or None)
                return cursor.fetchall() if cursor.description else []
            except Exception:
                self.connection = None
                if attempt == 2:
                    raise
        return []

    def connect(self):
        if not MARIADB:
            import psycopg

            return psycopg.connect(os.environ["DATABASE_URL"], autocommit=True)
        import pymysql

        return pymysql.connect(
            host=URL.hostname, port=URL.port, user=URL.username, password=URL.password, database=URL.path[1:],
            autocommit=True,
        )  # fmt: skip


database = Database()


def watchers():
    if MARIADB:
        sql = "SELECT id FROM information_schema.processlist WHERE user = %s AND id <> CONNECTION_ID()"
    else:
        sql = "SELECT pid FROM pg_stat_activity WHERE usename = %s AND application_name = 'perfproof'"
    return [number for (number,) in database.ask(sql, (WATCHER,))]


def tell(when):
    agent = "perfproof_agent" in sys.modules or "PERFPROOF_AGENT_DIR" in os.environ
    if MARIADB:
        ((log,),) = database.ask("SELECT @@general_log")
    else:
        ((log,),) = database.ask("SHOW log_statement")
    print(f"{when}: agent {agent}, watchers {len(watchers())}, log {log}", flush=True)


def end_watchers():
    for number in watchers():
        database.ask(f"KILL {number}" if MARIADB else f"SELECT pg_terminate_backend({number})")


def listed(limit):
    global ended
    if limit == 10 and os.environ.get("END_WATCHER") == "1" and not ended:
        ended = True
        end_watchers()
    if not LAZY:
        rows = database.ask("SELECT id, title FROM stock ORDER BY id LIMIT %s", (limit,))
        return [{"id": n, "title": title} for n, title in rows]
    ids = [n for (n,) in database.ask("SELECT id FROM stock ORDER BY id LIMIT %s", (limit,))]
    return [{"id": n, "title": database.ask("SELECT title FROM stock WHERE id = %s", (n,))[0][0]} for n in ids]


ended = False


def titles(ids):
    marks = ", ".join(["%s"] * len(ids))
    return database.ask(f"SELECT id, title FROM stock WHERE id IN ({marks})", tuple(ids))


def answered(path, query):
    limit = int(query.get("limit", ["10"])[0])
    if path == "/items":
        return 200, {"items": listed(limit)}
    if path == "/unbounded":
        return 200, {"items": database.ask("SELECT id FROM stock")}
    if path == "/duplicates":
        return 200, {"items": [titles([1])[0][0] + n for n in range(3)]}
    if path == "/constant":
        counts = [database.ask(f"SELECT {what} FROM stock") for what in ("count(*)", "min(id)", "max(id)")]
        return 200, {"items": list(range(limit)), "counts": counts}
    if path == "/batched":
        chunks = [range(start, min(start + 10, limit + 1)) for start in range(1, limit + 1, 10)]
        return 200, {"items": [row for chunk in chunks for row in titles(chunk)]}
    if path == "/broken":
        return int(os.environ.get("STATUS", "500")), {"items": []}
    return 200, {"status": "ok"}


async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                tell("started")
            else:
                tell("ended")
            await send({"type": message["type"] + ".complete"})
            if message["type"] == "lifespan.shutdown":
                return
    status, answer = answered(scope["path"], parse_qs(unquote(scope["query_string"].decode())))
    body = json.dumps(answer).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
