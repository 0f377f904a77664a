"""Secrets are masked in whatever form they appear, and nothing else is."""

from __future__ import annotations

import base64
import json
import time
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from perfproof.core.redaction import Redactor, secrets_in, sounds_secret, worth_masking


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
    assume(worth_masking(secret, named_secret=False))  # "undefined" is masked only where it stands alone
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


@pytest.mark.parametrize(
    "name",
    [
        "DB_PASS", "dbpass", "PGPASSWORD", "PRIVATE_KEY", "OPENAI_KEY", "stripeKey", "CREDENTIALS", "SALT", "PEPPER",
        "SMTP_PWD", "X-Auth-Token", "x-csrf", "sessionSecret", "JSESSIONID", "PHPSESSID", "session_id", "sid", "otp",
        "PIN", "pin_code", "cvv", "clientSecret", "accessToken", "refresh_token", "REDIS_AUTH", "secretKey2", "jwt",
        "X-Amz-Signature", "webhook_secret", "passphrase", "SSH_KEYS", "creds",
    ],
)  # fmt: skip
def test_names_of_secrets_in_any_spelling(name: str) -> None:
    assert sounds_secret(name)
    assert Redactor([])(f"{name}=v4lue and") == f"{name}=*** and"
    assert Redactor([])(f"{{'{name}': 'v4 lue'}}") == f"{{'{name}': '***'}}"
    assert Redactor([])(f"GET /a?x=1&{name}=v4lue&y=2 200") == f"GET /a?x=1&{name}=***&y=2 200"


@pytest.mark.parametrize(
    "name",
    [
        "token_count", "max_tokens", "tokenizer", "COOKIE_DOMAIN", "TOKEN_TTL", "token_type", "password_policy",
        "PASSWORD_FILE", "secret_name", "sort_key", "primary_key", "cache_key", "publicKey", "passenger", "compass",
        "basalt", "pinned", "spin", "author", "authority", "keyboard", "monkey", "key", "secretary", "session_timeout",
        "use_cookies", "bypass", "signal", "notes", "limit", "idempotency_key", "auth",
    ],
)  # fmt: skip
def test_names_that_only_sound_alike(name: str) -> None:
    assert not sounds_secret(name)
    assert Redactor([])(f"{name}=v4lue") == f"{name}=v4lue"


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("serve --password hunter2 --port 80", "serve --password *** --port 80"),
        ("['--api-key', 'abc1', '-x']", "['--api-key', '***', '-x']"),
        ("<Password>foo</Password><b>x</b>", "<Password>***</Password><b>x</b>"),
        ("ALTER USER shop PASSWORD 'abc'", "ALTER USER shop PASSWORD '***'"),
        ("(b'authorization', b'Bearer x.y'), (b'host', b'z')", "(b'authorization', b'***'), (b'host', b'z')"),
        ("Basic dXNlcjpwYXNz", "Basic ***"),
        ("Basic authentication", "Basic authentication"),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc was sent", "*** was sent"),
        ("https://0123456789abcdef0123456789abcdef@sentry.invalid/1", "https://***@sentry.invalid/1"),
        ("https://someone@host/", "https://someone@host/"),
        ("url=https://h/?token=abc&x=1", "url=https://h/?token=***&x=1"),
        ("{'body': 'password=abc'}", "{'body': 'password=***'}"),
        ("Server=x;Password=foo;b=1", "Server=x;Password=***;b=1"),
        ("?next=/a%3Fpassword%3Dhunter2", "?next=/a%3Fpassword%3D***"),
        ("-----BEGIN RSA PRIVATE KEY-----\nabc\n-----END RSA PRIVATE KEY-----",
         "-----BEGIN RSA PRIVATE KEY-----***-----END RSA PRIVATE KEY-----"),
        ("token: ghp_0123456789abcdefghij", "token: ***"),
        ("password: too short", "password: too short"),
        ("unexpected token: '}'", "unexpected token: '}'"),
        ("login(password=form.password, token=self.token)", "login(password=form.password, token=self.token)"),
        ("password = os.environ['X']", "password = os.environ['X']"),
        ("password: null, secure_cookie=true", "password: null, secure_cookie=true"),
        ("Cookie: sid={session}; token={token}", "Cookie: sid={session}; token={token}"),
        ("write ${TOKEN:-default}", "write ${TOKEN:-default}"),
    ],
)  # fmt: skip
def test_a_secret_is_known_by_its_name_or_its_looks_and_what_only_speaks_of_one_stays(text: str, masked: str) -> None:
    assert Redactor([])(text) == masked


def test_a_short_secret_is_masked_only_where_it_stands_alone() -> None:
    redact = Redactor(["ok", "app", "7"])
    text = "$ has no 'token'; application/json from app.py in /app/x is ok, 'ok' or {'app': 17}"
    assert redact(text) == "$ has no 'token'; application/json from app.py in /app/x is ***, '***' or {'app': 17}"


def test_an_everyday_word_as_a_password_does_not_blacken_its_own_name() -> None:
    assert Redactor(["password"])("{'password': 'password'}") == "{'password': '***'}"


def test_values_learned_later_are_masked_too_in_any_number() -> None:
    redact = Redactor(["hunter2"])
    values = [f"tok/en-{number:06d}" for number in range(5000)]
    redact.learn(values)
    text = " ".join([*values[:3], values[-1], "tok%2Fen-000007", "tok/en-99", "hunter2"])
    assert redact(text) == "*** *** *** *** *** tok/en-99 ***"


def test_a_log_with_thousands_of_learned_values_is_masked_in_seconds() -> None:
    redact = Redactor(["hunter2", "secret-two"])
    redact.learn(f"token-{number:012d}" for number in range(20_000))
    log = '127.0.0.1 - "GET /items/3?limit=20 HTTP/1.1" 200 token-000000000042\n' * 2000
    began = time.process_time()
    assert redact(log).count("***") == 2000
    assert time.process_time() - began < 5


def test_secrets_within_a_text_are_found() -> None:
    assert secrets_in("serve --password hun%20ter2 --db postgres://u:pw@h/x?limit=3") == {
        "hun%20ter2",
        "hun ter2",
        "pw",
    }
    assert secrets_in("GET /items?limit=3&sort_key=name") == set()
