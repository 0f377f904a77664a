"""A request as bytes, prepared before it is due; only the id inside is patched for each sending."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from perfproof.http.body import Files, body_of
from perfproof.http.template import MissingVariableError, Variables, fill, fill_target
from perfproof.model.scenario import Request

if TYPE_CHECKING:
    from perfproof.http.cookies import Jar

ID_DIGITS = 16

_SPAN = "7065726670"  # "perfp", and then which request it is, for a profiler in the service
TRACE = "traceparent"
"""The header that carries a request's id."""
_FRAMING = ("content-length", "transfer-encoding", TRACE)
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_BAD_IN_VALUE = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


@dataclass(frozen=True)
class Outgoing:
    """A request with everything filled: method, target (path and query), headers (lower case) and body."""

    method: str
    target: str
    headers: dict[str, str] = field(repr=False)
    body: bytes | None = field(default=None, repr=False)

    def encode(self, authority: str, number: int = 0) -> tuple[bytearray, int]:
        """Return the bytes of request ``number`` and the place of the id; ValueError says which header is not legal.

        A line break in a captured value would forge a header.
        """
        target = self.target if self.target.startswith("/") else "/" + self.target
        headers = {"host": authority, "user-agent": "perfproof", "accept": "*/*", **self.headers}
        for name, value in headers.items():
            _check_header(name, value)
        if self.body is not None or self.method in ("POST", "PUT", "PATCH"):
            headers["content-length"] = str(len(self.body or b""))
        trace = trace_header(0, number)
        headers[TRACE] = trace
        lines = [f"{self.method} {target} HTTP/1.1"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        head = "\r\n".join(lines).encode("utf-8") + b"\r\n\r\n"
        place = head.rindex(trace.encode()) + trace.index("-", 3) - ID_DIGITS
        return bytearray(head + (self.body or b"")), place


def trace_header(sample: int, number: int) -> str:
    """Return the value of ``TRACE`` for the sample with that id, a request of that number."""
    return f"00-{sample:032x}-{_SPAN}{number:06x}-01"


def outgoing(
    request: Request, variables: Variables, prefix: str = "", *, files: Files | None = None, jar: Jar | None = None
) -> Outgoing:
    """Return ``request`` filled with ``variables``, and with the cookies of ``jar`` unless it names its own."""
    try:
        target = prefix + fill_target(request.path, variables)
        body, kind = body_of(request, variables, files or {})
        headers = {"content-type": kind} if kind else {}
        for name, template in request.headers.items():
            headers[name.lower()] = fill(template, variables)
    except MissingVariableError as error:
        raise ValueError(str(error)) from error
    if jar is not None and request.cookies and "cookie" not in headers:
        cookies = jar.header(target)
        if cookies:
            headers["cookie"] = cookies
    return Outgoing(request.method, target, headers, body)


def _check_header(name: str, value: str) -> None:
    if not _TOKEN.fullmatch(name):
        raise ValueError(f"{name!r} is not a header name")
    if name in _FRAMING:
        raise ValueError(f"the header {name} is set by perfproof itself")
    if _BAD_IN_VALUE.search(value):
        raise ValueError(f"the value of header {name} holds a control character")
