"""What the parser cannot tell about a response: where its headers end, and whether the connection's end is its end."""

from __future__ import annotations

import re
from collections.abc import Callable

HEAD_LIMIT = 64 * 1024
"""Most bytes of status line and headers together; beyond it the response is malformed (Outcome.PROTOCOL)."""

_LENGTH_KNOWN = re.compile(rb"\r\n(?:content-length|transfer-encoding)[ \t]*:", re.IGNORECASE)


class HeadOnly:
    """What the parser calls for a response to HEAD: it is whole once its headers are."""

    def __init__(self, complete: Callable[[], None]) -> None:
        self.on_headers_complete = complete


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
