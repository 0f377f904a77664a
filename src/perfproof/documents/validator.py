"""Whether a body fits its schema, by jsonschema: schemas of OpenAPI 2.0 and 3.0 are put into the words of JSON Schema.

3.1 uses JSON Schema 2020-12 as it is. Rejected: openapi-core and openapi-schema-validator, which bring three packages
for the two keywords (``nullable``, boolean ``exclusiveMinimum``) that are put right here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError
from referencing import Registry, Resource
from referencing.exceptions import Unresolvable
from referencing.jsonschema import DRAFT202012

from perfproof.documents.references import Part

_URI = "perfproof:document"
_SLOT = "x-perfproof-schema"
MOST_ERRORS = 5


class UncheckableError(Exception):
    """A schema cannot be used: a reference leads nowhere, or it is no schema. The message says which."""


class Validator:
    """Validates bodies against schemas of one document."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        old = "swagger" in document or str(document.get("openapi", "")).startswith("3.0")
        self._document = _converted(document, old=old)
        self._old = old

    def errors(self, schema: Part, body: Any) -> list[tuple[str, str]]:
        """Return where a body does not fit (a JSON path without indexes) and by which keyword; nothing of the body.

        Raises ``UncheckableError``.
        """
        whole = {**self._document, _SLOT: _converted(schema.data, old=self._old)}
        resource: Resource[Any] = DRAFT202012.create_resource(whole)
        registry: Registry[Any] = Registry().with_resource(_URI, resource)
        validator = Draft202012Validator({"$ref": f"{_URI}#/{_SLOT}"}, registry=registry)
        found: dict[tuple[str, str], None] = {}
        try:
            for error in validator.iter_errors(body):
                where = "$" + "".join("[]" if isinstance(step, int) else f".{step}" for step in error.absolute_path)
                told = str(error.validator)
                if told == "required" and isinstance(error.validator_value, list) and isinstance(error.instance, dict):
                    for name in error.validator_value:
                        if name not in error.instance:
                            found[f"{where}.{name}", "required"] = None
                else:
                    found[where, _told(told, error.validator_value)] = None
                if len(found) >= MOST_ERRORS:
                    break
        except Unresolvable as error:
            raise UncheckableError(f"the reference {error.ref} leads nowhere") from None
        except (SchemaError, re.error, TypeError, ValueError, RecursionError) as error:
            raise UncheckableError(f"its schema is none ({type(error).__name__})") from None
        return list(found)[:MOST_ERRORS]


def _told(keyword: str, value: Any) -> str:
    if keyword == "type":
        return f"type {' or '.join(map(str, value)) if isinstance(value, list) else value}"
    return keyword


def _converted(value: Any, *, old: bool, names: bool = False) -> Any:
    """Return a document in the words of JSON Schema 2020-12; with ``names`` its keys are names and no keywords."""
    if isinstance(value, list):
        return [_converted(each, old=old) for each in value]
    if not isinstance(value, dict):
        return value
    if names:
        return {key: _converted(each, old=old) for key, each in value.items()}
    found = {
        key: each if key in ("enum", "const", "example", "examples", "default") else
        _converted(each, old=old, names=key in ("properties", "patternProperties", "$defs", "definitions", "schemas"))
        for key, each in value.items()
    }  # fmt: skip
    properties = value.get("properties")
    required = found.get("required")
    if isinstance(properties, dict) and isinstance(required, list):
        hidden = {name for name, each in properties.items() if isinstance(each, dict) and each.get("writeOnly") is True}
        found["required"] = [name for name in required if name not in hidden]
    if old:
        _modernised(found)
    return found


def _modernised(found: dict[str, Any]) -> None:
    if "$ref" in found and isinstance(found["$ref"], str):
        for key in [key for key in found if key != "$ref"]:
            del found[key]
        return
    nullable = found.get("nullable") is True or found.get("x-nullable") is True
    if nullable:
        if isinstance(found.get("type"), str):
            found["type"] = [found["type"], "null"]
        if isinstance(found.get("enum"), list) and None not in found["enum"]:
            found["enum"] = [*found["enum"], None]
        if "type" not in found:
            kept = {key: found.pop(key) for key in ("allOf", "oneOf", "anyOf") if key in found}
            if kept:
                found["anyOf"] = [kept, {"type": "null"}]
    for ends, side in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
        if isinstance(found.get(ends), bool) and found.pop(ends) and side in found:
            found[ends] = found.pop(side)
    if found.get("type") == "file":
        del found["type"]
