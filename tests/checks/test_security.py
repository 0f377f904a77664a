"""What answers give away, what is let through, and what is made of it: on planted truth and on what looks like it."""

from __future__ import annotations

import html
import json
from pathlib import Path

import pytest

from perfproof.checks.security.access import forged
from perfproof.checks.security.cookies import cookie_of
from perfproof.checks.security.disclosed import disclosed
from perfproof.checks.security.headers import lacking
from perfproof.checks.security.injection import Reply, examine
from perfproof.checks.security.judge import compare
from perfproof.checks.security.leaks import leaked
from perfproof.checks.security.pages import MARKER, reflected
from perfproof.checks.security.signatures import signature_of
from perfproof.checks.security.written import Write, as_form, as_json, multipart, places
from perfproof.http.body import body_of
from perfproof.http.plain_client import Answer
from perfproof.model.scenario import Part, Request

BCRYPT = "$2b$12$" + "a" * 53


def answer(body, status=200, media="application/json", **headers):
    content = body.encode() if isinstance(body, str) else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(status, {"content-type": media, **named}, (), content, 0.002)


# Headers


def test_of_data_no_header_is_asked_that_only_matters_of_pages():
    assert lacking(answer({"id": 1}, x_content_type_options="nosniff"), secure=False) == []
    assert lacking(answer({"id": 1}), secure=False) == ["no X-Content-Type-Options: nosniff"]


def test_of_a_page_policy_framing_and_referrer_are_asked_too():
    page = answer("<p>", media="text/html; charset=utf-8", x_content_type_options="nosniff")
    assert lacking(page, secure=False) == [
        "no Content-Security-Policy",
        "no frame-ancestors and no X-Frame-Options",
        "no Referrer-Policy",
    ]
    good = {
        "x_content_type_options": "nosniff",
        "content_security_policy": "default-src 'self'; frame-ancestors 'none'",
        "referrer_policy": "no-referrer",
    }
    assert lacking(answer("<p>", media="text/html", **good), secure=False) == []


@pytest.mark.parametrize("status", [204, 304, 302])
def test_what_has_no_body_needs_nothing(status):
    assert lacking(answer("", status), secure=False) is None


def test_transport_security_is_asked_only_where_tls_is_spoken():
    data = answer({}, x_content_type_options="nosniff")
    assert lacking(data, secure=True) == ["no Strict-Transport-Security"]
    sent = answer({}, x_content_type_options="nosniff", strict_transport_security="max-age=63072000")
    assert lacking(sent, secure=True) == []


@pytest.mark.parametrize(
    ("header", "value", "told"),
    [
        ("server", "uvicorn", False),
        ("server", "nginx", False),
        ("server", "nginx/1.22.1", True),
        ("server", "Werkzeug/3.0.1 Python/3.11.2", True),
        ("x_powered_by", "Express", True),
    ],
)
def test_who_tells_versions_is_told(header, value, told):
    found = lacking(answer({}, x_content_type_options="nosniff", **{header: value}), secure=False)
    assert bool(found) is told


# Cookies


@pytest.mark.parametrize(
    ("line", "flaws"),
    [
        ("session=abc; HttpOnly; SameSite=Lax; Path=/", 0),
        ("session=abc; Path=/", 2),
        ("connect.sid=abc; HttpOnly", 1),
        ("csrftoken=abc; SameSite=Lax", 0),
        ("theme=dark", 0),
        ("theme=dark; SameSite=None", 1),
        ("__Host-session=a; HttpOnly; SameSite=Lax; Path=/; Secure", 0),
        ("__Host-session=a; HttpOnly; SameSite=Lax; Path=/", 1),
    ],
)
def test_flags_are_asked_of_what_lets_someone_in(line, flaws):
    assert len(cookie_of(line, (), secure=False)["flaws"]) == flaws


def test_a_cookie_that_the_scenario_is_let_in_by_is_a_session_whatever_its_name():
    assert cookie_of("x=abc", ("x",), secure=False)["flaws"]
    assert not cookie_of("x=abc", (), secure=False)["flaws"]


def test_a_cookie_that_is_taken_away_needs_no_flags():
    assert cookie_of("session=; Max-Age=0", (), secure=False) is None


def test_secure_is_asked_where_tls_is_spoken():
    assert cookie_of("session=a; HttpOnly; SameSite=Lax", (), secure=True)["flaws"]


# Secrets


@pytest.mark.parametrize(
    ("data", "where"),
    [
        ({"items": [{"password_hash": BCRYPT}]}, "$.items[].password_hash"),
        ({"note": "-----BEGIN RSA PRIVATE KEY-----\nMIIE"}, "$.note"),
        ({"user": {"password": "correct-horse"}}, "$.user.password"),
        ({"config": {"db": "postgresql://app:hunter2@db/shop"}}, "$.config.db"),
        ({"key": "ghp_" + "a1" * 18}, "$.key"),
        ({"debug": "started with s3cr3t-of-the-shop"}, "$.debug"),
    ],
)
def test_secrets_are_found_with_their_place_and_never_kept(data, where):
    found = disclosed(answer(data), {"s3cr3t-of-the-shop": "SECRET_KEY"})
    assert [place for place, _ in found] == [where]
    kept = json.dumps(found)
    assert not any(secret in kept for secret in (BCRYPT, "MIIE", "correct-horse", "hunter2", "ghp_", "s3cr3t"))


@pytest.mark.parametrize(
    "data",
    [
        {"password": "********"},
        {"password": None, "password_hash": ""},
        {"properties": {"password": {"type": "string"}}, "password": "string"},
        {"password": "must be longer than eight"},
        {"token": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"},
        {"url": "https://example.com/a:b@c", "etag": 'W/"1234567890abcdef"'},
        {"next_cursor": "ZGVtbzpkZW1vLXBhc3N3b3Jk", "api_key_id": "AKI"},
        {"sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"},
    ],
)
def test_what_only_sounds_or_looks_like_a_secret_accuses_nobody(data):
    assert disclosed(answer(data), {}) == []


def test_who_gets_back_what_he_sent_is_told_nothing_new():
    assert disclosed(answer({"auth": "Basic s3cr3t-value"}), {"s3cr3t-value": "TOKEN"}, ("Basic s3cr3t-value",)) == []


# Leaks


@pytest.mark.parametrize(
    ("body", "media", "what"),
    [
        ('Traceback (most recent call last):\n  File "a.py", line 3', "text/plain", "stack trace"),
        ("<pre>Traceback (most recent call last):</pre>", "text/html", "stack trace"),
        ('{"message": "near \\"x\\": syntax error"}', "application/json", "SQL"),
    ],
)
def test_errors_that_show_what_is_inside_are_told(body, media, what):
    assert what in leaked(answer(body, 500, media), "/x")


def test_links_of_an_error_page_are_no_paths_of_files():
    page = '<link href="/app/main.css"><script src="/usr/lib.js"></script><p>There is nothing here</p>'
    assert leaked(answer(page, 404, "text/html"), "/x") == []


def test_an_error_that_repeats_what_was_asked_for_leaks_nothing():
    assert leaked(answer({"message": "nothing at /var/x"}, 404), "/var/x") == []


# Markers in pages


@pytest.mark.parametrize(
    ("page", "found"),
    [
        ("<p>{raw}</p>", "as an element"),
        ('<input value="{raw}">', "as an"),
        ("<input value='{raw}'>", "as an"),
        ("<script>var q = {json};</script>", "within a script"),
        ("<p>{escaped}</p>", ""),
        ('<input value="{escaped}">', ""),
        ("<script>var q = {safe_json};</script>", ""),
        ('<a href="/s?q={quoted}">again</a>', ""),
    ],
)
def test_a_marker_is_found_where_it_became_markup_and_nowhere_else(page, found):
    from urllib.parse import quote

    forms = {
        "raw": MARKER,
        "escaped": html.escape(MARKER),
        "json": json.dumps(MARKER),
        "safe_json": json.dumps(MARKER).replace("<", "\\u003c"),
        "quoted": quote(MARKER),
    }
    shown = reflected(answer(page.format(**forms), media="text/html"))
    assert bool(shown) == bool(found)
    assert found in shown


def test_data_is_no_page_whatever_it_repeats():
    assert reflected(answer({"q": MARKER})) == ""


# What reaches SQL: asks are answered by services as they are written


def seen(ask, value="product 7", *, number=False, text=True, sorts=False, texts=None):
    return examine(ask, value, texts or {}, number=number, text=text, sorts=sorts)


def reply(rows, status=200, **more):
    return Reply(status, signature=f"{status} {rows}", **more)


def concatenated(value):
    """``where name = '<value>'``, as a database reads it."""
    parts = value.split("'")
    if len(parts) % 2 == 0:
        return reply("", 500)
    if "".join(parts[1::2]) not in ("", "||", "||||"):
        return reply("", 500)
    return reply("one" if "".join(parts[::2]) == "product 7" else "none")


def test_text_that_is_put_into_a_statement_is_proven_by_its_answers():
    found = seen(concatenated)
    assert found.compared
    assert any("joined by ||" in each for each in found.proofs)
    assert any("a quote is answered with status 500" in each for each in found.proofs)


@pytest.mark.parametrize(
    "service",
    [
        lambda value: reply("one" if value == "product 7" else "none"),  # a parameter
        lambda value: reply("one" if "".join(filter(str.isalnum, value)) == "product7" else "none"),  # made a slug
        lambda value: reply("one"),  # not looked at
        lambda value: reply("", 500 if "'" in value else 200),  # fails at every quote, two as well
        lambda value: reply("", 400 if "'" in value else 200),  # refuses quotes
        lambda value: reply("one" if set(value.replace("'", " ").split()) >= {"product"} else "none"),  # a search
    ],
)
def test_a_service_that_binds_strips_refuses_or_searches_is_not_accused(service):
    assert seen(service).proofs == []


def reckoned(value):
    try:
        left, _, right = value.partition("-")
        return reply(int(left) - int(right or 0))
    except ValueError:
        return reply("", 400)


def test_a_number_that_is_reckoned_is_proven():
    assert seen(reckoned, "5", number=True, text=False).proofs == ["6-1 is answered as 5 is"]


def leading(value):
    digits = ""
    for each in value:
        if not each.isdigit():
            break
        digits += each
    return reply(int(digits)) if digits else reply("", 400)


def test_a_number_read_as_javascript_reads_it_is_not_accused():
    assert seen(leading, "5", number=True, text=False).proofs == []


TEXTS = {
    "bound": "select id from products where name = ?",
    "joined": "select id from products where name = ? || ?",
    "also": "select id from products where name = ? and open = ?",
    "search": "select id from products where match (?)",
    "by": "select id from products order by name",
    "numbered": "select id from products order by name, ?",
    "job": "select next from jobs",
}


def counting(choose):
    def ask(value):
        return reply("same", statements=frozenset(choose(value)))

    return ask


def test_what_nobody_sees_from_outside_is_proven_at_the_database():
    found = seen(counting(lambda value: ["joined" if "'||'" in value else "bound"]), texts=TEXTS)
    assert found.proofs == [f"the database runs `{TEXTS['joined']}`: what was sent became part of the statement"]
    cut = seen(counting(lambda value: ["bound" if "'--" in value else "also"]), texts=TEXTS)
    assert "cut short by a comment" in cut.proofs[0]
    ordered = seen(counting(lambda v: ["numbered" if v.endswith(",1") else "by"]), "name", sorts=True, texts=TEXTS)
    assert TEXTS["numbered"] in ordered.proofs[0]


def test_another_statement_for_odd_words_or_of_a_job_is_no_injection():
    odd = seen(counting(lambda value: ["search" if "'" in value else "bound"]), texts=TEXTS)
    assert odd.proofs == []
    jobs = iter(range(1000))
    busy = seen(counting(lambda _: ["bound", *(["job"] if next(jobs) % 5 == 4 else [])]), texts=TEXTS)
    assert busy.proofs == []


def test_an_answer_that_repeats_what_was_sent_is_the_same_answer():
    first = answer({"next": "/find?name=ab&page=2", "items": [1]})
    second = answer({"next": "/find?name=a%27%7C%7C%27b&page=2", "items": [1]})
    assert signature_of(first, "ab", "ab") == signature_of(second, "a'||'b", "ab")
    other = answer({"next": "/find?name=a%27%7C%7C%27b&page=2", "items": []})
    assert signature_of(first, "ab", "ab") != signature_of(other, "a'||'b", "ab")


# Credentials


def test_forged_credentials_keep_their_form_and_let_nobody_in():
    token = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"
    found = dict(forged({"authorization": f"Bearer {token}", "cookie": "a=1; b=2"}))
    assert set(found) == {"a wrong token", "a token with another signature", "an unsigned token"}
    for headers in found.values():
        assert headers["authorization"].startswith("Bearer ")
        assert token not in headers["authorization"]
        assert headers["cookie"] == "a=perfproof-not-a-session; b=perfproof-not-a-session"
    assert set(dict(forged({"x-api-key": "k"}))) == {"a wrong token"}


# What is made of it


def facts(**changes):
    right = {
        "tls": None, "cors": [{"endpoint": "GET /a", "flaws": []}], "access": [], "forged": [],
        "inputs": [{"endpoint": "GET /a", "input": "q", "place": "query", "page": False, "reflected": "",
                    "injection": [], "lately": 0.0, "counted": True, "compared": True}],
        "unforged": "needs writes", "untried": 0, "limits": [], "cookie": False, "writes": False,
        "headers": [{"endpoint": "GET /a", "media": "application/json", "lacking": []}],
        "cookies": [], "failed": 1, "leaks": [], "read": 1, "secrets": [],
    }  # fmt: skip
    return right | changes


def values(compared):
    return {measure.metric: measure.candidate for measure in compared.measures}


def test_what_was_not_measured_is_open_with_reason_and_fix_and_decides_nothing():
    nothing = facts(cors=[], inputs=[], headers=[], failed=0, read=0)
    for measure in compare(None, nothing, {}).measures:
        assert measure.candidate is None
        assert len(measure.why) > 10
        assert measure.shown


def test_inputs_that_nothing_counted_are_told_beside_the_figure():
    blind = facts(inputs=[{**facts()["inputs"][0], "counted": False, "compared": False}])
    measure = next(each for each in compare(None, blind, {}).measures if each.metric == "sql_injection")
    assert measure.candidate == 0.0
    assert "service.database" in measure.notes[0]
    assert "of 1 no value is known" in measure.notes[0]


def test_inputs_that_were_not_tried_keep_a_figure_of_none_from_being_told():
    measure = next(each for each in compare(None, facts(untried=3), {}).measures if each.metric == "sql_injection")
    assert (measure.candidate, measure.why.partition(":")[0]) == (None, "3 inputs not tried")


def test_it_always_says_that_it_is_no_penetration_test():
    assert "no penetration test" in compare(None, facts(), {}).findings[-1].summary
    assert "no penetration test" in json.dumps([each.summary for each in compare(facts(), facts(), {}).findings])


def test_a_read_only_key_that_gets_as_far_as_the_body_is_judged_by_where_it_was_refused():
    past = {"endpoint": "PUT /a", "who": "a read-only key", "status": 400, "holds": None}
    kept = {"endpoint": "PUT /b", "who": "a read-only key", "status": 403, "holds": True}
    assert values(compare(None, facts(access=[past, kept]), {}))["authorisation"] == 0.5
    alone = compare(None, facts(access=[past]), {})
    assert values(alone)["authorisation"] is None
    assert "read_only_untold" in {each.kind for each in alone.findings}


def test_made_up_credentials_that_are_taken_for_somebody_else_are_told_and_not_accused():
    trial = {"endpoint": "GET /a", "who": "a wrong token", "status": 200, "holds": None, "else": True}
    found = compare(None, facts(access=[trial]), {})
    assert "made_up_credentials" in {each.kind for each in found.findings if each.severity == "info"}
    assert "authorisation" not in {each.kind for each in found.findings}


def limit(**changes):
    right = {
        "request": "log in", "refusals": 1, "let_in": 10, "status": 429, "retry_after": 2.0, "headers": [],
        "second": "user", "forwarded": False, "recovered_ms": 2000.0, "unrecovered": "", "truthful": True,
        "before_ms": [1.0, 1.0, 1.0], "while_ms": [1.0, 2.0, 2.0], "after_ms": [9.0, 1.0], "beside": "list",
    }  # fmt: skip
    return right | changes


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({}, ""),
        ({"status": 0, "let_in": 200}, "is not limited within 200 requests"),
        ({"status": 503}, "status 503, not 429"),
        ({"retry_after": None, "truthful": None}, "without Retry-After"),
        ({"truthful": False}, "after the 2 s that Retry-After says"),
    ],
)
def test_a_limit_is_sound_if_it_is_told_and_ends_when_it_says(changes, told):
    found = compare(None, facts(limits=[limit(**changes)]), {"rate_limit": {"request": ["log in"]}})
    assert values(found)["rate_limited"] == (0.0 if told else 1.0)
    assert told in " ".join(each.summary for each in found.findings if each.kind == "rate_limit")
    if not told:
        assert (values(found)["rate_limit"], values(found)["limiter_cost"]) == (10.0, 2.0)


def test_what_the_candidate_has_mended_is_good_news_and_what_it_broke_is_a_warning():
    bad = facts(secrets=[{"endpoint": "GET /a", "where": "$.hash", "what": "a password hash"}])
    mended, broke = compare(bad, facts(), {}), compare(facts(), bad, {})
    assert [each.severity for each in mended.findings if each.kind == "secret_in_answer"] == ["info"]
    assert [each.severity for each in broke.findings if each.kind == "secret_in_answer"] == ["warning"]


# Fields of bodies


def write(fields, encode=as_json):
    return Write("make", "POST", "/products", {}, fields, encode)


def test_a_field_is_filled_wherever_it_stands_and_the_others_stay_right():
    body = write({"name": "a", "tags": [{"label": "b"}], "price": 1})
    assert json.loads(body.body()) == {"name": "a", "tags": [{"label": "b"}], "price": 1}
    assert json.loads(body.body(("tags", 0, "label"), "b'")) == {"name": "a", "tags": [{"label": "b'"}], "price": 1}
    assert json.loads(body.body()) == {"name": "a", "tags": [{"label": "b"}], "price": 1}, "nothing of it stays"
    assert write({"name": "a b"}, as_form).body(("name",), "a'") == b"name=a%27"


def test_a_multipart_form_is_made_again_with_one_other_text_and_its_files_as_they_were():
    photo = Path("p.png")
    parts = (Part("note", "a\r\n\r\nb"), Part("pic", file=photo), Part("name", "c"))
    sent, kind = body_of(Request("make", "POST", "/", multipart=parts), {}, {photo: b"\r\n\r\n--\x00"})
    fields, encode = multipart(kind, sent)
    assert fields == {"note": "a\r\n\r\nb", "name": "c"}
    assert encode(fields) == sent, "byte for byte"
    assert encode({**fields, "name": "c'"}) == sent.replace(b"\r\n\r\nc\r\n", b"\r\n\r\nc'\r\n")


def test_texts_and_numbers_are_tried_and_of_a_list_its_first():
    fields = {"name": "a", "on": True, "none": None, "tags": ["x", "y"], "deep": {"a": {"b": {"c": {"d": {"e": 1}}}}}}
    assert list(places(fields)) == [("name",), ("tags", 0)]
    assert list(places({"price": 1.5, "by": {"id": 3}})) == [("price",), ("by", "id")]


def test_a_service_that_answers_nothing_to_one_quote_fell_over_it():
    def ask(value):
        return Reply(0) if value.count("'") == 1 else Reply(201, value)

    shown = examine(ask, "a", {}, number=False, text=True, sorts=False)
    assert shown.proofs == ["a quote ends the connection without an answer, and two quotes are answered with 201"]


def test_a_service_that_is_away_is_not_said_to_have_fallen_over_a_quote():
    asked = []

    def ask(value):
        asked.append(value)
        return Reply(0) if len(asked) > 3 else Reply(201, value)

    assert not examine(ask, "a", {}, number=False, text=True, sorts=False).proofs
