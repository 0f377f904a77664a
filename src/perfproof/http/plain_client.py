"""Sends one request at a time to a service on this machine and reads what comes back."""

from __future__ import annotations

import http.client
import json
import socket
import ssl
import time
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode, urlsplit

from perfproof.core.addresses import is_loopback
from perfproof.errors import UsageError
from perfproof.http.cookies import Jar

_MOST = 32 * 1024 * 1024
WITHIN = 10.0
"""Seconds a request may take, and its answer after it has begun: what takes longer is nothing to begin with."""


@dataclass(frozen=True)
class Answer:
    """What came back. ``problem`` says in words why there is no status. ``took`` is in seconds."""

    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    cookies: tuple[str, ...] = field(default=(), repr=False)
    body: bytes = field(default=b"", repr=False)
    took: float = 0.0
    problem: str = ""

    @property
    def media(self) -> str:
        """Return the media type without parameters."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    @property
    def text(self) -> str:
        """Return the body of a page; "" for what is none."""
        return self.body.decode(errors="replace") if self.media in ("text/html", "application/xhtml+xml") else ""

    @property
    def data(self) -> Any:
        """Return the body as JSON; None if it is none."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return None


def require_loopback(url: str) -> None:
    """Raise ``UsageError`` unless ``url`` is an HTTP address of this machine: nothing is sent elsewhere."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise UsageError(f"{url} is no address of a service", hint="write it as http://127.0.0.1:8000")
    try:
        found = {str(each[4][0]) for each in socket.getaddrinfo(parts.hostname, parts.port or 80)}
    except (OSError, ValueError) as error:
        raise UsageError(f"{parts.hostname} cannot be found", why=str(error), hint="correct the address") from None
    away = [address for address in found if not is_loopback(address)]
    if away:
        raise UsageError(
            f"{url} is not on this machine ({away[0]})",
            why="drafts and checks ask many requests, which is only done to a service that runs here",
            hint="start it here, or write the scenario with `url:` and `allow:` by hand (docs/scenarios.md)",
        )


@dataclass
class Client:
    """Asks the service at ``base`` (``http://127.0.0.1:8000``); keeps the cookies it is given in ``cookies``.

    They are sent where the load would send them: by path, until they expire. ``context`` says how certificates are
    checked; None checks them as Python does.
    """

    base: str
    cookies: Jar = field(init=False, repr=False)
    context: ssl.SSLContext | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        self.cookies = Jar(secure=self.base.startswith("https:"))

    def send(
        self,
        method: str,
        target: str,
        headers: Mapping[str, str] | None = None,
        *,
        data: Any = None,
        form: Mapping[str, str] | None = None,
        body: str | bytes | None = None,
        within: float = WITHIN,
    ) -> Answer:
        """Send one request; whatever a service may do is an ``Answer``, never an exception."""
        sent = {"Accept": "*/*", "Connection": "close", **(headers or {})}
        content: bytes | None = None
        if data is not None:
            content, kind = json.dumps(data).encode(), "application/json"
        elif form:
            content, kind = urlencode(form).encode(), "application/x-www-form-urlencoded"
        elif body is not None:
            content, kind = body.encode() if isinstance(body, str) else body, ""
        if content is not None and kind and not any(name.lower() == "content-type" for name in sent):
            sent["Content-Type"] = kind
        kept = self.cookies.header(target)
        if kept and not any(name.lower() == "cookie" for name in sent):
            sent["Cookie"] = kept
        parts = urlsplit(self.base)
        host = parts.hostname or "127.0.0.1"
        connection = (
            http.client.HTTPSConnection(host, parts.port, timeout=within, context=self.context)
            if parts.scheme == "https"
            else http.client.HTTPConnection(host, parts.port, timeout=within)
        )
        began = time.monotonic()
        try:
            connection.request(method, parts.path.rstrip("/") + target, content, sent)
            response = connection.getresponse()
            received = _read(response, began + 2 * within)
        except TimeoutError:
            return Answer(problem=f"no answer within {within:g} s")
        except (OSError, http.client.HTTPException, ValueError) as error:
            return Answer(problem=str(error) or type(error).__name__)
        finally:
            connection.close()
        took = time.monotonic() - began
        cookies = tuple(response.headers.get_all("set-cookie") or ())
        self.cookies.take(cookies, target)
        lowered = {name.lower(): value for name, value in response.headers.items()}
        return Answer(response.status, lowered, cookies, _decoded(received, lowered), took)


def _read(response: http.client.HTTPResponse, deadline: float) -> bytes:
    """Return the body as far as it comes; TimeoutError for one that never ends, as an event stream does."""
    parts: list[bytes] = []
    size = 0
    while size < _MOST and (part := response.read1(1 << 16)):
        parts.append(part)
        size += len(part)
        if time.monotonic() > deadline:
            raise TimeoutError
    return b"".join(parts)


def _decoded(body: bytes, headers: Mapping[str, str]) -> bytes:
    if headers.get("content-encoding", "").lower() not in ("gzip", "deflate"):
        return body
    try:
        return zlib.decompressobj(wbits=zlib.MAX_WBITS | 32).decompress(body, _MOST)
    except zlib.error:
        return body
