"""Copies of what a service printed: secrets masked, and of a size that a report and a disk can bear."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

HEAD_BYTES = 256 * 1024
TAIL_BYTES = 1024 * 1024
MARGIN = 16 * 1024
"""Longest secret (in characters) that a cut cannot split: this much more is read and masked, then dropped."""


def masked_extract(source: Path, redactor: Callable[[str], str]) -> str:
    """Return the log at ``source`` with secrets masked; of a long one the beginning, a note and the end.

    Memory stays below some MB whatever the log's size. Masking line by line was rejected: a secret may span lines (a
    private key), and a cut through its middle would leave a half that no redactor knows. Raises ``OSError``.
    """
    size = source.stat().st_size
    with source.open("rb") as file:
        if size <= HEAD_BYTES + TAIL_BYTES + 2 * MARGIN:
            return redactor(_text(file.read(size)))
        head = redactor(_text(file.read(HEAD_BYTES + MARGIN)))[:-MARGIN]
        file.seek(size - TAIL_BYTES - MARGIN)
        tail = redactor(_text(file.read(TAIL_BYTES + MARGIN)))[MARGIN:]
    left_out = size - HEAD_BYTES - TAIL_BYTES
    return f"{head}\n[perfproof left out about {left_out:,} of {size:,} bytes here]\n{tail}"


def _text(content: bytes) -> str:
    return content.decode("utf-8", errors="replace")
