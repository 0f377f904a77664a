"""What the kernel knows of a thread of this process: how long it ran, and what it waits for."""

from __future__ import annotations

import os

LATELY = 200
"""Looks for which a thread's clock is read after it was last asked for."""
_FUTEX = {"x86_64": b"202", "aarch64": b"98"}.get(os.uname().machine, b"?")


class ThreadClocks:
    """CPU time of threads and what they waited for a core, as the scheduler keeps it (``schedstat`` of each)."""

    def __init__(self) -> None:
        self._files: dict[int, int] = {}
        self._last: dict[int, tuple[int, int]] = {}
        self._since: dict[int, tuple[int, int]] = {}
        self._asked: dict[int, int] = {}
        self._looks = 0

    def look(self, gap: int) -> None:
        """Read the clocks of the threads asked for lately; ``gap`` (ns) is how long ago that was done last."""
        self._looks += 1
        for thread, asked in list(self._asked.items()):
            if self._looks - asked > LATELY:
                self._forget(thread)
            else:
                self._read(thread, gap)

    def since(self, thread: int, gap: int) -> tuple[int, int]:
        """Return nanoseconds of CPU and of waiting for a core between the last two looks.

        Where the kernel does not tell, a thread is taken to have run all the time.
        """
        new = thread not in self._asked
        self._asked[thread] = self._looks
        if new:
            self._read(thread, gap)
        return self._since[thread]

    def just_ran(self, thread: int) -> int:
        """Return nanoseconds of CPU since the last look."""
        try:
            return max(self._clocks(thread)[0] - self._last[thread][0], 0)
        except (OSError, ValueError, KeyError):
            return 0

    def _clocks(self, thread: int) -> tuple[int, int]:
        if thread not in self._files:
            self._files[thread] = os.open("/proc/self/task/%d/schedstat" % thread, os.O_RDONLY | os.O_CLOEXEC)
        cpu, waited = os.pread(self._files[thread], 80, 0).split()[:2]
        return int(cpu), int(waited)

    def _read(self, thread: int, gap: int) -> None:
        try:
            cpu, waited = self._clocks(thread)
        except (OSError, ValueError):  # no such thread any more, or no such file on this system
            self._since[thread] = (gap, 0)
            return
        # Of a thread not seen before, what it can have used since: all, if it has just been born.
        before = self._last.get(thread, (0, 0))
        self._since[thread] = (min(cpu - before[0], gap), min(waited - before[1], gap))
        self._last[thread] = (cpu, waited)

    def _forget(self, thread: int) -> None:
        for known in (self._asked, self._last, self._since):
            known.pop(thread, None)
        if thread in self._files:
            os.close(self._files.pop(thread))


def state(thread: int) -> str:
    """Return ``outside`` of a thread that waits for the kernel (a socket, a disk, a clock), ``lock``, or ``runs``."""
    try:
        with open("/proc/self/task/%d/syscall" % thread, "rb", 0) as file:
            call = file.read(16).split()
    except OSError:  # not shown on this system
        return "runs"
    return "runs" if not call or call[0] == b"running" else "lock" if call[0] == _FUTEX else "outside"
