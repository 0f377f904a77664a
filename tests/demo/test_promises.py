"""Each promise of the demo, broken and kept, as a client sees it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from perfproof.demo.around import LIMITS, SECURITY, Around
from perfproof.demo.levers import Settings, from_environment
from perfproof.demo.promises import NAMES, Promises
from perfproof.errors import UsageError

Client = Any
MakeClient = Callable[..., Client]


def broken(name: str) -> Promises:
    return replace(Promises(), **{name: False})


@pytest.fixture
def kept(client_with: MakeClient) -> Client:
    return client_with(promises=Promises())


@pytest.fixture
def without(client_with: MakeClient) -> Callable[[str], Client]:
    return lambda name: client_with(promises=broken(name))


def test_without_any_variable_there_is_nothing_of_it(client_with: MakeClient) -> None:
    assert from_environment({}) == Settings()
    plain = client_with()
    assert plain.get("/me").status_code == 404
    assert "x-request-id" not in plain.get("/projects/1").headers
    assert "/search" not in plain.get("/openapi.json").json()["paths"]


def test_all_are_set_at_once_and_each_by_its_own_name() -> None:
    found = from_environment({"PROMISES": "broken", "PAGES": "kept"}).promises
    assert [name for name in NAMES if getattr(found, name)] == ["pages"]
    found = from_environment({"SQL": "broken"}).promises
    assert [name for name in NAMES if not getattr(found, name)] == ["sql"]
    with pytest.raises(UsageError, match="PAGES"):
        from_environment({"PAGES": "slow"})


WRONG = ["/projects/999999", "/projects/none", "/nowhere", f"/projects/{'9' * 3000}", "/projects?limit=0"]


def test_errors_are_problems_with_documented_codes_or_of_as_many_shapes_as_there_are_authors(
    kept: Client, without: Callable[[str], Client], client_with: MakeClient
) -> None:
    codes = kept.get("/openapi.json").json()["components"]["schemas"]["Problem"]["properties"]["code"]["enum"]
    stranger = client_with(promises=Promises(), log_in=False)
    for answer in [*map(kept.get, WRONG), stranger.get("/me"), kept.send("PUT", "/me")]:
        assert answer.headers["content-type"] == "application/problem+json"
        body = answer.json()
        assert body["status"] == answer.status_code < 500
        assert body["code"] in codes
        assert len(body["detail"].split()) > 2
    assert kept.send("PUT", "/me").headers["allow"] == "GET"
    assert stranger.get("/me").headers["www-authenticate"] == "Bearer"
    bad = without("errors")
    answers = [bad.get(path) for path in WRONG]
    assert [answer.status_code for answer in answers] == [404, 422, 404, 500, 422]
    assert len({answer.headers["content-type"].partition(";")[0] for answer in answers}) == 2
    assert "Traceback" in answers[3].text


def test_every_response_has_an_id_that_a_client_may_choose(kept: Client, without: Callable[[str], Client]) -> None:
    assert kept.get("/me", x_request_id="abc-1").headers["x-request-id"] == "abc-1"
    given = kept.get("/me", x_request_id="no\tgood").headers["x-request-id"]
    assert given != kept.get("/nowhere").headers["x-request-id"]
    assert "x-request-id" not in without("request_ids").get("/me").headers


def test_the_log_of_jobs_comes_in_pages_or_all_at_once(kept: Client, without: Callable[[str], Client]) -> None:
    whole = without("pages").get("/job-log?limit=5").json()
    assert len(whole["items"]) == 240
    seen, path = [], "/job-log?limit=100"
    while path:
        page = kept.get(path).json()
        assert len(page["items"]) <= 100
        seen += page["items"]
        path = page["next"]
    assert seen == whole["items"]
    assert len(kept.get("/job-log").json()["items"]) == 20


def test_the_document_has_what_there_is_or_hides_some_and_names_what_is_not_there(
    kept: Client, without: Callable[[str], Client]
) -> None:
    found = kept.get("/openapi.json").json()["paths"]
    assert {"/batch/projects", "/projects/{project_id}/archive"} <= set(found)
    assert kept.get("/projects/1/archive").json() == {"project_id": 1, "records": 120}
    bad = without("document")
    paths = bad.get("/openapi.json").json()["paths"]
    assert "/batch/projects" not in paths
    assert "/projects/{project_id}/archive" in paths
    assert bad.get("/batch/projects?ids=1").status_code == 200
    assert bad.get("/projects/1/archive").status_code == 404


def test_what_goes_away_says_so(kept: Client, without: Callable[[str], Client]) -> None:
    answer = kept.get("/projects/1/summary")
    assert answer.headers["deprecation"].startswith("@")
    assert answer.headers["sunset"].endswith("GMT")
    assert "deprecation" not in without("deprecation").get("/projects/1/summary").headers
    assert kept.get("/openapi.json").json()["paths"]["/projects/{project_id}/summary"]["get"]["deprecated"]


def test_many_projects_cost_as_many_queries_as_one(kept: Client, without: Callable[[str], Client]) -> None:
    path = "/batch/projects?ids=1,2,3,4,5,6,7,8"
    answers, counts = [], []
    for client in (without("batch"), kept):
        answers.append(client.get(path).json())
        counts.append(len(client.statements))
    assert answers[0] == answers[1]
    assert [each["id"] for each in answers[0]["items"]] == list(range(1, 9))
    assert counts[0] >= 3 * 8
    assert counts[1] <= 5
    assert kept.get("/batch/projects?ids=1,x").status_code == 422


def test_security_headers_stand_on_every_response(kept: Client, without: Callable[[str], Client]) -> None:
    for answer in (kept.get("/me"), kept.get("/nowhere")):
        assert {name: answer.headers[name] for name in SECURITY} == SECURITY
    assert "max-age" in kept.get("/dashboard").headers["cache-control"]
    bad = without("headers").get("/me")
    assert not set(map(str.lower, SECURITY)) & set(bad.headers)
    assert bad.headers["x-powered-by"] == "FastAPI"


def test_a_quote_is_searched_for_or_changes_the_statement(kept: Client, without: Callable[[str], Client]) -> None:
    bad = without("sql")
    assert kept.get("/search?q=Alder").json() == bad.get("/search?q=Alder").json()
    assert kept.get("/search?q=Alder").json()["total"] > 0
    inject = "/search?q=zzz%27%20OR%20%271%27%20LIKE%20%271"
    assert kept.get(inject).json()["total"] == 0
    assert bad.get(inject).json()["total"] == 7200
    assert kept.get("/search?q=%27").status_code == 200
    assert bad.get("/search?q=%27").status_code == 500
    assert "SELECT" not in bad.get("/search?q=%27").text


def test_answers_hold_no_secrets(kept: Client, without: Callable[[str], Client]) -> None:
    assert set(kept.get("/me").json()) == {"id", "name", "email"}
    leaked = without("secrets").get("/me").json()
    assert "$" in leaked["password_hash"]
    assert leaked["api_key"].startswith("AKIA")


def test_searching_is_limited_by_caller_and_recovers(client_with: MakeClient, without: Callable[[str], Client]) -> None:
    now = [1e9]
    limited = client_with(promises=Promises())
    _around(limited)._clock = lambda: now[0]
    most, window = LIMITS["/search"]
    answers = [limited.get("/search?q=a") for _ in range(most)]
    assert {answer.status_code for answer in answers} == {200}
    assert answers[-1].headers["ratelimit-remaining"] == "0"
    refused = limited.get("/search?q=a")
    assert (refused.status_code, refused.json()["code"]) == (429, "too_many_requests")
    assert 1 <= int(refused.headers["retry-after"]) <= window
    assert limited.get("/me").status_code == 200
    other = limited.get("/search?q=a", authorization="Bearer somebody-else")
    assert other.status_code == 401
    now[0] += window
    assert limited.get("/search?q=a").status_code == 200
    bad = without("rate_limit")
    assert all(bad.get("/search?q=a").status_code == 200 for _ in range(most + 5))


def _around(client: Client) -> Around:
    """The middleware of a client's application, which Starlette builds with the first request."""
    client.get("/health")
    layer = client.app.middleware_stack
    while not isinstance(layer, Around):
        layer = layer.app
    return layer


def test_a_line_of_json_tells_of_each_request(
    kept: Client, without: Callable[[str], Client], capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    answer = kept.get("/projects/999999")
    (line,) = capsys.readouterr().out.splitlines()
    told = json.loads(line)
    assert (told["method"], told["path"], told["status"], told["level"]) == ("GET", "/projects/999999", 404, "warning")
    assert told["request_id"] == answer.headers["x-request-id"]
    bad = without("logs")
    capsys.readouterr()
    bad.get("/me")
    with pytest.raises(json.JSONDecodeError):
        json.loads(capsys.readouterr().out)


def test_metrics_are_counters_that_prometheus_reads(kept: Client, without: Callable[[str], Client]) -> None:
    kept.get("/nowhere")
    text = kept.get("/metrics").text
    assert 'http_requests_total{method="GET",status="404"} 1' in text
    assert text.count("# TYPE") == 2
    assert without("metrics").get("/metrics").status_code == 404


@pytest.mark.parametrize("name", [name for name in NAMES if name not in ("errors", "pages", "document")])
def test_what_is_timed_is_answered_the_same_either_way(
    name: str, kept: Client, without: Callable[[str], Client]
) -> None:
    for path in ("/projects?limit=5", "/projects/3/records?limit=5", "/projects/3", "/dashboard"):
        assert without(name).get(path).json() == kept.get(path).json()
