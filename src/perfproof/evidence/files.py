"""Writing that is whole or not there: under another name, flushed to the disk, renamed. And what failing means."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from perfproof.errors import EvidenceError

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
