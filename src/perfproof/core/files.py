"""Writing that is whole or not there: under another name, flushed to the disk, renamed. And what failing means."""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from perfproof.errors import EvidenceError, UsageError

_REASONS = {
    errno.ENOSPC: ("the disk is full", "free some space and measure again; rounds that were finished are kept"),
    errno.EDQUOT: (
        "the disk quota is used up",
        "free some space and measure again; rounds that were finished are kept",
    ),
    errno.EFBIG: ("a file would exceed the size limit", "raise `ulimit -f`; rounds that were finished are kept"),
    errno.EACCES: ("permission is denied", "choose another results folder, or allow writing there"),
    errno.EPERM: ("permission is denied", "choose another results folder, or allow writing there"),
    errno.EROFS: ("the file system is read-only", "choose another results folder"),
    errno.EEXIST: ("a file is in the way of a folder", "choose another results folder"),
    errno.ENOTDIR: ("a part of the path is a file, not a folder", "choose another results folder"),
}


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn any ``OSError`` of the body into an ``EvidenceError`` about ``path`` with a cause and a way out."""
    try:
        yield
    except OSError as error:
        why, hint = _REASONS.get(error.errno or 0, (error.strerror or str(error), None))
        raise EvidenceError("the recording cannot be written", where=str(path), why=why, hint=hint) from error


def write_whole(path: Path, content: bytes) -> None:
    """Put ``content`` at ``path`` so that readers, even after a crash, see the old file or the new one.

    Raises ``OSError``.
    """
    temporary = path.with_name(f".{path.name}.writing")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    flush(path.parent)


def flush(path: Path) -> None:
    """Make the content of a file, or the names in a folder, survive a power cut. Raises ``OSError``."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_text(path: Path, text: str) -> None:
    """Write ``text`` to ``path`` whole or not at all, making its folder; ``UsageError`` if that cannot be."""

    def put(temporary: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(text, encoding="utf-8", newline="\n")

    replace_whole(path, put)


def replace_whole(path: Path, put: Callable[[Path], None]) -> None:
    """Have ``put`` write a file beside ``path``, flush it, and give it its name."""
    temporary = path.with_name(f".{path.name[:200]}.{secrets.token_hex(4)}.partial")
    try:
        put(temporary)
        flush(temporary)
        temporary.replace(path)
    except OSError as error:
        raise UsageError(
            "the report cannot be written",
            where=str(path),
            why=error.strerror or str(error),
            hint="name a folder that exists, may be written to and has space left",
        ) from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
