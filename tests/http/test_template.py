from __future__ import annotations

import json
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfproof.http.template import MissingVariableError, combinations, fill, fill_json, fill_target, labels
from perfproof.model.scenario import Request


def test_placeholders_are_filled_and_doubled_braces_stay_single():
    assert fill("Bearer {token} {{token}}", {"token": "abc"}) == "Bearer abc {token}"


def test_braces_that_are_no_placeholder_are_themselves():
    body = '{"a": {"b": [1, {"c": {}}]}} query { user { id } }'
    assert fill(body, {}) == body


def test_a_missing_variable_is_named_with_what_is_known():
    with pytest.raises(MissingVariableError, match=r"\{limit\} has no value; known: page, token"):
        fill("/x?limit={limit}", {"token": 1, "page": 2})


@given(st.text(min_size=1).filter(lambda text: not any(0xD800 <= ord(c) <= 0xDFFF for c in text)))
def test_any_value_survives_in_a_path_and_in_a_query(value):
    target = fill_target("/a/{v}/b?q={v}&z=1", {"v": value})
    parts = urlsplit(target)
    assert unquote(parts.path.split("/")[2]) == value
    assert parse_qs(parts.query, keep_blank_values=True)["q"] == [value]
    assert target.isascii()
    assert " " not in target


def test_a_path_as_written_is_only_encoded_where_it_must_be():
    assert fill_target("/caf\u00e9 au lait/a%20b?x=1,2&y[]=$z#part", {}) == "/caf%C3%A9%20au%20lait/a%20b?x=1,2&y[]=$z"


def test_a_json_string_that_is_one_placeholder_takes_the_values_own_type():
    template = {"n": "{n}", "text": "n is {n}", "list": ["{on}", "{none}"], "as is": 5, "literal": "{{n}}", "o": "{o}"}
    values = {"n": 20, "on": True, "none": None, "o": {"k": [1]}}
    assert fill_json(template, values) == {
        "n": 20, "text": "n is 20", "list": [True, None], "as is": 5, "literal": "{n}", "o": {"k": [1]},
    }  # fmt: skip
    assert json.dumps(template)  # the template itself is unchanged
    assert template["n"] == "{n}"


def test_values_in_text_use_the_words_of_json():
    assert fill("{a} {b} {c} {d}", {"a": True, "b": None, "c": 1.5, "d": "x"}) == "true null 1.5 x"


def test_variants_are_every_combination_with_a_label():
    request = Request("r", "GET", "/", values={"limit": (20, 50), "open": (True, False)})
    assert combinations(request)[1] == {"limit": 20, "open": False}
    assert labels(request) == (
        "limit=20, open=true",
        "limit=20, open=false",
        "limit=50, open=true",
        "limit=50, open=false",
    )
    assert labels(Request("r", "GET", "/")) == ("",)
