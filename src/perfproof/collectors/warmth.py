"""Which worker processes have served: a kernel hands connections to workers unevenly, and a cold one distorts tails."""

from __future__ import annotations

import statistics
from collections.abc import Collection, Mapping

IDLE_NS = 5_000_000
"""CPU time below which a process may have done nothing but its heartbeat."""

IDLE_SHARE = 0.1
"""Share of a busy process's CPU time below which a process counts as idle."""


def cold(before: Mapping[int, int], after: Mapping[int, int], serving: Collection[int]) -> tuple[int, ...]:
    """Return which of the ``serving`` processes did nothing between two readings of CPU nanoseconds by pid.

    Cold is less than 10 % of the median of the busy ones and less than 5 ms; busy are those above 10 % of the busiest.
    A process that was not there before is counted from zero, one that is gone is left out. If nobody did anything,
    everybody is cold.
    """
    used = {pid: after[pid] - before.get(pid, 0) for pid in serving if pid in after}
    if not used:
        return ()
    most = max(used.values())
    typical = statistics.median(value for value in used.values() if value >= IDLE_SHARE * most)
    return tuple(
        sorted(pid for pid, value in used.items() if value < IDLE_NS and (value < IDLE_SHARE * typical or most <= 0))
    )
