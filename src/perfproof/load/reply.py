"""A response that somebody looks at: its headers, and its body once it is asked for."""

from __future__ import annotations

import json
from functools import cached_property

from perfproof.load.decode import DecodingError, decode
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
