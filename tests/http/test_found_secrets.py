from __future__ import annotations

import json

from perfproof.core.redaction import Redactor
from perfproof.http.found_secrets import FoundSecrets
from perfproof.http.reply import Reply


def test_captured_values_are_secret_by_their_names_or_their_looks() -> None:
    found = FoundSecrets(Redactor([]))
    found.variables({
        "token": "abcdefgh", "id": "item-seventeen-of-many", "count": 17, "again": "r4nd0mLooking0ne",
        "order": "0a1b2c3d-0a1b-4c3d-8e5f-0a1b2c3d4e5f",
    })  # fmt: skip
    assert found.take() == ["abcdefgh", "r4nd0mLooking0ne"]
    assert found.take() == []
    assert found.redactor("abcdefgh r4nd0mLooking0ne item-seventeen-of-many") == "*** *** item-seventeen-of-many"


def test_what_answers_a_login_is_secret_whether_it_is_captured_or_not() -> None:
    found = FoundSecrets(Redactor([]))
    body = json.dumps(
        {"user": "someone", "auth": {"refresh_token": ["rt-one-11", "rt-two-22"], "kind": "r4nd0mLooking0ne"}}
    )
    found.response(Reply(200, [(b"X-CSRF", b"csrf-3333"), (b"Server", b"uvicorn-1")], body.encode(), len(body)))
    assert found.take() == ["csrf-3333", "rt-one-11", "rt-two-22", "r4nd0mLooking0ne"]
    found.response(Reply(200, [], b"no JSON", 7))
    assert found.take() == []


def test_columns_of_a_feed_are_secret_by_their_names() -> None:
    found = FoundSecrets(Redactor([]))
    found.rows(
        [{"email": "someone@shop.invalid", "password": "hunter2-one"}, {"email": "b", "password": "hunter2-two"}]
    )
    assert found.take() == ["hunter2-one", "hunter2-two"]


def test_cookies_are_told_once_and_settings_in_cookies_are_none() -> None:
    found = FoundSecrets(Redactor([]))
    lines = ["sid=s3cret-0123; Path=/", "lang=en-US", "theme=dark; Path=/"]
    found.cookies(lines)
    found.cookies(lines)
    assert found.take() == ["s3cret-0123"]
