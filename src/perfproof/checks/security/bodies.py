"""Bodies that must fail: valid JSON that lacks a required field, or has one of the wrong type."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from perfproof.documents.operations import Operation
from perfproof.documents.references import Part
from perfproof.documents.samples import kind_of, sample


def must_fail(operation: Operation) -> bytes | None:
    """Return a body that an operation has to refuse by its document; None where the document does not say enough."""
    fields = failing_fields(operation)
    return None if fields is None else json.dumps(fields).encode()


def failing_fields(operation: Operation) -> dict[str, Any] | None:
    """Return its fields: all that are right but the last required one, or one number that is a text."""
    schema = operation.body
    right = sample(schema)
    if schema is None or not isinstance(right, dict):
        return None
    required = [name for part in (schema, *schema.items("allOf")) for name in _required(part)]
    if required and len(right) > 0:
        return {name: value for name, value in right.items() if name != required[-1]}
    for name, each in _properties(schema):
        if kind_of(each) in ("integer", "number", "boolean", "object") and "null" not in str(each.data.get("type")):
            return {**right, name: "not-a-number"}
    return None


def _required(part: Part) -> list[str]:
    named = part.data.get("required")
    return [str(name) for name in named] if isinstance(named, list) else []


def _properties(schema: Part) -> Iterator[tuple[str, Part]]:
    for part in (schema, *schema.items("allOf")):
        yield from part.entries("properties")
