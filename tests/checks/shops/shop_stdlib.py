"""A shop on Python's own HTTP server and SQLite: ``shop_stdlib.py PORT DATABASE FAULT...``; without faults it is right.

Each fault is one that services have, named after what is wrong with it (``corpus.FAULTS``).
"""

import html
import json
import random
import re
import sqlite3
import sys
import time
import traceback
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, unquote

from telling import Telling

FAULTS = set(sys.argv[3:])
TELLING = Telling(FAULTS)
DATABASE = sys.argv[2]
DOCUMENT = json.loads(Path(__file__).with_name("openapi.json").read_text())
NAMES = ("id", "name", "price", "note", "state")
USERS = {"Bearer let-me-in": 1, "Bearer let-me-in-too": 2, "Bearer read-only": 3}
HASH = "$2b$12$" + "R9h7cIPz0giURFCZ6t0vXu" + "PST9QgTHSHKFRBBNUUJHPSSXUNTPDDQ"
ASKED = {}


class WrongError(Exception):
    def __init__(self, status, code, message):
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


def rows(sql, *values):
    database = sqlite3.connect(DATABASE, timeout=5)
    try:
        with TELLING.query():
            return database.execute(sql, values).fetchall()
    finally:
        database.close()


def whole(text, name, low=None, high=None):
    if not re.fullmatch(r"-?\d{1,12}", text or ""):
        raise WrongError(400, "bad_request", f"{name} must be a whole number")
    if (low is not None and int(text) < low) or (high is not None and int(text) > high):
        raise WrongError(400, "bad_request", f"{name} must lie between {low} and {high}")
    return int(text)


class Shop(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def version_string(self):
        return super().version_string() if "tells_version" in FAULTS else "shop"

    def say(self, status, data, headers=(), kind="application/json"):
        body = data.encode() if isinstance(data, str) else json.dumps(data).encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-Request-Id", self.told.request_id if self.told else uuid.uuid4().hex)
        if self.told:
            self.told.status = status
            self.send_header("X-Statements", str(len(self.told.queries)))
        if "no_nosniff" not in FAULTS:
            self.send_header("X-Content-Type-Options", "nosniff")
        origin = self.headers.get("Origin")
        if origin and ("any_origin" in FAULTS or ("null_origin" in FAULTS and origin == "null")):
            self.send_header("Access-Control-Allow-Origin", origin)
            self.send_header("Access-Control-Allow-Credentials", "true")
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def handle_one(self):
        length = int(self.headers.get("Content-Length") or 0)
        sent = self.rfile.read(length)
        path, _, query = self.path.partition("?")
        asked = {name: values[-1] for name, values in parse_qs(query, keep_blank_values=True).items()}
        self.told = TELLING.begin(self.command, path, self.headers)
        try:
            self.route(path, asked, sent)
        except WrongError as wrong:
            self.fail(wrong, path)
        TELLING.end(self.told, getattr(self.told, "status", 0))

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = handle_one  # noqa: N815 - http.server's names

    told = None

    def do_OPTIONS(self):
        allowed = {"/products": "GET, POST"}.get(self.path, "GET")
        if "allows_delete" in FAULTS and self.path.startswith("/products/"):
            allowed = "GET, DELETE"
        self.say(200, {}, [("Allow", allowed)])

    def fail(self, wrong, path):
        status, code, message = wrong.status, wrong.code, wrong.message
        if code == "not_found" and "html_not_found" in FAULTS:
            return self.say(status, "<html><h1>Not Found, sorry</h1></html>", kind="text/html")
        if code == "not_found" and path.startswith("/orders") and "other_shape" in FAULTS:
            return self.say(status, {"error": {"text": "order not found", "number": 17}})
        if code == "not_found" and "unknown_is_500" in FAULTS:
            status = 500
        if code == "not_found" and "unknown_is_200" in FAULTS:
            status = 200
        if code == "bad_request" and "no_message" in FAULTS:
            message = ""
        if code == "bad_request" and "code_for_message" in FAULTS:
            message = "ERR_4711"
        if code == "bad_request" and "stack_trace" in FAULTS:
            message = 'Traceback (most recent call last):\n  File "shop.py", line 12, in whole\nValueError: wrong'
        if code == "not_found" and "sql_in_message" in FAULTS:
            message = "no rows for SELECT id, name FROM products WHERE id = 2000000011"
        if code == "not_found" and "path_in_message" in FAULTS:
            message = "could not be read from /var/lib/shop/products.db"
        if code == "bad_request" and "unlisted_code" in FAULTS:
            code = "E1234"
        return self.say(status, {"code": code, "message": message, "request_id": uuid.uuid4().hex})

    def route(self, path, asked, sent):
        if path == "/health":
            return self.say(200, {"up": True})
        if path == "/metrics" and TELLING.on and "no_metrics" not in FAULTS:
            return self.say(200, TELLING.page(), kind="text/plain; version=0.0.4")
        if path == "/openapi.json":
            return self.say(200, DOCUMENT)
        if path == "/internal/stats" and "hidden_route" in FAULTS:
            return self.say(200, {"products": 60})
        if path in ("/search", "/find", "/me", "/welcome", "/limited"):
            return getattr(self, path[1:])(asked, sent)
        if self.command == "PUT" and path.startswith("/notes/"):
            if self.who() == 3:
                raise WrongError(403, "unauthorised", "this key may only read")
            raise WrongError(400, "bad_request", "total must be a number")
        known = re.fullmatch(r"/(products|orders|prices)(?:/([^/]+))?|/catalogue", path)
        if known is None or (path == "/catalogue" and "missing_route" in FAULTS):
            raise WrongError(404, "not_found", "there is nothing at this address")
        if self.command == "POST" and path == "/products":
            return self.make(sent)
        if self.command not in ("GET", "HEAD"):
            raise WrongError(405, "method_not_allowed", "this address cannot be used in that way")
        what, name = known[1], known[2]
        if what == "orders" and "lets_anyone_in" not in FAULTS:
            self.who()
        if path == "/catalogue":
            return self.catalogue()
        if what == "products":
            checked = name if "sql_in_id" in FAULTS else name and whole(name, "the id")
            return self.product(checked) if name else self.products(asked)
        if what == "orders":
            return self.order(whole(name, "the id")) if name else self.orders(asked)
        return self.price(whole(name, "the id")) if name else self.prices(asked)

    def who(self):
        """Return the number of the user that a token or a cookie belongs to."""
        token = self.headers.get("Authorization", "")
        if "any_token" in FAULTS and token.startswith("Bearer "):
            return USERS.get(token, 1)
        if token in USERS:
            return USERS[token]
        if "login=let-me-in" in self.headers.get("Cookie", "").split("; "):
            return 1
        raise WrongError(401, "unauthorised", "send the token that you were given")

    def page(self, body):
        headers = [
            ("Content-Security-Policy", "default-src 'self'; frame-ancestors 'none'"),
            ("Referrer-Policy", "no-referrer"),
        ]
        self.say(
            200, f"<html><body>{body}</body></html>", () if "page_without_policy" in FAULTS else headers, "text/html"
        )

    def search(self, asked, _):
        words = asked.get("q", "")
        shown = words if "unescaped_search" in FAULTS else html.escape(words)
        found = rows("select name from products where name like ? order by id limit 5", f"%{words}%")
        self.page(f'<input name="q" value="{shown}"><p>{shown}</p>' + "".join(f"<li>{name}</li>" for (name,) in found))

    def find(self, asked, _):
        name = asked.get("name", "")
        if "<" in name and "trace_in_500" in FAULTS:
            try:
                raise RuntimeError("no such name")
            except RuntimeError:
                raise WrongError(500, "bad_request", traceback.format_exc()) from None
        if "sql_in_name" in FAULTS:
            try:
                found = rows(f"select id, name from products where name = '{name}' order by id")
            except sqlite3.Error:
                raise WrongError(500, "bad_request", "something went wrong here") from None
        else:
            found = rows("select id, name from products where name = ? order by id", name)
        self.say(200, {"items": [{"id": number, "name": text} for number, text in found]})

    def me(self, _, sent):
        user = self.who()
        if self.command == "GET":
            more = {"password_hash": HASH} if "hash_in_profile" in FAULTS else {}
            return self.say(200, {"id": user, "name": "Ada", **more})
        if user == 3 and "read_only_writes" not in FAULTS:
            raise WrongError(403, "unauthorised", "this key may only read")
        by_cookie = not self.headers.get("Authorization")
        if by_cookie and "no_csrf_token" not in FAULTS and self.headers.get("X-CSRF-Token") != "t0ken":
            raise WrongError(403, "unauthorised", "the page that you came from is too old")
        data = json.loads(sent) if sent[:1] == b"{" else {}
        for name, kind in (("name", str), ("age", int)):
            if not isinstance(data.get(name), kind):
                raise WrongError(400, "bad_request", f"{name} is missing or of the wrong kind")
        return self.say(200, {"id": user, "name": data["name"]})

    def welcome(self, *_):
        flags = "" if "bare_cookie" in FAULTS else "; HttpOnly; SameSite=Lax"
        self.say(200, {"hello": True}, [("Set-Cookie", f"session={uuid.uuid4().hex}; Path=/{flags}")])

    def limited(self, *_):
        who = self.headers.get("Authorization", "")
        began, number = ASKED.get(who, (0.0, 0))
        now = time.monotonic()
        if now - began > 2:
            began, number = now, 0
        ASKED[who] = (began, number + 1)
        if number < 10 or "no_limit" in FAULTS:
            return self.say(200, {"asked": number})
        headers = [("Retry-After", "2"), ("RateLimit-Limit", "10")]
        message = {"code": "bad_request", "message": "too many requests, please wait"}
        return self.say(429, message, () if "limit_untold" in FAULTS else headers)

    def catalogue(self):
        headers = [("Deprecation", "@1767225600"), ("Sunset", "Wed, 31 Dec 2036 23:59:59 GMT")]
        if "silent_deprecation" in FAULTS:
            headers = []
        if "deprecation_true" in FAULTS:
            headers[0] = ("Deprecation", "true")
        if "sunset_before" in FAULTS:
            headers[1] = ("Sunset", "Wed, 31 Dec 2014 23:59:59 GMT")
        self.say(200, {"names": 60}, headers)

    def products(self, asked):
        if "lax_types" in FAULTS and not asked.get("limit", "1").isdigit():
            asked["limit"] = "20"
        limit = whole(asked.get("limit", "20"), "limit", 1, 50)
        offset = whole(asked.get("offset", "0"), "offset", 0)
        order = "id"
        if "ignores_limit" in FAULTS:
            limit = 20
        start = offset
        if "page_overlap" in FAULTS and offset:
            start = offset - 1
        if "page_gap" in FAULTS and offset:
            start = offset + 1
        found = rows(f"select {', '.join(NAMES)} from products order by {order} limit ? offset ?", limit, start)
        if "unstable_order" in FAULTS:
            random.shuffle(found)
        if "unbounded" in FAULTS and "limit" not in asked:
            found = rows("select id, name, price, note, state from products") * 3
        items = [self.shown(row) for row in found]
        following = f"/products?limit={limit}&offset={offset + limit}" if offset + limit < 60 else None
        answer = {"items": items, "total": 60, "next": following}
        if "unpaged" in FAULTS:
            answer["next"] = None
        self.say(200, answer)

    def shown(self, row):
        found = dict(zip(NAMES, row, strict=True))
        if "price_as_text" in FAULTS:
            found["price"] = str(found["price"])
        if "name_left_out" in FAULTS:
            del found["name"]
        if "unlisted_value" in FAULTS:
            found["state"] = "lost"
        return found

    def product(self, number):
        if "sql_in_id" in FAULTS:
            try:
                found = rows(f"select {', '.join(NAMES)} from products where id = {unquote(number)}")
            except sqlite3.Error:
                raise WrongError(400, "bad_request", "the id must be a whole number") from None
        else:
            found = rows(f"select {', '.join(NAMES)} from products where id = ?", number)
        if not found:
            raise WrongError(404, "not_found", "there is no product of that number")
        self.say(203 if "unlisted_status" in FAULTS else 200, self.shown(found[0]))

    def make(self, sent):
        try:
            data = json.loads(sent)
        except ValueError:
            raise WrongError(400, "bad_request", "the body must be JSON") from None
        if not isinstance(data, dict):
            raise WrongError(400, "bad_request", "the body must be an object")
        if "takes_anything" in FAULTS:
            data = {"name": "unnamed", "price": 0, **data}
        name, price = data.get("name"), data.get("price")
        if not isinstance(name, str) or not name or len(name) > 80:
            raise WrongError(400, "bad_request", "name must be a text of at most 80 characters")
        if "takes_anything" not in FAULTS and (isinstance(price, bool) or not isinstance(price, int | float)):
            raise WrongError(400, "bad_request", "price must be a number")
        database = sqlite3.connect(DATABASE, timeout=5)
        with database:
            if "sql_in_body" in FAULTS:
                made = database.execute(f"insert into products (name, price, state) values ('{name}', 1, 'open')")
            else:
                made = database.execute(
                    "insert into products (name, price, state) values (?, ?, 'open')", (name, str(price))
                )
        database.close()
        self.say(201, {"id": made.lastrowid, "name": name, "price": 1.0, "note": None, "state": "open"})

    def orders(self, asked):
        limit, after = whole(asked.get("limit", "20"), "limit", 1, 50), whole(asked.get("cursor", "0"), "cursor")
        after = max(after, self.first() - 1)
        if "cursor_repeats" in FAULTS and after:
            after -= 1
        found = rows("select id, total from orders where id > ? order by id limit ?", after, limit)
        following = found[-1][0] if found and found[-1][0] < 40 else None
        self.say(200, {"data": [{"id": n, "total": t} for n, t in found], "next_cursor": following})

    def first(self):
        """Return the first order that a user may see: the second user's begin at 31."""
        return 31 if self.headers.get("Authorization") == "Bearer let-me-in-too" else 1

    def order(self, number):
        found = rows("select id, total from orders where id = ?", number)
        if number < self.first() and "others_orders" not in FAULTS:
            found = []
        if not found:
            raise WrongError(404, "not_found", "there is no order of that number")
        self.say(200, {"id": found[0][0], "total": found[0][1]})

    def prices(self, asked):
        if "ids" not in asked:
            raise WrongError(400, "bad_request", "say which ids you want")
        numbers = [whole(each, "each id") for each in asked["ids"].split(",")]
        if "batch_one_by_one" in FAULTS:
            found = []
            for number in numbers:
                found += rows("select id, price from products where id = ?", number)
                time.sleep(0.02)
        else:
            marks = ",".join("?" * len(numbers))
            found = rows(f"select id, price from products where id in ({marks})", *numbers)
        self.say(200, [{"id": n, "price": p} for n, p in found])

    def price(self, number):
        found = rows("select id, price from products where id = ?", number)
        if not found:
            raise WrongError(404, "not_found", "there is no price of that product")
        self.say(200, {"id": found[0][0], "price": found[0][1]})


ThreadingHTTPServer.daemon_threads = True
ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Shop).serve_forever()
