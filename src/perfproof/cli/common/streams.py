"""Output that cannot be written must not end a measurement or change a verdict: a reader has gone, a disk is full."""

from __future__ import annotations

import errno
import io
import os
import sys
from typing import TYPE_CHECKING, TextIO

from perfproof.errors import PerfproofError

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


class _Enduring(io.FileIO):
    """A file that goes on after it cannot be written to; ``problem`` is the first error."""

    problem: OSError | None = None

    def write(self, data: ReadableBuffer, /) -> int:
        size = memoryview(data).nbytes
        if self.problem is None:
            try:
                return super().write(data) or 0
            except OSError as error:
                self.problem = error
        return size


def make_enduring() -> None:
    """Let stdout and stderr go on after an error; a closed one is opened on nothing.

    Left closed, its number would go to the next file that is opened, and what is printed would land in that file.
    """
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number, which is this one
    sys.stdout, sys.stderr = _enduring(sys.stdout, 1), _enduring(sys.stderr, 2)


def _enduring(stream: TextIO | None, number: int) -> TextIO:
    if stream is not None:
        stream.flush()
    return io.TextIOWrapper(
        io.BufferedWriter(_Enduring(number, "wb", closefd=False)),
        encoding=stream.encoding if stream is not None else "utf-8",
        errors="replace",  # a terminal without Unicode still gets its verdict
        line_buffering=stream is None or number == 2 or stream.isatty(),
    )


def unwritten() -> PerfproofError | None:
    """Return what kept stdout from being written, if anything did; one whose reader has gone (``| head``) is fine."""
    sys.stdout.flush()
    raw = getattr(getattr(sys.stdout, "buffer", None), "raw", None)
    problem = raw.problem if isinstance(raw, _Enduring) else None
    if problem is None or problem.errno == errno.EPIPE:
        return None
    return PerfproofError("the output cannot be written", why=problem.strerror)
