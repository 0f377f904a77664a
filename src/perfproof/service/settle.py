"""Waits until the workers of a fresh service have finished starting: one healthy worker says nothing of the others."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

STRETCH = 0.1
"""Seconds of one look."""

IDLE_NS = 5_000_000
"""CPU time in one stretch below which a process is not starting up any more: 5 % of a core."""

SETTLE_WITHIN = 5.0
"""Seconds until the waiting ends anyway: a service may have work of its own."""


def wait_until_settled(pids: Callable[[], Sequence[int]], given_up: Callable[[], bool]) -> bool:
    """Wait until the same processes are there at both ends of a stretch and none was busy in it; tell whether so.

    A single process is settled when it is healthy, and costs no waiting. Without this, a worker that is still
    importing looks warm (it uses CPU) and slows the other arm's first blocks.
    """
    deadline = time.monotonic() + SETTLE_WITHIN
    before = _cpu(pids())
    while time.monotonic() < deadline and not given_up():
        if len(before) <= 1:
            return True
        time.sleep(STRETCH)
        now = _cpu(pids())
        if now.keys() == before.keys() and all(now[pid] - before[pid] < IDLE_NS for pid in now):
            return True
        before = now
    return False


def _cpu(pids: Sequence[int]) -> dict[int, int]:
    """Return each process's CPU nanoseconds, by the clock id of clock_getcpuclockid(3)."""
    found = {}
    for pid in pids:
        try:
            found[pid] = time.clock_gettime_ns((~pid << 3) | 2)
        except OSError:
            continue
    return found
