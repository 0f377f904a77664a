"""How much of a file is read: a run directory may come from anyone, and a small file can stand for gigabytes.

What perfproof writes stays far below every limit here, however long a run was.
"""

from __future__ import annotations

import json
import re
import stat
import zlib
from pathlib import Path
from typing import Any

from perfproof.errors import EvidenceError

MAX_JSON = 64 << 20
"""Bytes of a JSON document, unpacked."""

MAX_VALUES = 3_000_000
"""Values in a JSON document: an empty list is three bytes in the file and sixty in memory."""

FREE = 64 << 20
"""Bytes that any table may take in memory."""

RATIO = 100
"""Beyond that, how many times its size on disk. Columns of times and counters come to three or four times theirs."""


_HALF_CHARACTER = re.compile(rb"\\u[dD][89a-fA-F]")
"""How JSON writes the halves of characters beyond the first 65,536: whole as a pair, and no text alone."""


class TooLargeError(ValueError):
    """A file would take more memory than what perfproof writes ever does."""


def read_bytes(file: Path) -> bytes:
    """Return the content of a JSON file, unpacked if it is gzipped; ``TooLargeError`` before it takes much memory.

    Raises ``OSError``, and ``ValueError`` for what is no ordinary file (a pipe would be waited for without end).
    """
    status = file.stat()
    if not stat.S_ISREG(status.st_mode):
        raise ValueError("it is not an ordinary file")
    if status.st_size > MAX_JSON:
        raise TooLargeError(f"it is larger than {MAX_JSON >> 20} MiB")
    content = file.read_bytes()
    if file.suffix != ".gz":
        return content
    unpacker = zlib.decompressobj(wbits=31)
    unpacked = unpacker.decompress(content, MAX_JSON)
    if unpacker.unconsumed_tail:
        raise TooLargeError(f"unpacked, it is larger than {MAX_JSON >> 20} MiB")
    if not unpacker.eof:
        raise EOFError("it ends in the middle")
    return unpacked


def parse_json(content: bytes) -> Any:
    """Return what JSON text holds; ``ValueError`` for broken text, and for more values or depth than ours has."""
    if content.count(b",") + content.count(b"[") + content.count(b"{") > MAX_VALUES:
        raise TooLargeError(f"it holds more than {MAX_VALUES:,} values")
    try:
        value = json.loads(content)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    if _HALF_CHARACTER.search(content):  # no text that could be printed, or kept in a database
        value = json.loads(json.dumps(value, ensure_ascii=False).encode(errors="replace"))
    return value


def check_table(file: Path, rows: int, width: int) -> None:
    """Raise ``TooLargeError`` where ``rows`` of so many bytes cannot honestly come from a file of this size."""
    allowed = max(FREE, RATIO * file.stat().st_size)
    if not 0 <= rows * width <= allowed:
        raise TooLargeError(f"{rows:,} rows would take more than {allowed >> 20} MiB")


def read_result(file: Path) -> Any:
    """Return the JSON of a ``result.json``; ``EvidenceError`` where it cannot be had."""
    try:
        return parse_json(read_bytes(file))
    except (OSError, ValueError, EOFError, zlib.error) as error:
        raise EvidenceError(f"{file.name} cannot be read", where=str(file), why=str(error)) from error
