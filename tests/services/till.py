"""A till over HTTP, with SQLite: log in, open an order, pay it, wait for its receipt. python till.py PORT DATABASE.

MORE=n adds up n squares while an order is paid; REFUSE=1 takes no payments; ALONE=1 has a login end the one before of
the same user; RECEIPT=seconds is when a receipt is ready. A user signs up once.
"""

import json
import os
import sqlite3
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock
from urllib.parse import parse_qs, urlsplit

MORE, REFUSE, ALONE = (int(os.environ.get(name, "0")) for name in ("MORE", "REFUSE", "ALONE"))
RECEIPT = float(os.environ.get("RECEIPT", "0.2"))
DATABASE = sqlite3.connect(sys.argv[2], check_same_thread=False, isolation_level=None)
DATABASE.executescript("""
    drop table if exists item; drop table if exists users; drop table if exists session; drop table if exists orders;
    create table item (id integer primary key, name text, price integer);
    create table users (name text primary key);
    create table session (token text primary key, user text);
    create table orders (id integer primary key, user text, item integer, paid real);
""")
DATABASE.executemany("insert into item values (?, ?, ?)", [(i, f"item {i}", 100 * i) for i in range(1, 51)])
LOCK = Lock()
NUMBERS = iter(range(1, 10**9))


class RefusedError(Exception):
    """Answered with a status and why."""


def one(sql, *values):
    return DATABASE.execute(sql, values).fetchone()


def sign_up(body):
    if one("select 1 from users where name = ?", body["user"]):
        raise RefusedError(409, "the name is taken")
    DATABASE.execute("insert into users values (?)", (body["user"],))
    return {}


def log_in(body):
    if body["password"] != f"secret-{body['user']}":
        raise RefusedError(401, "wrong password")
    if ALONE:
        DATABASE.execute("delete from session where user = ?", (body["user"],))
    token = f"token-{body['user']}-{next(NUMBERS):08d}"
    DATABASE.execute("insert into session values (?, ?)", (token, body["user"]))
    return {"token": token}


def items(limit):
    return [
        {"id": row[0], "name": row[1], "price": row[2]}
        for row in DATABASE.execute("select id, name, price from item order by id limit ?", (limit,))
    ]


def pay(order):
    if REFUSE:
        raise RefusedError(402, "the bank is closed")
    sum(i * i for i in range(MORE))
    DATABASE.execute("update orders set paid = ? where id = ?", (time.time(), order))
    return {"paid": True}


def receipt(order):
    _, user, item, paid = one("select id, user, item, paid from orders where id = ?", order)
    if paid is None:
        raise RefusedError(409, "not paid")
    return {"user": user, "item": item, "ready": time.time() - paid >= RECEIPT}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self):
        path, words = urlsplit(self.path), self.path.partition("?")[0].strip("/").split("/")
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or "{}")
        if words[0] == "health":
            return {}
        if words[0] == "users":
            return sign_up(body)
        if words[0] == "login":
            return log_in(body)
        who = one("select user from session where token = ?", self.headers.get("Authorization", "")[7:])
        if who is None:
            raise RefusedError(401, "log in first")
        if words[0] == "items":
            return {"items": items(int(parse_qs(path.query)["limit"][0]))}
        if words == ["orders"]:
            made = DATABASE.execute("insert into orders (user, item) values (?, ?)", (who[0], body["item"]))
            return {"order": made.lastrowid}
        return pay(int(words[1])) if words[2] == "pay" else receipt(int(words[1]))

    def do_GET(self):
        with LOCK:
            try:
                status, found = 200, self.answer()
            except RefusedError as refused:
                status, found = refused.args[0], {"error": refused.args[1]}
        body = json.dumps(found).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET  # noqa: N815 - the name that http.server asks for

    def log_message(self, *_):
        pass


ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
