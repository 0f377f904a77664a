"""What a service or a foreign run says reaches no terminal as a command and no spreadsheet as a formula."""

from __future__ import annotations

import csv
import json
import sys

import pytest

pytestmark = [pytest.mark.server, pytest.mark.timeout(120)]

EVIL = "\x1b[2J\x1b]0;owned\x07\x1b]8;;http://evil.invalid\x1b\\link\x9b31m\u202eright-to-left\u2066 end"
HIDDEN = ("\x1b", "\x07", "\x9b", "\u202e", "\u2066")
FORMULA = "=cmd|' /C calc'!A0"


def assert_clean(ran) -> None:
    assert not [letter for letter in HIDDEN if letter in ran.out + ran.err]


def test_a_log_tail_and_the_answer_to_a_login_are_printed_without_control_characters(bench):
    dying = f"import sys; sys.stderr.write({EVIL!r} + ' last words\\n'); sys.exit(3)"
    (bench.folder / "dying.py").write_text(dying)
    path = bench.scenario((SERVICE, f'command: "{sys.executable} {bench.folder}/dying.py {{port}}"'))
    ran = bench.run("ab", str(path))
    assert ran.code == 4
    assert "last words" in ran.err
    assert_clean(ran)
    (bench.folder / "refusing.py").write_text(REFUSING)
    path = bench.scenario(
        (SERVICE, f'command: "{sys.executable} {bench.folder}/refusing.py {{port}}"'),
        ("\nrequests:\n", "\nsetup: [{post: /login}]\nrequests:\n"),
    )
    ran = bench.run("ab", str(path))
    assert ran.code == 4, ran.err
    assert "was answered with status 401" in ran.err
    assert "it says: " in ran.err
    assert_clean(ran)


def test_a_run_that_somebody_else_named_is_shown_without_control_characters(bench):
    bench.without_load()
    ran = bench.run("run", str(bench.scenario(("count: 2", "count: 1"), ("blocks: 4", "blocks: 1"))), "-q")
    assert ran.code == 0, ran.err
    (run,) = bench.runs
    stored = json.loads((run / "run.json").read_text())
    stored |= {"scenario_name": f"shop {EVIL}", "label": EVIL, "id": stored["id"] + "-2"}
    stored["requests"] = [f"item {EVIL}"]
    other = bench.folder / "results" / stored["id"]
    run.rename(other)
    (other / "run.json").write_text(json.dumps(stored))
    (bench.folder / "results" / "perfproof.db").unlink()
    for command in (["list"], ["show", "last"], ["history"], ["history", "shp"], ["compare", "last", "nosuch"]):
        shown = bench.run(*command)
        assert shown.out + shown.err
        assert_clean(shown)
    for hint in ("written_by", "format"):
        (other / "run.json").write_text(json.dumps(stored | {"format": 99, hint: EVIL if hint != "format" else 99}))
        assert_clean(bench.run("show", str(other)))


def test_a_name_that_a_spreadsheet_would_compute_is_text_in_every_csv(bench):
    bench.without_load()
    path = bench.scenario(
        ("name: item,", f"name: {json.dumps(FORMULA)},"), ("count: 2", "count: 1"), ("blocks: 4", "blocks: 1")
    )
    ran = bench.run("run", str(path), "-q", "-o", "result.csv")
    assert ran.code == 0, ran.err
    written = bench.run("report", "last", "-o", "x_stats.csv", "-o", "x_stats_history.csv")
    assert written.code == 0, written.err
    assert bench.run("history", "tiny", "--request", FORMULA, "-o", "history.csv").code == 0
    seen = 0
    for file in bench.folder.glob("*.csv"):
        with file.open(newline="") as opened:
            cells = [cell for row in csv.reader(opened) for cell in row]
        assert not [cell for cell in cells if cell[:1] in ("=", "+", "@")], file
        assert not [cell for cell in cells if cell.startswith("-") and not _is_number(cell)], file
        seen += f"'{FORMULA}" in cells
    assert seen >= 3


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


SERVICE = 'command: "{python} -m uvicorn tiny:app --host 127.0.0.1 --port {port} --log-level warning --no-access-log"'
REFUSING = f"""\
import http.server, json, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = json.dumps({{"detail": {EVIL!r} + " refused"}}).encode()
        self.send_response(401 if self.path == "/login" else 200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    do_POST = do_GET
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""
