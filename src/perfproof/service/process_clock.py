"""One process as seen through /proc: its CPU clock, its account of reaped children, its memory."""

from __future__ import annotations

import contextlib
import os
import time
import weakref
from dataclasses import dataclass
from pathlib import Path

TICK_NS = 1_000_000_000 // os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")

_STATE, _PARENT, _UTIME, _STIME, _CUTIME, _CSTIME, _START = 0, 1, 11, 12, 13, 14, 19
"""Places in /proc/PID/stat after the name; see proc(5), fields 3, 4, 14-17 and 22."""


@dataclass(frozen=True)
class Shares:
    """Memory in bytes: ``pss`` counts a page shared by n processes as 1/n, ``uss`` counts only unshared pages."""

    pss: int
    uss: int


class Process:
    """A process, told apart from any later one with its pid by open files: they fail for good once it is reaped.

    ``own_ns`` is the CPU time of all its threads; ``total_ns`` adds its children that have ended.
    ``seen_of_gone_ns`` is what was last seen of those children. ``rss`` is in bytes; a zombie has none.
    """

    @staticmethod
    def open(pid: int) -> Process | None:
        """Return the process, or None when it is gone or may not be seen."""
        try:
            process = Process(pid)
        except OSError:
            return None
        return process if process.read() else None

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.parent = 0
        self.start_ticks = 0
        self.own_ns = 0
        self.rss = 0
        self.seen_of_gone_ns = 0
        self.worker = False
        self.zombie = False
        self._reaped_ticks = 0
        self._earlier_ticks = 0
        self._stat = os.open(f"/proc/{pid}/stat", os.O_RDONLY | os.O_CLOEXEC)
        weakref.finalize(self, os.close, self._stat)
        self._statm = os.open(f"/proc/{pid}/statm", os.O_RDONLY | os.O_CLOEXEC)
        weakref.finalize(self, os.close, self._statm)

    @property
    def total_ns(self) -> int:
        """Return own CPU time and that of children that ended, as far as either account knows of them."""
        reaped = (self._reaped_ticks - self._earlier_ticks) * TICK_NS
        return self.own_ns + max(reaped, self.seen_of_gone_ns)

    def ignore_earlier_children(self) -> None:
        """Leave children that ended before this moment out of ``total_ns``."""
        self._earlier_ticks = self._reaped_ticks

    def age(self) -> float:
        """Return the seconds since the process started."""
        return time.clock_gettime(time.CLOCK_BOOTTIME) - self.start_ticks * TICK_NS / 1e9

    def read(self) -> bool:
        """Read the clocks; False when the process is gone."""
        # The clock first: it goes by the pid, and only the open file can tell afterwards that it was still the same
        # process. clock_gettime(2) on another process's CPU clock (the id is clock_getcpuclockid(3)'s) gives
        # nanoseconds over all threads, live and ended; /proc/PID/stat has the same in ticks of 10 ms.
        try:
            exact = time.clock_gettime_ns((~self.pid << 3) | 2)
        except OSError:
            exact = 0
        try:
            fields = os.pread(self._stat, 1024, 0).rpartition(b")")[2].split()
        except OSError:
            return False
        if len(fields) <= _START or fields[_STATE] == b"X":
            return False
        self.parent = int(fields[_PARENT])
        self.start_ticks = int(fields[_START])
        self._reaped_ticks = int(fields[_CUTIME]) + int(fields[_CSTIME])
        ticks = (int(fields[_UTIME]) + int(fields[_STIME])) * TICK_NS
        self.own_ns = max(self.own_ns, exact or ticks)
        return self._measure()

    def glance(self) -> bool:
        """Read the CPU clock and RSS only (a fifth of the cost of ``read``); False when the process is gone."""
        with contextlib.suppress(OSError):
            exact = time.clock_gettime_ns((~self.pid << 3) | 2)
            if not self._measure():
                return False
            self.own_ns = max(self.own_ns, exact)
            return True
        return self.read()

    def _measure(self) -> bool:
        """Take in RSS, in bytes; False when the process is gone."""
        try:
            self.rss = int(os.pread(self._statm, 256, 0).split(None, 2)[1]) * PAGE
        except (OSError, IndexError):
            return False
        self.zombie = self.rss == 0
        return True

    def peak_rss(self) -> int:
        """Return the kernel's high-water mark of resident bytes; 0 when it cannot be read."""
        return _kilobytes(self._file("status"), b"VmHWM:")

    def shares(self) -> Shares | None:
        """Return PSS and USS; zeros when the process is just gone, None when they may not be read.

        Opened anew each time, unlike ``stat``: an open smaps_rollup stays with the memory from before an exec.
        """
        text = self._file("smaps_rollup") or self._file("smaps")
        if not text:
            return None if self._measure() and self.rss else Shares(0, 0)
        return Shares(
            pss=_kilobytes(text, b"Pss:"),
            uss=_kilobytes(text, b"Private_Clean:") + _kilobytes(text, b"Private_Dirty:"),
        )

    def _file(self, name: str) -> bytes:
        try:
            return Path(f"/proc/{self.pid}/{name}").read_bytes()
        except OSError:
            return b""


def _kilobytes(text: bytes, key: bytes) -> int:
    """Return the sum of all ``key`` lines of a /proc file, in bytes."""
    return 1024 * sum(int(line.split()[1]) for line in text.splitlines() if line.startswith(key))
