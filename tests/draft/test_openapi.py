"""OpenAPI documents are read as they are: old, new, large, circular, and partly wrong."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
import yaml

from documents_made import PETS, SHOP, large, shop
from perfproof.documents.document import parse
from perfproof.draft.sources.kinds import read_sources
from perfproof.draft.sources.openapi import read_openapi
from perfproof.draft.wanted import DraftRequest, Found
from perfproof.errors import UsageError


def read(text: str, file: str = "openapi.yaml") -> Found:
    return read_openapi(parse(text, file))


def of(found: Found, method: str, path: str) -> DraftRequest:
    return next(ask for ask in found.asks if (ask.method, ask.path) == (method, path))


def test_a_swagger_document_gives_requests_with_values_and_a_prefix() -> None:
    found = read(PETS)
    assert found.prefix == "/v2"
    pets = of(found, "GET", "/pets")
    assert pets.target == "/pets?limit={limit}&status=sold"
    assert (pets.paging, pets.most, dict(pets.values)) == ("limit", 30, {"limit": (10,)})
    assert pets.headers == {"X-Trace": "abc"}
    assert (pets.name, pets.statuses, pets.media) == ("list pets", (200,), "application/json")
    assert found.entry.key_header == "X-Api-Key"


def test_dates_stay_text_and_circles_end() -> None:
    assert of(read(PETS), "POST", "/pets").json == {"name": "Rex", "born": "2020-02-29"}
    assert of(read(shop()), "POST", "/nodes").json == {"name": "aaa", "children": []}


def test_what_cannot_be_sent_is_left_out_with_its_place_and_reason() -> None:
    (told,) = read(PETS).left_out
    assert told == "openapi.yaml:28:5: POST /pets/{petId}/photo: uploads a file"
    told = " ".join(read(shop(), "shop.json").left_out)
    assert "GET /events: answers with text/event-stream" in told
    assert "GET /broken: the reference #/components/parameters/Gone leads nowhere" in told


def test_an_openapi_3_1_document_gives_login_health_and_paging() -> None:
    found = read(shop())
    assert found.prefix == "/live/api"
    assert found.health == ("/live/api/healthz",)
    (login,) = found.entry.logins
    assert login.path == "/auth/login"
    assert dict(login.fields) == {"email": "a@example.com", "password": None}
    nodes = of(found, "GET", "/nodes")
    assert (nodes.paging, nodes.most, nodes.secured) == ("per_page", 5, True)
    assert nodes.values == {"per_page": (5,)}
    paths = {ask.path for ask in found.asks}
    assert not paths & {"/auth/logout", "/auth/login", "/old", "/healthz"}


def test_a_parameter_with_a_name_that_no_placeholder_may_have_gets_another() -> None:
    node = of(read(shop()), "GET", "/nodes/{node_id}")
    assert node.values == {"node_id": ("root",)}


@pytest.mark.parametrize("as_yaml", [False, True])
def test_thousands_of_operations_in_circles_are_read_within_five_seconds(as_yaml: bool) -> None:
    document = large(3000)
    text = yaml.dump(document, Dumper=yaml.CSafeDumper) if as_yaml else json.dumps(document)
    began = time.process_time()
    found = read(text)
    assert time.process_time() - began < 5
    assert len(found.asks) == 3000


def test_references_lead_into_other_files_of_the_folder_and_nowhere_else(tmp_path: Path) -> None:
    (tmp_path / "schemas.yaml").write_text(
        "Item: {type: object, required: [n], properties: {n: {type: integer, example: 7}}}"
    )
    (tmp_path / "openapi.yaml").write_text(
        "openapi: 3.0.0\npaths:\n"
        "  /items:\n    post: {requestBody: {content: {application/json: {schema: {$ref: 'schemas.yaml#/Item'}}}}}\n"
        "  /away:\n    get: {parameters: [{$ref: 'http://example.com/p.yaml'}]}\n"
    )
    found = read_sources([str(tmp_path / "openapi.yaml")])
    assert of(found, "POST", "/items").json == {"n": 7}
    assert "leads outside of the file, and nothing is fetched" in found.left_out[0]


@pytest.mark.parametrize(
    ("text", "file", "place", "said"),
    [
        ("", "a.yaml", "a.yaml:1:1", "is empty"),
        ('{"openapi": "3.0.0",}', "a.json", "a.json:1:", "is not valid JSON"),
        ("openapi: 3.0.0\npaths:\n\t/x: {}\n", "a.yaml", "a.yaml:3:1", "a tab cannot indent"),
        ("openapi: 3.0.0\npaths: {'/x': {get: [}\n", "a.yaml", "a.yaml:2:", "is not valid YAML"),
        ("<!DOCTYPE html><html></html>", "docs", "docs:1:1", "is a page and no document"),
        ("[1, 2]", "a.json", "a.json:1:1", "holds a list, not a mapping"),
        ("info: {title: x}\n", "a.yaml", "a.yaml:1:1", "no OpenAPI document"),
        ("OpenAPI: 3.0.0\n", "a.yaml", "a.yaml:1:1", "no OpenAPI document"),
        ("openapi: 4.0.0\npaths: {}\n", "a.yaml", "a.yaml:1:1", "version '4.0.0' of openapi is not known"),
        ("info: {}\nswagger: '3.0'\n", "a.yaml", "a.yaml:2:1", "version '3.0' of swagger is not known"),
        ("openapi: 3.0.0\ninfo: {}\n", "a.yaml", "a.yaml:1:1", "has no paths"),
        ("openapi: 3.0.0\npaths: {}\n", "a.yaml", "a.yaml:2:1", "has no path"),
        ("openapi: 3.0.0\npaths: [a]\n", "a.yaml", "a.yaml:2:1", "no mapping"),
        ("openapi: 3.0.0\npaths: {x: {get: {}}}\n", "a.yaml", "a.yaml:2:1", "no operation of the document"),
        (
            "openapi: 3.0.0\npaths: {/x: {fetch: {}}}\n",
            "a.yaml",
            "a.yaml:2:1",
            "no operation of the document",
        ),
    ],
)
def test_a_bad_document_is_told_with_place_reason_and_fix(text: str, file: str, place: str, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        read(text, file)
    error = caught.value
    assert (error.where or "").startswith(place)
    assert said in error.what
    assert error.hint


def test_documents_that_are_slightly_wrong_are_read_as_far_as_they_are_right() -> None:
    odd = json.loads(json.dumps(SHOP))
    odd["paths"]["/nodes"]["get"]["parameters"] = [None, 3, {"name": "x"}, {"in": "query", "required": True}]
    odd["paths"]["/nodes"]["get"]["responses"] = None
    odd["paths"]["/null"] = None
    odd["paths"]["/list"] = []
    odd["paths"]["no-slash"] = {"get": {}}
    odd["components"]["securitySchemes"]["bearer"] = "nonsense"
    odd["servers"] = ["nonsense"]
    found = read(json.dumps(odd))
    assert {"/nodes/{node_id}"} <= {ask.path for ask in found.asks}
    assert any("a path begins with /" in told for told in found.left_out)
