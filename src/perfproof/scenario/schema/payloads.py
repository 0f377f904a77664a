"""What a request of a scenario file may carry beside JSON and text: forms, files, GraphQL."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, JsonValue, PlainValidator

from perfproof.core.units import Mistake
from perfproof.scenario.schema.fields import Spec, Text, Written, schema, text

_IGNORED = re.compile(r'"""(?:\\"""|.)*?"""|"(?:\\.|[^"\\\n])*"|#[^\n]*', re.DOTALL)
_TOKEN = re.compile(r"[{}()]|(?<![$@:\w])(?:query|mutation|subscription|fragment)\b(?:\s*([A-Za-z_]\w*))?")


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
    schema_file: Text | None = Field(default=None, alias="schema")
    """File with the service's schema (SDL, or the JSON of an introspection), which the document is held against."""

    @property
    def name(self) -> str:
        """Return the operation that is meant; empty where only the file could tell."""
        return self.operation or next(iter(operations(self.query or "")), "")


def operations(document: str) -> list[str]:
    """Return the names of the operations in a GraphQL document."""
    return [name for name in _operations(document) if name]


def kind_of(document: str, operation: str) -> Literal["query", "mutation", "subscription"]:
    """Return the kind of the operation of that name, or of the first one; a selection alone is a query."""
    known = _operations(document)
    return known[operation] if operation in known else next(iter(known.values()), "query")


def _operations(document: str) -> dict[str, Literal["query", "mutation", "subscription"]]:
    """Return the kinds of the operations of a document by their names ("" where one has none)."""
    found: dict[str, Any] = {}
    depth, defined = 0, False
    for match in _TOKEN.finditer(_IGNORED.sub(" ", document)):
        part = match.group()
        if part in "{(":
            if not depth and part == "{" and not defined:
                found.setdefault("", "query")
            depth += 1
        elif part in "})":
            depth -= 1
            defined = defined and not (part == "}" and not depth)
        elif not depth:
            defined, kind = True, re.split(r"\s", part)[0]
            if kind != "fragment":
                found.setdefault(match.group(1) or "", kind)
    return found


def shorthands(found: dict[str, Any]) -> None:
    """Let the JSON Schema know that a part may be a text."""
    for owner in ("RequestSpec", "SetupSpec", "FlowStepSpec"):
        for variant in found["$defs"][owner]["properties"]["multipart"].get("anyOf", []):
            if "additionalProperties" in variant:
                variant["additionalProperties"] = {
                    "anyOf": [{"type": ["string", "number", "boolean"]}, variant["additionalProperties"]]
                }
