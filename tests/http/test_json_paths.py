from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfproof.http.json_paths import find_one, parse_one

DOCUMENT = {"a": {"b": [{"c": 1}, {"c": None}]}, "odd key": {"x-y": "z"}, "list": []}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("$", DOCUMENT),
        ("$.a.b[0].c", 1),
        ("$.a.b[-1].c", None),
        ("$['odd key'].x-y", "z"),
        ('$["odd key"]["x-y"]', "z"),
        ("$.list", []),
    ],
)
def test_a_path_leads_to_its_value(path, value):
    assert find_one(DOCUMENT, path) == value


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("$.a.c", r"\$\.a has no 'c'; it has b"),
        ("$.a.b.c", r"\$\.a\.b is a list, not an object"),
        ("$.a.b[2]", r"\$\.a\.b has 2 items, so there is no \[2\]"),
        ("$.a[0]", r"\$\.a is an object, not a list"),
        ("$.a.b[1].c.d", r"\$\.a\.b\[1\]\.c is null, not an object"),
    ],
)
def test_a_step_that_is_not_there_is_named(path, says):
    with pytest.raises(LookupError, match=says):
        find_one(DOCUMENT, path)


@pytest.mark.parametrize(
    "path", ["a.b", "", "$.", "$..a", "$.a[*]", "$.a[?(@.b)]", "$.a[0:2]", "$.a.*", "$[a]", "$.a "]
)
def test_what_is_beyond_the_subset_is_refused(path):
    with pytest.raises(ValueError, match=r"starts with|cannot read"):
        parse_one(path)


@given(st.lists(st.integers(-5, 5) | st.text(st.characters(exclude_characters="'"), min_size=1), max_size=6))
def test_any_path_in_brackets_is_read_back(steps):
    path = "$" + "".join(f"[{step}]" if isinstance(step, int) else f"['{step}']" for step in steps)
    assert parse_one(path) == tuple(steps)
