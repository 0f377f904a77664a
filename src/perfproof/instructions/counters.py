"""The processor's own counters, read through the kernel: nothing is slowed down, and nothing has to be installed.

One event for every thread of the service, user mode alone, inherited by the threads and processes that it starts. The
kernel call is made directly (``man 2 perf_event_open``): ``perf stat`` does the same but has to be installed and fit
the kernel, and prints what would have to be parsed.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import struct
from contextlib import suppress
from pathlib import Path

from perfproof.instructions.source import Processes, UncountableError
from perfproof.model.instructions import Source
from perfproof.model.scenario import Arm

SYSCALLS = {"x86_64": 298, "aarch64": 241, "riscv64": 241, "ppc64le": 319, "s390x": 331}
"""Number of perf_event_open by architecture."""
HARDWARE, INSTRUCTIONS = 0, 1
PARANOID = Path("/proc/sys/kernel/perf_event_paranoid")
MOST_PARANOID = 2
"""Up to this setting the kernel lets anyone count their own processes in user mode."""
_INHERIT, _EXCLUDE_KERNEL, _EXCLUDE_HV = 1 << 1, 1 << 5, 1 << 6
_ENABLED_AND_RUNNING = 1 | 2
_CLOSE_ON_EXEC = 8
_SIZE = 112
_FORBIDDEN = "allow it: `sudo sysctl kernel.perf_event_paranoid=2`, or in a container `--cap-add PERFMON`"


class HardwareCounters:
    """A Counter that asks the processor. ``event`` is the kernel's (type, config) of what is counted."""

    name: Source = "counters"
    slowdown = 1.0
    missed = 0
    forked = 0

    def __init__(self, event: tuple[int, int] = (HARDWARE, INSTRUCTIONS)) -> None:
        self._event = event
        self._events: dict[int, int] = {}
        self._last = 0
        os.close(_open(*event, 0))  # of this process: whether there are counters is known before anything is started

    def arm(self, arm: Arm) -> Arm:
        """Return the arm as it is."""
        return arm

    def begin(self, processes: Processes) -> None:
        """Open an event for every thread there is."""
        for pid in processes():
            for thread in _threads(pid):
                with suppress(ProcessLookupError):  # it has ended meanwhile
                    self._events[thread] = _open(*self._event, thread)
        if not self._events:
            raise UncountableError("the service has no process on this machine")
        self._last = self._total()

    def take(self) -> int:
        """Return what was executed since.

        Threads and processes that were started meanwhile are in the sums of those that started them.
        """
        total = self._total()
        found, self._last = total - self._last, total
        return found

    def graph(self) -> None:
        """Return nothing: a counter knows no functions."""

    def close(self) -> None:
        """Close every event."""
        while self._events:
            os.close(self._events.popitem()[1])

    def _total(self) -> int:
        """Return the sum over all threads, ended ones and children included.

        Where the kernel had to share a counter between events it ran part of the time, and the figure is an estimate
        that this bar of sharpness cannot take.
        """
        total = 0
        for event in self._events.values():
            value, enabled, running = struct.unpack("QQQ", os.read(event, 24))
            if running < enabled * 0.999:
                raise UncountableError(
                    "the processor's counters are shared with another tool",
                    why=f"ours ran {running / enabled:.0%} of the time",
                    hint="end other profilers of this machine, or take `--by callgrind`",
                )
            total += value
        return total


def _rule() -> str | None:
    """Return what the kernel's rule is set to, where it can be read; containers may forbid the call itself."""
    try:
        setting = int(PARANOID.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None
    also = "" if setting > MOST_PARANOID else ", which would do: a container or another rule forbids the call itself"
    return f"kernel.perf_event_paranoid is {setting}{also}"


def _threads(pid: int) -> list[int]:
    try:
        return [int(each.name) for each in Path(f"/proc/{pid}/task").iterdir()]
    except OSError:
        return []


def _open(kind: int, config: int, thread: int) -> int:
    """Return the descriptor of a new event; UncountableError if there is no such thing here, or it is forbidden."""
    number = SYSCALLS.get(platform.machine())
    if number is None:
        raise UncountableError(f"counters of {platform.machine()} are not known here")
    flags = _INHERIT | _EXCLUDE_KERNEL | _EXCLUDE_HV
    attributes = struct.pack("IIQQQQQ", kind, _SIZE, config, 0, 0, _ENABLED_AND_RUNNING, flags).ljust(_SIZE, b"\0")
    libc = ctypes.CDLL(None, use_errno=True)
    found = libc.syscall(number, ctypes.c_char_p(attributes), thread, -1, -1, _CLOSE_ON_EXEC)
    if found >= 0:
        return int(found)
    code = ctypes.get_errno()
    if code == errno.ESRCH:
        raise ProcessLookupError
    if code in (errno.EACCES, errno.EPERM):
        raise UncountableError("the kernel does not lend the processor's counters", why=_rule(), hint=_FORBIDDEN)
    if code in (errno.ENOENT, errno.ENODEV, errno.EOPNOTSUPP, errno.ENXIO):
        raise UncountableError("the processor's counters are not there, as on most virtual machines")
    if code == errno.ENOSYS:
        raise UncountableError("the kernel was built without performance events")
    raise UncountableError("the processor's counters cannot be opened", why=os.strerror(code))
