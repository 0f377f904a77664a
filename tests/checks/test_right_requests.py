"""Where the operations of a document stand, by what the scenario asks for."""

from __future__ import annotations

import json
from typing import Any

import pytest

from perfproof.checks.arm import CheckedArm, KnownRequest
from perfproof.checks.right_requests import Rightly
from perfproof.documents.document import parse


def prefix(documented: list[str], asked: list[str], server: str = "", service: str = "") -> str:
    paths = {path: {"get": {"responses": {"200": {"description": ""}}}} for path in documented}
    data: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {},
        "servers": [{"url": server}] if server else [],
        "paths": paths,
    }
    requests = tuple(KnownRequest(path, "GET", path, {}, None, True, path, {}) for path in asked)
    arm = CheckedArm(None, None, {}, requests=requests, prefix=service, document=parse(json.dumps(data), "d"))  # type: ignore[arg-type]
    return Rightly(arm).prefix


@pytest.mark.parametrize(
    ("documented", "asked", "server", "service", "expected"),
    [
        (["/flows/{id}", "/{id}", "/version"], ["/api/flows/{flow_id}", "/api/version"], "", "", "/api"),
        (["/flows", "/version"], ["/flows", "/api/version"], "", "", ""),
        (["/flows", "/version"], ["/v1/flows"], "/v1", "", "/v1"),
        (["/flows", "/version"], ["/v2/flows"], "/v1", "", "/v2"),
        (["/flows"], ["/outer/flows"], "", "/outer", "/outer"),
        (["/flows"], ["/a", "/b", "/api/flows"], "", "", ""),
        (["/flows"], [], "/v1", "", "/v1"),
    ],
)
def test_operations_stand_where_the_scenario_asks_for_them(documented, asked, server, service, expected) -> None:
    assert prefix(documented, asked, server, service) == expected
