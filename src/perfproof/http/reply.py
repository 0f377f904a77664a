"""A response that somebody looks at: its headers, and its body once it is asked for."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import cached_property

from perfproof.http.decode import DecodingError, decode
from perfproof.model.scenario import JsonValue

BODY_LIMIT = 64 * 1024 * 1024
"""Most bytes of a body that are kept to be looked at."""


class Reply:
    """Status, headers and body of one response. ``size`` counts all bytes of the body, ``raw`` holds what was kept."""

    def __init__(self, status: int, headers: list[tuple[bytes, bytes]], raw: bytes, size: int) -> None:
        self.status = status
        self.raw = raw
        self._headers = headers
        self._size = size

    def headers(self, name: str) -> list[str]:
        """Return the values of every header field of that name, whatever its case."""
        wanted = name.lower().encode()
        return [value.decode("latin-1") for key, value in self._headers if key.lower() == wanted]

    @property
    def fields(self) -> list[tuple[str, str]]:
        """Return every header field, names in small letters."""
        return [(name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in self._headers]

    @cached_property
    def body(self) -> bytes:
        """Return the decoded body; ValueError when it cannot be decoded."""
        if self._size > len(self.raw):
            raise DecodingError(f"the body is larger than {BODY_LIMIT >> 20} MiB")
        return decode(self.raw, ",".join(self.headers("content-encoding")))

    @cached_property
    def text(self) -> str:
        """Return the decoded body as UTF-8 text."""
        return self.body.decode("utf-8", "replace")

    @cached_property
    def document(self) -> JsonValue:
        """Return the body as JSON; ValueError when it is not."""
        body = self.body
        try:
            document: JsonValue = json.loads(body)
        except ValueError as error:
            raise ValueError("its response is not JSON" if body else "its response is empty, not JSON") from error
        return document


HEAD_LIMIT = 64 * 1024
"""Most bytes of status line and headers together; beyond it the response is malformed (Outcome.PROTOCOL)."""

_LENGTH_KNOWN = re.compile(rb"\r\n(?:content-length|transfer-encoding)[ \t]*:", re.IGNORECASE)


class BodyReader:
    """What the parser calls for a response whose headers are looked at; they go to ``headers`` as (name, value)."""

    def __init__(
        self, complete: Callable[[], None], body: Callable[[bytes], None], headers: list[tuple[bytes, bytes]]
    ) -> None:
        self.on_message_complete = complete
        self.on_body = body
        self._headers = headers

    def on_header(self, name: bytes, value: bytes) -> None:
        """Note one header field."""
        self._headers.append((name, value))


class HeadOnly:
    """What the parser calls for a response to HEAD: it is whole once its headers are."""

    def __init__(
        self, complete: Callable[[], None], _: Callable[[bytes], None], headers: list[tuple[bytes, bytes]]
    ) -> None:
        self.on_headers_complete = complete
        self._headers = headers

    def on_header(self, name: bytes, value: bytes) -> None:
        """Note one header field."""
        self._headers.append((name, value))


def final_head(data: bytes) -> bytes | None:
    """Return the header block of the final response in ``data``, past interim (1xx) ones; None if not all there."""
    start = 0
    while (end := data.find(b"\r\n\r\n", start)) >= 0:
        if data[start + 9 : start + 10] != b"1":
            return data[start:end]
        start = end + 4
    return None


def ends_with_connection(head: bytes) -> bool:
    """Tell whether a body without announced length follows ``head``, over when the server closes (RFC 9112, 6.3)."""
    return _LENGTH_KNOWN.search(head) is None
