"""When two responses are the same, and how a difference is told without quoting them."""

from __future__ import annotations

import json
import random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from perfproof.http.json_paths import covers, general, parse, spell
from perfproof.http.response_diff import ComparedResponse, compare, rows_in, unlike_paths

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)


def reply(value: Any, status: int = 200, port: int = 8000, kind: str = "application/json") -> ComparedResponse:
    body = value if isinstance(value, bytes) else json.dumps(value).encode()
    return ComparedResponse(status, kind, body, f"http://127.0.0.1:{port}")


def shuffled(value: Any, rng: random.Random) -> Any:
    """Return the same JSON value with its keys in another order."""
    if isinstance(value, dict):
        items = [(key, shuffled(item, rng)) for key, item in value.items()]
        rng.shuffle(items)
        return dict(items)
    return [shuffled(item, rng) for item in value] if isinstance(value, list) else value


@given(JSON, st.randoms())
def test_key_order_and_layout_never_count(value: Any, rng: random.Random) -> None:
    other = json.dumps(shuffled(value, rng), indent=3).encode()
    assert compare(reply(value), reply(other)) is None


@given(JSON, JSON)
def test_values_that_differ_are_told_apart_and_equal_ones_are_not(one: Any, two: Any) -> None:
    same = json.dumps(one, sort_keys=True) == json.dumps(two, sort_keys=True)
    assert (compare(reply(one), reply(two)) is None) == same


@given(st.lists(JSON, max_size=5), st.randoms())
def test_without_order_a_shuffled_array_is_the_same(values: list[Any], rng: random.Random) -> None:
    other = list(values)
    rng.shuffle(other)
    assert compare(reply(values), reply(other), order=False) is None


@given(st.text(min_size=9, alphabet="abcdefgh"), st.text(min_size=9, alphabet="abcdefgh"))
def test_no_text_of_a_response_is_ever_told(one: str, two: str) -> None:
    unlike = compare(reply({"a": one, "b": [two]}), reply({"a": two + "x", "b": [one + "y"]}))
    assert unlike is not None
    assert one not in str(unlike)
    assert two not in str(unlike)


def test_the_status_counts_first() -> None:
    unlike = compare(reply({"a": 1}), reply({"a": 2}, status=404))
    assert unlike is not None
    assert (unlike.what, unlike.paths) == ("status", ("200 → 404",))


def test_the_services_own_address_is_the_same_wherever_it_listens() -> None:
    one = reply({"next": "http://127.0.0.1:8000/items?page=2"}, port=8000)
    two = reply({"next": "http://localhost:9123/items?page=2"}, port=9123)
    assert compare(one, two) is None


def test_one_and_one_point_zero_are_the_same_and_true_is_not() -> None:
    assert compare(reply([1]), reply([1.0])) is None
    assert compare(reply([1]), reply([True])) is not None


def test_numbers_are_told_and_the_first_paths_named() -> None:
    unlike = compare(reply({"items": [{"n": 1}, {"n": 2}]}), reply({"items": [{"n": 1}, {"n": 3}]}))
    assert unlike is not None
    assert unlike.paths == ("$.items[1].n: 2 → 3",)


def test_ignored_paths_may_differ_and_so_may_what_is_below_them() -> None:
    ignore = [parse("$.at"), parse("$.items[*].age")]
    one, two = {"at": 1, "items": [{"age": 1, "n": 1}]}, {"at": 2, "items": [{"age": {"days": 2}, "n": 1}]}
    assert compare(reply(one), reply(two), ignore) is None
    assert compare(reply(one), reply({**two, "more": 1}), ignore) is not None


def test_what_moves_between_two_responses_of_one_arm_is_found() -> None:
    moving = unlike_paths(reply({"at": 1, "rows": [{"id": 1, "t": 5}]}), reply({"at": 2, "rows": [{"id": 1, "t": 6}]}))
    assert moving == {("at",), ("rows", "*", "t")}


def test_bytes_that_are_no_json_are_compared_as_text_or_as_bytes() -> None:
    unlike = compare(reply(b"<p>\na</p>", kind="text/html"), reply(b"<p>\nb</p>", kind="text/html"))
    assert unlike is not None
    assert (unlike.what, unlike.paths) == ("text", ("line 2 of 2",))
    unlike = compare(reply(b"\xff\xd8a", kind="image/jpeg"), reply(b"\xff\xd8b", kind="image/jpeg"))
    assert unlike is not None
    assert (unlike.what, unlike.paths) == ("bytes", ("byte 2 of 3 and 3",))


def test_the_services_own_address_is_the_same_in_a_link_that_holds_it_encoded() -> None:
    pages = [
        ComparedResponse(
            200, "text/html", b"/login?back=http%%3A%%2F%%2F127.0.0.1%%3A%d%%2Fmy" % port, f"http://127.0.0.1:{port}"
        )
        for port in (4711, 4712)
    ]
    assert compare(*pages) is None


def test_rows_are_found_where_there_is_one_list() -> None:
    assert rows_in(b"[1, 2]", None) == (2, "$")
    assert rows_in(b'{"total": 9, "items": [1, 2, 3]}', None) == (3, "$.items")
    assert rows_in(b'{"page": {"items": [1]}}', None) == (1, "$.page.items")
    assert rows_in(b'{"a": [1], "b": [2]}', None) == (None, None)
    assert rows_in(b'{"a": [1], "b": [2, 3]}', "$.b") == (2, "$.b")
    assert rows_in(b"<html>", None) == (None, None)
    assert rows_in(b'{"a": 1}', "$.nothing") == (None, None)


@given(st.lists(st.integers(0, 9) | st.text(min_size=1, max_size=6).filter(lambda t: "'" not in t and '"' not in t)))
def test_paths_are_spelt_as_they_are_read(steps: list[int | str]) -> None:
    assert parse(spell(steps)) == tuple(steps)
    assert covers(general(tuple(steps)), tuple(steps))


def told(one: Any, two: Any, ignore: list[str] | None = None, *, order: bool = True) -> tuple[str, ...]:
    unlike = compare(reply(one), reply(two), [parse(path) for path in ignore or []], order=order)
    return unlike.paths if unlike is not None else ()


def test_the_same_rows_in_another_order_are_said_to_be_that() -> None:
    rows = [{"id": n, "name": f"row {n}"} for n in range(4)]
    (only,) = told({"items": rows, "total": 4}, {"items": rows[::-1], "total": 4})
    assert only.startswith("$.items: the same rows in another order")
    assert "responses: {order: false}" in only
    assert told({"items": rows}, {"items": [*rows[:3], {"id": 3, "name": "else"}]}) == (
        "$.items[3].name: another text",
    )


def test_fields_that_are_left_out_do_not_hide_another_order() -> None:
    one = {"items": [{"n": n, "age": n * 7} for n in range(3)]}
    two = {"items": [{"n": n, "age": n * 9 + 1} for n in (2, 0, 1)]}
    (only,) = told(one, two, ["$.items[*].age"])
    assert only.startswith("$.items: the same rows in another order")


def test_without_order_rows_are_paired_by_what_they_share_though_a_field_is_volatile() -> None:
    one = [{"age": 90 - n, "id": n, "price": n * 3, "kind": "book"} for n in range(60)]
    two = [{"age": 10 + n, "id": n, "price": n * 3, "kind": "book"} for n in reversed(range(60))]
    assert told(one, two, ["$[*].age"], order=False) == ()
    moving = unlike_paths(reply(one), reply(two), order=False)
    assert moving == {("*", "age")}, "only what is volatile is left out"
    two[3]["price"] = 1
    assert told(one, two, ["$[*].age"], order=False) == ("$[56].price: 168 → 1",)


def test_what_a_start_may_give_anew_is_told_last() -> None:
    one = {"pid": 11, "requestId": "a", "at": 1, "tag": "b" * 32, "now": 1, "total": 5, "position": 1}
    two = {"pid": 12, "requestId": "b", "at": 2, "tag": "c" * 32, "now": 2, "total": 6, "position": 2}
    unlike = compare(reply(one), reply(two))
    assert unlike is not None
    assert unlike.paths[:2] == ("$.total: 5 → 6", "$.position: 1 → 2")
    assert (len(unlike.paths), unlike.more, unlike.doubtful) == (5, 2, 3)
