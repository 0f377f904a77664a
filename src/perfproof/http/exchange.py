"""What is done with a response after the clock has stopped: cookies, redirects, expectations, captures.

One ``ResponseHandling`` may serve many exchanges at once, so nothing of an exchange is kept in it; what a redirect
leads to gets one of its own.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Container, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from perfproof.core.redaction import Redactor
from perfproof.http.cookies import Jar
from perfproof.http.expectations import captured, failed_operation, filled, unmet
from perfproof.http.found_secrets import FoundSecrets
from perfproof.http.message import Outgoing, outgoing
from perfproof.http.redirect import AllowedOrigins, next_hop
from perfproof.http.template import MissingVariableError, Variables, fill, fill_json, text_of
from perfproof.model.scenario import SAFE_METHODS, Capture, Expect, JsonValue, Request, Stream

if TYPE_CHECKING:
    from perfproof.http.reply import Reply
    from perfproof.http.target import Origin, Target


ANY_2XX = range(200, 300)
SWITCHED = frozenset((101,))
"""The status of a connection that is a WebSocket from then on."""
KEY_LENGTH = 24
KEY_OF_NOBODY = base64.b64encode(b"perfproof-stream")
"""Stands in a prepared handshake for the key that each connection draws for itself."""


@dataclass(frozen=True)
class Place:
    """Where the requests of an arm go: its checked target and the ways that redirects may take from there.

    ``found_secrets`` takes what responses hold that must not be shown.
    """

    target: Target
    allowed_origins: AllowedOrigins
    found_secrets: FoundSecrets = field(default_factory=lambda: FoundSecrets(Redactor(())), repr=False)

    @property
    def url(self) -> str:
        """Return the origin as a URL without a path."""
        return f"{self.target.scheme}://{self.target.authority}"


@dataclass(slots=True)
class Message:
    """One prepared request: its bytes, where the id goes, what response is accepted, and what it is a variant of.

    ``data[place : place + 16]`` are the low 64 bits of the trace id in hexadecimal digits: the sample's id.
    ``handling`` looks at the response beyond its status; ``plain`` messages have none and are not HEAD, the fastest way
    through a connection. A ``safe`` one changes nothing, so it may be sent twice. ``stream``, filled, says that the
    answer comes in messages, and ``name`` which request it is then.
    """

    data: bytearray
    place: int
    size: int
    accepted: Container[int]
    timeout_ns: int
    head: bool
    request: int = 0
    variant: int = 0
    handling: ResponseHandling | None = None
    plain: bool = True
    safe: bool = False
    stream: Stream | None = None
    name: str = ""


@dataclass(frozen=True)
class ResponseHandling:
    """What a response is looked at for.

    ``into`` takes the captured variables, ``jar`` the cookies of one user; ``shared`` are cookies to start a jar from
    when a redirect needs one. ``until`` is what is polled for, and must be there when this is the ``last`` try.
    ``hops`` redirects may still be followed, ``home`` says that none has left the service. ``number`` is that of the
    request in the scenario.
    """

    request: Request
    expect: Expect
    until: Expect | None
    last: bool
    captures: Mapping[str, str | Capture]
    into: dict[str, JsonValue] | None
    jar: Jar | None
    out: Outgoing = field(repr=False)
    url: str
    place: Place = field(repr=False)
    shared: Jar | None = None
    number: int = 0
    hops: int = 0
    home: bool = True
    away: Origin | None = None

    def follow(self, reply: Reply) -> Message | None:
        """Take the reply's cookies and return what a redirect leads to, if it is one to be followed.

        RefusedError when it may not be; ``handling.away`` of the message is set when it goes to another origin.
        """
        jar = self.jar
        if jar is None and self.shared is not None and self.hops:
            jar = self.shared.copy()
        if jar is not None and self.home:
            lines = reply.headers("set-cookie")
            jar.take(lines, self.out.target)
            self.place.found_secrets.cookies(lines)
        hop = next_hop(self.out, self.url, reply, self.place.allowed_origins.allow) if self.hops else None
        if hop is None:
            return None
        out, home = hop.out, self.home and hop.away is None
        if jar is not None and home:
            cookies = jar.header(out.target)
            out = replace(out, headers={**out.headers, **({"cookie": cookies} if cookies else {})})
        handling = replace(self, out=out, url=hop.url, hops=self.hops - 1, jar=jar, home=home, away=hop.away)
        return message_of(self.request, out, hop.url.split("/")[2], number=self.number, handling=handling)

    def judge(self, reply: Reply) -> tuple[str | None, bool]:
        """Return what is not as expected, in words, or None; and whether what is polled for has arrived.

        What is to be captured is captured once all is as expected.
        """
        problem = unmet(self.expect, reply)
        if (
            problem is None
            and self.request.graphql
            and not any(path.startswith("$.errors") for path in self.expect.json)
        ):
            problem = failed_operation(reply)
        if problem is None and self.until is not None:
            missing = unmet(self.until, reply)
            if missing is not None:
                return (f"still not so after the last try: {missing}" if self.last else None), False
        if problem is None and self.captures and self.into is not None:
            try:
                found = captured(self.captures, reply)
                self.into.update(found)
                self.place.found_secrets.variables(found)
            except (LookupError, ValueError) as error:
                problem = f"cannot capture from its response: {error.args[0] if error.args else error}"
        return problem, problem is None


def handling_of(
    request: Request,
    variables: Variables,
    place: Place,
    out: Outgoing,
    *,
    number: int = 0,
    into: dict[str, JsonValue] | None = None,
    jar: Jar | None = None,
    shared: Jar | None = None,
    last: bool = False,
) -> ResponseHandling | None:
    """Return the care that ``request`` ``number``, filled as ``out``, needs; None if only its status counts."""
    looks = request.expect.beyond_status or bool(request.graphql) or request.repeat is not None
    looks = looks or (bool(request.capture) and into is not None)
    jar = jar if request.cookies else None
    if not looks and not request.follow_redirects and jar is None:
        return None
    try:
        expect = filled(request.expect, variables)
        until = filled(request.repeat.until, variables) if request.repeat is not None else None
    except MissingVariableError as error:
        raise ValueError(str(error)) from error
    return ResponseHandling(
        request=request,
        expect=replace(expect, status=()),
        until=until,
        last=last,
        captures=request.capture,
        into=into,
        jar=jar,
        out=out,
        url=place.url + out.target,
        place=place,
        shared=shared if request.cookies else None,
        number=number,
        hops=request.follow_redirects,
    )


def stream_message(
    request: Request, variables: Variables, out: Outgoing, authority: str, *, number: int = 0, variant: int = 0
) -> Message:
    """Return what is sent for ``out``, the filled ``request``, whose answer comes in messages."""
    stream = request.stream
    assert stream is not None  # noqa: S101 - asked by the caller
    try:
        said = tuple(_said(each, variables) for each in stream.send)
        stream = replace(stream, until=fill(stream.until, variables), send=said)
    except MissingVariableError as error:
        raise ValueError(str(error)) from error
    own = {"accept": "text/event-stream"}
    if stream.kind == "websocket":
        own = {"connection": "Upgrade", "upgrade": "websocket", "sec-websocket-version": "13"}
        own["sec-websocket-key"] = KEY_OF_NOBODY.decode()
    message = message_of(
        request, replace(out, headers={**own, **out.headers}), authority, number=number, variant=variant
    )
    if stream.kind == "websocket" and not request.expect.status:
        message.accepted = SWITCHED
    message.stream, message.name, message.plain = stream, request.name, False
    return message


def _said(value: JsonValue, variables: Variables) -> str:
    """Return a text as it is, and everything else as JSON."""
    filled = fill_json(value, variables)
    return text_of(filled) if isinstance(value, str) else json.dumps(filled, ensure_ascii=False)


def message_of(
    request: Request,
    out: Outgoing,
    authority: str,
    *,
    number: int = 0,
    variant: int = 0,
    handling: ResponseHandling | None = None,
) -> Message:
    """Return what is sent for ``out``, the filled ``request``."""
    data, place = out.encode(authority, number)
    return Message(
        data=data,
        place=place,
        size=len(data),
        accepted=frozenset(request.expect.status) or ANY_2XX,
        timeout_ns=int(request.timeout * 1e9),
        head=out.method == "HEAD",
        request=number,
        variant=variant,
        handling=handling,
        plain=handling is None and out.method != "HEAD",
        safe=request.reads if out.method == request.method else out.method in SAFE_METHODS,
    )


def prepare(
    request: Request, variables: Variables, authority: str, prefix: str = "", *, number: int = 0, variant: int = 0
) -> Message:
    """Return a request without files filled with ``variables`` as bytes; ValueError says which part cannot be sent."""
    return message_of(request, outgoing(request, variables, prefix), authority, number=number, variant=variant)
