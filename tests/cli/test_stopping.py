"""Ctrl-C stops sending within a second and keeps what was recorded."""

from __future__ import annotations

import http.server
import json
import os
import signal
import subprocess
import threading
import time
from pathlib import Path

import pytest

import warm

SCENARIO = """
name: stop
service: {url: "http://127.0.0.1:PORT"}
requests:
  - get: /
  - name: slow
    steps:
      - {get: /a, think_time: 300ms}
      - {get: /b, expect: {status: 200}, repeat_until: {body: ok, every: 200ms, at_most: 3}}
load: {rate: 200/s, connections: 200}
rounds: {count: 3, warmup: 300ms, blocks: 2, block: 20s}
why: off
"""


@pytest.mark.server
def test_ctrl_c_stops_sending_within_a_second_and_keeps_what_was_recorded(tmp_path: Path) -> None:
    seen: list[float] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            seen.append(time.monotonic())
            self.send_response(200)
            self.send_header("content-length", "2")
            self.end_headers()
            self.wfile.write(b"ok")

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as service:
        threading.Thread(target=service.serve_forever, daemon=True).start()
        (tmp_path / "stop.yaml").write_text(SCENARIO.replace("PORT", str(service.server_address[1])))
        process = warm.perfproof(
            "run",
            "stop.yaml",
            "-q",
            environ={**os.environ, "NO_COLOR": "1"},
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            deadline = time.monotonic() + 40
            while len(seen) < 1000 and time.monotonic() < deadline:
                time.sleep(0.05)
            stopped = time.monotonic()
            process.send_signal(signal.SIGINT)
            _, said = process.communicate(timeout=40)
        finally:
            process.kill()
        service.shutdown()
    assert process.returncode == 130, said
    assert len(seen) >= 1000
    assert seen[-1] - stopped < 1.0
    (run,) = (tmp_path / "results").glob("*-stop-*")
    info = json.loads((run / "run.json").read_text())
    assert "interrupted" in json.dumps(info)
    import pyarrow.parquet as pq

    (samples,) = run.glob("rounds/001/samples.parquet")
    assert pq.read_table(samples).num_rows > 50


SLOW_TO_END = """
import http.server, signal, sys, time

def end(*_):
    print("asked to end at", time.monotonic(), flush=True)
    time.sleep(1.5)
    sys.exit(0)

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        pass

signal.signal(signal.SIGTERM, end)
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""


@pytest.mark.server
def test_versions_that_take_long_to_end_are_stopped_at_the_same_time(bench) -> None:
    bench.without_load()
    (bench.folder / "slow.py").write_text(SLOW_TO_END)
    text = "name: slow\nservice: {command: '{python} slow.py {port}'}\narms: {baseline: {}, candidate: {}}\n"
    text += "requests: [{get: /}]\nload: {rate: 60/s}\nresponses: off\nwhy: off\n"
    path = bench.scenario(text=text + "rounds: {count: 1, warmup: 100ms, blocks: 2, block: 200ms}\n")
    ran = bench.run("ab", str(path), "--quiet")
    (run,) = bench.runs
    logs = [(run / "rounds" / "001" / f"{arm}.log").read_text() for arm in ("baseline", "candidate")]
    asked = [float(log.partition("asked to end at")[2]) for log in logs]
    assert abs(asked[0] - asked[1]) < 1.2, "one after the other, the second would be asked 1.5 s later"
    assert ran.code == 3, ran.err
    assert not bench.leftovers()
