"""An API mounted below /api, which its document does not say, that finds its rows by POST and takes ``Token`` tokens.

As Prefect, MLflow and services on Django REST framework are. BREAK=document answers the document with an error, SLOW
is how long it takes to listen.
"""

from __future__ import annotations

import json
import os
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

ITEMS = [{"id": f"item-{n}", "title": f"item {n}"} for n in range(60)]
SECURED = [{"tokenAuth": []}]
ANSWERS = {"200": {"description": "", "content": {"application/json": {}}}}
SEARCH = {"type": "object", "properties": {"limit": {"type": "integer", "default": 20}, "title": {"type": "string"}}}
USER = {
    "type": "object",
    "required": ["username", "password", "token"],
    "properties": {
        "username": {"type": "string", "writeOnly": True},
        "password": {"type": "string", "writeOnly": True},
        "token": {"type": "string", "readOnly": True},
    },
}


def body(schema):
    return {"content": {"application/json": {"schema": schema}}, "required": True}


def by_id(name):
    path = {"name": "item_id", "in": "path", "required": True, "schema": {"type": "string"}}
    return {"get": {"operationId": name, "parameters": [path], "security": SECURED, "responses": ANSWERS}}


DOCUMENT = {
    "openapi": "3.1.0",
    "info": {"title": "Mounted", "version": "1"},
    "components": {"securitySchemes": {"tokenAuth": {"type": "apiKey", "in": "header", "name": "Authorization"}}},
    "paths": {
        "/version": {"get": {"operationId": "version", "responses": ANSWERS}},
        "/token/": {"post": {"operationId": "token", "requestBody": body(USER), "responses": ANSWERS}},
        "/mine": {"get": {"operationId": "mine", "security": SECURED, "responses": ANSWERS}},
        "/items/": {"post": {"operationId": "create_item", "requestBody": body(SEARCH), "responses": ANSWERS}},
        "/items/search": {
            "post": {
                "operationId": "search_items",
                "security": SECURED,
                "requestBody": body(SEARCH),
                "responses": ANSWERS,
            }
        },
        "/items/{item_id}": by_id("show_item"),
    },
}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def log_message(self, *_: object) -> None:
        pass

    def answer(self, status: int, data: object) -> None:
        text = json.dumps(data).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        if status == 401:
            self.send_header("WWW-Authenticate", "Token")
        self.end_headers()
        self.wfile.write(text)

    def do_GET(self) -> None:
        sent = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        data = json.loads(sent) if sent else {}
        path = self.path.partition("?")[0]
        if path == "/openapi.json":
            broken = os.environ.get("BREAK") == "document"
            return self.answer(*((500, {"detail": "no"}) if broken else (200, DOCUMENT)))
        if path == "/api/version":
            return self.answer(200, "1")
        if path == "/api/token/" and data.get("password") == "s3cret-word":
            return self.answer(200, {"token": "a-token-of-ann"})
        if not path.startswith("/api/"):
            return self.answer(404, {})
        if self.headers.get("Authorization") != "Token a-token-of-ann":
            return self.answer(401, {"detail": "who are you?"})
        found = {"/api/mine": {"name": "ann"}, "/api/items/search": ITEMS[: int(data.get("limit", 20))]}
        found |= {f"/api/items/{each['id']}": each for each in ITEMS}
        return self.answer(200, found[path]) if path in found else self.answer(404, {})

    def do_OPTIONS(self) -> None:
        """Answer as Starlette does: with the methods of the first route whose path fits, /items/{item_id}."""
        self.send_response(405)
        self.send_header("Allow", "GET" if self.path.startswith("/api/items/") else "GET, POST")
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_POST = do_GET  # noqa: N815 - the name that http.server looks for


time.sleep(float(os.environ.get("SLOW", "0")))
ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
