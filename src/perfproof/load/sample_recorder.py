"""Keeps one fixed-size row per request while load runs; writes them as Parquet when the round is sealed."""

from __future__ import annotations

import struct
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from perfproof.load.sample_files import write_samples
from perfproof.load.spill import Piece, Spill
from perfproof.model.recording import SAMPLE_COLUMNS, Outcome

_CODES = {"int8": "b", "int16": "h", "int32": "i", "int64": "q"}
_ROW = struct.Struct("<" + "".join(_CODES[kind] for kind in SAMPLE_COLUMNS.values()))
_DTYPE = np.dtype([(name, "<" + np.dtype(kind).str[1:]) for name, kind in SAMPLE_COLUMNS.items()])
_CHUNK_ROWS = 1 << 16


class Recorder:
    """Rows in chunks of preallocated memory (61 bytes a row), packed by one ``struct`` call.

    Memory holds about two chunks (4 MB each) however many rows there are: full ones go to a file in ``folder`` and
    are read back one at a time. One packed row was chosen over an array per column: a single C call per request
    instead of thirteen, and NumPy reads the same memory as a structured array without a copy.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._full: list[Piece] = []
        self._chunk = bytearray(_ROW.size * _CHUNK_ROWS)
        self._offset = 0
        self._pack = _ROW.pack_into
        self._spill = Spill(folder or Path(tempfile.gettempdir()))

    def begin(self, arm: int, pair: int, started_ns: int, block_ns: int) -> None:
        """Note that a block begins, which its rows say themselves."""

    def add(self, *row: int) -> None:
        """Keep one row, its values in the order of SAMPLE_COLUMNS."""
        offset = self._offset
        self._pack(self._chunk, offset, *row)
        self._offset = offset = offset + _ROW.size
        if offset == len(self._chunk):
            self._full.append(self._spill.put(self._chunk))
            self._chunk = bytearray(_ROW.size * _CHUNK_ROWS)
            self._offset = 0

    def __len__(self) -> int:
        """Return the number of rows kept."""
        return len(self._full) * _CHUNK_ROWS + self._offset // _ROW.size

    def chunks(self, start: int = 0) -> Iterator[npt.NDArray[Any]]:
        """Yield the rows from ``start`` on, some 65,000 at a time, as structured arrays named as SAMPLE_COLUMNS.

        Each is good until the next is asked for or a row is added.
        """
        skipped, first = divmod(start, _CHUNK_ROWS)
        for piece in self._full[skipped:]:
            yield np.frombuffer(self._spill.get(piece), dtype=_DTYPE)[first:]
            first = 0
        yield np.frombuffer(self._chunk, dtype=_DTYPE, count=self._offset // _ROW.size)[first:]

    def rows(self, start: int = 0) -> npt.NDArray[Any]:
        """Return a copy of all rows from ``start`` on: for small recordings, since nothing bounds its size."""
        return np.concatenate(list(self.chunks(start)))

    def outcomes(self, start: int = 0) -> npt.NDArray[np.int64]:
        """Return how many rows from ``start`` on have each ``Outcome``."""
        counts = np.zeros(len(Outcome), dtype=np.int64)
        for rows in self.chunks(start):
            counts += np.bincount(rows["outcome"], minlength=len(Outcome))
        return counts

    def clear(self) -> None:
        """Forget every row."""
        self._full = []
        self._offset = 0
        self._spill.clear()

    def write(self, path: Path) -> int:
        """Write every row to ``path`` as Parquet, whole or not at all, and return their number; OSError if it fails."""
        return write_samples(path, ({name: rows[name] for name in SAMPLE_COLUMNS} for rows in self.chunks()))
