"""Hide secrets in text that leaves the process: logs, error messages, excerpts."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TextIO

HIDDEN = "***"


def mask(text: str, secrets: Iterable[str]) -> str:
    """Return ``text`` with every secret replaced by ``***``; longer ones first, so that no tail of one survives."""
    for secret in sorted({s for s in secrets if s}, key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    return text


def excerpt(data: bytes, secrets: Iterable[str], limit: int = 200) -> str:
    """Return the masked start of a response body on one line, at most ``limit`` characters."""
    # Masked before it is cut: a secret that straddles the cut would otherwise show its first half.
    text = " ".join(mask(data[: 64 * 1024].decode("utf-8", "replace"), secrets).split())
    return text if len(text) <= limit else text[:limit] + " ..."


class MaskingStream:
    """A text stream that masks secrets in what passes, one write at a time (tracebacks come line by line)."""

    def __init__(self, stream: TextIO, secrets: Iterable[str]) -> None:
        self._stream = stream
        self._secrets = tuple(secrets)

    def write(self, text: str) -> int:
        """Write the masked text; return the length of what was given."""
        self._stream.write(mask(text, self._secrets))
        return len(text)

    def flush(self) -> None:
        """Flush the stream behind."""
        self._stream.flush()
