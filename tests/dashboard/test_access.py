"""Who is let in, and what every answer carries."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from filled import fill
from perfproof.store.repository import Store
from serving import served

TOKEN = "correct horse battery"
SHOWN = "What changed lately – perfproof"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(f"sqlite:///{tmp_path}/perfproof.db") as store:
        fill(store, tmp_path, runs=3, step=None)
        yield store


@pytest.fixture
def guarded(store: Store) -> Iterator[httpx.Client]:
    with served(store, TOKEN) as address, httpx.Client(base_url=address) as client:
        yield client


@pytest.fixture
def local(store: Store) -> Iterator[httpx.Client]:
    with served(store) as address, httpx.Client(base_url=address) as client:
        yield client


@pytest.mark.parametrize("path", ["/", "/runs", "/trends", "/compare", "/style.css", "/runs/x", "/nope"])
def test_without_the_token_nothing_is_shown(guarded: httpx.Client, path: str) -> None:
    answer = guarded.get(path)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert "projects" not in answer.text


@pytest.mark.parametrize("token", ["", "wrong", TOKEN[:-1], TOKEN + "x", "\u00e9\u4e2d", "%ff"])
def test_a_wrong_token_opens_nothing(guarded: httpx.Client, token: str) -> None:
    assert guarded.get("/", params={"token": token}).status_code == 401
    assert guarded.get("/", headers={"Authorization": b"Bearer x" + token.encode()}).status_code == 401
    assert guarded.get("/", headers={"Cookie": f"perfproof={token.encode().hex()}"}).status_code == 401


def test_the_right_token_moves_from_the_address_into_a_cookie(guarded: httpx.Client) -> None:
    first = guarded.get("/trends", params={"request": "all", "token": TOKEN})
    assert first.status_code == 303
    assert first.headers["location"] == "/trends?request=all"
    cookie = first.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "samesite=lax" in cookie.lower()
    assert TOKEN.split()[0] not in cookie
    assert guarded.get("/trends").status_code == 200  # the client keeps cookies
    guarded.cookies.clear()
    assert guarded.get("/trends").status_code == 401


def test_a_script_may_send_the_token_as_a_header(guarded: httpx.Client) -> None:
    assert SHOWN in guarded.get("/", headers={"Authorization": f"Bearer {TOKEN}"}).text


def test_a_redirect_never_leaves_this_site(guarded: httpx.Client) -> None:
    for path in ("//evil.example/x", "/\\evil.example/x", "///evil.example"):
        location = guarded.send(
            guarded.build_request("GET", str(guarded.base_url).rstrip("/") + path + f"?token={TOKEN}")
        ).headers["location"]
        assert location.startswith("/")
        assert not location.startswith(("//", "/\\"))


def test_a_name_that_was_made_to_lead_here_is_not_answered(local: httpx.Client) -> None:
    for host in ("evil.example", "evil.example:8765", "127.0.0.1.evil.example", "", "[::2]:80"):
        answer = local.get("/", headers={"Host": host})
        assert answer.status_code in (400, 421), host
        assert "projects" not in answer.text
    for host in ("localhost:9999", "127.0.0.1", "[::1]:80", "[::1]"):
        assert SHOWN in local.get("/", headers={"Host": host}).text


@pytest.mark.parametrize("path", ["/", "/runs", "/trends", "/style.css", "/nope", "/runs/nope"])
def test_every_answer_forbids_scripts_frames_and_guessing(local: httpx.Client, path: str) -> None:
    headers = local.get(path).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "script-src" not in policy
    assert "unsafe" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cache-control"] == "private, no-cache"


def test_a_refusal_carries_them_too(guarded: httpx.Client) -> None:
    assert "default-src 'none'" in guarded.get("/").headers["content-security-policy"]
