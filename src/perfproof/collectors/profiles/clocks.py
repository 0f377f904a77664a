"""CPU clocks of processes that a profiler looks at."""

from __future__ import annotations

import time
from collections.abc import Iterable


def cpu_of(pids: Iterable[int]) -> int:
    """Return the CPU nanoseconds of processes, all threads together; those that are gone count nothing."""
    total = 0
    for pid in pids:
        try:
            total += time.clock_gettime_ns((~pid << 3) | 2)  # the id of clock_getcpuclockid(3)
        except OSError:
            continue
    return total
