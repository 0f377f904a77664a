"""Takes full chunks of samples out of memory while load runs, without holding the event loop up.

A thread of the operating system writes them to a file without a name, at the lowest priority: load goes first, and a
slow disk makes only this thread wait. Rejected: mapping the file into memory, where a page fault waits for the file
system's journal in the middle of a request; and writing Parquet at once, which costs twenty times the CPU.
"""

from __future__ import annotations

import os
import tempfile
import threading
from _queue import SimpleQueue  # queue.SimpleQueue is gevent's in the load process and cannot cross threads
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gevent import monkey

_start_thread: Callable[..., int] = monkey.get_original("_thread", "start_new_thread")
_new_lock: Callable[[], Any] = monkey.get_original("_thread", "allocate_lock")

_LONGEST_WRITE = 120


@dataclass
class Piece:
    """A chunk on its way out: in memory (``data``) until it is in the file at ``offset``."""

    data: bytearray | None
    offset: int
    size: int


class Spill:
    """A file of chunks in ``folder``; it has no name, so nothing is left behind however the process ends."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file: int | None = None
        self._end = 0
        self._queue: SimpleQueue[Callable[[], None]] = SimpleQueue()

    def put(self, chunk: bytearray) -> Piece:
        """Take over a full chunk; returns at once. A chunk that the disk refuses stays in memory."""
        piece = Piece(chunk, self._end, len(chunk))
        self._end += len(chunk)
        if self._file is None:
            try:
                self._file = _nameless(self._folder)
            except OSError:
                return piece
            _start_thread(_work, (self._queue,))
        file = self._file
        self._queue.put(lambda: _write(file, piece))
        return piece

    def get(self, piece: Piece) -> bytes | bytearray:
        """Return what was put; OSError if it cannot be read."""
        data = piece.data  # the thread may set it to None at any time
        if data is not None:
            return data
        assert self._file is not None  # noqa: S101 - data is only taken away once it is in the file
        read = b""
        while len(read) < piece.size:
            more = os.pread(self._file, piece.size - len(read), piece.offset + len(read))
            if not more:
                raise OSError(5, "the file of spilled samples was cut short")
            read = read + more if read else more
        return read

    def clear(self) -> None:
        """Forget every chunk, once those on their way have arrived."""
        if self._file is None:
            self._end = 0
            return
        written = _new_lock()
        written.acquire()
        self._queue.put(written.release)
        if not written.acquire(timeout=_LONGEST_WRITE):
            raise OSError(5, f"samples could not be written within {_LONGEST_WRITE} s")
        os.ftruncate(self._file, 0)
        self._end = 0


def _nameless(folder: Path) -> int:
    descriptor, name = tempfile.mkstemp(prefix=".samples-", dir=folder)
    Path(name).unlink()
    return descriptor


def _work(queue: SimpleQueue[Callable[[], None]]) -> None:
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 19)
    while True:
        queue.get()()


def _write(file: int, piece: Piece) -> None:
    left = memoryview(piece.data or b"")
    offset = piece.offset
    try:
        while left:
            written = os.pwrite(file, left, offset)
            left, offset = left[written:], offset + written
    except Exception:  # noqa: BLE001 - whatever it is, this thread has to go on
        return  # the disk is full, mostly: the samples stay in memory, and sealing them will say so
    piece.data = None
