"""What the looks at a process tree say about its memory: pure functions over PROCESS_COLUMNS."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

UNREAD = -1
"""Stands in PROCESS_COLUMNS for a figure that was not read at that instant."""


@dataclass(frozen=True)
class TreeSummary:
    """Memory (bytes over the tree; None: not measured) and processes of one arm in one round, as ``ArmRound`` wants it.

    ``memory_start`` is the first full look, ``memory_steady`` the median of the second half of the rows,
    ``memory_peak`` the largest; ``processes`` is the most at a time, ``restarts`` counts workers that were replaced.
    """

    memory_start: int | None
    memory_peak: int | None
    memory_steady: int | None
    memory_kind: Literal["pss", "uss", "rss", "none"]
    restarts: int
    processes: int


def summarise(columns: Mapping[str, npt.NDArray[Any]], *, peak_rss: int, restarts: int) -> TreeSummary:
    """Return what rows of PROCESS_COLUMNS amount to.

    ``peak_rss`` is the kernel's high-water mark of the only process, 0 if there were several. It is a mark of RSS; the
    peak in PSS is that mark less what RSS and PSS differed by in the full looks (their median), because the libraries
    that other processes share hardly move. Several processes have their peaks at different times, so that their marks
    must not be summed: then the largest row is the peak.
    """
    processes = int(columns["processes"].max(initial=0))
    full = (columns["pss"] >= 0) & (columns["processes"] > 0)
    kind: Literal["pss", "rss"] = "pss" if full.any() else "rss"
    values = in_pss(columns, full) if full.any() else columns["rss"][columns["processes"] > 0]
    if not len(values):
        return TreeSummary(None, None, None, "none", restarts, processes)
    shared = int(np.median(columns["rss"][full] - columns["pss"][full])) if full.any() else 0
    return TreeSummary(
        memory_start=int(columns["pss"][full][0] if full.any() else values[0]),
        memory_peak=max(int(values.max()), peak_rss - shared if processes == 1 else 0),
        memory_steady=int(np.median(values[len(values) // 2 :])),
        memory_kind=kind,
        restarts=restarts,
        processes=processes,
    )


def in_pss(columns: Mapping[str, npt.NDArray[Any]], full: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
    """Return the memory of the tree in PSS bytes at every row where it is known.

    Full looks know it. Between two of them it is RSS less what RSS and PSS differ by, interpolated in time, as long as
    the number of processes is that of both: a worker more or less changes what is shared at once.
    """
    at = np.flatnonzero(full)
    rows = np.arange(len(full))
    after = np.searchsorted(at, rows).clip(max=len(at) - 1)
    before = (np.searchsorted(at, rows, side="right") - 1).clip(min=0)
    count = columns["processes"]
    known = full | ((count > 0) & (count == count[at[after]]) & (count == count[at[before]]))
    shared = np.interp(columns["t_ns"], columns["t_ns"][at], (columns["rss"] - columns["pss"])[at])
    filled: npt.NDArray[np.int64] = np.rint(columns["rss"] - shared).astype(np.int64)[known]
    return filled
