"""Writes samples as Parquet, whole or not at all, from any number of chunks or of parts by other workers."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from perfproof.errors import LoadError
from perfproof.model.recording import HISTOGRAM_COLUMNS, SAMPLE_COLUMNS, Outcome

Columns = Mapping[str, npt.NDArray[Any]]

_SUMMED = ("count", "total_ns", "bytes", "late")
_TIMES = ("intended_ns", "sent_ns", "first_byte_ns", "done_ns")


@dataclass(frozen=True)
class WorkerPart:
    """What one worker recorded: a file, and by (arm, pair) how far its clock was ahead of ours in that block (ns)."""

    path: Path
    ahead: Mapping[tuple[int, int], int] = field(default_factory=dict)


@contextmanager
def writing(what: str) -> Iterator[None]:
    """Say that ``what`` cannot be written, as a LoadError, where an OSError says why."""
    try:
        yield
    except OSError as error:
        raise LoadError(f"cannot write {what}", why=error.strerror or str(error)) from error


def write_samples(path: Path, chunks: Iterable[Columns], kinds: Mapping[str, str] = SAMPLE_COLUMNS) -> int:
    """Write the chunks to ``path``, one row group each, and return the number of requests; OSError if that fails.

    Written under another name in the same directory, flushed to the disk, then renamed.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    from perfproof.evidence.tables import to_arrow

    schema = pa.schema([(name, pa.from_numpy_dtype(np.dtype(kind))) for name, kind in kinds.items()])
    partial = path.with_name(path.name + ".partial")
    rows = 0
    try:
        with partial.open("wb") as file:
            with pq.ParquetWriter(file, schema, compression="zstd", write_page_checksum=True) as writer:
                for chunk in chunks:
                    columns = {name: np.asarray(chunk[name]).astype(kind, copy=False) for name, kind in kinds.items()}
                    arrays = {name: to_arrow(column) for name, column in columns.items()}
                    writer.write_table(pa.table(arrays, schema=schema))
                    rows += int((columns["outcome"] != int(Outcome.MESSAGE)).sum())
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
    return rows


def write_histograms(path: Path, chunks: Sequence[Columns]) -> int:
    """Write the buckets of ``chunks`` to ``path`` and return the number of their requests; OSError if that fails."""
    write_samples(path, chunks, HISTOGRAM_COLUMNS)
    return sum(int(chunk["count"][chunk["since"] == 0].sum()) for chunk in chunks)


def merge_histograms(path: Path, parts: Sequence[WorkerPart]) -> int:
    """Write one histogram of what all parts have counted, bucket by bucket; errors as ``write_samples``.

    Nothing is lost, and durations do not depend on whose clock measured them.
    """
    import pyarrow.parquet as pq

    tables = [pq.read_table(part.path) for part in parts]
    columns = {name: np.concatenate([table[name].to_numpy() for table in tables]) for name in HISTOGRAM_COLUMNS}
    keys = [columns[name] for name in HISTOGRAM_COLUMNS if name not in _SUMMED]
    order = np.lexsort(keys[::-1])
    keys = [key[order] for key in keys]
    first = np.ones(len(order), dtype=np.bool_)
    if len(order):
        first[1:] = np.logical_or.reduce([key[1:] != key[:-1] for key in keys])
    starts = np.flatnonzero(first)
    merged = {
        name: np.add.reduceat(column[order], starts) if name in _SUMMED else column[order][starts]
        for name, column in columns.items()
    }
    return write_histograms(path, [merged] if len(order) else [])


def merge_parts(path: Path, parts: Sequence[WorkerPart]) -> int:
    """Write the samples of all parts to ``path``, their times as of our clock; errors as ``write_samples``."""
    return write_samples(path, (chunk for part in parts for chunk in _chunks(part)))


def _chunks(part: WorkerPart) -> Iterator[Columns]:
    import pyarrow.parquet as pq

    with pq.ParquetFile(part.path, page_checksum_verification=True) as file:
        for number in range(file.num_row_groups):
            table = file.read_row_group(number)
            yield _by_our_clock({name: table[name].to_numpy() for name in SAMPLE_COLUMNS}, part.ahead)


def _by_our_clock(columns: dict[str, npt.NDArray[Any]], ahead: Mapping[tuple[int, int], int]) -> Columns:
    for (arm, pair), nanoseconds in ahead.items():
        if nanoseconds:
            mine = (columns["arm"] == arm) & (columns["pair"] == pair)
            for name in _TIMES:
                # 0 means that it never came to that, and stays 0.
                columns[name] = np.where(mine & (columns[name] != 0), columns[name] - nanoseconds, columns[name])
    return columns
