"""What breaks between two documents, what headers say of an end, and bodies against their schemas."""

from __future__ import annotations

import json

import pytest

from perfproof.checks.contract.deprecation import deprecation_of
from perfproof.checks.contract.digest import breaking, digest_of
from perfproof.documents.document import parse
from perfproof.documents.operations import operations_of
from perfproof.documents.validator import Validator


def document(**changes):
    item = {
        "type": "object",
        "required": ["id"],
        "properties": {
            "id": {"type": "integer"},
            "name": {"type": "string"},
            "state": {"type": "string", "enum": ["a", "b"]},
        },
    }
    parameters = [
        {"name": "id", "in": "path", "required": True, "schema": {"type": "integer"}},
        {"name": "view", "in": "query", "schema": {"type": "string", "enum": ["short", "long"]}},
    ]
    get = {
        "parameters": parameters,
        "responses": {"200": {"description": "", "content": {"application/json": {"schema": item}}}},
    }
    post = {
        "requestBody": {"required": True, "content": {"application/json": {"schema": {
            "type": "object", "required": ["name"],
            "properties": {"name": {"type": "string"}, "size": {"type": "integer"}}}}}},
        "responses": {"201": {"description": ""}},
    }  # fmt: skip
    found = {"openapi": "3.1.0", "info": {}, "paths": {"/items/{id}": {"get": get}, "/items": {"post": post}}}
    for path, new in changes.items():
        *above, last = path.split("__")
        holder = {"item": item, "get": get, "post": post, "view": parameters[1], "paths": found["paths"]}[above[0]]
        for step in above[1:]:
            holder = holder[step]
        if new is None:
            del holder[last]
        else:
            holder[last] = new
    return found


def broken(**changes):
    one, two = (digest_of(operations_of(parse(json.dumps(each), "d"))) for each in (document(), document(**changes)))
    return [text for _, text in breaking(one, two)]


BODY = ("requestBody", "content", "application/json", "schema")


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"paths__/items": None}, "is gone"),
        ({"item__properties__name": None}, "answers without $.name"),
        ({"item__properties__id": {"type": "string"}}, "answers with $.id as string, not as integer"),
        (
            {"item__properties__id": {"type": ["integer", "null"]}},
            "answers with $.id as integer or null, not as integer",
        ),
        ({"item__required": []}, "may answer without $.id"),
        ({"view__required": True}, "needs the parameter query view now"),
        ({"view__schema": {"type": "string", "enum": ["short"]}}, "no longer takes long for query view"),
        ({"view__schema": {"type": "integer"}}, "takes the parameter query view as integer, no longer as string"),
        ({"get__security": [{"key": []}]}, "asks for credentials now"),
        ({"post__responses": {"202": {"description": ""}}}, "no longer answers with 201, but with 202"),
        ({f"post__{'__'.join(BODY)}__required": ["name", "size"]}, "needs the field $.size now"),
        ({f"post__{'__'.join(BODY)}__properties__size": {"type": "boolean"}}, "takes the field $.size as boolean"),
    ],
)
def test_what_breaks_for_clients_is_told(changes, told):
    assert any(text.startswith(told) for text in broken(**changes)), broken(**changes)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"item__properties__more": {"type": "string"}},
        {"item__required": ["id", "name"]},
        {"view__schema": {"type": "string", "enum": ["short", "long", "all"]}},
        {"view__schema": {"type": "string"}},
        {f"post__{'__'.join(BODY)}__required": []},
        {f"post__{'__'.join(BODY)}__properties__size": {"type": "number"}},
        {"paths__/more": {"get": {"responses": {"200": {"description": ""}}}}},
    ],
)
def test_what_only_adds_breaks_nothing(changes):
    assert broken(**changes) == []


def test_the_name_of_a_placeholder_does_not_matter():
    one = digest_of(operations_of(parse(json.dumps(document()), "d")))
    renamed = (
        json.dumps(document()).replace("/items/{id}", "/items/{item_id}").replace('"name": "id"', '"name": "item_id"')
    )
    assert breaking(one, digest_of(operations_of(parse(renamed, "d")))) == []


def test_a_schema_in_circles_is_kept_as_far_as_it_goes():
    circle = document(item__properties__parent={"$ref": "#/components/schemas/Item"})
    circle["components"] = {
        "schemas": {"Item": {"type": "object", "properties": {"up": {"$ref": "#/components/schemas/Item"}}}}
    }
    digest = digest_of(operations_of(parse(json.dumps(circle), "d")))
    assert "$.parent" in digest["GET /items/{}"]["answers"]["200"]
    assert breaking(digest, digest) == []


@pytest.mark.parametrize(
    ("headers", "flaw"),
    [
        ({"deprecation": "@1767225600"}, ""),
        ({"deprecation": "@1767225600", "sunset": "Wed, 31 Dec 2036 23:59:59 GMT"}, ""),
        ({"deprecation": "true"}, "Deprecation"),
        ({"deprecation": "Wed, 31 Dec 2025 23:59:59 GMT"}, "Deprecation"),
        ({"deprecation": "@1767225600", "sunset": "soon"}, "Sunset"),
        ({"deprecation": "@1767225600", "sunset": "Wed, 31 Dec 2014 23:59:59 GMT"}, "before"),
        ({}, ""),
    ],
)
def test_the_headers_of_an_end_are_dates_in_their_order(headers, flaw):
    told = deprecation_of(headers)
    assert flaw in told["flaw"]
    assert bool(told["flaw"]) == bool(flaw)


SCHEMAS = {
    "openapi": "3.0.3",
    "components": {"schemas": {"Note": {"type": "string", "nullable": True}}},
    "paths": {"/x": {"get": {"responses": {"200": {"description": "", "content": {"application/json": {"schema": {
        "type": "object",
        "required": ["id", "secret"],
        "properties": {
            "id": {"type": "integer", "minimum": 0, "exclusiveMinimum": True},
            "note": {"$ref": "#/components/schemas/Note"},
            "secret": {"type": "string", "writeOnly": True},
        },
    }}}}}}}},
}  # fmt: skip


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({"id": 1}, []),
        ({"id": 1, "note": None}, []),
        ({"id": 0}, [("$.id", "exclusiveMinimum")]),
        ({}, [("$.id", "required")]),
        ({"id": "1"}, [("$.id", "type integer")]),
        ({"id": 1, "note": 3}, [("$.note", "type string or null")]),
    ],
)
def test_bodies_are_validated_as_openapi_3_0_means_its_schemas(body, told):
    operation = operations_of(parse(json.dumps(SCHEMAS), "d")).found[0]
    schema = operation.schema(200, "application/json")
    assert schema is not None
    assert Validator(SCHEMAS).errors(schema, body) == told


@pytest.mark.parametrize(
    ("document", "operation", "schema", "validated"),
    [
        ([], None, {"type": "object"}, True),
        (["application/json"], None, {"type": "object"}, True),
        (["application/json"], ["text/x-yaml"], {"type": "object"}, False),
        (["application/json"], None, {"type": "file"}, False),
        (["text/csv", "application/vnd.shop+json"], None, {"type": "object"}, True),
    ],
)
def test_of_swagger_2_only_what_may_be_json_is_held_against_its_schema(document, operation, schema, validated):
    get = {"responses": {"200": {"description": "", "schema": schema}}}
    get |= {"produces": operation} if operation else {}
    whole = {"swagger": "2.0", "info": {}, "paths": {"/x": {"get": get}}} | ({"produces": document} if document else {})
    found = operations_of(parse(json.dumps(whole), "d")).found[0]
    assert (found.schema(200, "application/json") is not None) == validated
