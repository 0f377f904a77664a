"""What a request of a scenario file may carry beside JSON and text: forms, files, GraphQL."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, JsonValue, PlainValidator

from perfproof.scenarios.fields import Spec, Text, Written, schema, text
from perfproof.scenarios.units import Mistake

_OPERATION = re.compile(r"\b(?:query|mutation|subscription)\s+([A-Za-z_]\w*)")


def _part(value: object) -> object:
    return value if isinstance(value, dict) else {"text": value}


def media_type(value: object) -> str:
    """Return a media type such as ``image/png``."""
    found = text(value)
    if not re.fullmatch(r"[\w.+-]+/[\w.+-]+(\s*;.*)?", found) or not found.isprintable():
        raise Mistake(f"`{found}` is not a media type", "write it like image/png")
    return found


class PartSpec(Spec):
    """One part of a multipart form: a text, or a file as it is."""

    text: Written | None = None
    """The part's text; {name} is filled."""
    file: Text | None = None
    """The file whose content is sent, relative to this one; at most 16 MiB."""
    filename: Text | None = None
    """What the service is told the file is called. Default: its name"""
    type: Annotated[str, PlainValidator(media_type), schema(type="string")] | None = None
    """The part's media type. Default: application/octet-stream for files, none for texts"""


Multipart = dict[str, Annotated[PartSpec, BeforeValidator(_part)]]


class GraphqlSpec(Spec):
    """A GraphQL operation, sent as JSON."""

    query: Text | None = None
    """The document; its braces are GraphQL's own and nothing in it is filled."""
    file: Text | None = None
    """The file that holds the document instead, relative to this one."""
    operation: Text | None = None
    """Which operation of the document is meant. Default: the only one that has a name"""
    variables: dict[str, JsonValue] = Field(default_factory=dict)
    """Values of the document's variables; {name} is filled in them."""

    @property
    def name(self) -> str:
        """Return the operation that is meant; empty where only the file could tell."""
        return self.operation or next(iter(operations(self.query or "")), "")


def operations(document: str) -> list[str]:
    """Return the names of the operations in a GraphQL document."""
    return _OPERATION.findall(re.sub(r"#[^\n]*", "", document))


def shorthands(found: dict[str, Any]) -> None:
    """Let the JSON Schema know that a part may be a text."""
    for owner in ("RequestSpec", "SetupSpec", "FlowStepSpec"):
        for variant in found["$defs"][owner]["properties"]["multipart"].get("anyOf", []):
            if "additionalProperties" in variant:
                variant["additionalProperties"] = {
                    "anyOf": [{"type": ["string", "number", "boolean"]}, variant["additionalProperties"]]
                }
