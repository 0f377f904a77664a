"""A request as bytes, prepared once per variant and arm; only the id inside is patched for each sending."""

from __future__ import annotations

import json
import re
from collections.abc import Container
from dataclasses import dataclass

from perfproof.load.template import MissingVariableError, Variables, fill, fill_json, fill_target
from perfproof.model.scenario import Request

ID_DIGITS = 16
ANY_2XX = range(200, 300)

_SPAN = "7065726670726f66"
_TRACE = "traceparent"
_FRAMING = ("content-length", "transfer-encoding", _TRACE)
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_BAD_IN_VALUE = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


@dataclass(slots=True)
class Message:
    """One prepared request: its bytes, where the id goes, what response is accepted, and what it is a variant of.

    ``data[place : place + 16]`` are the low 64 bits of the trace id in hexadecimal digits: the sample's id.
    """

    data: bytearray
    place: int
    size: int
    accepted: Container[int]
    timeout_ns: int
    head: bool
    request: int = 0
    variant: int = 0


def prepare(
    request: Request, variables: Variables, authority: str, prefix: str = "", *, number: int = 0, variant: int = 0
) -> Message:
    """Return ``request`` filled with ``variables`` as bytes; ValueError says which part cannot be sent.

    Header names and values must be legal: a line break in a captured value would forge a header.
    """
    try:
        target = prefix + fill_target(request.path, variables)
        body, kind = _body(request, variables)
        headers = {"host": authority, "user-agent": "perfproof", "accept": "*/*"}
        if kind:
            headers["content-type"] = kind
        for name, template in request.headers.items():
            headers[name.lower()] = fill(template, variables)
    except MissingVariableError as error:
        raise ValueError(str(error)) from error
    if not target.startswith("/"):
        target = "/" + target
    if body is not None or request.method in ("POST", "PUT", "PATCH"):
        length = {"content-length": str(len(body or b""))}
    else:
        length = {}
    for name, value in headers.items():
        _check_header(name, value)
    trace = {_TRACE: f"00-{0:032x}-{_SPAN}-01"}
    lines = [f"{request.method} {target} HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in {**headers, **length, **trace}.items()]
    head = "\r\n".join(lines).encode("utf-8") + b"\r\n\r\n"
    place = head.rindex(f"-{_SPAN}-01".encode()) - ID_DIGITS
    data = bytearray(head + (body or b""))
    return Message(
        data=data,
        place=place,
        size=len(data),
        accepted=frozenset(request.expect.status) or ANY_2XX,
        timeout_ns=int(request.timeout * 1e9),
        head=request.method == "HEAD",
        request=number,
        variant=variant,
    )


def _body(request: Request, variables: Variables) -> tuple[bytes | None, str | None]:
    if request.json is not None:
        filled = fill_json(request.json, variables)
        return json.dumps(filled, ensure_ascii=False, separators=(",", ":")).encode(), "application/json"
    if request.body is not None:
        return fill(request.body, variables).encode(), None
    return None, None


def _check_header(name: str, value: str) -> None:
    if not _TOKEN.fullmatch(name):
        raise ValueError(f"{name!r} is not a header name")
    if name in _FRAMING:
        raise ValueError(f"the header {name} is set by perfproof itself")
    if _BAD_IN_VALUE.search(value):
        raise ValueError(f"the value of header {name} holds a control character")
