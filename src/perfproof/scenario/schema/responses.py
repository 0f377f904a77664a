"""What a scenario file says about responses: ``expect``, ``capture`` and ``repeat_until``."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, JsonValue, PlainValidator

from perfproof.core.units import Mistake
from perfproof.scenario.schema.fields import DurationOrNone, Empty, Many, Spec, Text, Written, schema, text, whole

HEADER = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
IDENTIFIER = r"[A-Za-z_][A-Za-z0-9_]*"
_STEP = re.compile(r"""\.([^.\[\]()'"*\s]+)|\[-?\d+\]|\['[^']*'\]|\["[^"]*"\]""")


def json_path(value: object) -> str:
    """Return the JSONPath of one value: ``$`` and steps ``.name``, ``['name']``, ``[0]``."""
    found = text(value)
    function = re.search(r"\.?(\w+\(.*?\))", found)
    if function:
        fix = "compare the values themselves, e.g. {$.items[0].id: 1}, or the text with body: {contains: ...}"
        raise Mistake(f"`{found}` calls {function.group(1)}, and paths know no functions", fix)
    if not re.fullmatch(rf"\$(?:{_STEP.pattern})*", found):
        raise Mistake(f"`{found}` is not a path to one value", "write it like $.token or $.items[0].id")
    return found


def pattern(value: object) -> str:
    """Return a regular expression of Python's ``re``."""
    found = text(value)
    try:
        re.compile(found)
    except re.error as error:
        raise Mistake(
            f"`{found}` is not a regular expression: {error}", "quote it with ' to keep backslashes"
        ) from None
    return found


def header_name(value: object) -> str:
    """Return the name of a response header."""
    found = text(value)
    if not HEADER.fullmatch(found):
        raise Mistake(f"`{found}` is not a header name", "letters, digits and -")
    return found


def _or_under(key: str) -> BeforeValidator:
    """Let a plain value stand for a mapping with one key."""
    return BeforeValidator(lambda value: value if isinstance(value, dict) else {key: value})


JsonPath = Annotated[str, PlainValidator(json_path), schema(type="string", pattern="^\\$")]
Pattern = Annotated[str, PlainValidator(pattern), schema(type="string", minLength=1, format="regex")]
HeaderName = Annotated[str, PlainValidator(header_name), schema(type="string")]
Status = Annotated[int, PlainValidator(whole(100, 599)), schema(type="integer", minimum=100, maximum=599)]
Statuses = Annotated[list[Status], Many]


class BodySpec(Spec):
    """What stands in the body of a response, decoded and read as UTF-8."""

    contains: Annotated[list[Text], Many] = Field(default_factory=list)
    """Text, or several; each must be there. {name} is filled."""
    regex: Annotated[list[Pattern], Many] = Field(default_factory=list)
    """Regular expression, or several; each must be found."""


class ExpectSpec(Spec):
    """What a response must be to count as completed; looked at after the clock has stopped."""

    status: Statuses = Field(default_factory=list)
    """One status or a list of them. Default: any 2xx"""
    headers: Annotated[dict[HeaderName, Written], Empty] = Field(default_factory=dict)
    """Text that the header's value must contain, by header."""
    json_values: Annotated[dict[JsonPath, JsonValue], Empty] = Field(
        default_factory=dict, alias="json", description="Values in the JSON body by path, e.g. {$.status: done}"
    )
    body: Annotated[BodySpec, _or_under("contains")] = BodySpec()
    """Text that the body must contain, or {contains: ..., regex: ...}"""


class UntilSpec(ExpectSpec):
    """Polling: the step is sent again until its response is this."""

    every: DurationOrNone = 1.0
    """Pause between a response and the next try. Default: 1s"""
    at_most: Annotated[int, PlainValidator(whole(1, 10_000)), schema(type="integer", minimum=1, maximum=10_000)] = 60
    """Tries in all, after which the step has failed. Default: 60"""


class CaptureSpec(Spec):
    """Where in a response a variable is found."""

    json_path: JsonPath | None = Field(default=None, alias="json", description="A path in the JSON body, e.g. $.token")
    header: HeaderName | None = None
    """A response header; with regex the part of its value."""
    regex: Pattern | None = None
    """What is found in the body (or header): the first group, or all if there is none."""


Variable = Annotated[str, PlainValidator(lambda value: _identifier(value))]
Captures = Annotated[dict[Variable, Annotated[CaptureSpec, _or_under("json")]], Empty]


def _identifier(value: object) -> str:
    """Return the name of a variable, as it stands in ``{name}``."""
    found = str(value)
    if not re.fullmatch(IDENTIFIER, found):
        raise Mistake(f"`{found}` is not the name of a variable", "letters, digits and _, as in {name}")
    return found


def shorthands(found: dict[str, Any]) -> None:
    """Let the JSON Schema know what may stand for a mapping."""
    definitions = found["$defs"]
    for owner in ("SetupSpec", "FlowStepSpec"):
        held = definitions[owner]["properties"]["capture"]
        held["additionalProperties"] = {
            "anyOf": [{"type": "string", "pattern": "^\\$"}, held["additionalProperties"]],
        }
    for owner in ("ExpectSpec", "UntilSpec"):
        body = definitions[owner]["properties"]["body"]
        reference = {"$ref": body.pop("$ref")}
        body["anyOf"] = [{"type": "string"}, {"type": "array", "items": {"type": "string"}}, reference]
