"""The ``requests`` and ``setup`` steps of a scenario file."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, JsonValue, PlainValidator

from perfproof.core.units import Mistake
from perfproof.scenario.schema.fields import (
    AnyText,
    Choice,
    Duration,
    DurationOrNone,
    Empty,
    Flag,
    Many,
    Name,
    Spec,
    Text,
    Written,
    any_text,
    choice,
    flag,
    number,
    schema,
    text,
    whole,
    whole_between,
)
from perfproof.scenario.schema.passes import ProbeSpec, ScaleSpec
from perfproof.scenario.schema.payloads import GraphqlSpec, Multipart
from perfproof.scenario.schema.responses import HEADER, Captures, ExpectSpec, JsonPath, UntilSpec, Variable

METHODS = ("get", "post", "put", "patch", "delete", "head", "options")
BODIES = ("json", "form", "multipart", "graphql", "body", "body_file")
"""The keys of which a request has at most one."""

MOST_REDIRECTS = 20
MOST_MESSAGES = 10_000
_BAD_IN_VALUE = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_OURS = ("content-length", "transfer-encoding", "traceparent")


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
    if not HEADER.fullmatch(found):
        raise Mistake(f"`{found}` is not a header name", "letters, digits and -")
    if found.lower() in _OURS:
        raise Mistake(f"the header {found} is set by perfproof itself", "leave it out")
    return found


def header_value(value: object) -> str:
    """Return a header's value; it is one line, or what comes after the line break would be another header."""
    found = any_text(value)
    if _BAD_IN_VALUE.search(found):
        raise Mistake("holds a line break or another control character", "a header's value is one line of text")
    return found


def redirects(value: object) -> int:
    """Return how many redirects are followed: false is none, true ten."""
    said = value.lower() if isinstance(value, str) else ""
    if said in ("yes", "on", "y", "no", "off", "n"):
        flag(value)  # says what to write
    if isinstance(value, bool) or (isinstance(value, str) and value.lower() in ("true", "false")):
        return 10 if str(value).lower() == "true" else 0
    return whole(0, MOST_REDIRECTS)(value)


Path = Annotated[str, PlainValidator(path), schema(type="string", minLength=1)]
HeaderValue = Annotated[str, PlainValidator(header_value), schema(type=["string", "number", "boolean"])]
Headers = Annotated[dict[Annotated[str, PlainValidator(header)], HeaderValue], Empty]
Method = Annotated[str, PlainValidator(method), schema(type="string")]
Weight = Annotated[
    float, PlainValidator(weight), schema(anyOf=[{"type": "number", "exclusiveMinimum": 0}, {"type": "string"}])
]
Redirects = Annotated[
    int,
    PlainValidator(redirects),
    schema(anyOf=[{"type": "boolean"}, {"type": "integer", "minimum": 0, "maximum": MOST_REDIRECTS}]),
]
Form = Annotated[dict[str, Written], Empty]
Choices = Annotated[list[Choice], Many, Field(json_schema_extra={"minItems": 1})]


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
    body_file: Text | None = None
    """File sent as it is, relative to this one; at most 16 MiB. Its type is up to headers."""
    form: Form = Field(default_factory=dict)
    """Fields sent as a form (application/x-www-form-urlencoded); {name} is filled."""
    multipart: Annotated[Multipart, Empty] = Field(default_factory=dict)
    """Parts of a multipart form: texts, or {file: photo.png, type: image/png}"""
    graphql: GraphqlSpec | None = None
    """GraphQL operation sent as JSON; it names the request."""
    follow_redirects: Redirects = 0
    """How many redirects are followed (true: 10); to another host or port only if allow names it. Default: false"""
    cookies: Flag = True
    """Send the cookies that set-up (and the flow's own steps) received. Default: true"""
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
        return self.name or (self.graphql.name if self.graphql is not None else "") or " ".join(self.target)

    @property
    def bodies(self) -> list[str]:
        """Return the keys that say what is sent."""
        given = (self.json_body, self.form or None, self.multipart or None, self.graphql, self.body, self.body_file)
        return [key for key, value in zip(BODIES, given, strict=True) if value is not None]


class StreamSpec(Spec):
    """An answer that comes in messages; `sse` and `websocket` alone stand for this with its defaults."""

    kind: Annotated[
        Literal["sse", "websocket"],
        PlainValidator(choice("sse", "websocket")),
        schema(enum=["sse", "websocket"]),
    ]
    """sse (server-sent events) or websocket"""
    messages: whole_between(1, MOST_MESSAGES) = 10  # type: ignore[valid-type]
    """How many messages are waited for; then the stream is cut. Default: 10"""
    until: Text | None = None
    """Text in a message that ends the stream before; none of them holding it is a failure."""
    send: Annotated[list[JsonValue], Many] = Field(default_factory=list)
    """What is said over a WebSocket, the first at once, each other after a message: texts, or JSON."""
    ends: Flag = False
    """Whether it may end by itself before so many messages have come, if there was one. Default: false"""


def _stream_words(value: object) -> object:
    return {"kind": value} if isinstance(value, str) else value


class MeasuredSpec(StepSpec):
    """A request that is measured under a name of its own: one of the scenario's, or a step of a flow."""

    stream: Annotated[StreamSpec, BeforeValidator(_stream_words)] | None = None
    """Its answer comes in messages: sse, websocket, or a mapping, e.g. {kind: sse, messages: 20}"""


class FlowStepSpec(MeasuredSpec):
    """One request of a flow."""

    capture: Captures = Field(default_factory=dict)
    """Variables taken from the response, e.g. {id: $.id}; usable in the steps after it."""
    think_time: DurationOrNone = 0.0
    """Pause of the user after its response. Default: 0"""
    repeat_until: UntilSpec | None = None
    """Send it again until the response is this, e.g. {json: {$.status: done}, every: 200ms, at_most: 50}"""


class RequestSpec(MeasuredSpec):
    """One of the measured requests, or with `steps` a flow of several."""

    steps: list[FlowStepSpec] = Field(default_factory=list)
    """Requests of one user, sent in order; each is measured under its own name. A failed step ends the flow."""

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
    safe: Flag | None = None
    """Whether it changes nothing, so that it is probed and compared. Default: by its method, or a GraphQL query"""


class SetupSpec(StepSpec):
    """A request sent once per arm before each round, never measured."""

    capture: Captures = Field(default_factory=dict)
    """Variables taken from the response, e.g. {token: $.token}; usable in all later requests."""


def shorthand(found: dict[str, Any]) -> None:
    """Let ``stream: sse`` stand for a mapping in the JSON Schema ``found``."""
    for name in ("RequestSpec", "FlowStepSpec"):
        found["$defs"][name]["properties"]["stream"]["anyOf"].insert(1, {"enum": ["sse", "websocket"]})


def measured(requests: Sequence[RequestSpec]) -> list[tuple[tuple[int, ...], MeasuredSpec]]:
    """Return everything that is measured under a name of its own, with its place: requests and the steps of flows.

    A place is the position of the request, and that of the step within it.
    """
    found: list[tuple[tuple[int, ...], MeasuredSpec]] = []
    for position, request in enumerate(requests):
        if request.steps:
            found += [((position, inner), step) for inner, step in enumerate(request.steps)]
        else:
            found.append(((position,), request))
    return found
