"""A small service with two versions of its API, a login, and things that are wrong on purpose. No library."""

from __future__ import annotations

import json
import os
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

ITEMS = [{"id": f"item-{n}", "n": n} for n in range(40)]


def operation(answers: str = "application/json", **more: object) -> dict[str, object]:
    return {"responses": {"200": {"description": "ok", "content": {answers: {}}}}, **more}


LIMIT = {"name": "limit", "in": "query", "schema": {"type": "integer", "maximum": 100, "default": 20}}
STUCK = {"name": "limit", "in": "query", "schema": {"type": "integer"}}
ITEM = {"name": "item_id", "in": "path", "required": True, "schema": {"type": "string"}}
LOGIN = {
    "type": "object",
    "required": ["username", "password"],
    "properties": {"username": {"type": "string"}, "password": {"type": "string"}},
}
LOGIN_BODY = {"content": {"application/json": {"schema": LOGIN}}}
SECURED = [{"key": []}]
DOCUMENT = {
    "openapi": "3.1.0",
    "info": {"title": "Versions", "version": "2"},
    "servers": [{"url": "/outer"}],
    "components": {"securitySchemes": {"key": {"type": "http", "scheme": "bearer"}}},
    "paths": {
        "/v1/login": {"post": operation(requestBody=LOGIN_BODY)},
        "/v2/login": {"post": operation(requestBody=LOGIN_BODY)},
        "/v1/items": {"get": operation(parameters=[LIMIT]), "post": operation()},
        "/v2/items": {"get": operation(parameters=[LIMIT])},
        "/v1/items/{item_id}": {"get": operation(parameters=[ITEM])},
        "/v2/items/{item_id}": {"get": operation(parameters=[ITEM])},
        "/v1/stuck": {"get": operation(parameters=[STUCK])},
        "/v1/mine": {"get": operation(security=SECURED)},
        "/v2/mine": {"get": operation(security=SECURED)},
        "/v1/page": {"get": operation()},
        "/v1/gone": {"get": operation()},
        "/v1/only-first": {"get": operation()},
        "/v2/only-first": {"get": operation()},
        "/v1/slash": {"get": operation()},
    },
}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args: object) -> None:
        pass

    def answer(self, status: int, data: object, kind: str = "application/json", **headers: str) -> None:
        body = json.dumps(data).encode() if kind == "application/json" else str(data).encode()
        self.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        path, limit = parts.path, int(parse_qs(parts.query).get("limit", ["20"])[0])
        version, _, rest = path.lstrip("/").partition("/")
        if path == "/openapi.json" and not os.environ.get("NO_DOCUMENT"):
            self.answer(200, DOCUMENT)
        elif path == "/readyz":
            self.answer(200, "ok")
        elif version not in ("v1", "v2"):
            self.answer(404, {})
        elif rest == "items":
            self.answer(200, {"items": ITEMS[:limit], "links": []})
        elif rest.startswith("items/item-"):
            self.answer(200, {"id": rest.partition("/")[2]})
        elif rest == "stuck":
            self.answer(200, ITEMS)
        elif rest == "mine":
            known = self.headers.get("Authorization") == f"Bearer token-of-{version}"
            self.answer(200 if known else 401, {"mine": known})
        elif rest == "page":
            self.answer(200, "<p>a page</p>", "text/html")
        elif rest == "only-first" and version == "v1":
            self.answer(200, {})
        elif rest == "slash":
            self.answer(307, {}, Location="/v1/slash/")
        elif rest == "slash/":
            self.answer(200, {})
        else:
            self.answer(404, {})

    def do_POST(self) -> None:
        data = json.loads(self.rfile.read(int(self.headers.get("Content-Length", "0"))) or b"null")
        version, _, rest = self.path.lstrip("/").partition("/")
        if version not in ("v1", "v2"):
            self.answer(404, {})
        elif rest == "login" and data == {"username": "ann", "password": "s3cret-word"}:
            self.answer(200, {"data": {"access_token": f"token-of-{version}"}})
        elif rest == "login":
            self.answer(403, {})
        else:
            print("WRITTEN", flush=True)
            self.answer(200, {})


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
