"""Where the time of requests went: folded stacks of one arm, sampled in a pass of its own after the timed rounds.

``why.profiles`` makes these whatever the engine, ``why`` concludes from them. Names of functions and
modules only: no argument, no value, no path outside the user's project is part of it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from perfproof.model.metrics import ALL

Engine = Literal["agent", "pyinstrument", "node", "jfr", "py-spy", "perf", "callgrind", "none"]
"""``agent`` is perfproof's own sampler inside a Python service, from outside of its threads; ``node`` is V8's profiler,
``jfr`` the Flight Recorder of a JVM."""
Clock = Literal["wall", "cpu", "instructions"]


NAMELESS = "[unknown]"
"""What a function is called that has no symbol: many of them under one name, of which nothing can be said."""


@dataclass(frozen=True)
class Frame:
    """A function on a stack: dotted ``module`` (or shared object), qualified ``function`` without line numbers.

    ``own`` is the user's code: neither an installed library nor the interpreter or kernel. Two frames are the same
    function where module and function are, so that a profile matches after lines have moved.
    """

    module: str
    function: str
    own: bool

    @property
    def name(self) -> str:
        """Return the dotted name; a function without a module is the program's own."""
        return f"{self.module}.{self.function}".strip(".")


@dataclass(frozen=True)
class Stack:
    """Time spent in one stack: ``frames`` index ``ArmProfile.frames``, outermost first; the last one ran.

    ``request`` indexes ``ArmProfile.requests``, ``slice`` is the stretch of load (from 0) it was sampled in.
    """

    request: int
    slice: int
    frames: tuple[int, ...]
    ns: int


@dataclass(frozen=True)
class ArmProfile:
    """The profile of one arm.

    ``counts[request][slice]`` is how many of each request were completed in each slice of load, so that
    ``ns / counts`` is time per request. Where one of ``requests`` is ``all``, that is load of all names together,
    beside which the others were sent alone. ``interval_ns`` is the sampling interval; ``clock`` whether waiting counts
    (``wall``: time a request was current, also in the database) or only running (``cpu``); with ``instructions``
    nothing is sampled, slices are fresh starts, and every ``ns`` is one instruction. ``unresolved`` is the share of
    time in frames without a name. With engine ``none``, ``notes`` say why and everything else is empty.
    """

    arm: str
    engine: Engine
    clock: Clock = "wall"
    interval_ns: int = 0
    seconds: float = 0.0
    requests: tuple[str, ...] = ()
    counts: tuple[tuple[int, ...], ...] = ()
    frames: tuple[Frame, ...] = ()
    stacks: tuple[Stack, ...] = ()
    unresolved: float = 0.0
    notes: tuple[str, ...] = ()

    def places(self, request: str) -> list[int]:
        """Return which of ``requests`` speak for ``request``: for all, its own row where there is one, else every."""
        if request == ALL and ALL not in self.requests:
            return list(range(len(self.requests)))
        return [at for at, name in enumerate(self.requests) if name == request]


@dataclass(frozen=True)
class Allocation:
    """Memory allocated at one line of a stack per request, from ``--memory-profile``: ``line`` is ``app/x.py:12 f``."""

    request: str
    line: str
    own: bool
    bytes_per_request: float
    blocks_per_request: float


@dataclass(frozen=True)
class MemoryProfile:
    """What one arm allocated by line, in a pass of its own. ``notes`` say what could not be seen."""

    arm: str
    engine: Literal["memray", "tracemalloc", "none"]
    requests: int = 0
    allocations: tuple[Allocation, ...] = ()
    notes: tuple[str, ...] = ()


Counts = Sequence[Sequence[int]]
"""Completed requests by name and slice."""


class Folded:
    """Stacks with their time, added one at a time."""

    def __init__(self) -> None:
        self._frames: dict[Frame, int] = {}
        self._ns: Counter[tuple[int, int, tuple[int, ...]]] = Counter()
        self.unresolved_ns = 0

    def add(self, request: int, slice_: int, frames: Sequence[Frame], ns: int, *, unresolved: bool = False) -> None:
        """Add time spent in one stack (outermost function first), whose last function may have no name."""
        numbers = tuple(self._frames.setdefault(frame, len(self._frames)) for frame in frames)
        self._ns[request, slice_, numbers] += ns
        self.unresolved_ns += ns if unresolved else 0

    @property
    def total_ns(self) -> int:
        """Return the time of all stacks."""
        return sum(self._ns.values())

    def profile(
        self,
        arm: str,
        engine: Engine,
        requests: Sequence[str],
        counts: Counts,
        *,
        clock: Clock,
        interval_ns: int,
        seconds: float,
        notes: Sequence[str] = (),
    ) -> ArmProfile:
        """Return the profile of ``arm``; ``requests`` and ``counts`` are by the numbers that ``add`` was given."""
        return ArmProfile(
            arm=arm,
            engine=engine,
            clock=clock,
            interval_ns=interval_ns,
            seconds=seconds,
            requests=tuple(requests),
            counts=tuple(tuple(row) for row in counts),
            frames=tuple(self._frames),
            stacks=tuple(Stack(*key, ns) for key, ns in sorted(self._ns.items())),
            unresolved=self.unresolved_ns / self.total_ns if self._ns else 0.0,
            notes=tuple(dict.fromkeys(notes)),
        )
