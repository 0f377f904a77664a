"""Puts quotes into the fields of bodies that write: does the database take them as SQL.

Each body is right but for one field, so a service that takes it writes: only where ``bodies`` allows that, and the data
is put back after each field. What answers say cannot be compared here (every row that is made has another id): errors,
a quote that fails where two do not, and the statements at the database are what tells.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlencode

from perfproof.checks.arm import KnownRequest
from perfproof.checks.right_requests import left_alone
from perfproof.checks.security.access import WRITING
from perfproof.checks.security.asking import Asking
from perfproof.checks.security.endpoints import Input, pattern_of
from perfproof.checks.security.inputs import probe
from perfproof.documents.references import BrokenReferenceError
from perfproof.documents.samples import sample
from perfproof.http.plain_client import Answer

_DEEPEST = 4
_FORM = "application/x-www-form-urlencoded"
_JSON = "application/json"
_MULTIPART = "multipart/form-data"
_NAME = re.compile(rb'[; ]name="([^"]*)"')


@dataclass(frozen=True)
class Write:
    """A request that writes, with a right body: the ``fields`` in it, and what makes a body of them."""

    name: str
    method: str
    target: str
    headers: Mapping[str, str] = field(repr=False)
    fields: Any = field(repr=False)
    encode: Callable[[Any], bytes] = field(repr=False)

    def body(self, place: tuple[str | int, ...] = (), text: str = "") -> bytes:
        """Return its body, with ``text`` at ``place`` if one is given."""
        filled = copy.deepcopy(self.fields)
        if place:
            within = filled
            for key in place[:-1]:
                within = within[key]
            within[place[-1]] = text
        return self.encode(filled)


def ask_bodies(asking: Asking, left: int, facts: list[dict[str, Any]]) -> int:
    """Add what each field of a body showed, of at most ``left``; return how many were not tried."""
    if not asking.arm.settings.get("bodies"):
        return 0
    if not asking.arm.writes:
        asking.arm.left_out.append("fields of bodies were not tried: `checks: {writes: true}` with a `service.reset`")
        return 0
    untried = 0
    for write in _writes(asking):
        answer = _send(asking, write, write.body(), {})
        asking.arm.reset()
        if not 200 <= answer.status < 300:
            told = answer.problem or f"status {answer.status}"
            asking.arm.left_out.append(
                f"no field of {write.name} was tried: a body that should be right is answered with {told}"
                " (write a request that makes it into the scenario)"
            )
            continue
        for place in places(write.fields):
            if left <= 0:
                untried += 1
                continue
            left -= 1
            facts.append(_tried(asking, write, place))
            asking.arm.reset()
    return untried


def _tried(asking: Asking, write: Write, place: tuple[str | int, ...]) -> dict[str, Any]:
    value: Any = write.fields
    for key in place:
        value = value[key]
    kind = "string" if isinstance(value, str) else "number"
    each = Input(".".join(map(str, place)), "body", kind, str(value), lambda _: write.target)

    def send(text: str, headers: Mapping[str, str]) -> Answer:
        return _send(asking, write, write.body(place, text), headers)

    shown = probe(asking, each, send)
    return {"endpoint": write.name, "input": each.name, "place": "body", "page": False, "reflected": "", **shown}


def _send(asking: Asking, write: Write, body: bytes, headers: Mapping[str, str]) -> Answer:
    return asking.send(write.name, write.target, {**write.headers, **headers}, method=write.method, body=body)


def _writes(asking: Asking) -> Iterator[Write]:
    """Yield the scenario's requests that write, then the document's operations that none of them is of."""
    known = [write for each in asking.arm.requests if (write := _of_request(asking, each)) is not None]
    yield from known
    rightly = asking.rightly
    for operation in rightly.operations.found if rightly.operations is not None else ():
        path = pattern_of(rightly.prefix + operation.path)
        if operation.method not in WRITING or operation.name in asking.ignored or left_alone(operation.path):
            continue
        if any(each.method == operation.method and path.fullmatch(each.target.partition("?")[0]) for each in known):
            continue
        try:
            target, fields = rightly.target(operation), sample(operation.body)
        except BrokenReferenceError as error:
            asking.arm.left_out.append(f"{operation.name} was left out: {error}")
            continue
        if target is not None and isinstance(fields, dict) and not rightly.barred(operation):
            headers = {**rightly.headers(operation), "Content-Type": _JSON}
            yield Write(operation.name, operation.method, target, headers, fields, as_json)


def _of_request(asking: Asking, request: KnownRequest) -> Write | None:
    limited = (asking.arm.settings.get("rate_limit") or {}).get("request") or ()
    if request.method not in WRITING or request.reads or request.body is None or left_alone(request.path):
        return None
    if request.name in asking.ignored or request.name in limited:
        return None
    kind = next((value for name, value in request.headers.items() if name.lower() == "content-type"), "")
    headers = request.headers
    encode: Callable[[Any], bytes] = as_json
    if kind.startswith(_FORM):
        fields: Any = dict(parse_qsl(request.body.decode("utf-8", "replace"), keep_blank_values=True))
        encode = as_form
    elif kind.startswith(_MULTIPART):
        fields, encode = multipart(kind, request.body)
    else:
        try:
            fields = json.loads(request.body)
        except (ValueError, RecursionError):
            return None
        headers = headers if kind else {**headers, "Content-Type": _JSON}
    if not isinstance(fields, dict):
        return None
    return Write(request.name, request.method, request.target, headers, fields, encode)


def as_json(fields: Any) -> bytes:
    """Return a body of JSON."""
    return json.dumps(fields).encode()


def as_form(fields: Any) -> bytes:
    """Return the body of a form."""
    return urlencode(fields).encode()


def multipart(kind: str, body: bytes) -> tuple[dict[str, str], Callable[[Any], bytes]]:
    """Return the texts of a multipart form by name, and what makes it with other texts, its files as they are."""
    boundary = b"--" + kind.partition("boundary=")[2].strip('"').encode()
    parts = body.split(boundary)
    texts: dict[str, tuple[int, bytes]] = {}
    for place, part in enumerate(parts[1:-1], 1):
        head, _, content = part.partition(b"\r\n\r\n")
        name = _NAME.search(head)
        if name is not None and b"filename=" not in head:
            texts[name.group(1).decode("utf-8", "replace")] = (place, content.removesuffix(b"\r\n"))

    def encode(fields: Any) -> bytes:
        filled = list(parts)
        for name, (place, _) in texts.items():
            head = parts[place].partition(b"\r\n\r\n")[0]
            filled[place] = b"%s\r\n\r\n%s\r\n" % (head, str(fields[name]).encode())
        return boundary.join(filled)

    return {name: content.decode("utf-8", "replace") for name, (_, content) in texts.items()}, encode


def places(value: Any, within: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Yield where texts and numbers stand; of a list its first element alone."""
    if isinstance(value, str | int | float) and not isinstance(value, bool):
        yield within
    elif len(within) < _DEEPEST:
        inner = value.items() if isinstance(value, dict) else enumerate(value[:1]) if isinstance(value, list) else ()
        for key, each in inner:
            yield from places(each, (*within, key))
