"""Instructions per request as counted in a pass of its own: by start of each arm, serially, one request name at a time.

What a program executes does not depend on the machine's mood: a busy neighbour, turbo and cache misses change how long
instructions take, not how many there are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from perfproof.model.profile import ArmProfile

Source = Literal["counters", "callgrind", "none"]
"""``counters`` are the processor's own, read through the kernel; ``callgrind`` is Valgrind's tool of that name."""

Wanted = Literal["auto", "counters", "callgrind", "off"]

COUNTED_BY, ARCHITECTURE, C_LIBRARY = "instructions counted by", "architecture", "C library"
FEATURES, MADE_BY = "CPU features", "compiler or interpreter"
BASIS = (COUNTED_BY, ARCHITECTURE, C_LIBRARY, FEATURES, MADE_BY)
"""The facts that a count rests on: where all of them are alike, counts of any two machines may be held together."""


@dataclass(frozen=True)
class CountPart:
    """What was executed for some of the requests of one name: as ``RequestCount``, of a stretch of it."""

    requests: int
    instructions: float
    idle: float = 0.0

    @property
    def per_request(self) -> float:
        """Return instructions per request without what would have been executed anyway."""
        return max(0.0, self.instructions - self.idle) / self.requests if self.requests else float("nan")


@dataclass(frozen=True)
class RequestCount:
    """What one start of an arm executed for ``requests`` requests of one name, sent one after the other.

    ``instructions`` are all that the service's processes executed meanwhile; ``idle`` is what they would have executed
    in those seconds with no request (timers, heartbeats), as watched in an idle stretch of the same start. ``parts``
    are the stretches that it was counted in, each with the same mix of values (none in runs of earlier versions).
    """

    request: str
    requests: int
    instructions: float
    idle: float = 0.0
    parts: tuple[CountPart, ...] = ()

    @staticmethod
    def whole(request: str, parts: Sequence[CountPart]) -> RequestCount:
        """Return what several stretches hold together."""
        requests = sum(part.requests for part in parts)
        return RequestCount(
            request,
            requests,
            sum(part.instructions for part in parts),
            sum(part.idle for part in parts),
            tuple(parts),
        )

    @property
    def per_request(self) -> float:
        """Return instructions per request without what would have been executed anyway."""
        return max(0.0, self.instructions - self.idle) / self.requests if self.requests else float("nan")


@dataclass(frozen=True)
class StartCount:
    """One fresh start of one arm; ``number`` counts from 1. ``processes`` were counted in."""

    arm: str
    number: int
    counts: tuple[RequestCount, ...]
    processes: int = 1


@dataclass(frozen=True)
class Instructions:
    """The whole pass. With source ``none`` nothing was counted and ``notes`` say why and what to install.

    ``weights`` are the share of traffic of each request name; ``facts`` are what the figures depend on beside the
    program (architecture, C library, CPU features, hash seed), and ``made_by`` says by arm which compiler made the
    program or which interpreter runs it; ``skipped`` are requests that were not counted, with the reason.
    """

    source: Source
    starts: tuple[StartCount, ...] = ()
    weights: Mapping[str, float] = field(default_factory=dict)
    facts: Mapping[str, str] = field(default_factory=dict)
    made_by: Mapping[str, str] = field(default_factory=dict)
    skipped: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    profiles: tuple[ArmProfile, ...] = ()
    seconds: float = 0.0
