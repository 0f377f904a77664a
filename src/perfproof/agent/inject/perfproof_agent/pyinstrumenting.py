"""pyinstrument's C sampler on every thread, where somebody asks for it (``sampling.py`` says why it is second).

It is called at the first call or return after an interval; the ticks gone by since its last look are booked on the
request that is current there. Ticks come at random distances and whatever the service does, else they would begin with
each request and always hit it at the same places.
"""

from __future__ import annotations

import importlib.util
import sys
import threading
from _thread import start_new_thread
from random import random
from time import sleep
from typing import Any, Callable

from . import channel
from .calls import request
from .folding import Folder
from .markers import marker
from .profiling import POLL, Clock, hand_on

FINER = 8
"""Looks per tick: a sampler is called more often than it books, so that a stack is seen soon after its tick."""
_LONG = 1000


class ThreadSampler:
    """Books the ticks of one thread."""

    def __init__(self, clock: Clock, folder: Folder) -> None:
        self.thread = threading.get_ident()
        self.booked: dict[Any, int] = {}
        self._clock = clock
        self._folder = folder
        self._next = clock.now() + int(clock.interval * random())  # noqa: S311 - not cryptography

    def __call__(self, frame: Any, event: str, arg: Any) -> None:
        """Book the ticks since the last look, if there are any."""
        try:
            gone = self._clock.now() - self._next
            if gone < 0:
                return
            interval = self._clock.interval
            ticks = gone // interval if gone > _LONG * interval else 0
            self._next += ticks * interval
            gone -= ticks * interval
            while gone >= 0:
                step = int(interval * (0.5 + random()))  # noqa: S311
                self._next += step
                gone -= step
                ticks += 1
            current = request.get()
            if current is not None and current.slice:
                key = (current.slice, current.number, self._folder.fold(frame, event, arg))
                booked = self.booked
                booked[key] = booked.get(key, 0) + ticks * interval
        except Exception:  # noqa: BLE001 - never the service's problem
            channel.complain("sampler")


class Pyinstrumenting:
    """The samplers of one process, and a thread that hands on what they booked once a slice is over."""

    def __init__(self, clock: Clock) -> None:
        from pyinstrument.low_level.stat_profile import setstatprofile  # that of the service

        self._clock = clock
        self._folder = Folder(marker)
        self._samplers: list[ThreadSampler] = []
        self._lock = threading.Lock()
        self._local = threading.local()
        self._set = setstatprofile

    def here(self) -> None:
        """Put a sampler on this thread, if it has none."""
        if getattr(self._local, "sampled", False):
            return
        self._local.sampled = True
        sampler = ThreadSampler(self._clock, self._folder)
        seconds = self._clock.interval / FINER / 1e9
        try:
            self._set(sampler, interval=seconds, timer_type="walltime")
        except TypeError:  # before version 5
            self._set(sampler, interval=seconds)
        with self._lock:
            self._samplers.append(sampler)

    def watch(self) -> None:
        """Wait for the ends of slices; never returns."""
        last = 0
        while True:
            sleep(POLL)
            try:
                now = self._clock.slice()
                if now != last:
                    self._flush(last)
                    last = now
            except Exception:  # noqa: BLE001 - never the service's problem
                channel.complain("profiler")

    def _flush(self, slice_: int) -> None:
        """Hand on what was booked, and forget threads that have ended."""
        with self._lock:
            samplers = self._samplers
            alive = sys._current_frames()
            self._samplers = [each for each in samplers if each.thread in alive]
        stacks: dict[Any, int] = {}
        for sampler in samplers:
            booked, sampler.booked = sampler.booked, {}
            for key, ns in booked.items():
                stacks[key] = stacks.get(key, 0) + ns
        hand_on(self._folder.news(), stacks, slice_)


def install(sampler: Callable[[], Any]) -> bool:
    """Have every thread that starts from now on sampled, once ``sampler`` is there; False without pyinstrument."""
    if importlib.util.find_spec("pyinstrument") is None:
        return False

    def first_event(*_: Any) -> None:
        sys.setprofile(None)
        found = sampler()
        if found is not None:
            found.here()

    threading.setprofile(first_event)
    return True


def start(clock: Clock) -> Pyinstrumenting:
    """Return the samplers of this process, none so far."""
    samplers = Pyinstrumenting(clock)
    start_new_thread(samplers.watch, ())  # no threading.Thread, which would be sampled as well
    return samplers
