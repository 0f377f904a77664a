"""What the parser cannot tell about a response: where its headers end, and whether the connection's end is its end."""

from __future__ import annotations

import re
from collections.abc import Callable

HEAD_LIMIT = 64 * 1024
"""Most bytes of status line and headers together; beyond it the response is malformed (Outcome.PROTOCOL)."""

_LENGTH_KNOWN = re.compile(rb"\r\n(?:content-length|transfer-encoding)[ \t]*:", re.IGNORECASE)


class Attentive:
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
