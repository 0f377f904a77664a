"""Reads the end of a log without reading the log."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

WINDOW = 64 * 1024
"""Bytes read from the end: enough for any sensible number of lines."""


def tail(log: Path, lines: int, redactor: Callable[[str], str]) -> tuple[str, ...]:
    """Return the last ``lines`` lines, redacted; none when there is no log."""
    try:
        with log.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - WINDOW))
            text = file.read().decode(errors="replace")
    except OSError:
        return ()
    return tuple(redactor(text).splitlines()[-lines:]) if lines > 0 else ()
