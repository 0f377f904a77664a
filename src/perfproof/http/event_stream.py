"""Server-sent events as they arrive (WHATWG HTML, 9.2.6): bytes in, the data of whole events out. No sockets."""

from __future__ import annotations

import re

_LINE = re.compile(rb"\r\n|\n|\r")


class EventReader:
    """Takes an event stream piece by piece. Comments and fields other than ``data`` make no message of their own."""

    def __init__(self) -> None:
        self._rest = b""
        self._data: list[bytes] = []
        self._begun = False

    def feed(self, piece: bytes) -> list[bytes]:
        """Return the data of each event that is whole now."""
        self._rest += piece
        if not self._begun:
            if len(self._rest) < 3 and b"\xef\xbb\xbf".startswith(self._rest):
                return []  # a mark of the byte order may be on its way
            self._begun, self._rest = True, self._rest.removeprefix(b"\xef\xbb\xbf")
        held = self._rest.endswith(b"\r")  # the line feed after it may be on its way
        *lines, self._rest = _LINE.split(self._rest[:-1] if held else self._rest)
        if held:
            self._rest += b"\r"
        return [event for line in lines if (event := self._take(line)) is not None]

    def _take(self, line: bytes) -> bytes | None:
        if not line:
            whole, self._data = b"\n".join(self._data), []
            return whole or None
        name, _, value = line.partition(b":")
        if name == b"data":
            self._data.append(value.removeprefix(b" "))
        return None
