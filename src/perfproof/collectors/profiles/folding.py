"""What an engine saw of one arm, gathered into the one form of a profile."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from perfproof.model.profile import ArmProfile, Clock, Engine, Frame, Stack

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
