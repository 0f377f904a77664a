"""A thread that looks at the stacks of all others, at random moments that are on average one interval apart.

pyinstrument's way, a hook on every call, makes Python code two to five times slower, and code that calls much more than
other code: what it calls milliseconds are not those of the service. Looking from outside leaves the service's code as
fast as it was, if some things are seen to:

- A thread that wants the interpreter lock waits until somebody gives it up, which happens at database calls rather
  than in loops. The switch interval is short while a slice is under way, and this thread keeps off the service's cores.
- How long a moment lasted depends on what else the machine does. So samples only say how the CPU time of a slice, which
  the kernel knows exactly, is to be shared among stacks: without that between requests (``between.py``). Waiting for a
  core or for the interpreter lock is no CPU time and thus in no figure. Waiting for something outside, such as a
  database, counts by the clock.
- Moments at equal distances would keep in step with timers of the service and of the kernel.
"""

from __future__ import annotations

import ctypes
import gc
import os
import sys
import threading
from _thread import get_ident, start_new_thread
from contextlib import contextmanager
from random import random
from time import process_time_ns, sleep, thread_time_ns
from typing import Any, Iterator

from . import channel
from .between import between
from .children import child
from .folding import Folder
from .markers import marker
from .profiling import POLL, Clock, hand_on
from .threads import ThreadClocks, state

SWITCH = 0.00005
"""Seconds a thread may keep the interpreter lock when another wants it, while a slice is under way."""
RAN = 10_000
"""Nanoseconds of CPU from which a thread has run since the last sample."""
JUST = 5_000
"""Nanoseconds of CPU from which a thread has run while this one looked."""
GIVEN_UP = 0.0001
"""Seconds in which a thread that waits for the interpreter lock surely wakes up and takes it."""
_TIMER_SLACK = 29  # prctl: the kernel may wake this thread so many nanoseconds late


class Booked:
    """What one slice came to: waits in nanoseconds, and shares of its CPU time, by slice, request and stack.

    The CPU time of threads in which requests begin is shared among their own stacks, and that of all others (pools of
    threads) among theirs, so that bursts too short to be seen in the one are not booked on what is seen in the other.
    """

    def __init__(self) -> None:
        self.waited: dict[Any, int] = {}
        self.ran: tuple[dict[Any, float], dict[Any, float]] = ({}, {})
        """Shares in other threads, and in those where requests begin; under None what belongs to no request."""
        self._used = _used()

    def lines(self) -> dict[Any, int]:
        """Return nanoseconds by slice, request and stack; to be called by the thread that made this."""
        found = dict(self.waited)
        for ran, after, before in zip(self.ran, _used(), self._used):
            shares = sum(ran.values())
            for key, share in ran.items():
                if key is not None and shares:  # none: whatever was seen had waited for a core all the time
                    found[key] = found.get(key, 0) + int(max(after - before, 0) * share / shares)
        return found


def _used() -> tuple[int, int]:
    """Return the CPU time of this process so far, in nanoseconds, without this thread's and that between requests.

    First that of threads in which no request begins, then that of the others.
    """
    requests, rest = between.used()
    return process_time_ns() - thread_time_ns() - requests - rest, requests


class Sampling:
    """The samples of one process."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._folder = Folder(marker)
        self._booked = Booked()
        self._threads = ThreadClocks()
        self._idle: dict[int, tuple[int, int]] = {}
        self._last = self._under_way = 0
        self._usual = sys.getswitchinterval()

    def here(self) -> None:
        """Do nothing: threads are found by looking."""

    def run(self) -> None:
        """Look at the other threads whenever a slice is under way; never returns."""
        _run_elsewhere()
        while True:
            # At random moments: with an even interval, the kernel's timer ticks make requests begin in step with it.
            sleep(self._clock.interval * (0.5 + random()) / 1e9 if self._under_way else POLL)  # noqa: S311
            try:
                self._step()
            except Exception:  # noqa: BLE001 - never the service's problem
                channel.complain("sampler")
                sleep(POLL)

    def _step(self) -> None:
        if self._under_way:
            with _no_collection():
                self._look()
        slice_ = self._clock.slice()
        if slice_ == self._under_way:
            return
        # Noted first: what fails below costs this slice, not all that come after it.
        ended, self._under_way, self._last = self._under_way, slice_, self._clock.now()
        if ended:
            sys.setswitchinterval(self._usual)
            hand_on(self._folder.news(), self._booked.lines(), ended)
        if slice_:
            # Only while a slice is under way: a shorter interval costs every thread of the service switches.
            self._usual = sys.getswitchinterval()
            sys.setswitchinterval(SWITCH)
            self._booked, self._last = Booked(), self._clock.now()

    def _look(self) -> None:
        seen = self._stacks()
        now = self._clock.now()
        gap, self._last = now - self._last, now
        self._threads.look(gap)
        running: dict[int, Any] = {}
        locked: dict[int, Any] = {}
        weights: dict[int, int] = {}
        for ident, where, begins, key in seen:
            native = _native(ident)
            cpu, starved = self._threads.since(native, gap)
            doing = state(native)
            if doing == "outside" and _where(ident) != where:
                doing = "runs"  # and has come to wait since
            if doing == "outside" or (cpu < RAN and key is None):
                if key is None:
                    self._idle[ident] = where
                else:
                    self._wait(key, gap)
                continue
            self._idle.pop(ident, None)
            weights[native] = max(min(gap - starved, 2 * self._clock.interval), 0)
            if doing == "lock" and (cpu >= RAN or starved < gap // 4):
                locked[native] = (begins, key)
            elif cpu >= RAN:
                running[native] = (begins, key)
        self._share(running, locked, weights, gap)

    def _stacks(self) -> list[tuple[int, Any, bool, Any]]:
        """Return of every thread that is not idle its ident, place, whether requests begin in it, and key, if any.

        Nothing here gives up the interpreter lock: reading a clock first would let threads go on, and then whatever is
        short, such as what a server does between requests, is over before it is seen.
        """
        seen = []
        me = get_ident()
        for ident, frame in sys._current_frames().items():
            where = (id(frame), frame.f_lasti)
            if ident == me or self._idle.get(ident) == where or between.idles(ident):
                continue
            request, stack = self._folder.stack(frame)
            noted = child(ident) if request is None else None
            if noted is not None:
                stack = self._folder.stack(frame, noted.root)[1]
                request = noted.request if stack else None
            key = None
            if request is not None and request.slice:
                key = (request.slice, request.number, tuple(reversed(stack)))
            seen.append((ident, where, between.knows(ident), key))
        return seen

    def _share(self, running: dict[int, Any], locked: dict[int, Any], weights: dict[int, int], gap: int) -> None:
        """Share a sample among the threads that run, and book the wait of those that wait for a lock.

        Which lock that is shows when this thread reads a clock, as it has done before it saw the stacks and does now:
        it gives up the interpreter lock meanwhile, and those that wait for that one run. If none did, all wait for
        another lock, such as that of a pool of connections.
        """
        asked = (*locked, *(running if len(running) > 1 else ()))
        ran = {native: self._threads.just_ran(native) for native in asked}
        if locked and not running and max(ran.values()) < JUST:
            sleep(GIVEN_UP)  # reading a clock may be over before another thread has woken up
            ran = {native: self._threads.just_ran(native) for native in asked}
        waiting = [native for native in locked if ran[native] < JUST]
        shares = {native: ran.get(native, 1) for native in (*running, *locked) if native not in waiting}
        total = sum(shares.values())
        for native, share in shares.items():
            begins, key = running.get(native) or locked[native]
            if share:
                booked = self._booked.ran[begins]
                booked[key] = booked.get(key, 0.0) + weights[native] * share / total
        if not total:
            for native in waiting:
                if locked[native][1] is not None:
                    self._wait(locked[native][1], gap)

    def _wait(self, key: Any, ns: int) -> None:
        self._booked.waited[key] = self._booked.waited.get(key, 0) + ns


@contextmanager
def _no_collection() -> Iterator[None]:
    """Keep the garbage collector off.

    CPython 3.11 makes the objects of frames as they are asked for, and may collect garbage for that: a finalizer then
    gives up the interpreter lock in the middle of ``f_back``, the thread that is looked at goes on, and what is behind
    its frame is no frame any more. Services died of it (Django on asyncio, in every other profile); where threads only
    go on between two steps of the walk, their frames are handed over whole. Other versions are not concerned.
    """
    on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if on:
            gc.enable()


def _where(ident: int) -> Any:
    """Return the place in the code that a thread is at."""
    frame = sys._current_frames().get(ident)
    return None if frame is None else (id(frame), frame.f_lasti)


def _native(ident: int) -> int:
    """Return the kernel's number of a thread."""
    if ident == threading.main_thread().ident:
        return os.getpid()  # after a fork, Python 3.11's own number is still the parent's
    return getattr(threading._active.get(ident), "native_id", None) or 0  # type: ignore[attr-defined]


def _run_elsewhere() -> None:
    """Let this thread run on the cores that the service may not use, and be woken on time.

    On a core of the service it would get its turn when the service has nothing to do, and see just that.
    """
    try:
        every, used = set(range(os.cpu_count() or 1)), os.sched_getaffinity(0)
        if every > used:
            os.sched_setaffinity(0, every - used)
        ctypes.CDLL(None).prctl(_TIMER_SLACK, 1, 0, 0, 0)
    except (OSError, AttributeError):
        pass


def start(clock: Clock) -> Sampling:
    """Start the thread of this process, outside of what the ``threading`` module knows of."""
    sampling = Sampling(clock)
    start_new_thread(sampling.run, ())
    return sampling
