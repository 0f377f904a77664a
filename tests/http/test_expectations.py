"""What a GraphQL response says has failed, whatever its status."""

from __future__ import annotations

import gzip
import json

import pytest

from perfproof.http.exchange import Place, handling_of
from perfproof.http.expectations import failed_operation
from perfproof.http.message import outgoing
from perfproof.http.redirect import AllowedOrigins
from perfproof.http.reply import Reply
from perfproof.http.target import Target
from perfproof.model.scenario import Expect, Request

PLACE = Place(Target((), 8000, "127.0.0.1:8000", host="127.0.0.1"), AllowedOrigins(()))


def reply(document: object) -> Reply:
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return Reply(200, [], body, len(body))


@pytest.mark.parametrize(
    "document",
    [
        {"data": {"products": []}},
        {"data": {"report": "no 'errors' here", "errors": [{"message": "a field of that name"}]}},
        {"errors": [], "data": {}},
        {"errors": None, "data": {}},
    ],
)
def test_an_operation_without_errors_has_not_failed(document: object) -> None:
    assert failed_operation(reply(document)) is None


@pytest.mark.parametrize(
    ("document", "words"),
    [
        (
            {"errors": [{"message": "no field price"}], "data": None},
            "GraphQL errors: 'no field price'; none were expected",
        ),
        ({"data": {"a": 1}, "errors": [{"message": "one"}, {"message": "two"}]}, "'one' and 1 more"),
        ({"errors": "all of it"}, "'all of it'"),
        (b"<html>gateway</html>", "no JSON object"),
        (b"", "no JSON object"),
        (b'{"errors": [', "not JSON"),
    ],
)
def test_errors_and_what_is_no_graphql_are_told(document: object, words: str) -> None:
    assert words in str(failed_operation(reply(document)))


def test_a_compressed_response_is_looked_at_as_well() -> None:
    body = gzip.compress(b'{"errors": [{"message": "no"}]}')
    assert "'no'" in str(failed_operation(Reply(200, [(b"content-encoding", b"gzip")], body, len(body))))


def test_errors_that_the_scenario_expects_are_no_failure() -> None:
    found = {"errors": [{"message": "not found"}], "data": None}
    for wanted, problem in (({}, True), ({"$.errors[0].message": "not found"}, False)):
        request = Request("q", "POST", "/", json={"query": "{ a }"}, graphql="query", expect=Expect(json=wanted))
        handling = handling_of(request, {}, PLACE, outgoing(request, {}))
        assert handling is not None
        assert (handling.judge(reply(found))[0] is not None) == problem
