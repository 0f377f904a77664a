"""What the generator and the machine went through while load ran."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from time import process_time_ns

_TICK_NS = 1_000_000_000 // os.sysconf("SC_CLK_TCK")
_LOOK_EVERY_NS = 100_000_000
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


@dataclass(frozen=True)
class Usage:
    """What this process used and waited for, and what the machine lost, in ns since some beginning."""

    cpu_ns: int
    waited_ns: int
    steal_ns: int

    @classmethod
    def now(cls) -> Usage:
        """Return the clocks; of two readings the difference counts."""
        return cls(process_time_ns(), waited_ns(), steal_ns())

    def since(self, before: Usage) -> Usage:
        """Return what was used since an earlier reading."""
        return Usage(self.cpu_ns - before.cpu_ns, self.waited_ns - before.waited_ns, self.steal_ns - before.steal_ns)


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


class RunQueue:
    """How many programs of this machine were running or ready to run, on average since ``reset`` (0: unknown).

    Looked at ten times a second: /proc/loadavg costs the kernel some microseconds, /proc/stat a hundred times that.
    """

    def __init__(self) -> None:
        self._file = -1
        with suppress(OSError):
            self._file = os.open("/proc/loadavg", os.O_RDONLY)
        self.reset()

    def reset(self) -> None:
        """Start anew."""
        self._looks = self._seen = self._next = 0

    def tick(self, now: int) -> None:
        """Look, if it is time to; called every few milliseconds."""
        if now < self._next or self._file < 0:
            return
        self._next = now + _LOOK_EVERY_NS
        try:
            self._seen += int(os.pread(self._file, 100, 0).split()[3].partition(b"/")[0])
            self._looks += 1
        except (OSError, IndexError, ValueError):
            self._file = -1

    @property
    def mean(self) -> float:
        """Return the mean over all looks."""
        return self._seen / self._looks if self._looks else 0.0
