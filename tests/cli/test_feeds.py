"""Feeds from the command line: every row that the file holds is sent, and as it stands there."""

from __future__ import annotations

import http.server
import json
import threading

import pytest

SCENARIO = """
name: fed
service: {url: "http://127.0.0.1:PORT"}
feeds: {u: {file: u.csv, order: sequential}}
requests:
  - {post: /echo, json: {e: "{u.user-email}", n: "{u.name}"}}
load: {rate: 40/s}
rounds: {count: 1, warmup: 100ms, warmup_requests: 1, blocks: 2, block: 500ms}
why: off
"""


@pytest.mark.server
def test_every_row_is_sent_as_the_file_has_it(bench):
    seen = []

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def do_POST(self):
            seen.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            self.do_GET()

        def log_message(self, *_):
            pass

    (bench.folder / "u.csv").write_text('user-email,name\na,5" pipe\nb,"six ""pipe"", long"\n\nc,7 pipe\n')
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as service:
        threading.Thread(target=service.serve_forever, daemon=True).start()
        path = bench.scenario(text=SCENARIO.replace("PORT", str(service.server_address[1])))
        ran = bench.measure("run", str(path))
        service.shutdown()
    assert ran.code == 0, ran.err + ran.out
    rows = [{"e": "a", "n": '5" pipe'}, {"e": "b", "n": 'six "pipe", long'}, {"e": "c", "n": "7 pipe"}]
    assert all(each in rows for each in seen)
    assert all(sum(each == row for each in seen) >= len(seen) // 3 - 3 for row in rows)
