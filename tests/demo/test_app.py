from __future__ import annotations

import gzip
import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, text
from sqlalchemy.exc import OperationalError

from perfproof.demo import schemas, seed
from perfproof.demo.app import GZIP_FROM_BYTES
from perfproof.demo.levers import NAMES, Levers

Client = Any
MakeClient = Callable[..., Client]
"""Those of conftest.py, which tests imported by path cannot import."""

PATHS = {
    "/projects": schemas.ProjectPage,
    "/projects?limit=7&offset=55": schemas.ProjectPage,
    "/projects?limit=100&offset=1000": schemas.ProjectPage,
    "/projects/1": schemas.ProjectDetail,
    "/projects/3/records": schemas.RecordPage,
    "/projects/60/records?limit=50&offset=100": schemas.RecordPage,
    "/dashboard": schemas.Dashboard,
}
"""Every answer with data, and the model it must fit (extra or missing keys would show in the round trip)."""


@pytest.fixture
def fast(client_with: MakeClient) -> Client:
    return client_with(Levers.all(True))


@pytest.fixture
def slow(client_with: MakeClient) -> Client:
    return client_with(Levers.all(False))


@pytest.mark.parametrize("path", PATHS)
def test_slow_and_fast_answer_the_same(path: str, slow: Client, fast: Client) -> None:
    answers = [client.get(path) for client in (slow, fast)]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].json() == answers[1].json()
    assert PATHS[path].model_validate(answers[1].json()).model_dump(mode="json") == answers[1].json()


@pytest.mark.parametrize("name", NAMES)
def test_each_lever_on_its_own_changes_no_answer(name: str, client_with: MakeClient, fast: Client) -> None:
    one_slow = client_with(replace(Levers.all(True), **{name: False}))
    for path in PATHS:
        assert one_slow.get(path).json() == fast.get(path).json()


def test_the_placebo_changes_neither_answers_nor_statements(
    client_with: MakeClient, fast: Client, slow: Client
) -> None:
    for levers, original in (Levers.all(True), fast), (Levers.all(False), slow):
        placebo = client_with(levers, placebo=True)
        for path in PATHS:
            assert placebo.get(path).json() == original.get(path).json()
            assert sorted(placebo.statements) == sorted(original.statements)


def test_without_the_index_the_answers_stay(tmp_path: Path, client_with: MakeClient, fast: Client) -> None:
    url = f"sqlite:///{tmp_path / 'bare.db'}"
    seed.seed(url, indexed=False)
    bare = client_with(database_url=url)
    for path in PATHS:
        assert bare.get(path).json() == fast.get(path).json()


@pytest.mark.parametrize("path", ["/projects?limit=20", "/projects/3/records?limit=20"])
def test_lazy_loading_issues_a_query_for_each_row(path: str, slow: Client, fast: Client) -> None:
    assert slow.get(path).status_code == fast.get(path).status_code == 200
    assert len(slow.statements) > 20
    assert len(fast.statements) <= 5


def test_eager_queries_do_not_grow_with_the_page_and_lazy_ones_do(slow: Client, fast: Client) -> None:
    def queries(client: Client, limit: int) -> int:
        client.get(f"/projects/3/records?limit={limit}")
        return len(client.statements)

    assert queries(fast, 10) == queries(fast, 50)
    assert queries(slow, 50) >= queries(slow, 10) + 40


def test_a_pool_keeps_its_connection_and_no_pool_opens_one_for_each_request(client_with: MakeClient) -> None:
    for pooled, expected in (True, 0), (False, 3):
        client = client_with(replace(Levers(), pool=pooled))
        opened: list[Any] = []
        event.listen(client.app.state.engine, "connect", lambda *args, opened=opened: opened.append(args))
        for _ in range(3):
            client.get("/projects/1")
        assert len(opened) == expected


def test_the_service_cannot_write(fast: Client) -> None:
    with fast.app.state.engine.connect() as connection, pytest.raises(OperationalError, match="readonly"):
        connection.execute(text("DELETE FROM matches"))


def test_a_cached_dashboard_is_not_computed_again(fast: Client) -> None:
    first = fast.get("/dashboard")
    assert fast.statements
    second = fast.get("/dashboard")
    assert not fast.statements
    assert second.json() == first.json()
    assert second.headers["etag"] == first.headers["etag"]
    assert second.headers["cache-control"] == "private, max-age=30"
    assert int(second.headers["age"]) >= 0


def test_a_client_that_has_the_dashboard_gets_304_without_a_body(fast: Client) -> None:
    tag = fast.get("/dashboard").headers["etag"]
    again = fast.get("/dashboard", if_none_match=tag)
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    assert fast.get("/dashboard", if_none_match='W/"other"').status_code == 200


def test_an_expired_dashboard_is_computed_again(client_with: MakeClient) -> None:
    client = client_with(cache_seconds=0.0)
    for _ in range(2):
        client.get("/dashboard")
        assert client.statements


def test_without_the_cache_nobody_may_keep_the_dashboard(slow: Client) -> None:
    for _ in range(2):
        answer = slow.get("/dashboard")
        assert slow.statements
        assert answer.headers["cache-control"] == "no-store"
        assert "etag" not in answer.headers


def test_large_answers_are_compressed_for_those_who_accept_it(fast: Client) -> None:
    plain, packed = fast.get("/projects"), fast.get("/projects", accept_encoding="gzip")
    assert "content-encoding" not in plain.headers
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.headers["vary"] == plain.headers["vary"] == "Accept-Encoding"
    assert packed.json() == plain.json()
    assert int(packed.headers["content-length"]) < int(plain.headers["content-length"]) / 2


def test_small_answers_and_the_slow_way_stay_plain(fast: Client, slow: Client) -> None:
    small = fast.get("/health", accept_encoding="gzip")
    assert int(small.headers["content-length"]) < GZIP_FROM_BYTES
    assert "content-encoding" not in small.headers
    assert "content-encoding" not in slow.get("/projects", accept_encoding="gzip").headers


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("header", [None, "Bearer", "Bearer forged.1.x", "Basic abc"])
def test_nothing_is_shown_without_a_valid_token(path: str, header: str | None, client_with: MakeClient) -> None:
    client = client_with(log_in=False)
    answer = client.get(path, **({"authorization": header} if header else {}))
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert not client.statements


@pytest.mark.parametrize("body", [(seed.EMAIL, "wrong"), ("nobody@example.com", seed.PASSWORD)])
def test_a_wrong_login_is_refused_without_saying_what_was_wrong(body: tuple[str, str], fast: Client) -> None:
    answer = fast.send("POST", "/auth/login", json={"email": body[0], "password": body[1]})
    assert answer.status_code == 401
    assert answer.json() == {"detail": "unknown address or wrong password"}


@pytest.mark.parametrize("path", ["/projects/999", "/projects/999/records"])
def test_a_project_that_is_not_there_is_404(path: str, fast: Client, slow: Client) -> None:
    assert fast.get(path).status_code == slow.get(path).status_code == 404


@pytest.mark.parametrize("path", ["/projects?limit=0", "/projects?limit=101", "/projects?offset=-1", "/projects/x"])
def test_a_senseless_parameter_is_422(path: str, fast: Client) -> None:
    assert fast.get(path).status_code == 422


def test_health_says_what_is_missing(tmp_path: Path, client_with: MakeClient) -> None:
    client = client_with(log_in=False, database_url=f"sqlite:///{tmp_path / 'none.db'}")
    answer = client.get("/health")
    assert answer.status_code == 503
    assert "OperationalError" in answer.json()["detail"]


def test_the_openapi_document_describes_every_route(fast: Client) -> None:
    document = fast.get("/openapi.json").json()
    assert set(document["paths"]) == {
        "/health",
        "/auth/login",
        "/projects",
        "/projects/{project_id}",
        "/projects/{project_id}/records",
        "/projects/{project_id}/jobs",
        "/jobs/{job_id}",
        "/dashboard",
    }
    assert document["paths"]["/dashboard"]["get"]["security"] == [{"HTTPBearer": []}]


@pytest.mark.server
def test_seed_and_uvicorn_serve_it_over_real_http(tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {**os.environ, "DATABASE_URL": f"sqlite:///{tmp_path / 'shop.db'}", "ALL": "fast"}
    subprocess.run([sys.executable, "-m", "perfproof.demo.seed"], env=environment, check=True, timeout=60)
    options = ["--host", "127.0.0.1", "--port", str(port), "--no-access-log", "--log-level", "warning"]
    command = [sys.executable, "-m", "uvicorn", "perfproof.demo.app:app", *options]
    server = subprocess.Popen(command, env=environment)
    try:
        base = f"http://127.0.0.1:{port}"
        for _ in range(300):
            try:
                urllib.request.urlopen(f"{base}/health", timeout=5).close()
                break
            except urllib.error.URLError:
                assert server.poll() is None
                time.sleep(0.1)
        login = json.dumps({"email": seed.EMAIL, "password": seed.PASSWORD}).encode()
        asked = urllib.request.Request(f"{base}/auth/login", login, {"Content-Type": "application/json"})
        with urllib.request.urlopen(asked, timeout=5) as answer:
            token = json.load(answer)["token"]
        headers = {"Authorization": f"Bearer {token}", "Accept-Encoding": "gzip"}
        with urllib.request.urlopen(urllib.request.Request(f"{base}/projects", headers=headers), timeout=5) as answer:
            page = json.loads(gzip.decompress(answer.read()))
        assert (page["total"], len(page["items"])) == (seed.PROJECTS, 20)
    finally:
        server.terminate()
        server.wait(10)
