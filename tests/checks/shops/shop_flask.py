"""The same shop in Flask: ``shop_flask.py PORT DATABASE FAULT...``."""

import json
import random
import re
import sqlite3
import sys
import time
import traceback
import uuid
from contextlib import suppress
from pathlib import Path

from flask import Flask, Response, abort, g, jsonify, request
from markupsafe import escape
from telling import Telling
from werkzeug.exceptions import HTTPException
from werkzeug.serving import WSGIRequestHandler, make_server

FAULTS = set(sys.argv[3:])
TELLING = Telling(FAULTS)
DATABASE = sys.argv[2]
DOCUMENT = json.loads(Path(__file__).with_name("openapi.json").read_text())
if "breaks_clients" in FAULTS:  # the document of a version that no longer gives what clients rest on
    del DOCUMENT["paths"]["/catalogue"]
    DOCUMENT["components"]["schemas"]["Product"]["properties"].pop("note")
    DOCUMENT["paths"]["/products"]["get"]["parameters"][0]["required"] = True
CODES = {400: "bad_request", 401: "unauthorised", 404: "not_found", 405: "method_not_allowed"}
WORDS = {404: "there is nothing at this address", 405: "this address cannot be used in that way"}

USERS = {"Bearer let-me-in": 1, "Bearer let-me-in-too": 2, "Bearer read-only": 3}
ASKED = {}

app = Flask("shop")


def rows(sql, *values):
    database = sqlite3.connect(DATABASE, timeout=5)
    try:
        with TELLING.query():
            return database.execute(sql, values).fetchall()
    finally:
        database.close()


def number(text, low=None, high=None):
    try:
        found = int(text)
        if abs(found) > 10**12:
            raise ValueError(text)
    except ValueError:
        if "stack_trace" in FAULTS:
            abort(400, traceback.format_exc())
        abort(400, "a whole number is wanted here")
    if (low is not None and found < low) or (high is not None and found > high):
        abort(400, f"a number between {low} and {high} is wanted here")
    return found


@app.errorhandler(HTTPException)
def failed(error):
    own = error.description != type(error).description
    status, code = error.code, CODES.get(error.code, "bad_request")
    message = error.description if own else WORDS.get(error.code, "the request could not be understood")
    if status == 404 and "html_not_found" in FAULTS:
        return error
    if status == 404 and request.path.startswith("/orders") and "other_shape" in FAULTS:
        return jsonify(status="error", errors=[{"text": "order not found"}]), 404
    if status == 404 and "unknown_is_500" in FAULTS:
        status = 500
    if status == 404 and "unknown_is_200" in FAULTS:
        status = 200
    if status == 400 and "no_message" in FAULTS:
        message = ""
    if status == 400 and "code_for_message" in FAULTS:
        message = "INVALID_ARGUMENT"
    if error.code == 404 and "sql_in_message" in FAULTS:
        message = 'sqlite3.OperationalError near "WHERE": syntax error'
    if error.code == 404 and "path_in_message" in FAULTS:
        message = "not found by /srv/shop/app/views.py"
    if status == 400 and "unlisted_code" in FAULTS:
        code = "validation_failed"
    return jsonify(code=code, message=message, request_id=uuid.uuid4().hex), status


@app.before_request
def begun():
    g.told = TELLING.begin(request.method, request.path, request.headers)


@app.after_request
def named(response):
    response.headers["X-Request-Id"] = g.told.request_id if g.told else uuid.uuid4().hex
    if g.told:
        response.headers["X-Statements"] = str(len(g.told.queries))
        TELLING.end(g.told, response.status_code)
    if "no_nosniff" not in FAULTS:
        response.headers["X-Content-Type-Options"] = "nosniff"
    if response.mimetype == "text/html" and "page_without_policy" not in FAULTS:
        response.headers["Content-Security-Policy"] = "default-src 'self'"
        response.headers["X-Frame-Options"] = "DENY"
        response.headers["Referrer-Policy"] = "same-origin"
    origin = request.headers.get("Origin")
    if origin and ("any_origin" in FAULTS or ("null_origin" in FAULTS and origin == "null")):
        response.headers["Access-Control-Allow-Origin"] = origin
        response.headers["Access-Control-Allow-Credentials"] = "true"
    return response


if TELLING.on and "no_metrics" not in FAULTS:

    @app.get("/metrics")
    def metrics():
        return Response(TELLING.page(), content_type="text/plain; version=0.0.4")


@app.get("/health")
def health():
    return jsonify(up=True)


@app.get("/openapi.json")
def document():
    return jsonify(DOCUMENT)


if "hidden_route" in FAULTS:

    @app.get("/internal/stats")
    def stats():
        return jsonify(products=60)


if "missing_route" not in FAULTS:

    @app.get("/catalogue")
    def catalogue():
        answer = jsonify(names=60)
        if "silent_deprecation" not in FAULTS:
            answer.headers["Deprecation"] = "true" if "deprecation_true" in FAULTS else "@1767225600"
            year = 2014 if "sunset_before" in FAULTS else 2036
            answer.headers["Sunset"] = f"Wed, 31 Dec {year} 23:59:59 GMT"
        return answer


def shown(row):
    found = dict(zip(("id", "name", "price", "note", "state"), row, strict=True))
    if "price_as_text" in FAULTS:
        found["price"] = f"{found['price']} EUR"
    if "name_left_out" in FAULTS:
        found.pop("name")
    if "unlisted_value" in FAULTS:
        found["state"] = "archived"
    return found


@app.get("/products")
def products():
    if "lax_types" in FAULTS:
        limit = request.args.get("limit", 20, type=int)
    else:
        limit = number(request.args.get("limit", "20"), 1, 50)
    offset = number(request.args.get("offset", "0"), 0)
    found = rows("select id, name, price, note, state from products order by id")
    if "unstable_order" in FAULTS:
        random.shuffle(found)
    start = offset + ("page_gap" in FAULTS and offset > 0) - ("page_overlap" in FAULTS and offset > 0)
    size = 25 if "ignores_limit" in FAULTS else limit
    page = found[start : start + size]
    if "unbounded" in FAULTS and "limit" not in request.args:
        page = found * 3
    following = f"/products?limit={limit}&offset={offset + limit}" if offset + limit < 60 else None
    return jsonify(items=[shown(row) for row in page], total=60, next=following)


@app.post("/products")
def make():
    data = request.get_json(force=True, silent=True)
    if request.files:
        data = {**request.form, "price": len(request.files["picture"].read())}
    if data is None:
        abort(400, "the body must be JSON")
    if "takes_anything" not in FAULTS:
        if not isinstance(data.get("name"), str) or not 0 < len(data["name"]) <= 80:
            abort(400, "name must be a text of at most 80 characters")
        if isinstance(data.get("price"), bool) or not isinstance(data.get("price"), int | float):
            abort(400, "price must be a number")
    database = sqlite3.connect(DATABASE, timeout=5)
    with database:
        if "blind_sql_in_body" in FAULTS:  # whether it is there already is asked, and nobody hears of what comes of it
            with suppress(sqlite3.Error):
                database.execute(f"select id from products where name = '{data['name']}'").fetchall()
        if "sql_in_body" in FAULTS:
            made = database.execute(f"insert into products (name, price) values ('{data['name']}', 1.0)")
        else:
            made = database.execute("insert into products (name, price) values (?, ?)", (str(data.get("name")), 1.0))
    database.close()
    return jsonify(id=made.lastrowid, name=str(data.get("name")), price=1.0), 201


@app.get("/products/<text>")
def product(text):
    if "sql_in_id" in FAULTS:
        try:
            found = rows(f"select id, name, price, note, state from products where id = {text}")
        except sqlite3.Error:
            abort(400, "a whole number is wanted here")
    else:
        found = rows("select id, name, price, note, state from products where id = ?", number(text))
    if not found:
        abort(404, "there is no product of that number")
    return jsonify(shown(found[0])), 203 if "unlisted_status" in FAULTS else 200


if "allows_delete" in FAULTS:

    @app.delete("/products/<text>")
    def remove(text):
        return Response(status=204)


def let_in():
    """Return the number of the user that a token or a cookie belongs to."""
    token = request.headers.get("Authorization", "")
    if "lets_anyone_in" in FAULTS or ("any_token" in FAULTS and token):
        return USERS.get(token, 1)
    if token in USERS:
        return USERS[token]
    if request.cookies.get("login") == "let-me-in":
        return 1
    return abort(401, "send the token that you were given")


@app.get("/search")
def search():
    words = request.args.get("q", "")
    shown = words if "unescaped_search" in FAULTS else escape(words)
    found = rows("select name from products where name like ? order by id limit 5", f"%{words}%")
    return f"<title>shop</title><p>found for {shown}</p><p>{len(found)}</p>"


@app.get("/find")
def find():
    name = request.args.get("name", "")
    if "blind_sql" in FAULTS:  # the answer shows nothing of it, nor of its failures
        with suppress(sqlite3.Error):
            rows(f"select count(*) from products where note = '{name}' and state = 'open'")
    if "<" in name and "trace_in_500" in FAULTS:
        try:
            {}[name]
        except KeyError:
            abort(500, traceback.format_exc())
    if "sql_in_name" in FAULTS:
        try:
            found = rows(f"select id, name from products where name = '{name}' order by id")
        except sqlite3.Error:
            abort(400, "the name cannot be looked for")
    else:
        found = rows("select id, name from products where name = ? order by id", name)
    return jsonify(items=[{"id": number, "name": text} for number, text in found])


@app.route("/me", methods=["GET", "PUT"])
def me():
    user = let_in()
    if request.method == "GET":
        more = {"user": {"hash": "pbkdf2:sha256:600000$aBcDeF$0123456789abcdef"}} if "hash_in_profile" in FAULTS else {}
        return jsonify(id=user, name="Ada", **more)
    if user == 3 and "read_only_writes" not in FAULTS:
        abort(403, "this key may only read")
    by_cookie = not request.headers.get("Authorization")
    if by_cookie and "no_csrf_token" not in FAULTS and request.headers.get("X-CSRF-Token") != "t0ken":
        abort(403, "the page that you came from is too old")
    data = request.form if request.form else request.get_json(force=True, silent=True) or {}
    for name, kind in (("name", str), ("age", int)):
        if not isinstance(data.get(name), kind):
            abort(400, f"{name} is missing or of the wrong kind")
    return jsonify(id=user, name=data["name"])


@app.put("/notes/<text>")
def change(text):
    if let_in() == 3:
        abort(403, "this key may only read")
    return abort(400, f"order {number(text)} needs a total")


@app.get("/welcome")
def welcome():
    answer = jsonify(hello=True)
    good = {} if "bare_cookie" in FAULTS else {"httponly": True, "samesite": "Strict"}
    answer.set_cookie("session", uuid.uuid4().hex, **good)
    return answer


@app.get("/limited")
def limited():
    who = request.headers.get("Authorization", "")
    began, asked = ASKED.get(who, (0.0, 0))
    now = time.monotonic()
    if now - began > 2:
        began, asked = now, 0
    ASKED[who] = (began, asked + 1)
    if asked < 10 or "no_limit" in FAULTS:
        return jsonify(asked=asked)
    answer = jsonify(code="bad_request", message="too many requests, please wait")
    answer.status_code = 429
    if "limit_untold" not in FAULTS:
        answer.headers["Retry-After"] = "2"
    return answer


def first():
    """Return the first order that a user may see: the second user's begin at 31."""
    return 31 if request.headers.get("Authorization") == "Bearer let-me-in-too" else 1


@app.get("/orders")
def orders():
    let_in()
    limit = number(request.args.get("limit", "20"), 1, 50)
    after = number(request.args.get("cursor", "0"))
    if "cursor_repeats" in FAULTS and after:
        after -= 1
    after = max(after, first() - 1)
    found = rows("select id, total from orders where id > ? order by id limit ?", after, limit)
    following = found[-1][0] if found and found[-1][0] < 40 else None
    return jsonify(data=[{"id": n, "total": t} for n, t in found], next_cursor=following)


@app.get("/orders/<text>")
def order(text):
    let_in()
    found = rows("select id, total from orders where id = ?", number(text))
    if not found or (found[0][0] < first() and "others_orders" not in FAULTS):
        abort(404, "there is no order of that number")
    return jsonify(id=found[0][0], total=found[0][1])


@app.get("/prices")
def prices():
    if "ids" not in request.args:
        abort(400, "say which ids you want")
    numbers = [number(each) for each in request.args["ids"].split(",")]
    if "batch_one_by_one" in FAULTS:
        found = []
        for each in numbers:
            found += rows("select id, price from products where id = ?", each)
            time.sleep(0.02)
    else:
        found = rows(f"select id, price from products where id in ({','.join('?' * len(numbers))})", *numbers)
    return jsonify([{"id": n, "price": p} for n, p in found])


@app.get("/prices/<text>")
def price(text):
    found = rows("select id, price from products where id = ?", number(text))
    if not found:
        abort(404, "there is no price of that product")
    return jsonify(id=found[0][0], price=found[0][1])


class Quiet(WSGIRequestHandler):
    def version_string(self):
        return super().version_string() if "tells_version" in FAULTS else "shop"

    def log_request(self, *_):
        pass


assert re.match(r"\d+", sys.argv[1])
if __name__ == "__main__":
    make_server("127.0.0.1", int(sys.argv[1]), app, threaded=True, request_handler=Quiet).serve_forever()
