"""HAR files, curl command lines, k6 scripts and Locust files become the requests that their authors meant."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from perfproof.documents.document import parse
from perfproof.draft.sources.curl import read_curl
from perfproof.draft.sources.har import read_har
from perfproof.draft.sources.k6 import read_k6
from perfproof.draft.sources.kinds import read_locust
from perfproof.draft.sources.messages import paged
from perfproof.errors import UsageError


def entry(method: str, url: str, status: int = 200, **more: Any) -> dict[str, Any]:
    return {
        "request": {
            "method": method,
            "url": url,
            "headers": [{"name": name, "value": value} for name, value in more.get("headers", {}).items()],
            **({"postData": more["post"]} if "post" in more else {}),
        },
        "response": {
            "status": status,
            "content": {"mimeType": more.get("mime", "application/json"), "text": more.get("text", "{}")},
        },
    }


def har(*entries: Any) -> str:
    return json.dumps({"log": {"version": "1.2", "entries": list(entries)}}, indent=1)


def test_a_login_by_a_form_that_leads_on_is_the_login_and_its_token_is_left_to_its_page() -> None:
    page = """<form method="post" action="/login"><input type="hidden" name="csrf" value="tok-of-then">
        <input name="who"><input type="password" name="user[password]"></form>"""
    sent = {
        "mimeType": "application/x-www-form-urlencoded",
        "text": "csrf=tok-of-then&who=ann&user%5Bpassword%5D=hunter2",
    }
    cookie = {"Cookie": "sid=1"}
    found = read_har(
        parse(
            har(
                entry("GET", "http://localhost:8000/login?back=x", mime="text/html", text=page),
                entry("POST", "http://localhost:8000/login", 302, post=sent, mime="text/html", text=""),
                entry("GET", "http://localhost:8000/projects", headers=cookie, mime="text/html"),
                entry("GET", "http://localhost:8000/gone", 404),
            ),
            "a.har",
        )
    )
    (login,) = found.entry.logins
    assert (login.page, login.path, login.header) == ("/login", "/login", None)
    assert dict(login.fields) == {"who": "ann", "user[password]": None}
    assert found.notes == ("1 request that failed or was redirected while recording is left out",)
    assert "tok-of-then" not in repr(found) + repr(login)


LOGIN = entry(
    "POST",
    "http://localhost:8000/auth/login",
    post={"mimeType": "application/json", "text": '{"email": "a@example.com", "password": "hunter2-secret"}'},
    text='{"token": "tok-123456789"}',
)
BEARER = {
    "Authorization": "Bearer tok-123456789",
    "User-Agent": "Mozilla",
    "Accept": "application/json",
    "Cookie": "a=b",
}


def test_a_har_becomes_the_mix_of_requests_that_was_recorded_without_its_secrets() -> None:
    found = read_har(
        parse(
            har(
                LOGIN,
                *(entry("GET", f"http://localhost:8000/projects/{n}", headers=BEARER) for n in (3, 14, 15)),
                entry("GET", "http://localhost:8000/projects?limit=10", headers=BEARER, status=304),
                entry("GET", "http://localhost:8000/app.js", mime="text/javascript"),
                entry("GET", "https://tracker.example.com/pixel", mime="image/gif"),
                entry("GET", "http://localhost:8000/missing", status=404),
                entry("OPTIONS", "http://localhost:8000/projects", status=204),
            ),
            "a.har",
        )
    )
    one, many = found.asks
    assert (one.path, dict(one.values), one.weight) == ("/projects/{project_id}", {"project_id": (3, 14, 15)}, 3)
    assert (many.target, many.statuses) == ("/projects?limit=10", (200,))
    assert (paged(many).target, paged(many).values) == ("/projects?limit={limit}", {"limit": (10,)})
    assert one.headers == {"Accept": "application/json"}
    (login,) = found.entry.logins
    assert dict(login.fields) == {"email": "a@example.com", "password": None}
    assert login.header == ("Authorization", "Bearer {token}")
    assert found.origin == "http://localhost:8000"
    assert "tok-123456789" not in repr(found)
    assert "hunter2" not in str([*found.asks, *found.notes, dict(login.fields)])


def test_a_har_that_holds_no_api_is_told_with_place_and_fix() -> None:
    for text, said in (
        ('{"log": {}}', "log.entries is no list"),
        (har(), "no request to an API"),
        (har(entry("GET", "http://a.example/x.css", mime="text/css")), "no request to an API"),
        (har(entry("GET", "http://a.example/x", status=500)), "was answered well"),
    ):
        with pytest.raises(UsageError) as caught:
            read_har(parse(text, "a.har"))
        assert said in caught.value.what
        assert (caught.value.where or "").startswith("a.har:1:") or (caught.value.where or "").startswith("a.har:")
        assert caught.value.hint
    broken = read_har(parse(har(entry("GET", "http://127.0.0.1:1/a"), {"request": {}}, None), "a.har"))
    assert len(broken.left_out) == 2


@pytest.mark.parametrize(
    ("line", "method", "target", "extra"),
    [
        ("curl http://127.0.0.1:8000/items?a=1", "GET", "/items?a=1", {}),
        ("curl -sSL localhost:8000/items", "GET", "/items", {}),
        ("curl -X DELETE http://127.0.0.1/items/1 -o /dev/null", "DELETE", "/items/1", {}),
        ("curl -I http://127.0.0.1/", "HEAD", "/", {}),
        ("curl -G http://127.0.0.1/s -d q=a --data-urlencode 'n=b c'", "GET", "/s?q=a&n=b%20c", {}),
        ("curl --json '{\"a\": 1}' http://127.0.0.1/x", "POST", "/x", {"json": {"a": 1}}),
        (
            "curl http://127.0.0.1/x -H 'Content-Type: application/json' -d '{\"a\":\"{b}\"}'",
            "POST",
            "/x",
            {"json": {"a": "{{b}}"}},
        ),
        ("curl http://127.0.0.1/x -d '{\"a\": 1}'", "POST", "/x", {"json": {"a": 1}, "form": {}}),
        ("curl http://127.0.0.1/x -d '{a: 1}'", "POST", "/x", {"json": None}),
        ("curl http://127.0.0.1/x -d a=1 -d b=2", "POST", "/x", {"form": {"a": "1", "b": "2"}}),
        ("curl http://127.0.0.1/x --data-raw $'it\\'s' -H 'Content-Type: text/plain'", "POST", "/x", {"body": "it's"}),
        ("curl -u a:b http://127.0.0.1/x", "GET", "/x", {"headers": {"Authorization": "Basic YTpi"}}),
        (
            "curl 'http://127.0.0.1/x' \\\n  -H 'Accept: application/json' \\\n  --compressed",
            "GET",
            "/x",
            {"headers": {"Accept": "application/json"}},
        ),
    ],
)
def test_a_curl_command_becomes_its_request(line: str, method: str, target: str, extra: dict[str, Any]) -> None:
    (ask,) = read_curl(line, "curl").asks
    assert (ask.method, ask.target) == (method, target)
    for name, value in extra.items():
        assert getattr(ask, name) == value


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("curl", "no curl command"),
        ("curl -s", "names no address"),
        ("curl 'http://127.0.0.1/x", "cannot be split into words"),
        ("curl -F a=@b http://127.0.0.1/x", "uploads a file"),
        ("curl -d @body.json http://127.0.0.1/x", "sends a file"),
        ("curl http://127.0.0.1/x -H", "-H has no value"),
    ],
)
def test_a_curl_command_that_cannot_be_sent_is_told_with_a_fix(line: str, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        read_curl(line, "curl")
    assert said in caught.value.what
    assert caught.value.hint


SCRIPT = """\
import http from 'k6/http';
import { check, sleep } from 'k6';
const BASE_URL = __ENV.BASE_URL || 'http://127.0.0.1:8000';
const params = { headers: { 'Content-Type': 'application/json' }, tags: { name: 'make item' } };
export const options = {
  vus: 10, // people
  thresholds: { http_req_duration: ['p(95)<500', 'max<2000'], http_req_failed: ['rate<0.01'] },
};
export default function () {
  const res = http.get(`${BASE_URL}/items?limit=20`);
  check(res, { 'status is 200': (r) => r.status === 200 });
  http.get(BASE_URL + '/items/' + 7);
  http.get(`${BASE_URL}/users/${userId}/orders`);
  http.post(`${BASE_URL}/items`, JSON.stringify({ name: 'new', tags: ['a', "b"], price: 1.5, on: true }), params);
  http.post(`${BASE_URL}/login`, { user: 'a', password: 'b' });
  http.get(someFunction);
  http.post(`${BASE_URL}/x`, JSON.stringify({ name: randomString(8) }), params);
  sleep(1);
}
"""


def test_a_k6_script_gives_its_plain_calls_and_thresholds() -> None:
    found = read_k6(SCRIPT, "load.js")
    by_target = {(ask.method, ask.target): ask for ask in found.asks}
    assert ("GET", "/items?limit=20") in by_target
    assert by_target["GET", "/items/{item_id}"].values == {"item_id": (7,)}
    assert [each.name for each in by_target["GET", "/users/{userId}/orders"].sought] == ["userId"]
    made = by_target["POST", "/items"]
    assert (made.name, made.json) == ("make item", {"name": "new", "tags": ["a", "b"], "price": 1.5, "on": True})
    assert by_target["POST", "/login"].form == {"user": "a", "password": "b"}
    assert dict(found.budgets) == {"latency_p95": "500ms", "error_rate": "1%"}
    assert [told.partition(": ")[0] for told in found.left_out] == ["load.js:16", "load.js:17"]


def test_a_script_without_calls_or_with_a_mistake_is_told_with_its_place() -> None:
    with pytest.raises(UsageError, match="holds no call of"):
        read_k6("import http from 'k6/http'\n", "a.js")
    with pytest.raises(UsageError) as caught:
        read_k6("export default function () {\n  const = 3;\n", "a.js")
    assert (caught.value.where or "").startswith("a.js:")


def test_a_locust_file_is_taken_as_it_is_or_told_why_not() -> None:
    found = read_locust("from locust import HttpUser\nclass Visitor(HttpUser): pass\n", Path("load.py"))
    assert found.locustfile == "load.py"
    for text, said in (
        ("x = (\n", "not valid Python"),
        ("import os\n", "no Locust file"),
        ("import locust\n", "no User class"),
    ):
        with pytest.raises(UsageError) as caught:
            read_locust(text, Path("load.py"))
        assert said in caught.value.what
        assert (caught.value.where or "").startswith("load.py:")
