"""What is secret stays out of the text that is stored."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import yaml
from hypothesis import assume, given
from hypothesis import strategies as st

from perfproof.model.scenario import Scenario
from perfproof.scenario.reader import read_text

HEAD = "name: shop\nservice: {command: serve}\n"
FILE = Path("/nowhere/shop.yaml")


def parse(body: str, **environ: str) -> Scenario:
    return read_text(HEAD + body, FILE, environ)


def test_a_password_in_the_file_is_masked_wherever_it_stands() -> None:
    found = parse("# hunter22!\nrequests:\n  - post: /\n    json: {password: hunter22!, a: 'x hunter22! y'}\n")
    assert found.secrets == {"hunter22!"}
    assert found.text == HEAD + "# ***\nrequests:\n  - post: /\n    json: {password: \"***\", a: 'x *** y'}\n"
    assert found.requests[0].json == {"password": "hunter22!", "a": "x hunter22! y"}


def test_a_variable_stays_as_written_and_its_default_is_masked_under_a_secret_key() -> None:
    body = 'requests:\n  - {post: /, json: {password: "a${PW:-fallback}", name: "${NAME:-bob}"}}\n'
    found = parse(body, PW="fromenv!", NAME="alice")
    assert found.secrets >= {"fromenv!", "alice", "fallback"}
    assert '"***${PW:-***}"' in found.text
    assert '"${NAME:-bob}"' in found.text


def test_a_default_of_a_harmless_variable_is_no_secret() -> None:
    assert parse('requests: [{get: "/${WHERE:-projects}"}]\n').secrets == frozenset()


def test_templates_are_no_secrets() -> None:
    body = (
        "setup: [{post: /, capture: {token: $.token, session: $.s}}]\n"
        'requests: [{get: /, headers: {Authorization: "Bearer {token}", Cookie: "session={session}"}}]\n'
    )
    found = parse(body)
    assert found.secrets == frozenset()
    assert found.text == HEAD + body


def test_a_literal_token_is_masked_with_its_scheme_kept() -> None:
    found = parse("requests: [{get: /, headers: {Authorization: Bearer abc.def}}]\n")
    assert '"Bearer ***"' in found.text
    assert {"abc.def", "Bearer abc.def"} <= found.secrets


def test_a_password_in_a_url_is_secret() -> None:
    found = read_text(
        "name: shop\nrequests: [{get: /}]\n"
        "service: {command: serve, environment: {DB: 'postgres://u:p4ssw0rd@db/x'}}\n",
        FILE,
        {},
    )
    assert found.secrets == {"p4ssw0rd"}
    assert "postgres://u:***@db/x" in found.text


def test_a_secret_block_text_and_a_shared_anchor_are_masked_and_the_text_stays_yaml() -> None:
    body = (
        "requests:\n  - post: /\n    json:\n      secret: |\n        line one\n        line two\n"
        "      b: &p {token: t0psecret}\n      c: *p\n"
    )
    found = parse(body)
    assert "line one" not in found.text
    assert "t0psecret" not in found.text
    shown = yaml.safe_load(found.text)["requests"][0]["json"]
    assert shown == {"secret": "***", "b": {"token": "***"}, "c": {"token": "***"}}


def test_a_limit_of_tokens_and_a_switch_are_not_secrets() -> None:
    found = parse("requests: [{post: /, json: {max_tokens: 1024, secure_cookie: true}}]\n")
    assert found.secrets == frozenset()


# Neither templates nor the mask itself: `${X}` is no secret, and `*` cannot be told from `***`.
_LETTERS = st.characters(codec="utf-8", exclude_categories=["C", "Z"], exclude_characters="$*{}")
SECRET = st.text(_LETTERS, min_size=4, max_size=30)


@given(SECRET, SECRET)
def test_the_text_of_any_scenario_holds_no_secret(literal: str, value: str) -> None:
    # Short ones are masked only where they stand alone, and not where they are the name of something.
    assume(len(literal) > 5 or literal not in value)
    assume(all(len(each) > 5 or each not in "requests post json password" for each in (literal, value)))
    body = f"# {literal}\n# {value}\nrequests: [{{post: /, json: {{password: {json.dumps(literal)}, b: '${{B}}'}}}}]\n"
    found = parse(body, B=value)
    for secret in found.secrets:
        assert secret not in found.text
    if len(literal) >= 6:
        assert base64.b64encode(literal.encode()).decode() not in found.text
