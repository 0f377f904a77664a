"""No secret reaches an artefact, whatever its kind and wherever it came from; and nothing else is masked."""

from __future__ import annotations

import base64
import gzip
import io
import tarfile
import zipfile
from pathlib import Path
from urllib.parse import quote

import pyarrow.parquet as pq
import pytest

from services.blabber import COOKIE, CSRF, ISSUED, STEP

pytestmark = [pytest.mark.server, pytest.mark.timeout(180)]

ENVIRONMENT = {
    "DB_PASS": "pl-one-11aa",
    "PRIVATE_KEY": "-----BEGIN PRIVATE KEY-----\\nMIIEvQIBADANBgkq22bb\\n-----END PRIVATE KEY-----",
    "OPENAI_KEY": "pl-three-33cc",
    "CREDENTIALS": "pl-four:44dd",
    "SALT": "5salt",
    "DATABASE_URL": "postgresql://shop:pl-six-66ff@db.invalid/shop",
    "CACHE": "redis://:pl-seven-77@cache.invalid/0",
    "SENTRY_DSN": "https://8888abcdef0123456789abcdef012345@sentry.invalid/1",
    "AWS_SECRET_ACCESS_KEY": "pl+nine/99hh=",
    "AWS_USER": "AKIA1010ABCDEFGH1010",
    "BILLING": "sk_live_1111abcdefGHIJ",
    "GIT_SOURCE": "ghp_1212abcdefghijklmnopqrstuvwxyzABCD",
    "CHAT": "xoxb-1313-abcdefghijkl",
    "SERVICE_ACCOUNT": "eyJhbGciOiJIUzI1NiJ9.eyJ1IjoiMTQxNCJ9.fourteen14",
    "sessionSecret": "pl-fifteen-15",
    "ENCRYPTION_PASSPHRASE": "pl sixteen words 16",
    "SMTP_PWD": "pl17pwd",
    "DOOR_PIN": "739154",
    "ORACLE": "Server=db.invalid;User=shop;Password=pl-nineteen-19;",
    "WEBHOOK": "https://hooks.invalid/x?signature=pl-twenty-20&v=1",
    "HEROKU_KEYS": "pl-21,pl-21b",
    "HTTP_BASIC_AUTH": "shop:pl-22-basic",
}
FROM_OUTSIDE = {"OUTSIDE_PLAIN": "pl-23-outside", "OUTSIDE_TOKEN": "pl-24-outside"}
SCENARIO = f"""\
name: leaks
service:
  command: >-
    {{python}} -u blabber.py {{port}} --password pl-25-flag --api-key=pl-26-flag
    --callback https://shop.invalid/back?access_token=pl-27-query&page=2
  directory: DIRECTORY
  health: /health
  environment:
ENVIRONMENT
    PLAIN: "${{OUTSIDE_PLAIN}}"
    MORE: "${{OUTSIDE_TOKEN}}"
    HARMLESS: HARMLESS_FILE
setup:
  - post: /login?user=shop&otp=282828
    form: {{user: shop, client_secret: pl-29-form}}
    capture: {{token: $.access_token, again: $.refresh, csrf: {{header: x-csrf}}}}
requests:
  - get: /items?limit=2&api_key=pl-30-path
    headers: {{Authorization: "Bearer {{token}}", X-Api-Key: pl-31-header, X-Auth-Token: pl-32-header}}
  - get: /items?limit=2&api_key=pl-33-path
    headers: {{Authorization: "Basic {base64.b64encode(b"shop:pl-34-basic").decode()}", Cookie: "sid=pl-35-cookie"}}
  - {{name: search, get: "/search?key={{apikey}}", values: {{apikey: [pl-36-value, pl-37-value]}}}}
  - name: send
    post: /send
    json: {{password: pl-38-json, nested: {{deep: {{secret: [pl-39-list]}}}}, limit: 20}}
  - {{name: raw, post: /raw, body: '{{"pin_code": "pl-40-raw", "limit": 20}}'}}
  - name: visit
    steps:
      - {{name: enter, get: /enter, capture: {{step_token: $.step_token}}}}
      - {{name: leave, get: "/leave?step={{step_token}}"}}
load: {{model: closed, users: 2, think_time: 20ms, limits: {{rate: 500/s}}}}
rounds: {{count: 1, warmup: 0s, warmup_requests: 2, blocks: 1, block: 300ms}}
why: {{profile: off}}
"""
PLANTED = [
    *(value for value in ENVIRONMENT.values() if not any(part in value for part in ("://", "Server=", "BEGIN"))),
    "MIIEvQIBADANBgkq22bb", "pl-six-66ff", "pl-seven-77", "8888abcdef0123456789abcdef012345", "pl-nineteen-19",
    "pl-twenty-20", *FROM_OUTSIDE.values(), "pl-25-flag", "pl-26-flag", "pl-27-query", "282828", "pl-29-form",
    "pl-30-path", "pl-31-header", "pl-32-header", "pl-33-path", "pl-34-basic", "pl-35-cookie", "pl-36-value",
    "pl-37-value", "pl-38-json", "pl-39-list", "pl-40-raw",
    *ISSUED.values(), COOKIE, CSRF, STEP,
]  # fmt: skip
HARMLESS = """\
ok app items limit=20 page=2 GET /items?limit=20&sort_key=name 200
$ has no 'token'; it has access, items
application/json; charset=utf-8
max_tokens: 1024, prompt_tokens=17, token_count=3
cookie_domain=shop.invalid, password_policy: strict, TOKEN_TTL=3600
password: too short for this account
SyntaxError: unexpected token: end of input
    login(user, password=form.password, token=self.token)
    secret = os.environ["DB"] or load_secret(path)
passengers: 3, compass: north, basalt: 2, monkey=7, keyboard: us, author: someone
primary_key=id, cache_key: user:7, partition_key=2024, public_key: none
Basic authentication is on; bearer of news; a secret garden
{"password": null, "tokens": 12, "secure_cookie": true}
user 1 of 42 at 127.0.0.1:8000 and localhost
task-queue-with-a-long-name sk-ip the rest
0a1b2c3d-0a1b-4c3d-8e5f-0a1b2c3d4e5f is order 7
version=1.2.3 build=production debug=false
--no-cookies passes --token-file t.txt
"""


def texts(file: Path | str, content: bytes) -> list[tuple[str, bytes]]:
    """Return everything a file holds, unpacked."""
    name = str(file)
    if name.endswith(".gz") and not name.endswith(".tar.gz"):
        return [(name, gzip.decompress(content))]
    if content[:2] == b"PK":
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            return [found for each in packed.namelist() for found in texts(f"{name}/{each}", packed.read(each))]
    if name.endswith((".tar", ".tar.gz", ".tgz", ".tar.zst")):
        with tarfile.open(fileobj=io.BytesIO(content)) as archive:
            members = [each for each in archive.getmembers() if each.isfile()]
            return [
                found for each in members for found in texts(f"{name}/{each.name}", archive.extractfile(each).read())
            ]
    if name.endswith(".parquet"):
        return [(name, str(pq.read_table(io.BytesIO(content)).to_pylist()[:50]).encode())]
    return [(name, content)]


def forms(secret: str) -> set[bytes]:
    """Return how a secret may be written; short ones only as they are, since base64 of few letters is anywhere."""
    found = {secret, quote(secret, safe="")}
    if len(secret) > 8:
        found.add(base64.b64encode(secret.encode()).decode().rstrip("=")[:-1])
    return {each.encode() for each in found}


def test_forty_kinds_of_secret_reach_no_artefact_and_nothing_else_is_masked(bench):
    assert len(set(PLANTED)) >= 40
    (bench.folder / "harmless.txt").write_text(HARMLESS)
    bench.environ |= FROM_OUTSIDE
    lines = [f'    {name}: "{value}"' for name, value in ENVIRONMENT.items()]
    path = bench.scenario(
        ("ENVIRONMENT", "\n".join(lines)), ("HARMLESS_FILE", str(bench.folder / "harmless.txt")), text=SCENARIO
    )
    dry = bench.run("check", str(path), "--dry-run")
    ran = bench.run("run", str(path), "--json", "out.json", *(f"-oout.{kind}" for kind in ("html", "md", "csv", "xml")))
    assert ran.code in (0, 1, 3, 4), ran.err + ran.out  # a busy machine may void the figures
    exported = bench.run("export", "last", "-o", "out.tar.zst")
    shown = bench.run("show", "last")
    written = [path, bench.folder / "harmless.txt"]
    found = [
        ("dry run", (dry.out + dry.err).encode()),
        ("output", (ran.out + ran.err + shown.out + exported.err).encode()),
    ]
    for file in bench.folder.rglob("*"):
        if file.is_file() and file not in written:
            found += texts(file.relative_to(bench.folder), file.read_bytes())
    assert len(found) > 15
    leaks = [
        (secret, name) for secret in PLANTED for name, content in found if any(f in content for f in forms(secret))
    ]
    assert not leaks
    (log,) = (
        bench.folder.rglob("baseline.log")
        if list(bench.folder.rglob("baseline.log"))
        else bench.folder.rglob("service.log")
    )
    text = log.read_text()
    assert "DB_PASS is set to ***" in text
    assert "items" in text
    lost = [line for line in HARMLESS.splitlines() if line not in text]
    assert not lost


def test_a_login_that_is_not_answered_as_expected_is_described_and_not_quoted(bench):
    bench.environ |= FROM_OUTSIDE
    text = SCENARIO.replace("$.refresh", "$.missing").replace("ENVIRONMENT", '    LOGIN_STATUS: "200"')
    ran = bench.run("run", str(bench.scenario(("    HARMLESS: HARMLESS_FILE\n", ""), text=text)))
    assert ran.code == 4, ran.err
    assert "cannot capture from its response: $ has no 'missing'" in ran.err
    assert "application/json: an object with items, step_token, access_token" in ran.err
    refused = bench.run(
        "run", str(bench.scenario(('"200"', '"403"'), ("    HARMLESS: HARMLESS_FILE\n", ""), text=text))
    )
    assert refused.code == 4
    assert "was answered with status 403" in refused.err
    for secret in (*ISSUED.values(), COOKIE, CSRF, STEP):
        assert secret not in ran.err + ran.out + refused.err + refused.out
        for file in bench.folder.rglob("*"):
            assert not file.is_file() or secret.encode() not in file.read_bytes(), file
