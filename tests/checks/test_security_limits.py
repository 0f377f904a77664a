"""Limits of operations that only the document names, on a server that really limits."""

from __future__ import annotations

import json
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from perfproof.checks.arm import CheckedArm, ProbeClient
from perfproof.checks.security.asking import Asking
from perfproof.checks.security.limits import ask_limits
from perfproof.documents.document import parse
from perfproof.http.plain_client import Client
from perfproof.model.scenario import Arm, Service

DOCUMENT = {
    "openapi": "3.1.0",
    "info": {"title": "finder", "version": "1"},
    "paths": {
        "/search": {
            "get": {
                "parameters": [{"name": "q", "in": "query", "required": True, "schema": {"type": "string"}}],
                "responses": {"200": {"description": "found"}},
            },
            "post": {"responses": {"200": {"description": "saved"}}},
        }
    },
}
LET_IN, WINDOW = 5, 1.0


class Limited(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        now = time.monotonic()
        calls = self.server.calls = [at for at in self.server.calls if at > now - WINDOW]
        refused = len(calls) >= LET_IN
        if not refused:
            calls.append(now)
        self.send_response(429 if refused else 200)
        if refused:
            self.send_header("Retry-After", "1")
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")


@pytest.fixture
def limited():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Limited)
    server.calls = []
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def looked(base, name):
    settings = {"rate_limit": {"request": [name], "most": 20, "window": 5}}
    document = parse(json.dumps(DOCUMENT), "openapi.json")
    arm = CheckedArm(Arm("candidate", Service()), ProbeClient(Client(base), 300, 20), settings, document=document)
    facts = []
    ask_limits(Asking(arm), facts)
    return facts, arm.left_out


def test_an_operation_of_the_document_is_looked_at_for_its_limit(limited):
    (found,), left_out = looked(limited, "GET /search")
    assert (found["request"], found["let_in"], found["status"]) == ("GET /search", LET_IN, 429)
    assert (found["retry_after"], found["truthful"]) == (1.0, True)
    assert left_out == []


@pytest.mark.parametrize("name", ["POST /search", "GET /nowhere", "find"])
def test_what_writes_or_is_not_there_is_not_sent(limited, name):
    facts, left_out = looked(limited, name)
    assert facts == []
    assert f"the limit of {name} was not looked for" in left_out[0]
