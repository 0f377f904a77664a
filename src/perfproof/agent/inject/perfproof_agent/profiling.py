"""Where the time of requests goes: a sampler on every thread, folded here so that no recording leaves the process.

Time is cut into ticks of one interval that run freely, whatever the service does. pyinstrument's C code calls a
thread's sampler at the first call or return after some of a tick has passed; the ticks gone by since its last look are
booked on the request that is current there, with the stack as it was. Nothing is booked where none is: not the event
loop that waits, not a handler that awaits. Ticks that began with each request instead would always hit it at the same
places, and never one shorter than an interval.
"""

from __future__ import annotations

import mmap
import os
import sys
import threading
import time
from typing import Any, Dict, Tuple

from . import channel
from .calls import Request, request
from .folding import Folder

POLL = 0.02
FINER = 8
"""Looks per tick: a sampler is called this much more often than it books, so that a stack is seen soon after its tick."""
_NUMBERED = "7065726670"  # see load/message.py

Key = Tuple[int, int, Tuple[int, ...]]
"""Slice, number of the request in the scenario, and the stack as indices of frames."""


class Clock:
    """The ticks, and the slice of load that perfproof says is under way: 0 while nothing is to be recorded."""

    def __init__(self) -> None:
        self.interval = max(int(os.environ.get("PERFPROOF_AGENT_INTERVAL") or 1_000_000), 50_000)
        with open(os.path.join(os.environ["PERFPROOF_AGENT_DIR"], "slice"), "rb") as file:
            self._slice = mmap.mmap(file.fileno(), 8, prot=mmap.PROT_READ)

    def slice(self) -> int:
        """Return the slice that is under way."""
        return int.from_bytes(self._slice[:8], "little")

    def tick(self) -> int:
        """Return the number of the current tick."""
        return time.perf_counter_ns() // self.interval


class Sampler:
    """Books the ticks of one thread."""

    def __init__(self, clock: Clock, folder: Folder) -> None:
        self.thread = threading.get_ident()
        self.booked: Dict[Key, int] = {}
        self._clock = clock
        self._folder = folder
        self._last = clock.tick()

    def __call__(self, frame: Any, event: str, arg: Any) -> None:
        """Book the ticks since the last look, if there are any."""
        try:
            now = self._clock.tick()
            ticks = now - self._last
            if not ticks:
                return
            self._last = now
            current = request.get()
            if current is None or not current.slice:
                return
            key = (current.slice, current.number, self._folder.fold(frame, event, arg))
            booked = self.booked
            booked[key] = booked.get(key, 0) + ticks
        except Exception:  # noqa: BLE001 - never the service's problem
            channel.complain("sampler")


class Profiler:
    """The samplers of one process, and a thread that hands on what they booked once a slice is over."""

    def __init__(self, clock: Clock) -> None:
        from pyinstrument.low_level.stat_profile import setstatprofile  # that of the service, if it has one

        self.clock = clock
        self.pid = os.getpid()
        self._folder = Folder()
        self._samplers: list[Sampler] = []
        self._lock = threading.Lock()
        self._set = setstatprofile
        channel.send({"k": "sampling", "pid": self.pid})
        import _thread

        _thread.start_new_thread(self._watch, ())  # no threading.Thread, which would be sampled as well

    def sample(self) -> None:
        """Put a sampler on this thread."""
        sampler = Sampler(self.clock, self._folder)
        seconds = self.clock.interval / FINER / 1e9
        try:
            self._set(sampler, interval=seconds, timer_type="walltime")
        except TypeError:  # before version 5
            self._set(sampler, interval=seconds)
        with self._lock:
            self._samplers.append(sampler)

    def _watch(self) -> None:
        last = 0
        while True:
            time.sleep(POLL)
            try:
                now = self.clock.slice()
                if now != last:
                    self._flush(last)
                    last = now
            except Exception:  # noqa: BLE001 - never the service's problem
                channel.complain("profiler")

    def _flush(self, slice_: int) -> None:
        """Write what was booked, and that it is all there is of the slice; forget threads that have ended."""
        with self._lock:
            samplers = self._samplers
            alive = sys._current_frames()
            self._samplers = [each for each in samplers if each.thread in alive]
        stacks: Dict[Key, int] = {}
        for sampler in samplers:
            booked, sampler.booked = sampler.booked, {}
            for key, ticks in booked.items():
                stacks[key] = stacks.get(key, 0) + ticks
        lines: list[dict[str, Any]] = [
            {"k": "t", "s": key[0], "n": key[1], "f": key[2], "t": ticks} for key, ticks in stacks.items()
        ]
        channel.send(*self._folder.news(), *lines, {"k": "flushed", "s": slice_})


_profiler: Dict[str, Profiler] = {}
_here = threading.local()
_clock: Dict[str, Clock] = {}


def install() -> None:
    """Have every thread that starts from now on sampled, once a request has been seen in this process."""
    import importlib.util

    if importlib.util.find_spec("pyinstrument") is None:
        channel.send({"k": "unable", "why": "pyinstrument cannot be imported"})
        return
    _clock["it"] = Clock()
    threading.setprofile(_first_event)


def _first_event(*_: Any) -> None:
    """Take the place of a new thread's profile function with a sampler, or with nothing."""
    sys.setprofile(None)
    if _profiler:
        _ensure()


def _ensure() -> None:
    """Put a sampler on this thread, if it has none."""
    if getattr(_here, "pid", None) == os.getpid():
        return
    _here.pid = os.getpid()
    profiler = _profiler.get("it")
    if profiler is None or profiler.pid != os.getpid():
        profiler = _profiler["it"] = Profiler(_clock["it"])
    profiler.sample()


def begin(started: Request, span: str) -> None:
    """Note which request has begun in which slice; its number is in the parent id of its header."""
    if not _clock or not span.startswith(_NUMBERED):
        return
    _ensure()
    started.number = int(span[len(_NUMBERED) :], 16)
    started.slice = _clock["it"].slice()
