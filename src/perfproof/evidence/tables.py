"""Columns of NumPy arrays as Parquet files, with a fixed set of columns and types."""

from __future__ import annotations

import io
import stat
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from perfproof.core.files import write_whole
from perfproof.evidence import limits
from perfproof.evidence.formats import damaged

Columns = Mapping[str, npt.NDArray[Any]]


def write_table(path: Path, columns: Columns, kinds: Mapping[str, str]) -> None:
    """Write ``columns`` (those named in ``kinds``, as those NumPy types) to ``path``, whole or not at all.

    Raises ``OSError`` when the disk refuses, ``KeyError`` for a missing column and ``ValueError`` for unequal lengths.
    """
    arrays = {name: to_arrow(np.asarray(columns[name]).astype(kind, copy=False)) for name, kind in kinds.items()}
    buffer = io.BytesIO()  # a round's table is some MB; through memory, the errors of the disk are Python's own
    pq.write_table(pa.table(arrays), buffer, compression="zstd", write_page_checksum=True)
    write_whole(path, buffer.getvalue())


def to_arrow(column: npt.NDArray[Any]) -> pa.Array:
    """Return a column of numbers as Arrow has it.

    Not by ``pa.array``: that imports pandas, where it is installed, to see whether the column is one of its own, which
    takes longer than everything else that is written.
    """
    return pa.Array.from_buffers(
        pa.from_numpy_dtype(column.dtype), len(column), [None, pa.py_buffer(np.ascontiguousarray(column))]
    )


def join_tables(path: Path, parts: Sequence[Path], kinds: Mapping[str, str]) -> None:
    """Write the rows of all ``parts`` (tables of these columns), in their order, to ``path``; errors as both."""
    tables = [read_table(part, kinds) for part in parts]
    write_table(path, {name: np.concatenate([table[name] for table in tables]) for name in kinds}, kinds)


def empty_table(kinds: Mapping[str, str]) -> dict[str, npt.NDArray[Any]]:
    """Return columns without rows."""
    return {name: np.empty(0, dtype=kind) for name, kind in kinds.items()}


def read_table(path: Path, kinds: Mapping[str, str]) -> dict[str, npt.NDArray[Any]]:
    """Return the columns named in ``kinds``, read-only; ``EvidenceError`` if the file is missing or damaged.

    Columns that are not named are not read, so a later version may add some. Not memory-mapped: pages are compressed
    anyway, and a file cut short while it is mapped would end the program by a signal instead of an error.
    """
    with _opened(path, kinds) as file:
        table = file.read(columns=list(kinds))
        return {name: _array(path, table.column(name), name, kind) for name, kind in kinds.items()}


def check_table(path: Path, kinds: Mapping[str, str]) -> None:
    """Raise ``EvidenceError`` unless ``path`` is a whole table with the columns of ``kinds``; reads no rows."""
    with _opened(path, kinds):
        pass


@contextmanager
def _opened(path: Path, kinds: Mapping[str, str]) -> Iterator[pq.ParquetFile]:
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise damaged(path, "it is not an ordinary file")
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            missing = [name for name in kinds if name not in file.schema_arrow.names]
            if missing:
                raise damaged(path, f"it has no column {', '.join(missing)}")
            for name, kind in kinds.items():  # before it is read: texts may be of any length
                if not pa.types.is_integer(found := file.schema_arrow.field(name).type):
                    raise damaged(path, f"column {name} should be {kind}: it holds {found}")
            limits.check_table(path, _rows(file.metadata), sum(np.dtype(kind).itemsize for kind in kinds.values()))
            yield file
    except FileNotFoundError:
        raise damaged(path, "the file is missing") from None
    except limits.TooLargeError as error:
        raise damaged(path, str(error)) from error
    except (pa.ArrowException, OSError) as error:
        raise damaged(path, str(error).splitlines()[0]) from error


def _rows(metadata: Any) -> int:
    """Return how many rows there are at most: the file, its groups and their columns may each say another number."""
    total = 0
    for group in (metadata.row_group(number) for number in range(metadata.num_row_groups)):
        total += max([group.num_rows, *(group.column(each).num_values for each in range(group.num_columns))])
    return max(int(metadata.num_rows), total)


def _array(path: Path, column: Any, name: str, kind: str) -> npt.NDArray[Any]:
    if column.null_count:
        raise damaged(path, f"column {name} has empty cells")
    wanted = pa.from_numpy_dtype(np.dtype(kind))
    if column.type != wanted:
        try:
            column = column.cast(wanted)
        except pa.ArrowException as error:
            raise damaged(path, f"column {name} should be {kind}: {error}") from error
    # Not by ``to_numpy``, which imports pandas, see ``to_arrow``. The chunks have no empty cells, so no mask.
    chunks = [
        np.frombuffer(chunk.buffers()[1], kind, len(chunk), chunk.offset * np.dtype(kind).itemsize)
        for chunk in column.chunks
        if len(chunk)
    ]
    array = chunks[0] if len(chunks) == 1 else np.concatenate(chunks) if chunks else np.empty(0, kind)
    array.flags.writeable = False
    return array
