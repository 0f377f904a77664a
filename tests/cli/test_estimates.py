"""The time that is told before a run is the time it takes, within a fifth."""

from __future__ import annotations

import re
import time

import pytest

pytestmark = [pytest.mark.server, pytest.mark.quiet]

WITHIN = 0.2
SLOW = """\
import http.server, sys, time

time.sleep(3)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body in one packet, or the client's kernel waits 40 ms for the second

    def do_GET(self):
        self.send_response(200)
        self.send_header("content-length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_):
        pass


http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""
SCENARIO = """\
name: slow
service: {command: "{python} slow.py {port}"}
arms: {baseline: {environment: {A: "1"}}, candidate: {environment: {A: "2"}}}
requests: [{get: /items}]
"""


def seconds_of(text: str) -> float:
    found = re.search(r"(?:(\d+) min)? ?(?:(\d+) s)?$", text)
    assert found is not None
    return 60 * int(found[1] or 0) + int(found[2] or 0)


def told(said: str, pattern: str) -> float:
    found = re.search(pattern + r"((?:\d+ min)? ?(?:\d+ s)?)(?=[ ,.])", said)
    assert found is not None, said
    return seconds_of(found[1].strip())


def took(bench, *words: str):
    began = time.monotonic()
    ran = bench.run(*words)
    assert ran.code in (0, 1, 3), ran.err
    return ran, time.monotonic() - began


@pytest.mark.timeout(400)
@pytest.mark.parametrize(
    "rest",
    [
        pytest.param("rounds: {count: 5, early_stop: false}\nwhy: off\n", id="rounds alone"),
        pytest.param("rounds: {count: 3, early_stop: false}\nwhy: {seconds: 3s}\n", id="with causes"),
    ],
)
def test_a_service_that_starts_slowly(bench, rest):
    (bench.folder / "slow.py").write_text(SLOW)
    (bench.folder / "slow.yaml").write_text(SCENARIO + rest)
    before = bench.run("check", "slow.yaml").out
    guessed = told(before, "takes about ")
    each = int(re.search(r"each second more to start adds (\d+) s", before)[1])
    first, wall = took(bench, "ab", "slow.yaml")
    start = float(re.search(r"in all: it starts in ([\d.]+) s", first.err)[1])
    assert guessed + each * (start - 1.5) == pytest.approx(wall, rel=WITHIN), "what was told of any start"
    assert told(first.err, "Takes about ") == pytest.approx(wall, rel=WITHIN), "what was told after the first round"
    known = told(bench.run("check", "slow.yaml").out, "takes about ")
    second, wall = took(bench, "ab", "slow.yaml")
    assert known == pytest.approx(wall, rel=WITHIN)
    assert told(second.err, "takes about ") == pytest.approx(wall, rel=WITHIN), "what was told after an earlier run"


@pytest.mark.timeout(300)
def test_a_time_that_was_asked_for(bench):
    path = bench.scenario(("rounds: {count: 2, warmup: 300ms, warmup_requests: 5, blocks: 4, block: 300ms}\n", ""))
    ran, wall = took(bench, "ab", str(path), "--time", "40s", "--no-early-stop")
    assert told(ran.err, "takes ") == 40
    assert wall == pytest.approx(40, rel=WITHIN)
