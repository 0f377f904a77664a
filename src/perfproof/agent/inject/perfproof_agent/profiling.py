"""A profile of requests: when it is on, whose time is booked, and how it leaves the process.

What watches is one of two: a thread that looks at the others (``sampling.py``), or pyinstrument
(``pyinstrumenting.py``).
Stacks are folded here, so that no recording leaves the process.
"""

from __future__ import annotations

import mmap
import os
from time import perf_counter_ns
from typing import Any, Protocol

from . import channel
from .between import between
from .calls import Request

POLL = 0.02
"""Seconds between two looks whether a slice has begun or ended."""
_NUMBERED = "7065726670"  # see http/message.py

Booked = "dict[tuple[int, int, tuple[int, ...]], int]"
"""Nanoseconds by slice, number of the request in the scenario, and stack (outermost first, as numbers of frames)."""


class Clock:
    """The interval between samples, and the slice of load that perfproof says is under way: 0 while none is."""

    now = staticmethod(perf_counter_ns)

    def __init__(self) -> None:
        self.interval = max(int(os.environ.get("PERFPROOF_AGENT_INTERVAL") or 1_000_000), 50_000)
        with open(os.path.join(os.environ["PERFPROOF_AGENT_DIR"], "slice"), "rb") as file:
            self._slice = mmap.mmap(file.fileno(), 8, prot=mmap.PROT_READ)

    def slice(self) -> int:
        """Return the slice that is under way."""
        return int.from_bytes(self._slice[:8], "little")


class Sampler(Protocol):
    """What watches one process."""

    def here(self) -> None:
        """Note that a request runs on this thread."""


def hand_on(frames: list[dict[str, Any]], booked: dict[Any, int], slice_: int) -> None:
    """Write what was booked, and that it is all there is of a slice."""
    lines = [{"k": "t", "s": key[0], "n": key[1], "f": key[2], "t": ns} for key, ns in booked.items()]
    channel.send(*frames, *lines, {"k": "flushed", "s": slice_})


class _Process:
    """What is known in this process."""

    clock: Clock | None = None
    sampler: Sampler | None = None
    pid = 0


def install() -> None:
    """Make ready; watching begins with the first request."""
    if os.environ.get("PERFPROOF_AGENT_SAMPLER") == "pyinstrument":
        from . import pyinstrumenting

        if not pyinstrumenting.install(_sampler):
            channel.send({"k": "unable", "why": "pyinstrument cannot be imported by the service's Python"})
            return
    _Process.clock = Clock()


def _sampler() -> Sampler | None:
    """Return the sampler of this process once a request has been seen in it; a forked one has its own."""
    return _Process.sampler if _Process.pid == os.getpid() else None


def begin(started: Request, span: str) -> None:
    """Note which request has begun in which slice; its number is in the parent id of its header."""
    clock = _Process.clock
    if clock is None or not span.startswith(_NUMBERED):
        return
    if _Process.pid != os.getpid():
        _Process.pid = os.getpid()
        _Process.sampler = _start(clock)
    if _Process.sampler is not None:
        _Process.sampler.here()
    started.thread = between.begin()
    started.number = int(span[len(_NUMBERED) :], 16)
    started.slice = clock.slice()


def end(started: Request) -> None:
    """Note that a request has ended."""
    if started.thread is not None:
        between.end(started.thread)


def _start(clock: Clock) -> Sampler:
    channel.send({"k": "sampling", "pid": os.getpid()})
    if os.environ.get("PERFPROOF_AGENT_SAMPLER") == "pyinstrument":
        from . import pyinstrumenting

        return pyinstrumenting.start(clock)
    from . import sampling

    return sampling.start(clock)
