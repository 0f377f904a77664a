"""What the generator and the machine went through while load ran."""

from __future__ import annotations

import os
from pathlib import Path

_TICK_NS = 1_000_000_000 // os.sysconf("SC_CLK_TCK")
_STEAL = 8  # field of the "cpu" line of /proc/stat, see proc_stat(5)


def steal_ns() -> int:
    """Return the time the hypervisor has taken from all CPUs of this machine since it started, in ns (0: unknown)."""
    try:
        first = Path("/proc/stat").read_text(encoding="ascii").split("\n", 1)[0].split()
        return int(first[_STEAL]) * _TICK_NS
    except (OSError, IndexError, ValueError):
        return 0


def waited_ns() -> int:
    """Return how long this process has been ready to run and waited for a CPU, in ns (0: unknown).

    The second figure of /proc/self/schedstat, of the main thread, which is the one that sends (see proc(5)).
    """
    try:
        return int(Path("/proc/self/schedstat").read_text(encoding="ascii").split()[1])
    except (OSError, IndexError, ValueError):
        return 0


class Lag:
    """How long the event loop was held up: the worst delay of a regular tick since ``reset``, in ns."""

    def __init__(self, every_ns: int) -> None:
        self._every = every_ns
        self._expected = 0
        self.worst = 0

    def reset(self, expected: int) -> None:
        """Start anew; the next tick is expected at ``expected``."""
        self._expected = expected
        self.worst = 0

    def tick(self, now: int) -> None:
        """Note a tick that came at ``now``."""
        self.worst = max(self.worst, now - self._expected)
        # Ticks that were missed while held up are not owed: the next is due at the next whole step.
        self._expected += self._every * max(1, -(-(now - self._expected) // self._every))
