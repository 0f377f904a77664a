"""``perfproof init`` as a user types it: from a service to a scenario that is measured without a hand on it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from perfproof.service.sockets import choose_ports

pytestmark = pytest.mark.server

SERVICES = Path(__file__).parent.parent / "services"
SERVE = f"{sys.executable} {SERVICES / 'versions_app.py'} {{port}}"
USER = ("--user", "ann:${PASSWORD}")


def drafted(bench, *args: str, name: str = "perfproof.yaml"):
    """Run ``init`` there, and ``check`` on what it wrote; return what was said, and the scenario."""
    ran = bench.run("init", *args)
    assert ran.code == 0, ran.err
    checked = bench.run("check", name)
    assert checked.code == 0, checked.err
    assert bench.leftovers() == []
    return ran, yaml.safe_load((bench.folder / name).read_text())


def test_the_services_own_document_becomes_a_scenario_of_what_it_really_answers(bench):
    bench.environ["PASSWORD"] = "s3cret-word"
    ran, scenario = drafted(bench, "--command", SERVE, *USER, "--most", "20")
    requests = {each.get("get"): each for each in scenario["requests"]}
    assert scenario["service"]["health"] == "/readyz"
    assert set(requests) == {
        *(f"/{version}/items?limit={{limit}}" for version in ("v1", "v2")),
        *(f"/{version}/items/{{item_id}}" for version in ("v1", "v2")),
        "/v1/stuck?limit={limit}",
        "/v1/mine",
        "/v1/only-first",
        "/v1/slash/",
    }
    items = requests["/v1/items?limit={limit}"]
    assert (items["scale"], items["rows"]) == ({"parameter": "limit", "sizes": [1, 10, 50]}, "$.items")
    assert requests["/v1/items/{item_id}"]["values"]["item_id"][:2] == ["item-0", "item-4"]
    assert "scale" not in requests["/v1/stuck?limit={limit}"]
    (login,) = scenario["setup"]
    assert login == {
        "post": "/v1/login",
        "json": {"username": "ann", "password": "${PASSWORD}"},
        "capture": {"token": "$.data.access_token"},
    }
    text = (bench.folder / "perfproof.yaml").read_text()
    assert "s3cret-word" not in text + ran.out + ran.err
    assert "dropped  GET /v1/page: answered as text/html, not as application/json" in ran.err
    assert "dropped  GET /v1/gone: answered with status 404, not 200" in ran.err
    assert "dropped  GET /v2/only-first" in ran.err
    assert "the document's prefix /outer is left out" in ran.err
    assert "--versions /v1,/v2 makes them the two arms" in ran.err
    assert "next: perfproof check perfproof.yaml" in ran.out


def test_the_bundled_demo_needs_no_hand(bench):
    command = "{python} -m uvicorn perfproof.demo.app:app --host 127.0.0.1 --port {port} --log-level warning"
    database = "DATABASE_URL=sqlite:///{work}/shop.db"
    login = ("--user", "demo@example.com:demo-password", "--prepare", "{python} -m perfproof.demo.seed")
    ran, scenario = drafted(bench, "--command", command, "-e", database, *login)
    service, requests = scenario["service"], {each["name"]: each for each in scenario["requests"]}
    assert (service["health"], service["database"]) == ("/health", "sqlite")
    assert list(requests) == ["list projects", "show dashboard", "list records", "show project"]
    assert len(requests["list records"]["values"]["project_id"]) == 5
    assert requests["list projects"]["scale"] == {"parameter": "limit", "sizes": [1, 10, 50]}
    assert "dropped  GET /jobs/{job_id}: answered with status 404" in ran.err


def test_two_versions_of_an_api_become_the_arms_and_are_measured(bench):
    bench.environ["PASSWORD"] = "s3cret-word"
    ran, scenario = drafted(bench, "--command", SERVE, *USER, "--versions", "/v1,/v2")
    assert scenario["arms"] == {"baseline": {"prefix": "/v1"}, "candidate": {"prefix": "/v2"}}
    paths = {each["get"] for each in scenario["requests"]}
    assert paths == {"/items?limit={limit}", "/items/{item_id}", "/mine"}
    assert scenario["setup"][0]["post"] == "/login"
    assert "GET /v2/only-first: answered with status 404" in ran.err
    measured = bench.without_load().run("ab", "perfproof.yaml", "--rounds", "2", "--no-why")
    assert (bench.runs[-1] / "rounds" / "002").is_dir(), measured.err  # the other version's token would be refused


def test_nothing_that_writes_is_sent_and_no_file_is_overwritten_unless_asked_for(bench):
    drafted(bench, "--command", SERVE, "--only", "/v1/items*")
    refused = bench.run("init", "--command", SERVE)
    assert refused.code == 2
    assert "perfproof.yaml is there already" in refused.err
    _, scenario = drafted(bench, "--command", SERVE, "--only", "/v1/items", "--writes", "--force")
    assert [next(iter(set(each) & {"get", "post"})) for each in scenario["requests"]] == ["get", "post"]


def test_a_service_that_is_up_already_is_asked_where_it_is(bench):
    (port,) = choose_ports(1)
    app = str(bench.services / "versions_app.py")
    running = subprocess.Popen([sys.executable, app, str(port)], env={**bench.environ, "NO_DOCUMENT": ""})
    try:
        url = f"http://127.0.0.1:{port}"
        bench.run("init", "--get", "/readyz", "--url", url)  # waits for nothing: the next ones find it up
        for _ in range(50):
            if bench.run("init", url, "--only", "/v1/items", "-o", "up.yaml", "--force").code == 0:
                break
        scenario = yaml.safe_load((bench.folder / "up.yaml").read_text())
        assert scenario["service"]["url"] == url
        assert [each["get"] for each in scenario["requests"]] == ["/v1/items?limit={limit}"]
        curl = bench.run("init", f"curl '{url}/v2/items?limit=3' -H 'X-A: b'", "-o", "curl.yaml")
        assert curl.code == 0, curl.err
        (request,) = yaml.safe_load((bench.folder / "curl.yaml").read_text())["requests"]
        assert (request["get"], request["headers"]) == ("/v2/items?limit={limit}", {"X-A": "b"})
    finally:
        running.terminate()
        running.wait()
    away = bench.run("init", "http://192.0.2.7/openapi.json", "-o", "x.yaml")
    assert away.code == 2
    assert "is not on this machine" in away.err


def test_a_recording_and_a_script_are_tried_on_the_service(bench):
    entries = [
        {
            "request": {"method": "GET", "url": f"https://shop.example.com/v1/{path}", "headers": []},
            "response": {"status": 200, "content": {"mimeType": "application/json"}},
        }
        for path in ("items", "gone")
    ]
    (bench.folder / "a.har").write_text(json.dumps({"log": {"entries": entries}}))
    ran, scenario = drafted(bench, "a.har", "--command", SERVE)
    assert [each["get"] for each in scenario["requests"]] == ["/v1/items"]
    assert "dropped  GET /v1/gone: answered with status 404" in ran.err
    script = "import http from 'k6/http';\nexport const options = {thresholds: {http_req_duration: ['p(95)<300']}};\n"
    (bench.folder / "a.js").write_text(script + "export default () => { http.get(`${__ENV.HOST}/v2/items`); }\n")
    _, scenario = drafted(bench, "a.js", "--command", SERVE, "-o", "k6.yaml", name="k6.yaml")
    assert scenario["budgets"] == {"error_rate": "1%", "latency_p95": "300ms"}


@pytest.mark.parametrize("tokens", ["page", "session"])
def test_a_user_is_let_in_by_the_form_of_a_site_and_what_is_behind_it_is_compared(bench, tokens):
    """Each page has another token against forged requests: the login needs it, and the comparison must not mind it."""
    bench.environ |= {"PASSWORD": "s3cret-word", "TOKENS": tokens}
    site = f"{sys.executable} {SERVICES / 'formed.py'} {{port}}"
    paths = ("--get", "/projects", "--get", "/", "--get", "/empty")
    ran, scenario = drafted(bench, "--command", site, *USER, *paths)
    assert "logged in by the form at /account/login, POST /account/login" in ran.err
    assert {each["get"] for each in scenario["requests"]} == {"/projects", "/", "/empty"}
    assert "/empty is answered with status 200 and an empty body" in ran.err
    page, login = scenario["setup"]
    assert page["get"] == "/account/login"
    assert login["expect"] == {"status": 302}
    assert login["form"]["account[password]"] == "${PASSWORD}"
    assert login["form"]["back_url"] == "/", "not the address of that start"
    assert "s3cret-word" not in (bench.folder / "perfproof.yaml").read_text() + ran.out + ran.err
    probed = bench.run("probe", "perfproof.yaml", "--json", "same.json")
    assert probed.code == 0, probed.err + probed.out
    assert "response_changed" not in [each["kind"] for each in bench.json("same.json")["findings"]]
    assert "projects line 2" in probed.out, "the token is told as what was left out"
    assert "empty is answered with status 200 and an empty body by baseline and candidate" in probed.out
    scenario_text = (
        (bench.folder / "perfproof.yaml")
        .read_text()
        .replace("candidate: {}", 'candidate: {environment: {TITLE: "Plans"}}')
    )
    (bench.folder / "perfproof.yaml").write_text(scenario_text)
    probed = bench.run("probe", "perfproof.yaml", "--json", "other.json")
    (told,) = [each["summary"] for each in bench.json("other.json")["findings"] if each["kind"] == "response_changed"]
    assert told == "the arms answer differently: text, line 3 of 24"
    bench.environ["PASSWORD"] = "another-word"
    refused = bench.run("probe", "perfproof.yaml")
    assert "set-up step 'POST /account/login' was answered with status 200, not 302" in refused.err
    assert "bytes that asks for a password" in refused.err
    assert "correct the user and the password that the step sends" in refused.err


def test_who_is_not_let_in_by_the_form_is_told_why(bench):
    site = f"{sys.executable} {SERVICES / 'formed.py'} {{port}}"
    ran, _ = drafted(bench, "--command", site, "--user", "ann:wrong", "--get", "/projects", "--get", "/")
    assert "name or password are not what it takes" in ran.err
    assert (
        "dropped  GET /projects: answered with status 302, not 2xx: it leads to /account/login (log in with --user)"
        in ran.err
    )


def test_a_recorded_login_by_a_form_is_done_anew(bench):
    bench.environ["PASSWORD"] = "s3cret-word"
    page = """<form method="post" action="/account/login"><input type="hidden" name="auth[token]" value="old-token">
        <input name="account[name]"><input type="password" name="account[password]"></form>"""
    sent = "auth%5Btoken%5D=old-token&account%5Bname%5D=ann&account%5Bpassword%5D=x"
    steps = [
        ("GET", "/account/login?back_url=x", 200, page, None),
        ("POST", "/account/login", 302, "", {"mimeType": "application/x-www-form-urlencoded", "text": sent}),
        ("GET", "/projects", 200, "<p>", None),
    ]
    entries = [
        {
            "request": {
                "method": method,
                "url": f"http://127.0.0.1:9{path}",
                "headers": [],
                **({"postData": post} if post else {}),
            },
            "response": {"status": status, "content": {"mimeType": "text/html", "text": text}},
        }
        for method, path, status, text, post in steps
    ]
    (bench.folder / "a.har").write_text(json.dumps({"log": {"entries": entries}}))
    site = f"{sys.executable} {SERVICES / 'formed.py'} {{port}}"
    _, scenario = drafted(bench, "a.har", "--command", site, *USER)
    assert {each["get"] for each in scenario["requests"]} >= {"/projects"}
    assert scenario["setup"][1]["form"]["account[name]"] == "ann"
    assert "old-token" not in (bench.folder / "perfproof.yaml").read_text()


def test_a_locust_file_keeps_its_users(bench):
    text = "from locust import HttpUser, task\nclass Visitor(HttpUser):\n    @task\n    def items(self):\n"
    (bench.folder / "load.py").write_text(text + "        self.client.get('/v1/items')\n")
    ran, scenario = drafted(bench, "load.py", "--command", SERVE, "-o", "locust.yaml", name="locust.yaml")
    assert scenario["locustfile"] == "load.py"
    assert scenario["service"]["health"] == "/readyz"
    assert "the users of load.py (Visitor) were not tried" in ran.err


def test_a_project_in_git_goes_from_init_to_a_verdict_on_its_refs(bench):
    app = (bench.services / "versions_app.py").read_text()
    folder = bench.folder
    (folder / "Procfile").write_text(f"web: {sys.executable} service.py $PORT\n")
    (folder / "service.py").write_text(app)

    def git(*args: str) -> None:
        who = ("-c", "user.name=a", "-c", "user.email=a@example.com")
        subprocess.run(["git", *who, *args], cwd=folder, check=True, capture_output=True)

    git("init", "-b", "main")
    git("add", ".")
    git("commit", "-m", "before")
    git("checkout", "-b", "faster")
    (folder / "service.py").write_text(app.replace("ITEMS[:limit]", "ITEMS[: limit + 0]"))
    git("commit", "-am", "after")
    ran, scenario = drafted(bench, "--baseline-ref", "main", "--only", "/v1/items")
    assert "arms" not in scenario
    assert "then: perfproof ab perfproof.yaml --baseline-ref main" in ran.out
    bench.environ["XDG_CACHE_HOME"] = str(folder / "cache")
    told = re.search(r"which takes about .*, as it just started in ([\d.]+) s and answered within ([\d.]+) ms", ran.out)
    assert told is not None, "the service was started once: how long a measurement takes is known"
    assert float(told[1]) == pytest.approx(float(re.search(r"up in ([\d.]+) s", ran.err)[1]), abs=0.1)
    line = ran.out.partition("then: perfproof ")[2].splitlines()[0].split()
    measured = bench.without_load().run(*line, "--rounds", "2", "--no-why")
    assert (bench.runs[-1] / "rounds" / "002").is_dir(), measured.err


def test_what_does_not_start_or_is_not_known_is_told_with_the_way_out(bench):
    nothing = bench.run("init")
    assert nothing.code == 2
    assert "how the service starts cannot be told" in nothing.err
    assert "--command" in nothing.err
    dead = bench.run("init", "--command", f"{sys.executable} -c 'raise SystemExit(\"no database\")'", "--get", "/x")
    assert dead.code == 4
    assert "the service does not start with" in dead.err
    assert "no database" in dead.err
    bench.environ["NO_DOCUMENT"] = "1"
    unknown = bench.run("init", "--command", SERVE)
    assert unknown.code == 2
    assert "the service shows no OpenAPI document" in unknown.err
    wrong = bench.run("init", "--command", SERVE, "--get", "/nothing")
    assert wrong.code == 4
    assert "GET /nothing: answered with status 404" in wrong.err
    app = (bench.services / "versions_app.py").read_text()
    breaks = "(print('no such table: items', flush=True), self.answer(500, 'sorry'))"
    (bench.folder / "failing.py").write_text(
        app.replace('self.answer(200, {"items": ITEMS[:limit], "links": []})', breaks)
    )
    failing = bench.run("init", "--command", f"{sys.executable} failing.py {{port}}", "--get", "/v1/items")
    assert "GET /v1/items: answered with status 500" in failing.err
    log = failing.err.partition("the last lines of its log:")[2]
    assert "no such table: items" in log, "what the service itself says of it"
    assert not (bench.folder / "perfproof.yaml").exists()
    assert not (bench.folder / "results").exists()
    assert bench.leftovers() == []


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["nothere.yaml"], "nothere.yaml: does not exist"),
        (["."], ".: is a folder"),
        (["curl"], "holds no curl command"),
        (["http://127.0.0.1:1/openapi.json"], "Connection refused"),
        (["-o", "no/such.yaml"], "the folder no does not exist"),
        (["--directory", "gone"], "there is no folder gone"),
        (["--user", "ann"], "--user needs a name and a password"),
        (["-H", "nope"], "--header nope: is no header"),
        (["-e", "A"], "--environment A: there is no ="),
        (["-e", "A=${NOPE}"], "the environment variable NOPE is not set"),
        (["--goal", "latency_p95=abc"], "goals.latency_p95: `abc` is not a share"),
        (["--goal", "latency=20%"], "goals.latency: `latency` is not a metric"),
        (["--health", "up"], "health: `up` is not a path"),
        (["--database", "oracle://x"], "database: is no database address"),
        (["--versions", "v1"], "--versions v1 are not two versions"),
        (["--versions", "v1,v2", "--before", "."], "--versions stands beside another version before"),
        (["--baseline-ref", "main"], "is not in a git repository"),
        (["--before", "gone"], "there is no folder gone"),
        (["--get", "items"], "--get items: a path begins with /"),
        (["--url", "http://192.0.2.1"], "is not on this machine"),
    ],
)
def test_wrong_options_are_told_with_a_fix_before_anything_is_started(bench, args, said):
    start = () if "--url" in args else ("--command", SERVE)
    ran = bench.run("init", *start, *args)
    assert ran.code == 2
    assert said in ran.err
    assert "fix: " in ran.err
    assert "starting" not in ran.err


def test_on_a_terminal_what_is_missing_is_asked_for(bench):
    import os
    import pty
    import time

    bench.environ["NO_DOCUMENT"] = "1"
    command = [sys.executable, "-m", "perfproof", "init"]
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(bench.folder)
        os.execve(sys.executable, command, bench.environ)
    seen = b""
    answers = [(b"How does the service start?", SERVE), (b"Which requests", "v1/items /v1/gone")]
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            seen += os.read(terminal, 4096)
        except OSError:
            break
        if answers and answers[0][0] in seen:
            os.write(terminal, f"{answers.pop(0)[1]}\n".encode())
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0, seen.decode()
    scenario = yaml.safe_load(Path(bench.folder / "perfproof.yaml").read_text())
    assert [each["get"] for each in scenario["requests"]] == ["/v1/items"]


ANSWERS = """\
import http.server, sys

PATHS = {paths}


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path in PATHS else 404)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""


def test_what_the_version_before_does_not_answer_is_dropped(bench):
    for version, paths in (("before", ["/", "/old"]), ("after", ["/", "/old", "/new"])):
        (bench.folder / version).mkdir()
        (bench.folder / version / "serve.py").write_text(ANSWERS.format(paths=paths))
    both = ("-C", "after", "--before", "before", "--command", "{python} serve.py {port}")
    said, scenario = drafted(bench, *both, "--get", "/old", "--get", "/new")
    assert [each["get"] for each in scenario["requests"]] == ["/old"]
    assert "the version before, in before:" in said.err
    assert "dropped  GET /new: answered with status 404, not 2xx, by the version before" in said.err
    (bench.folder / "before" / "serve.py").write_text("raise SystemExit('no database here')")
    broken = bench.run("init", *both, "--get", "/", "--force")
    assert broken.code == 4
    assert "the version before, in before:" in broken.err
    assert "no database here" in broken.err
    assert bench.leftovers() == []
