"""Secrets are masked in whatever form they appear, and nothing else is."""

from __future__ import annotations

import base64
import json
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from perfproof.model.redaction import Redactor, sounds_secret, worth_masking


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("Authorization: Bearer abc.def\r\nHost: x", "Authorization: ***\r\nHost: x"),
        ("authorization=Basic Ym9iOnB3", "authorization=***"),
        ("{'cookie': 'a=b; c=d', 'accept': 'x'}", "{'cookie': '***', 'accept': 'x'}"),
        ('{"Set-Cookie":"a=b","n":1}', '{"Set-Cookie":"***","n":1}'),
        ('{\\"x-api-key\\":\\"abc\\",\\"n\\":1}', '{\\"x-api-key\\":\\"***\\",\\"n\\":1}'),
        ("got bearer xyz, then", "got bearer ***, then"),
        ("postgres://bob:p@ss@db/x and http://host:80/", "postgres://bob:***@db/x and http://host:80/"),
        ("redis://:pw@cache", "redis://:***@cache"),
        ("postgres://bob:${PW}@db", "postgres://bob:${PW}@db"),
        ('Authorization: "Bearer {token}"', 'Authorization: "Bearer {token}"'),
        ("GET /items 200 12ms a@example.com", "GET /items 200 12ms a@example.com"),
    ],
)
def test_credentials_are_masked_wherever_they_came_from(text: str, masked: str) -> None:
    redact = Redactor([])
    assert redact(text) == masked
    assert redact(masked) == masked


def test_a_longer_secret_is_masked_before_a_shorter_one_within_it() -> None:
    assert Redactor(["pass", "password1"])("password1 pass") == "*** ***"


def test_the_password_within_a_secret_url_is_masked_alone_too() -> None:
    assert Redactor(["postgres://bob:p%40ssw0rd@db/x"])("login p@ssw0rd or p%40ssw0rd") == "login *** or ***"


def test_a_key_of_several_lines_is_masked_line_by_line() -> None:
    key = "-----BEGIN KEY-----\nMIIEpAIBAAKCAQEA\n-----END KEY-----"
    assert Redactor([key])("12:00 MIIEpAIBAAKCAQEA") == "12:00 ***"


@pytest.mark.parametrize("user", ["a", "ab", "abc"])
def test_a_password_within_basic_credentials_does_not_survive(user: str) -> None:
    coded = base64.b64encode(f"{user}:hunter22!x".encode()).decode()
    assert "***" in Redactor(["hunter22!x"])(coded)


def test_an_empty_secret_masks_nothing() -> None:
    assert Redactor(["", ""])("abc") == "abc"


SECRET = st.text(min_size=6, max_size=40).filter(lambda text: text.strip("*") == text and "{" not in text)


@given(SECRET, st.text(alphabet="xyz \n", max_size=20), st.text(alphabet="xyz \n", max_size=20))
def test_no_form_of_a_secret_survives(secret: str, before: str, after: str) -> None:
    assume(not set(secret) <= set("xyz \n*"))
    redact = Redactor([secret])
    for form in (
        secret,
        quote(secret, safe=""),
        quote_plus(secret),
        json.dumps(secret)[1:-1],
        base64.b64encode(secret.encode()).decode(),
    ):
        assert form not in redact(before + form + after)


def test_names_that_say_secret() -> None:
    for name in ("PASSWORD", "db_passwd", "apiKey", "api-key", "API_KEY", "auth_token", "Cookie", "Authorization"):
        assert sounds_secret(name), name
    for name in ("user", "limit", "monkey", "author"):
        assert not sounds_secret(name), name


def test_short_and_trivial_values_are_not_worth_masking() -> None:
    assert not worth_masking("80", named_secret=False)
    assert worth_masking("80", named_secret=True)
    assert worth_masking("abcd", named_secret=False)
    for value in ("", "true", "1", "localhost"):
        assert not worth_masking(value, named_secret=True)
