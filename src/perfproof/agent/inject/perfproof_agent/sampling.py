"""A thread that looks at the stacks of all others, at random moments that are on average one interval apart.

pyinstrument's way, a hook on every call, makes Python code three to five times slower, and code that calls much more
than other code: what it calls milliseconds are not those of the service. Looking from outside leaves the service's
code as fast as it was, if three things are seen to:

- A thread that wants the interpreter lock waits until somebody gives it up, which happens at database calls rather
  than in loops. The switch interval is short while a slice is under way, and this thread may run on any core: the
  service's own may be busy with what is to be seen.
- A sample stands for the time since the one before. What the kernel says a thread waited for a core is taken off: it
  is other programs' time. Threads that ran by turns share it as they used their cores; one that waited for the
  interpreter lock meanwhile gets none.
- Moments at equal distances would keep in step with timers of the service and of the kernel.
"""

from __future__ import annotations

import ctypes
import os
import sys
import threading
from _thread import get_ident, start_new_thread
from random import random
from time import sleep
from typing import Any

from . import channel
from .folding import Folder
from .markers import marker
from .profiling import POLL, Clock, hand_on

SWITCH = 0.00005
"""Seconds a thread may keep the interpreter lock when another wants it, while a slice is under way."""
RAN = 20_000
"""Nanoseconds of CPU from which a thread has run since the last sample."""
LATELY = 200
"""Looks for which the clocks of a thread are read after it last worked on a request."""
_TIMER_SLACK = 29  # prctl: the kernel may wake this thread so many nanoseconds late


class ThreadTimes:
    """CPU time, and time waiting for a core, of threads that lately worked on requests, as the scheduler keeps them."""

    def __init__(self) -> None:
        self._files: dict[int, int] = {}
        self._last: dict[int, tuple[int, int]] = {}
        self._since: dict[int, tuple[int, int]] = {}
        self._asked: dict[int, int] = {}
        self._looks = 0

    def look(self, gap: int) -> None:
        """Read the clocks of the threads asked for lately; ``gap`` is how long ago that was done last."""
        self._looks += 1
        for thread, asked in list(self._asked.items()):
            if self._looks - asked > LATELY:
                self._forget(thread)
            else:
                self._read(thread, gap)

    def since(self, thread: int, gap: int) -> tuple[int, int]:
        """Return nanoseconds of CPU and of waiting for one between the last two looks; (0, 0) if nothing is known."""
        new = thread not in self._asked
        self._asked[thread] = self._looks
        if new:
            self._read(thread, gap)
        return self._since.get(thread, (0, 0))

    def _read(self, thread: int, gap: int) -> None:
        try:
            if thread not in self._files:
                self._files[thread] = os.open("/proc/self/task/%d/schedstat" % thread, os.O_RDONLY)
            cpu, waited = map(int, os.pread(self._files[thread], 80, 0).split()[:2])
        except (OSError, ValueError):  # no such thread any more, or no such file on this system
            self._since[thread] = (0, 0)
            return
        young = (0, 0) if cpu + waited <= gap else (cpu, waited)  # all a thread has used, if it has just been born
        before = self._last.get(thread, young)
        self._last[thread] = (cpu, waited)
        self._since[thread] = (cpu - before[0], waited - before[1])

    def _forget(self, thread: int) -> None:
        del self._asked[thread]
        self._last.pop(thread, None)
        self._since.pop(thread, None)
        if thread in self._files:
            os.close(self._files.pop(thread))


class Sampling:
    """The samples of one process."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._folder = Folder(marker)
        self._booked: dict[Any, int] = {}
        self._times = ThreadTimes()
        self._idle: dict[int, tuple[int, int]] = {}
        self._last = self._under_way = 0
        self._usual = sys.getswitchinterval()

    def here(self) -> None:
        """Do nothing: threads are found by looking."""

    def run(self) -> None:
        """Look at the other threads whenever a slice is under way; never returns."""
        _run_anywhere()
        while True:
            sleep(self._clock.interval * (0.5 + random()) / 1e9 if self._under_way else POLL)  # noqa: S311
            try:
                self._step()
            except Exception:  # noqa: BLE001 - never the service's problem
                channel.complain("sampler")
                sleep(POLL)

    def _step(self) -> None:
        if self._under_way:
            self._look()
        slice_ = self._clock.slice()
        if slice_ == self._under_way:
            return
        if self._under_way:
            sys.setswitchinterval(self._usual)
            booked, self._booked = self._booked, {}
            hand_on(self._folder.news(), booked, self._under_way)
        if slice_:
            self._usual = sys.getswitchinterval()
            sys.setswitchinterval(SWITCH)
        self._under_way, self._last = slice_, self._clock.now()

    def _look(self) -> None:
        now = self._clock.now()
        gap, self._last = now - self._last, now
        me = get_ident()
        self._times.look(gap)
        found = []
        for ident, frame in sys._current_frames().items():
            where = (id(frame), frame.f_lasti)
            if ident == me or self._idle.get(ident) == where:
                continue
            request, stack = self._folder.stack(frame)
            if request is None:
                self._idle[ident] = where
            elif request.slice:
                self._idle.pop(ident, None)
                found.append((ident, request, stack))
        if found:
            for (_, request, stack), ns in zip(found, self._shares([each[0] for each in found], gap)):
                if ns > 0:
                    key = (request.slice, request.number, tuple(reversed(stack)))
                    self._booked[key] = self._booked.get(key, 0) + ns

    def _shares(self, threads: list[int], gap: int) -> list[int]:
        """Return how much of the time since the last sample is booked on each thread's stack."""
        natives = [getattr(threading._active.get(thread), "native_id", 0) or 0 for thread in threads]  # type: ignore[attr-defined]
        used = [self._times.since(native, gap) if native else (0, 0) for native in natives]
        if len(threads) == 1:
            return [max(gap - used[0][1], 0)]
        running = sum(cpu for cpu, _ in used if cpu >= RAN)
        factor = max(1.0, gap / running) if running else 1.0
        return [
            min(int(cpu * factor), gap) if cpu >= RAN else 0 if running and _waits_for_lock(native) else gap
            for native, (cpu, _) in zip(natives, used)
        ]


def _waits_for_lock(native: int) -> bool:
    """Tell whether a thread waits for a lock, such as the interpreter's, and not for something outside."""
    try:
        with open("/proc/self/task/%d/syscall" % native, "rb") as file:
            return file.read(16).split()[0] == _FUTEX
    except (OSError, IndexError):
        return True


_FUTEX = {"x86_64": b"202", "aarch64": b"98"}.get(os.uname().machine, b"?")


def _run_anywhere() -> None:
    """Let this thread run on every core, and be woken on time."""
    try:
        os.sched_setaffinity(0, range(os.cpu_count() or 1))
        ctypes.CDLL(None).prctl(_TIMER_SLACK, 1, 0, 0, 0)
    except (OSError, AttributeError):
        pass


def start(clock: Clock) -> Sampling:
    """Start the thread of this process, outside of what the ``threading`` module knows of."""
    sampling = Sampling(clock)
    start_new_thread(sampling.run, ())
    return sampling
