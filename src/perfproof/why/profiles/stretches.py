"""A recording that goes on for the whole pass, cut afterwards: what was sampled in which stretch of load.

Runtimes with a profiler of their own are told to record once. Switching it on and off for each stretch would cost tens
of milliseconds every time, and what they write tells the time of each sample anyway.
"""

from __future__ import annotations

import time
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from perfproof.model.profile import Folded, Frame


def cpu_of(pids: Iterable[int]) -> int:
    """Return the CPU nanoseconds of processes, all threads together; those that are gone count nothing."""
    total = 0
    for pid in pids:
        try:
            total += time.clock_gettime_ns((~pid << 3) | 2)  # the id of clock_getcpuclockid(3)
        except OSError:
            continue
    return total


Sampled = tuple[tuple[Frame, ...], bool]
"""A stack, outermost function first, and whether its last function has no name."""


@dataclass
class ProfileStretch:
    """Load of one request name (or all) in one slice, in nanoseconds of the clock that samples carry."""

    request: int
    slice: int
    began: int
    ended: int = 0
    cpu_ns: int = 0
    beside: Mapping[Frame, int] = field(default_factory=dict)
    weights: Counter[Sampled] = field(default_factory=Counter)


class Stretches:
    """The stretches of one arm in their order, and what was sampled in them."""

    def __init__(self) -> None:
        self._all: list[ProfileStretch] = []

    def begin(self, request: int, slice_: int, now: int) -> None:
        """Open a stretch."""
        self._all.append(ProfileStretch(request, slice_, now))

    def end(self, now: int, cpu_ns: int, beside: Mapping[Frame, int] | None = None) -> None:
        """Close it; ``cpu_ns`` is the CPU time to be shared among its samples, ``beside`` what is known by itself."""
        self._all[-1].ended = now
        self._all[-1].cpu_ns = max(0, cpu_ns)
        self._all[-1].beside = beside or {}

    def add(self, at: int, frames: Sequence[Frame], weight: int, *, unresolved: bool = False) -> None:
        """Book a sample taken at the time ``at`` on its stretch; outside of all it is left out."""
        place = bisect_right(self._all, at, key=lambda each: each.began) - 1
        if place >= 0 and at < self._all[place].ended:
            self._all[place].weights[tuple(frames), unresolved] += weight

    def folded(self) -> Folded:
        """Return the CPU time of every stretch, shared among its stacks by weight.

        Samples share CPU time, they do not count it: on a busy machine many are late (docs/decisions/why.md).
        """
        folded = Folded()
        for each in self._all:
            total = sum(each.weights.values())
            for (frames, unresolved), weight in each.weights.items():
                ns = each.cpu_ns * weight // total
                folded.add(each.request, each.slice, frames, ns, unresolved=unresolved)
            for frame, ns in each.beside.items():
                if ns > 0:
                    folded.add(each.request, each.slice, (frame,), ns)
        return folded
