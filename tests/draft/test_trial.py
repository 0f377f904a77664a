"""What a draft learns from the answers of a real server, one request after the other."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import yaml

from perfproof.draft.sources.messages import paged
from perfproof.draft.templates import typed, with_variables, written
from perfproof.draft.trial import Trying
from perfproof.draft.tried import Credentials, Trial
from perfproof.draft.wanted import DraftRequest, Entry, Found, Login, SourceContents
from perfproof.draft.write import ScenarioText, text_of
from perfproof.errors import UsageError
from perfproof.http.plain_client import Client, require_loopback

Answers = Callable[[str, str, Any], tuple[int, Any, dict[str, str]]]


@pytest.fixture
def serve() -> Iterator[Callable[[Answers], Client]]:
    """Serve what a function answers to method and path, given the headers."""
    servers: list[ThreadingHTTPServer] = []

    def started(answers: Answers) -> Client:
        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *args: object) -> None:
                pass

            def do_GET(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length", "0")))
                status, data, headers = answers(self.command, self.path, self.headers)
                body = json.dumps(data).encode()
                self.send_response(status)
                for name, value in {"Content-Type": "application/json", **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            do_POST = do_GET  # noqa: N815 - the name that http.server looks for

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        servers.append(server)
        return Client(f"http://127.0.0.1:{server.server_port}")

    yield started
    for server in servers:
        server.shutdown()
        server.server_close()


def tried(client: Client, found: Found, credentials: Credentials | None = None, **environ: str) -> Trial:
    return Trying(client, found, credentials or Credentials(), environ, lambda text: None).run(found.asks)


def get(path: str, *sought: str, **more: Any) -> DraftRequest:
    return DraftRequest(
        f"GET {path}", "GET", path, "here", sought=tuple(SourceContents(name, (name,)) for name in sought), **more
    )


def test_ids_are_found_in_lists_at_every_level_and_belong_together(serve: Any) -> None:
    def answers(method: str, path: str, headers: Any) -> tuple[int, Any, dict[str, str]]:
        known: dict[str, Any] = {
            "/orgs": {"data": [{"slug": "red"}, {"slug": "blue"}], "total": 2},
            "/orgs/red/teams": [{"teamId": 7}, {"teamId": 8}],
            "/orgs/blue/teams": [{"teamId": 9}],
            "/orgs/red/teams/7": {"ok": 1},
            "/orgs/red/teams/8": {"ok": 1},
            "/orgs/blue/teams/9": {"ok": 1},
        }
        return (200, known[path], {}) if path in known else (404, {}, {})

    found = tried(serve(answers), Found("x", asks=(get("/orgs/{org_slug}/teams/{team_id}", "org_slug", "team_id"),)))
    (one,) = found.tried
    assert dict(one.ask.values) == {"org_slug": ("red",), "team_id": (7, 8)}


def test_an_id_that_nobody_knows_drops_its_request_with_the_reason(serve: Any) -> None:
    found = tried(serve(lambda *_: (200, {"items": []}, {})), Found("x", asks=(get("/items/{id}", "id"),)))
    assert found.dropped == [("GET /items/{id}", "no value is known for {id}")]


def test_sizes_are_those_that_the_service_takes(serve: Any) -> None:
    def answers(method: str, path: str, headers: Any) -> tuple[int, Any, dict[str, str]]:
        wanted = int(path.partition("=")[2] or 99)
        return (200, list(range(wanted)), {}) if wanted <= 30 else (422, {}, {})

    page = paged(get("/items?_size=20"))
    (one,) = tried(serve(answers), Found("x", asks=(page,))).tried
    assert (one.ask.target, one.sizes) == ("/items?_size={size}", (1, 10, 20))


def test_a_health_path_is_one_that_is_there_and_no_redirect(serve: Any) -> None:
    def answers(method: str, path: str, headers: Any) -> tuple[int, Any, dict[str, str]]:
        if path in ("/health", "/health/"):
            return 302, {}, {"Location": "/nowhere"}
        return (200, {}, {}) if path in ("/ping", "/items") else (404, {}, {})

    assert tried(serve(answers), Found("x", asks=(get("/items"),))).health == "/ping"


def test_an_api_key_is_sent_where_the_document_says_and_stays_a_variable(serve: Any) -> None:
    def answers(method: str, path: str, headers: Any) -> tuple[int, Any, dict[str, str]]:
        return (200, [], {}) if headers.get("X-Key") == "k-1234" else (401, {}, {})

    found = Found("x", asks=(get("/items", secured=True),), entry=Entry("an API key", key_header="X-Key"))
    result = tried(serve(answers), found, Credentials(password="${API_KEY}"), API_KEY="k-1234")
    assert result.tried[0].ask.headers == {"X-Key": "${API_KEY}"}
    nobody = tried(serve(answers), found)
    assert "status 401" in nobody.dropped[0][1]
    assert "the document asks for an API key" in nobody.notes[0]


def test_a_basic_login_is_encoded_unless_that_would_show_what_the_environment_holds(serve: Any) -> None:
    def answers(method: str, path: str, headers: Any) -> tuple[int, Any, dict[str, str]]:
        return (200, [], {}) if headers.get("Authorization") == "Basic YTpi" else (401, {}, {})

    found = Found("x", asks=(get("/items", secured=True),), entry=Entry("HTTP basic", basic=True))
    result = tried(serve(answers), found, Credentials("a", "b"))
    assert result.tried[0].ask.headers == {"Authorization": "Basic YTpi"}
    silent = tried(serve(answers), Found("x", asks=(get("/items"),)), Credentials("a", "b"))
    assert silent.tried[0].ask.headers == {"Authorization": "Basic YTpi"}  # though no document says so
    refused = tried(serve(answers), Found("x", asks=(get("/items"),)), Credentials("a", "c"))
    assert (refused.header, len(refused.dropped)) == (None, 1)
    with pytest.raises(UsageError, match="cannot be sent as HTTP basic"):
        tried(serve(answers), found, Credentials("a", "${P}"), P="b")


def test_a_login_may_set_a_cookie_instead_of_answering_a_token(serve: Any) -> None:
    def answers(method: str, path: str, headers: Any) -> tuple[int, Any, dict[str, str]]:
        if method == "POST":
            return 200, {"ok": True}, {"Set-Cookie": "sid=abc; Path=/"}
        return (200, [], {}) if headers.get("Cookie") == "sid=abc" else (401, {}, {})

    login = Login("/login", "here", {"username": None, "password": None})
    found = Found("x", asks=(get("/items", secured=True),), entry=Entry("a session", (login,)))
    result = tried(serve(answers), found, Credentials("a", "b"))
    assert [each.ask.path for each in result.tried] == ["/items"]
    assert result.login is not None
    assert (dict(result.login.fields), dict(result.login.captures)) == ({"username": "a", "password": "b"}, {})


def test_a_login_that_leads_on_is_written_with_its_status(serve: Any) -> None:
    def answers(method: str, path: str, headers: Any) -> tuple[int, Any, dict[str, str]]:
        if method == "POST":
            return 303, {}, {"Set-Cookie": "sid=abc; Path=/", "Location": "/items"}
        return (200, [], {}) if headers.get("Cookie") == "sid=abc" else (401, {}, {})

    login = Login("/login", "here", {"username": None, "password": None}, form=True)
    found = Found("x", asks=(get("/items", secured=True),), entry=Entry("a session", (login,)))
    result = tried(serve(answers), found, Credentials("a", "b"))
    setup = yaml.safe_load(text_of(ScenarioText("x", "x", result)))["setup"]
    assert setup == [{"post": "/login", "form": {"username": "a", "password": "b"}, "expect": {"status": 303}}]
    assert result.health == "", "a path that only the logged in see does not tell that the service is up"


def test_a_cookie_is_sent_where_its_path_says_and_until_it_expires(serve: Any) -> None:
    def answers(method: str, path: str, headers: Any) -> tuple[int, Any, dict[str, str]]:
        set_at = {"/account/login": "sid=abc", "/account/out": "sid=; Max-Age=0", "/all": "top=1; Path=/"}
        return 200, headers.get("Cookie", ""), {"Set-Cookie": set_at[path]} if path in set_at else {}

    client = serve(answers)
    client.send("POST", "/account/login")
    assert [client.send("GET", path).data for path in ("/account/me", "/other")] == ["sid=abc", ""]
    client.send("GET", "/all")
    client.send("GET", "/account/out")
    assert [client.send("GET", path).data for path in ("/account/me", "/other")] == ["top=1", "top=1"]


def test_a_usual_health_path_is_none_where_every_path_is_answered_with_a_page(serve: Any) -> None:
    def front(method: str, path: str, headers: Any) -> tuple[int, Any, dict[str, str]]:
        return 200, {"page": path}, {}

    found = Found("x", asks=(get("/items"),))
    assert tried(serve(front), found).health == "/"
    assert tried(serve(front), Found("x", asks=(get("/items"),), health=("/up",))).health == "/up", (
        "the document says so"
    )
    leading = serve(
        lambda method, path, headers: (200, [], {}) if path[-1:] == "/" else (301, [], {"Location": path + "/"})
    )
    assert tried(leading, Found("x", asks=(get("/items/"),))).health == "/"
    known = ("/items", "/healthz")
    plain = serve(lambda method, path, headers: (200 if path in known else 404, [], {}))
    assert tried(plain, found).health == "/healthz"


def test_an_answer_that_never_ends_is_given_up(serve: Any) -> None:
    from http.server import BaseHTTPRequestHandler as Base

    class Endless(Base):
        def log_message(self, *args: object) -> None:
            pass

        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            try:
                while True:
                    self.wfile.write(b"data: x\n\n")
                    self.wfile.flush()
                    time.sleep(0.05)
            except OSError:
                pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Endless)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        answer = Client(f"http://127.0.0.1:{server.server_port}").send("GET", "/", within=0.3)
        assert answer.problem == "no answer within 0.3 s"
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize("url", ["http://192.0.2.1/", "ftp://127.0.0.1/", "http://", "127.0.0.1:8000"])
def test_nothing_is_sent_to_another_machine(url: str) -> None:
    with pytest.raises(UsageError):
        require_loopback(url)


def test_texts_stand_in_a_scenario_as_they_were_meant() -> None:
    assert written('{"a": "{b}", "c": "${d}"}') == '{"a": "{{b}}", "c": "$${{d}}"}'
    assert typed("Bearer {x} ${TOKEN}") == "Bearer {{x}} ${TOKEN}"
    assert with_variables("a$$b ${X:-y} ${Z}", {"Z": "z"}) == "a$b y z"
    with pytest.raises(UsageError, match="is not set"):
        with_variables("${GONE}", {})


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (403, {"statusCode": 403, "error": "Forbidden", "message": "Missing csrf secret"}, "Missing csrf secret"),
        (422, {"detail": [{"loc": ["query", "q"], "msg": "Field required"}]}, "Field required"),
        (400, {"errors": [{"message": "no such\n column"}]}, "no such column"),
        (500, {"error": {"code": 7, "message": "x" * 300}}, "x" * 100),
        (403, {}, "this user may not"),
        (401, {"message": "no session"}, "log in with --user or --header"),
        (400, [], ""),
    ],
)
def test_what_a_service_says_of_a_request_that_it_refuses_is_told(serve, status: int, body: Any, said: str) -> None:
    client = serve(lambda method, path, headers: (status, body, {}))
    found = Found("x", asks=(DraftRequest("a", "GET", "/a", "x"),))
    ((_, reason),) = tried(client, found).dropped
    assert reason == f"answered with status {status}, not 2xx" + (f": {said}" if said else "")


def test_requests_without_known_ids_take_no_turn_from_those_that_can_be_sent(serve: Any) -> None:
    def answers(method: str, path: str, headers: Any) -> tuple[int, Any, dict[str, str]]:
        return (200, [{"id": 1}], {}) if path.startswith("/good") else (404, {}, {})

    lines: list[str] = []
    unknown = [get(f"/things{n}/{{thing_id}}", "thing_id") for n in range(60)]
    client = serve(answers)
    trial = Trying(client, Found("x", asks=(*unknown, get("/good"))), Credentials(), {}, lines.append).run(
        (*unknown, get("/good"))
    )
    assert [each.ask.path for each in trial.tried] == ["/good"]
    assert sum("no value is known" in line for line in lines) == 5
    assert "  dropped  55 more of which no value in the path is known" in lines


def test_requests_that_find_rows_go_before_those_that_find_none(serve: Any) -> None:
    def answers(method: str, path: str, headers: Any) -> tuple[int, Any, dict[str, str]]:
        return 200, [] if path.startswith("/empty") else [{"id": 1}, {"id": 2}], {}

    asks = (*(get(f"/empty{n}") for n in range(3)), get("/full1"), get("/full2"))
    trial = Trying(serve(answers), Found("x", asks=asks), Credentials(), {}, lambda text: None, most=3).run(asks)
    assert [each.ask.path for each in trial.tried] == ["/empty0", "/full1", "/full2"]
    assert trial.notes[-1].startswith("no health path") or "1 of the requests finds no row" in " ".join(trial.notes)
    assert any("fill the database with --prepare" in note for note in trial.notes)
    assert ("GET /empty2", "finds no row") in trial.dropped


@pytest.mark.parametrize("known", ["Token", "JWT", ""])
def test_the_word_before_a_token_is_found_by_asking(serve: Any, known: str) -> None:
    def answers(method: str, path: str, headers: Any) -> tuple[int, Any, dict[str, str]]:
        if path == "/token":
            return 200, {"token": "abc"}, {}
        right = headers.get("Authorization") == f"{known} abc".lstrip()
        return (200, [{"id": 1}], {}) if right else (401, {}, {})

    entry = Entry("a token", (Login("/token", "here", {"username": "ann", "password": "pw"}),))
    trial = tried(serve(answers), Found("x", asks=(get("/items", secured=True),), entry=entry))
    assert trial.header == ("Authorization", f"{known} {{token}}".lstrip())
    assert len(trial.tried) == 1


def test_a_password_from_the_environment_is_not_tried_as_basic_where_the_service_wants_another_way_in(
    serve: Any,
) -> None:
    def answers(method: str, path: str, headers: Any) -> tuple[int, Any, dict[str, str]]:
        return 401, {}, {"WWW-Authenticate": "Token"}

    asks = (get("/items", secured=True),)
    trial = tried(serve(answers), Found("x", asks=asks), Credentials("ann", "${PASSWORD}"), PASSWORD="pw")
    assert any("nobody is logged in" in note for note in trial.notes)


def test_where_no_health_path_is_answered_the_document_is_asked(serve: Any) -> None:
    def answers(method: str, path: str, headers: Any) -> tuple[int, Any, dict[str, str]]:
        return (200, {}, {}) if path == "/api/schema/?format=json" else (401, {}, {})

    found = Found("/api/schema/?format=json", asks=(get("/items", secured=True),))
    assert tried(serve(answers), found).health == "/api/schema/?format=json"


def test_the_number_of_rows_in_the_body_of_a_search_is_a_value_of_its_own() -> None:
    ask = DraftRequest("runs", "POST", "/runs/search", "here", json={"ids": ["2"], "max_results": 20, "limit": True})
    found = paged(ask)
    assert (found.json, found.values) == (
        {"ids": ["2"], "max_results": "{max_results}", "limit": True},
        {"max_results": (20,)},
    )
    assert found.paging == "max_results"
    assert paged(replace(ask, path="/runs/create")) == replace(ask, path="/runs/create")
