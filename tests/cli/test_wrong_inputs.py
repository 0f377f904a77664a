"""Wrong inputs of the kind people write, through the real command line: each is answered with place, reason and fix.

Nothing is started for any of them, and nothing stays behind: the service that most of them name would leave a file.
"""

from __future__ import annotations

import re
import resource
import shlex
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

import warm

SERVICE = '''\
"""Leaves a file behind when it is started, and answers /health and /items."""
import http.server, pathlib, sys

pathlib.Path(__file__).with_name("started").touch()


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path.startswith(("/health", "/items")) else 404)
        self.send_header("content-length", "2")
        self.end_headers()
        self.wfile.write(b"{}")


http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
'''
GOOD = """\
name: shop
service:
  command: "{python} serve.py {port}"
  health: /health
arms:
  baseline: {environment: {WORK: "2"}}
  candidate: {environment: {WORK: "1"}}
requests:
  - name: list items
    get: /items
"""
COMMAND = 'command: "{python} serve.py {port}"'
HEALTH = "  health: /health\n"
GET = "    get: /items\n"
HAR = '{"log": {"version": "1.2", "entries": [{"request": {"method": "GET", "url": "http://127.0.'
MOST_SECONDS = 3.0
MOST_CPU = 1.0
"""Seconds beside the imports, which may take the rest of ``MOST_SECONDS``."""


@dataclass(frozen=True)
class Case:
    """A wrong input: what is ``typed``, the scenario as ``text``, other ``files``, and what the answer must hold.

    ``place`` begins a line of the answer; without one there is none to tell. ``TAKEN`` stands for a port that is.
    """

    title: str
    reason: str
    fix: str
    text: str | bytes = GOOD
    place: str = ""
    typed: str = "ab s.yaml"
    files: dict[str, str] = field(default_factory=dict)
    code: int = 2


def but(*changes: tuple[str, str], also: str = "") -> str:
    text = GOOD
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new, 1)
    return text + also


def header(line: str) -> str:
    return but((GET, f"{GET}    headers: {line}\n"))


CASES = [
    # YAML
    Case("a tab", "a tab cannot indent", "use spaces", but(("  command", "\tcommand")), "s.yaml:3:1"),
    Case(
        "a key indented too deep",
        "this line is indented deeper than the line above it, which has a value already",
        "begin it in the column of the line above",
        but((HEALTH, f"{HEALTH}    port: 8000\n")),
        "s.yaml:5:9",
    ),
    Case(
        "a key indented too little",
        "this line begins 1 space in, and what it belongs to 0 spaces",
        "move it to column 1",
        but((HEALTH, " health: /health\n")),
        "s.yaml:4:2",
    ),
    Case("a missing colon", "a line without `:`", "write `key: value`", but(("requests:", "requests")), "s.yaml:9:9"),
    Case(
        "a placeholder without quotes",
        "does not fit what stands before it",
        'quote text that begins with { or holds ${...}: key: "${NAME}"',
        but((COMMAND, "command: {python} serve.py {port}")),
        "s.yaml:3:21",
    ),
    Case(
        "a colon in a value", "a second `: ` in one value", "quote text that holds", header("{X-A: a: b}"), "s.yaml:11"
    ),
    Case(
        "a quote that is not closed",
        "a quote is never closed",
        "close it",
        but((GET, '    get: "/items\n')),
        "s.yaml:11:1",
    ),
    Case(
        "a key given twice",
        "is given twice",
        "it is already there in line 1; remove one",
        but(also="name: b\n"),
        "s.yaml:11:1",
    ),
    Case(
        "Latin-1",
        "is not UTF-8 text",
        "save it as UTF-8",
        GOOD.replace("items", "pr\xe9noms").encode("latin-1"),
        "s.yaml:9:18",
    ),
    Case("UTF-16, as Windows writes it", "is not UTF-8 text", "save it as UTF-8", GOOD.encode("utf-16"), "s.yaml:1:1"),
    # how it starts
    Case(
        "a url with a query",
        "has a query or a fragment",
        "queries belong to the requests",
        but((COMMAND, "url: http://127.0.0.1:8000/?debug=1")),
        "s.yaml:3:8",
    ),
    Case(
        "a url with the path of every request",
        "ends in /items, which every request repeats",
        "leave it out of the url",
        but((COMMAND, "url: http://127.0.0.1:8000/items")),
        "s.yaml:3:8",
    ),
    Case(
        "a url without a scheme",
        "is not an http:// URL",
        "http://127.0.0.1:8000",
        but((COMMAND, "url: localhost:8000")),
        "s.yaml:3:8",
    ),
    Case(
        "a host that is not this machine",
        "staging.example.com is not this machine",
        "allow: [staging.example.com]",
        but((COMMAND, "url: https://staging.example.com")),
        "s.yaml:3:8",
    ),
    Case(
        "a url where nothing listens",
        "nothing answers at http://127.0.0.1:1",
        "start it first, or write command: in place of url:",
        but((COMMAND, "url: http://127.0.0.1:1")),
        "s.yaml:3:8",
        code=4,
    ),
    Case(
        "no {port}",
        "does not tell uvicorn which port",
        "write {port}",
        but((COMMAND, "command: uvicorn app:app")),
        "s.yaml:3:12",
    ),
    Case(
        "FOO=1 command",
        "begins with DEBUG=",
        "below environment:",
        but((COMMAND, "command: DEBUG=0 ./serve {port}")),
        "s.yaml:3:12",
    ),
    Case(
        "cd x && command",
        "begins with cd",
        "directory: app",
        but((COMMAND, "command: cd app && ./serve {port}")),
        "s.yaml:3:12",
    ),
    Case("$PORT", "holds $PORT", "write {port}", but((COMMAND, "command: ./serve $PORT")), "s.yaml:3:12"),
    Case(
        "a program that is not there",
        "baseline: command not found: pythonn3",
        "did you mean python3",
        but((COMMAND, "command: pythonn3 serve.py {port}")),
        "s.yaml:3:12",
    ),
    Case(
        "a prepare that is not there",
        "baseline: command not found: seed-all-of-it",
        "install it, activate the environment it lives in, or write its full path",
        but((HEALTH, f"  prepare: seed-all-of-it --now\n{HEALTH}")),
        "s.yaml:4:12",
    ),
    Case(
        "a script that is not there",
        "baseline: prepare runs seeds.py, which does not exist",
        "relative to service.directory",
        but((HEALTH, f'  prepare: "{{python}} seeds.py"\n{HEALTH}')),
        "s.yaml:4:12",
    ),
    Case(
        "a folder that is not there",
        "`../befor` does not exist",
        "relative to the scenario file",
        but(('{environment: {WORK: "2"}}', "{directory: ../befor}")),
        "s.yaml:6:25",
    ),
    Case(
        "a port that is taken",
        "baseline: port TAKEN is taken",
        "stop that process, or leave service.port out",
        but(('  candidate: {environment: {WORK: "1"}}\n', ""), (HEALTH, f"  port: TAKEN\n{HEALTH}")),
        "s.yaml:4:9",
        "run s.yaml",
    ),
    Case(
        "a kind of database that is not known",
        "is no database address",
        "postgresql://user@host/name",
        but((HEALTH, f"  database: mongodb://localhost/x\n{HEALTH}")),
        "s.yaml:4:13",
    ),
    Case(
        "a health path without slash",
        "`health` is not a path",
        "write it like /health",
        but(("/health", "health")),
        "s.yaml:4:11",
    ),
    Case(
        "an environment variable that is not set",
        "the environment variable API_TOKEN_OF_NOBODY is not set",
        "export API_TOKEN_OF_NOBODY=",
        header('{Authorization: "Bearer ${API_TOKEN_OF_NOBODY}"}'),
        "s.yaml:11:30",
    ),
    Case(
        "one arm to compare",
        "the scenario has one arm; `ab` compares two",
        "add `arms:",
        but(('  candidate: {environment: {WORK: "1"}}\n', "")),
        "s.yaml",
    ),
    # quantities
    Case(
        "a duration without a unit",
        "`60` has no unit",
        "write 60s",
        but((HEALTH, f"  start_timeout: 60\n{HEALTH}")),
        "s.yaml:4:18",
    ),
    Case("--time in words", "`minutes` is not a unit of a duration", "2m", typed="ab s.yaml --time 5minutes"),
    Case("--time without a unit", "`5` has no unit", "write 5s", typed="ab s.yaml --time 5"),
    Case("a rate of zero", "`0` is out of range", "write it like 100/s", but(also="load: {rate: 0}\n"), "s.yaml:11:14"),
    Case("a negative rate", "`-5/s` has a sign", "write 5/s", but(also="load: {rate: -5/s}\n"), "s.yaml:11:14"),
    Case(
        "a rate in another unit",
        "`rpm` is not a unit of a rate",
        "/min",
        but(also="load: {rate: 50 rpm}\n"),
        "s.yaml:11:14",
    ),
    Case(
        "a negative goal", "`-20 %` has a sign", "write 20 %", but(also="goals: {latency_p95: -20 %}\n"), "s.yaml:11:22"
    ),
    Case(
        "a goal as a fraction",
        "`0.2` has no unit",
        "write 20%",
        but(also="goals: {latency_p95: 0.2}\n"),
        "s.yaml:11:22",
    ),
    Case(
        "a goal in words",
        "is not a share",
        "write it like 20%",
        but(also="goals: {latency_p95: 20% less}\n"),
        "s.yaml:11:22",
    ),
    Case(
        "an unknown metric",
        "`p95` is not a metric",
        "did you mean latency_p95?",
        but(also="goals: {p95: 20%}\n"),
        "s.yaml:11:9",
    ),
    Case(
        "a budget without a unit",
        "`500` has no unit",
        "500ms",
        but(also="budgets: {latency_p95: 500}\n"),
        "s.yaml:11:24",
    ),
    Case(
        "rounds as a number",
        "must be a mapping, not a number",
        "write rounds: {count: 10}",
        but(also="rounds: 10\n"),
        "s.yaml:11:9",
    ),
    # requests
    Case(
        "a request without a path",
        "has no value",
        "write the path, e.g. `get: /projects`",
        but((GET, "    get:\n")),
        "s.yaml:10:9",
    ),
    Case(
        "two requests of one name",
        "is already the name of requests[0]",
        "a name of its own",
        but(also="  - {name: list items, get: /}\n"),
        "s.yaml:11:12",
    ),
    Case(
        "a line break in a header",
        "holds a line break",
        "one line of text",
        header('{X-A: "a\\r\\nX-B: b"}'),
        "s.yaml:11:20",
    ),
    Case(
        "JSON in quotes",
        "is JSON in quotes, which would be sent as one text",
        "write it without the quotes",
        but((GET, "    post: /items\n    json: '{\"a\": 1}'\n")),
        "s.yaml:11:11",
    ),
    Case(
        "query parameters as a key",
        "unknown key",
        "write them in the path, e.g. get: /items?limit=20",
        but((GET, f"{GET}    params: {{limit: 20}}\n")),
        "s.yaml:11:5",
    ),
    Case(
        "a status alone",
        "must be a mapping, not a number",
        "write expect: {status: 200}",
        but((GET, f"{GET}    expect: 200\n")),
        "s.yaml:11:13",
    ),
    Case(
        "a variable that nobody fills",
        "nothing fills {id}",
        "add values: {id: [...]}",
        but((GET, "    get: /items/{id}\n")),
        "s.yaml:10:10",
    ),
    Case(
        "a capture that is no path",
        "`access_token` is not a path to one value",
        "write it like $.token",
        but(also="setup:\n  - post: /login\n    capture: {token: access_token}\n"),
        "s.yaml:13:22",
    ),
    Case(
        "a feed that is not there",
        "`user.csv` does not exist",
        "relative to the scenario file",
        but((GET, '    get: "/items/{users.id}"\n'), also="feeds: {users: user.csv}\n"),
        "s.yaml:11:16",
    ),
    Case(
        "an unknown key", "unknown key", "did you mean budgets?", but(also="budget: {error_rate: 1%}\n"), "s.yaml:11:1"
    ),
    # the command line
    Case(
        "a report of an unknown kind",
        "no report format is known for the ending '.docx'",
        ".html",
        place="report.docx",
        typed="ab s.yaml -o report.docx",
    ),
    Case(
        "a report in a folder that is not there",
        "the folder out does not exist",
        "mkdir -p out",
        place="out/report.html",
        typed="ab s.yaml -o out/report.html",
    ),
    Case(
        "--rounds beside --time",
        "--rounds stands beside --time",
        "keep the one that is meant",
        typed="ab s.yaml --rounds 3 --time 60s",
    ),
    Case("a file that is not there", "does not exist", "did you mean s.yaml?", place="s.yml:1:1", typed="ab s.yml"),
    Case(
        "an option that is not there", "no such option: --round", "did you mean --rounds", typed="ab s.yaml --round 3"
    ),
    Case("a command that is not there", "no such command 'measure'", "perfproof -h", typed="measure s.yaml"),
    Case("no rounds", "it must be greater than or equal to 1", "perfproof ab -h", typed="ab s.yaml --rounds 0"),
    Case(
        "a request that is not there",
        "the scenario has no such request",
        "did you mean 'list items'?",
        place="s.yaml",
        typed="ab s.yaml --only 'list item'",
    ),
    Case(
        "an arm that is not there",
        "has no arm 'after'",
        "it has: baseline, candidate",
        place="s.yaml",
        typed="run s.yaml --arm after",
    ),
    Case(
        "refs where there is no repository",
        "is not in a git repository",
        "run it in a clone",
        typed="ab s.yaml --baseline-ref main",
    ),
    Case("a run that is not there", "no run `2026-nonsense`", "measure first", typed="show 2026-nonsense"),
    Case("runs that are not there", "no run `before`", "measure first", typed="compare before after"),
    Case(
        "a dashboard for everybody",
        "0.0.0.0 can be reached from other machines, and no token was given",
        "PERFPROOF_TOKEN=",
        typed="serve --host 0.0.0.0",
    ),
    # policies
    Case(
        "a policy with an unknown key",
        "gate.fail_on: unknown key",
        "known: inconclusive",
        place="",
        typed="gate s.yaml",
        files={"perfproof.toml": "[gate]\nfail_on = ['latency']\n"},
    ),
    Case(
        "a policy with text without quotes",
        "is not valid TOML: invalid value",
        "text stands in quotes",
        place="",
        typed="gate s.yaml",
        files={"perfproof.toml": "[gate]\ninconclusive = warn\n"},
    ),
    Case(
        "a policy that is not there",
        "cannot be read: no such file",
        "correct the path",
        place="ci.toml:1:1",
        typed="gate s.yaml --policy ci.toml",
    ),
    # init
    Case(
        "init in an empty folder",
        "how the service starts cannot be told",
        "--command 'myserver --port {port}'",
        "",
        typed="init",
    ),
    Case(
        "a page in place of a document",
        "is a page and no document",
        "/openapi.json",
        "",
        "api.json:1:1",
        "init api.json",
        {"api.json": "<html>502 Bad Gateway</html>"},
    ),
    Case(
        "an error in place of a document",
        "this is no OpenAPI document",
        "its first line is `openapi:",
        "",
        "api.json:1:1",
        "init api.json",
        {"api.json": '{"detail": "Not Found"}'},
    ),
    Case(
        "a HAR that was cut off",
        "is not valid JSON",
        "a text is never closed",
        "",
        "rec.har:1:77",
        "init rec.har",
        {"rec.har": HAR},
    ),
    Case("a document that is not there", "does not exist", "correct the path", "", "api.yaml", "init api.yaml"),
]


@pytest.fixture
def bench(bench):
    """Have nothing beside the folder: what other tests left there may be like what was misspelt."""
    bench.folder = bench.folder / "alone"
    bench.folder.mkdir()
    return bench


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        yield listening.getsockname()[1]


def laid_out(folder: Path, text: str | bytes, port: int = 0) -> None:
    if text:
        (folder / "serve.py").write_text(SERVICE)
        content = text if isinstance(text, bytes) else text.replace("TAKEN", str(port)).encode()
        (folder / "s.yaml").write_bytes(content)


def typed(bench, words: str, *, cold: bool = False) -> tuple[int, str, float, float]:
    """Return the exit code, what was said, and the seconds it took, by the clock and of CPU.

    Those of CPU are without imports, which all commands share (``warm``), unless it is to start ``cold``.
    """
    began, used = time.monotonic(), warm.warm.cpu
    process = warm.perfproof(
        *shlex.split(words),
        environ=bench.environ,
        cold=cold,
        cwd=bench.folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    said, _ = process.communicate()
    return process.returncode, said, time.monotonic() - began, warm.warm.cpu - used


def test_there_are_at_least_forty_of_them_and_each_is_another():
    assert len(CASES) >= 40
    assert len({case.title for case in CASES}) == len(CASES)
    assert len({(case.typed, case.text, *case.files.values()) for case in CASES}) == len(CASES)


def test_the_file_they_are_made_of_is_right(bench):
    laid_out(bench.folder, b"\xef\xbb\xbf" + GOOD.encode())
    code, said, _, _ = typed(bench, "check s.yaml")
    assert (code, "note:" in said) == (0, False), said


@pytest.mark.parametrize("case", CASES, ids=[case.title for case in CASES])
def test_a_wrong_input_is_answered_with_place_reason_and_fix_before_anything_is_started(case, bench, taken):
    laid_out(bench.folder, case.text, taken)
    for name, content in case.files.items():
        (bench.folder / name).write_text(content)
    before = sorted(bench.folder.iterdir())
    code, said, seconds, cpu = typed(bench, case.typed)
    assert code == case.code, said
    assert case.reason.replace("TAKEN", str(taken)) in said, said
    assert case.fix in said, said
    assert re.search(r"^\s+fix: |\(.+\)$", said, re.MULTILINE), said
    if case.place:
        assert re.search(rf"^(error: |\s+){re.escape(case.place)}[: ]", said, re.MULTILINE), said
    for word in ("Traceback", "defect", "pydantic", "Input should", "Errno"):
        assert word not in said
    assert sorted(bench.folder.iterdir()) == before, "something was made or started"
    assert 0 < cpu < MOST_CPU, f"{cpu:.1f} s of CPU"
    assert seconds < 10 * MOST_SECONDS, f"{seconds:.1f} s"  # other tests run beside this one


def test_an_interpreter_of_its_own_answers_the_same_with_little_more_cpu(bench):
    laid_out(bench.folder, but(("requests:", "requests")))
    before = children_cpu()
    code, said, _, _ = typed(bench, "ab s.yaml", cold=True)
    assert children_cpu() - before < MOST_SECONDS
    assert (code, said) == typed(bench, "ab s.yaml")[:2]
    assert "s.yaml:9:9" in said


def children_cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@pytest.mark.quiet
@pytest.mark.server
def test_the_slowest_answers_take_less_than_three_seconds(bench, taken):
    slow = ("a url where nothing listens", "a program that is not there", "one arm to compare", "Latin-1")
    for case in CASES:
        if case.title in slow:
            laid_out(bench.folder, case.text, taken)
            _, said, seconds, _ = typed(bench, case.typed, cold=True)
            assert seconds < MOST_SECONDS, said


def test_arms_that_start_the_same_are_told_where_they_stand(bench):
    laid_out(bench.folder, but(('{WORK: "2"}', '{WORK: "1"}')))
    code, said, _, _ = typed(bench, "check s.yaml")
    assert code == 0
    assert re.search(r"note: s\.yaml:7:\d+: both arms start the same.*write below arms: what differs", said), said


def test_check_tells_what_is_not_there_yet_and_is_right_all_the_same(bench):
    laid_out(bench.folder, but((COMMAND, "command: pythonn3 serve.py {port}")))
    code, said, _, _ = typed(bench, "check s.yaml")
    assert code == 0
    assert "note: s.yaml:3:12: baseline: command not found: pythonn3 (did you mean python3" in said


def test_what_prepare_makes_need_not_be_there_before(bench):
    laid_out(bench.folder, but((COMMAND, 'command: "made/serve {port}"'), (HEALTH, f"  prepare: mkdir made\n{HEALTH}")))
    code, said, _, _ = typed(bench, "check s.yaml")
    assert (code, "note:" in said) == (0, False), said


def git(folder: Path, *words: str) -> None:
    subprocess.run(
        ["git", "-c", "user.name=a", "-c", "user.email=a@b.c", *words], cwd=folder, check=True, capture_output=True
    )


def test_a_ref_that_does_not_exist_is_told_before_anything_is_started(bench):
    laid_out(bench.folder, GOOD)
    git(bench.folder, "init", "-q", "-b", "main")
    git(bench.folder, "add", ".")
    git(bench.folder, "commit", "-qm", "x")
    before = sorted(bench.folder.iterdir())
    code, said, _, _ = typed(bench, "ab s.yaml --baseline-ref v9.9")
    assert code == 2
    assert "v9.9" in said
    assert "  fix: " in said
    assert sorted(bench.folder.iterdir()) == before


@pytest.mark.server
def test_a_health_path_that_is_wrong_is_told_in_seconds_and_not_after_the_whole_timeout(bench):
    laid_out(bench.folder, but(("/health", "/ready")))
    began = time.monotonic()
    ran = bench.run("ab", "s.yaml")
    said, seconds = ran.err, time.monotonic() - began
    assert ran.code == 4, said
    assert "is up, but its health path is answered with status 404" in said
    assert "write health: with a path that answers below 400" in said
    assert seconds < 20
    assert bench.leftovers() == []


@pytest.mark.server
def test_who_asks_for_patience_gets_it_from_a_service_that_says_404_at_first(bench):
    late = SERVICE.replace("import http.server", "import time, http.server").replace(
        'self.path.startswith(("/health", "/items"))', "time.monotonic() - BEGAN > 3"
    )
    laid_out(bench.folder, but((HEALTH, f"{HEALTH}  start_timeout: 40s\n"), also="rounds: {count: 1}\nwhy: off\n"))
    bench.without_load()
    (bench.folder / "serve.py").write_text(late.replace("\n\n\nclass", "\nBEGAN = time.monotonic()\n\n\nclass"))
    ran = bench.run("run", "s.yaml")
    assert "health path" not in ran.out + ran.err
    assert ran.code == 0, ran.out + ran.err


@pytest.mark.server
def test_a_run_is_not_compared_with_itself(bench):
    laid_out(bench.folder, but(also="rounds: {count: 1, pairs: 500ms, warmup: 100ms}\nwhy: off\n"))
    bench.without_load()
    ran = bench.run("run", "s.yaml", "--label", "one")
    assert ran.code == 0, ran.out + ran.err
    ran = bench.run("compare", "one", "last")
    assert ran.code == 2, ran.out + ran.err
    assert "both are the same run" in ran.err
    assert "  fix: " in ran.err


def test_a_database_that_lets_nobody_in_is_told_before_anything_is_started(bench):
    """A server that answers as PostgreSQL does to a wrong password: no PostgreSQL is needed to be refused by one."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        threading.Thread(target=refuse_as_postgres, args=(listening,), daemon=True).start()
        port = listening.getsockname()[1]
        address = f"postgresql://shop:wr0ng-word@127.0.0.1:{port}/shop?sslmode=disable"
        laid_out(bench.folder, but((HEALTH, f"  database: {address}\n{HEALTH}")))
        before = sorted(bench.folder.iterdir())
        code, said, _, _ = typed(bench, "ab s.yaml")
    assert code == 2, said
    assert f"s.yaml:4:13: baseline: queries cannot be counted: postgresql://127.0.0.1:{port}/shop" in said
    assert 'password authentication failed for user "shop"' in said
    assert "correct user, password and name in database:" in said
    assert "wr0ng-word" not in said
    assert sorted(bench.folder.iterdir()) == before


def refuse_as_postgres(listening: socket.socket) -> None:
    words = b'SFATAL\0VFATAL\0C28P01\0Mpassword authentication failed for user "shop"\0\0'
    while True:
        try:
            connection, _ = listening.accept()
        except OSError:
            return
        with connection:
            connection.recv(4096)
            connection.sendall(b"E" + (len(words) + 4).to_bytes(4, "big") + words)
