"""The ``requests`` and ``setup`` steps of a scenario file."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import Field, JsonValue, PlainValidator

from perfproof.scenarios.fields import (
    AnyText,
    Choice,
    Duration,
    Empty,
    Many,
    Name,
    Spec,
    Written,
    number,
    schema,
    text,
    whole,
)
from perfproof.scenarios.probe_spec import ProbeSpec, ScaleSpec
from perfproof.scenarios.units import Mistake

METHODS = ("get", "post", "put", "patch", "delete", "head", "options")
IDENTIFIER = r"[A-Za-z_][A-Za-z0-9_]*"

_HEADER = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_OURS = ("content-length", "transfer-encoding", "traceparent")
_STEP = re.compile(r"""\.([^.\[\]'"*\s]+)|\[-?\d+\]|\['[^']*'\]|\["[^"]*"\]""")


def path(value: object) -> str:
    """Return a path with query; the host is the service's."""
    found = text(value)
    if re.match(r"[a-z]+://", found):
        raise Mistake("must be a path, not a URL", "the host comes from service; begin with /")
    if not found.startswith(("/", "{")) or not found.isprintable():
        raise Mistake(f"`{found}` is not a path", "begin with /")
    return found


def method(value: object) -> str:
    """Return an HTTP method in capitals."""
    found = text(value)
    if not re.fullmatch(r"[A-Za-z]{1,20}", found):
        raise Mistake(f"`{found}` is not an HTTP method", "write it like REPORT")
    return found.upper()


def weight(value: object) -> float:
    """Return a share of the traffic, above 0."""
    found = number(value)
    if found <= 0:
        raise Mistake(f"`{value}` is out of range", "above 0; leave the request out if it should not be sent")
    return found


def header(value: object) -> str:
    """Return a header's name."""
    found = str(value)
    if not _HEADER.fullmatch(found):
        raise Mistake(f"`{found}` is not a header name", "letters, digits and -")
    if found.lower() in _OURS:
        raise Mistake(f"the header {found} is set by perfproof itself", "leave it out")
    return found


def identifier(value: object) -> str:
    """Return the name of a variable, as it stands in ``{name}``."""
    found = str(value)
    if not re.fullmatch(IDENTIFIER, found):
        raise Mistake(f"`{found}` is not the name of a variable", "letters, digits and _, as in {name}")
    return found


def json_path(value: object) -> str:
    """Return the JSONPath of one value: ``$`` and steps ``.name``, ``['name']``, ``[0]``."""
    found = text(value)
    if not re.fullmatch(rf"\$(?:{_STEP.pattern})*", found):
        raise Mistake(f"`{found}` is not a path to one value", "write it like $.token or $.items[0].id")
    return found


Path = Annotated[str, PlainValidator(path), schema(type="string", minLength=1)]
Headers = Annotated[dict[Annotated[str, PlainValidator(header)], Written], Empty]
Variable = Annotated[str, PlainValidator(identifier)]
Method = Annotated[str, PlainValidator(method), schema(type="string")]
Weight = Annotated[
    float, PlainValidator(weight), schema(anyOf=[{"type": "number", "exclusiveMinimum": 0}, {"type": "string"}])
]
JsonPath = Annotated[str, PlainValidator(json_path), schema(type="string", pattern="^\\$")]
Status = Annotated[int, PlainValidator(whole(100, 599)), schema(type="integer", minimum=100, maximum=599)]
Choices = Annotated[list[Choice], Many, Field(json_schema_extra={"minItems": 1})]


class ExpectSpec(Spec):
    """What a response must be to count as completed."""

    status: Annotated[list[Status], Many] = Field(default_factory=list)
    """One status or a list of them. Default: any 2xx"""


class StepSpec(Spec):
    """One HTTP request: a method with its path, and what goes with it."""

    name: Name | None = None
    """What reports call it. Default: method and path"""
    get: Path | None = None
    """GET this path."""
    post: Path | None = None
    """POST to this path."""
    put: Path | None = None
    """PUT to this path."""
    patch: Path | None = None
    """PATCH this path."""
    delete: Path | None = None
    """DELETE this path."""
    head: Path | None = None
    """HEAD of this path."""
    options: Path | None = None
    """OPTIONS of this path."""
    method: Method | None = None
    """Any other method, with path:"""
    path: Path | None = None
    """The path of method:"""
    headers: Headers = Field(default_factory=dict)
    """Header fields; {name} is filled."""
    json_body: JsonValue = Field(default=None, alias="json", description="Body sent as JSON; {name} is filled.")
    body: AnyText | None = None
    """Body sent as it is; {name} is filled. Its type is up to headers."""
    expect: Annotated[ExpectSpec, Empty] = ExpectSpec()
    """What the response must be."""
    timeout: Duration = 30.0
    """After which it counts as failed. Default: 30s"""

    @property
    def verbs(self) -> list[str]:
        """Return the method keys that are given."""
        return [verb for verb in METHODS if getattr(self, verb) is not None]

    @property
    def target(self) -> tuple[str, str]:
        """Return method and path."""
        verbs = self.verbs
        if verbs:
            return verbs[0].upper(), str(getattr(self, verbs[0]))
        return self.method or "GET", self.path or "/"

    @property
    def title(self) -> str:
        """Return the name, or what stands for it."""
        return self.name or " ".join(self.target)


class RequestSpec(StepSpec):
    """One of the measured requests."""

    values: Annotated[dict[Variable, Choices], Empty] = Field(default_factory=dict)
    """The choices of each {name}; every combination is sent equally often."""
    weight: Weight = 1.0
    """Its share of the traffic, relative to the others. Default: 1"""
    scale: ScaleSpec | None = None
    """The sizes at which it is probed, e.g. {parameter: limit, sizes: [1, 10, 50]}"""
    rows: JsonPath | None = None
    """Where the returned rows are, e.g. $.items. Default: where the response has exactly one list"""
    probe: Annotated[ProbeSpec, Empty] = ProbeSpec()
    """How it is probed."""


class SetupSpec(StepSpec):
    """A request sent once per arm before each round, never measured."""

    capture: Annotated[dict[Variable, JsonPath], Empty] = Field(default_factory=dict)
    """Variables taken from the JSON response, e.g. {token: $.token}; usable in all later requests."""
