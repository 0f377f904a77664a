"""What an error is like, and what is made of many."""

from __future__ import annotations

import json

import pytest

from checks_facts import case, facts_of
from perfproof.checks.error_contract.judge import compare
from perfproof.checks.error_contract.reader import flaws, look_at
from perfproof.http.plain_client import Answer


def answer(body, status=404, media="application/json", **headers):
    content = body.encode() if isinstance(body, str) else json.dumps(body).encode()
    return Answer(status, {"content-type": media, **headers}, (), content, 0.002)


@pytest.mark.parametrize(
    ("body", "message_at", "code_at", "code"),
    [
        ({"code": "not_found", "message": "there is none"}, "$.message", "$.code", "not_found"),
        ({"error": {"code": "E17", "message": "there is none"}}, "$.error.message", "$.error.code", "E17"),
        ({"detail": "there is none"}, "$.detail", "", ""),
        (
            {"detail": [{"loc": ["query"], "msg": "no number", "type": "int_parsing"}]},
            "$.detail[].msg",
            "$.detail[].type",
            "int_parsing",
        ),
        ({"type": "about:blank", "title": "Not Found", "detail": "there is none"}, "$.detail", "", ""),
        (
            {"error": "invalid_grant", "error_description": "the grant is old"},
            "$.error_description",
            "$.error",
            "invalid_grant",
        ),
        ([], "", "", ""),
    ],
)
def test_message_and_code_are_found_where_services_put_them(body, message_at, code_at, code):
    found = look_at(answer(body), "/things/7", "")
    assert (found["message_at"], found["code_at"], found["code"]) == (message_at, code_at, code)


@pytest.mark.parametrize(
    ("message", "flaw"),
    [
        ("", "no message"),
        ("ERR_42", "a code instead of a message"),
        ("INVALID_ARGUMENT", "a code instead of a message"),
        ('Traceback (most recent call last):\n File "a.py", line 3', "stack trace"),
        ("at Object.<anonymous> (index.js:12:3)", "stack trace"),
        ('ERROR: syntax error at or near "FROM"', "SQL"),
        ("UNIQUE constraint failed: users.email", "SQL"),
        ("cannot open /home/app/data.json", "file path"),
        ("'NoneType' object has no attribute 'id'", "internals"),
        ("invalid literal for int() with base 10", "internals"),
        ("KeyError: 'name'", "internals"),
    ],
)
def test_what_nobody_can_understand_is_a_flaw(message, flaw):
    assert flaw in flaws(
        json.dumps({"message": message}).replace("\\n", "\n").replace('\\"', '"'), message, "/things/7"
    )


@pytest.mark.parametrize(
    "message",
    [
        "Not Found",
        "Unauthorized",
        "The product you asked for does not exist.",
        "Please select a date from the list",
        "Your order could not be found; please check its number",
        "Das Produkt gibt es nicht",
        "商品が見つかりません",
        "limit must be between 1 and 50",
    ],
)
def test_words_for_people_are_no_flaw(message):
    assert flaws(json.dumps({"message": message}), message, "/things/7") == []


def test_a_message_that_repeats_what_was_asked_for_is_no_flaw():
    target = "/var/things/perfproof-unknown"
    message = f"there is nothing at {target}"
    assert flaws(message, message, target) == []


def test_a_problem_of_rfc_9457_is_told_from_what_only_looks_like_one():
    right = {"type": "https://example.com/none", "title": "Not Found", "status": 404, "detail": "there is none"}
    assert look_at(answer(right, media="application/problem+json"), "/x", "")["problem"] == []
    assert look_at(answer(right), "/x", "")["problem"]
    assert look_at(answer({**right, "status": 400}, media="application/problem+json"), "/x", "")["problem"]


def test_no_word_of_an_answer_is_kept():
    found = look_at(answer({"code": "none", "message": "hunter2 is not the password of ada@example.com"}), "/x", "")
    assert "hunter2" not in json.dumps(found)
    assert "ada" not in json.dumps(found)


def test_the_shape_that_most_have_is_the_one_others_are_held_against():
    facts = facts_of(*[case() for _ in range(5)], case(message_at="$.error.text", code_at=""))
    compared = compare(None, facts, {})
    assert value(compared, "error_shape") == pytest.approx(5 / 6)
    assert next(each for each in compared.findings if each.kind == "error_shape").severity == "warning"


def test_details_that_only_some_errors_have_do_not_make_another_shape():
    assert (
        value(compare(None, facts_of(case(), case(), case(code="bad_request", status=400)), {}), "error_shape") == 1.0
    )


def test_what_was_taken_though_it_was_wrong_counts_as_a_wrong_status():
    compared = compare(None, facts_of(case(), case(status=200, taken=True)), {})
    assert value(compared, "error_status") == 0.5
    assert value(compared, "error_contract") == 0.5


def test_codes_are_open_where_the_document_lists_none_and_do_not_count():
    compared = compare(None, facts_of(case(code=""), codes=[]), {})
    assert value(compared, "error_codes") is None
    assert "enum" in next(each.why for each in compared.measures if each.metric == "error_codes")
    assert value(compared, "error_contract") == 1.0


def test_without_any_error_everything_is_open():
    compared = compare(None, facts_of(), {})
    assert all(each.candidate is None and each.why for each in compared.measures)


def test_what_the_candidate_has_mended_is_good_news_and_what_it_broke_is_a_warning():
    good, bad = facts_of(case(), case()), facts_of(case(), case(flaws=["SQL"]))
    mended, broke = compare(bad, good, {}), compare(good, bad, {})
    assert [each.severity for each in mended.findings if each.kind == "error_message"] == ["info"]
    assert [each.severity for each in broke.findings if each.kind == "error_message"] == ["warning"]


def value(compared, metric):
    return next(each.candidate for each in compared.measures if each.metric == metric)


PAGE = "<html><head><style>p {}</style><title>404</title></head><body><a href='/home/a/b'>"


@pytest.mark.parametrize(
    ("body", "media", "told"),
    [
        (PAGE + "<h1>Not Found</h1><p>The page was not found.</p>", "text/html", []),
        (PAGE + "</body></html>", "text/html", ["a code instead of a message"]),
        ("Not Found", "text/plain", []),
        ("", "text/html", ["no message"]),
        (PAGE + "<pre>KeyError: 'name'</pre>", "text/html", ["internals"]),
        ("file or directory '/none' does not exist", "application/json", ["a body that is called JSON and is none"]),
        ("{}", "application/json", ["no message"]),
    ],
)
def test_the_message_of_a_page_is_what_people_read_on_it(body, media, told):
    assert look_at(answer(body, media=media), "/none", "")["flaws"] == told
