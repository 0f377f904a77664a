"""GraphQL documents: mistakes with their place, depth, and what is left when a field goes."""

from __future__ import annotations

import pytest
from graphql import parse, print_ast

from perfproof.graphql.documents import (
    Place,
    UnreadableError,
    at_depth,
    fields,
    mistakes,
    objects_at,
    self_naming,
    without,
)

SCHEMA = """
type Query { books(first: Int): [Book!]!  total: Int! }
type Book { id: ID!  title: String!  reviews(newest: Boolean): [Review!]! }
type Review { text: String!  author: Author! }
type Author { name: String!  friend: Author! }
"""
QUERY = """
query Books($first: Int, $newest: Boolean) {
  books(first: $first) { title ...Parts }
  total
}
fragment Parts on Book { said: reviews(newest: $newest) { text author { name } } }
"""
CYCLE = """
query Q { books { ...B } }
fragment B on Book { title reviews { author { ...A } } }
fragment A on Author { name friend { ...A } }
"""


def same(one: str, two: str) -> bool:
    return print_ast(parse(one, no_location=True)) == print_ast(parse(two, no_location=True))


def test_a_mistake_is_told_with_its_line_and_column() -> None:
    assert mistakes("query {\n  books { title \n}") == ["line 3, column 2 of it: Expected Name, found <EOF>."]
    (wrong,) = mistakes("{ books {\n prize } }", SCHEMA)
    assert wrong.startswith("line 2, column 2 of it: Cannot query field 'prize' on type 'Book'.")
    assert mistakes(QUERY, SCHEMA) == []


def test_a_schema_may_be_an_introspection_and_one_that_is_none_is_told() -> None:
    import json

    from graphql import build_schema, introspection_from_schema

    told = json.dumps({"data": introspection_from_schema(build_schema(SCHEMA))})
    assert mistakes(QUERY, told) == []
    assert len(mistakes("{ prizes }", told)) == 1
    with pytest.raises(UnreadableError, match="line 1, column 6"):
        mistakes(QUERY, "type {")


def test_a_fragment_that_names_itself_is_a_mistake_unless_depth_is_asked_for() -> None:
    assert self_naming(CYCLE) == ("A",)
    assert mistakes(CYCLE) == ["fragment A names itself, so it has no end"]
    assert mistakes(CYCLE, SCHEMA, deep=True) == []


def depth_of(text: str, operation: str) -> int:
    return max(len(place.path) for place in fields(text, operation) if place.nested)


def test_a_query_is_cut_to_levels_of_objects_and_loses_variables_that_go_unused() -> None:
    assert depth_of(QUERY, "Books") == 3
    assert same(
        at_depth(QUERY, "Books", 1),
        "query Books($first: Int) { books(first: $first) { title ... on Book { __typename } } total }",
    )
    two = at_depth(QUERY, "Books", 2)
    assert "said: reviews(newest: $newest)" in two
    assert "author" not in two
    assert mistakes(two, SCHEMA) == []
    assert mistakes(at_depth(QUERY, "Books", 9), SCHEMA) == []


def test_a_fragment_that_names_itself_is_written_out_as_deep_as_asked() -> None:
    for depth in (3, 4, 6):
        text = at_depth(CYCLE, "Q", depth)
        assert mistakes(text, SCHEMA) == []
        assert depth_of(text, "Q") == depth
        assert text.count("friend") == max(0, depth - 3)
    odd = "query Q { books { ...B } } fragment B on Book { title ...B }"
    assert at_depth(odd, "Q", 5).count("title") == 1, "one that names itself at the same level has an end all the same"


def test_fields_are_places_of_response_keys_and_each_can_be_left_out() -> None:
    places = fields(QUERY, "Books")
    assert places == (
        Place(("books",), True),
        Place(("books", "title"), False),
        Place(("books", "said"), True),
        Place(("books", "said", "text"), False),
        Place(("books", "said", "author"), True),
        Place(("books", "said", "author", "name"), False),
        Place(("total",), False),
    )
    for place in places:
        rest = without(QUERY, "Books", place.path)
        assert mistakes(rest, SCHEMA) == [], rest
        assert place.path not in [each.path for each in fields(rest, "Books")]
    assert "$newest" not in without(QUERY, "Books", ("books", "said"))


def test_objects_are_counted_through_lists_and_what_is_null() -> None:
    data = {"books": [{"said": [{"a": {}}, {"a": None}]}, {"said": []}, None, {"said": None}]}
    assert objects_at(data, ()) == 1
    assert objects_at(data, ("books",)) == 3
    assert objects_at(data, ("books", "said")) == 2
    assert objects_at(data, ("books", "said", "a")) == 1
    assert objects_at(None, ("books",)) == 0
