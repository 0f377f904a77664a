"""Why the arms differ: causes, each with its mechanism and its outcome, and what became of each function.

``why`` makes it, reports draw it and compute nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Lever = Literal[
    "queries",
    "index",
    "connection pool",
    "response cache",
    "revalidation",
    "serialization",
    "compression",
    "held responses",
    "hot path",
    "work per request",
    "memory",
]


Unit = Literal["ms", "instructions"]


@dataclass(frozen=True)
class Mechanism:
    """One figure that the lever moves, on both arms (None: not known), in ``unit``."""

    name: str
    unit: str
    baseline: float | None
    candidate: float | None


@dataclass(frozen=True)
class Cause:
    """One lever on one request name.

    It is ``claimed`` only when mechanism and outcome both moved; ``ms_per_request`` is the time it accounts for
    (negative: saved, positive: added; None: not known), ``impact`` orders causes: milliseconds per second of traffic,
    saved first. ``outcome`` names in words the measured rows that moved with it; ``sentence`` tells the whole in plain
    words.
    """

    lever: Lever
    request: str
    claimed: bool
    mechanisms: tuple[Mechanism, ...]
    outcome: str
    sentence: str
    ms_per_request: float | None = None
    impact: float = 0.0
    basis: Literal["work", "waiting"] = "work"
    evidence: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class FunctionChange:
    """One function of one request name on both arms, in milliseconds per request.

    ``self_...`` is the time in the function and in the libraries it called, so that all of them add up to the request;
    ``total_...`` is the time it was on the stack, recursion counted once. ``change`` is the difference of self, with
    its interval ``low`` to ``high`` over slices; ``sure`` says that it is told apart from none and worth telling.
    ``libraries`` are the library functions folded under it (their self: while they ran). A row whose ``function`` is
    empty holds time of the library ``module`` that no function of the user's code called. ``was`` is the name the
    function had on the baseline where it only was renamed or moved.
    """

    request: str
    module: str
    function: str
    own: bool
    status: Literal["new", "gone", "grown", "shrunk", "same", "moved", "undecided"]
    self_baseline: float
    self_candidate: float
    total_baseline: float
    total_candidate: float
    change: float
    low: float | None
    high: float | None
    sure: bool
    libraries: tuple[FunctionChange, ...] = ()
    was: str = ""


@dataclass(frozen=True)
class FlameNode:
    """A node of the before/after flame graph: ms per request on both arms, its frame, and its callees by weight.

    Neighbouring library frames are one node: all that lead to the user's code, and those of one package below it, named
    after the function that was called.
    """

    name: str
    own: bool
    baseline: float
    candidate: float
    children: tuple[FlameNode, ...] = ()


@dataclass(frozen=True)
class ProfileDifference:
    """The profiles of one request name (or ``all``) held against each other; functions by weight of change.

    ``baseline`` and ``candidate`` are the milliseconds per request of the whole; ``left_out`` functions were too light.
    Where ``unit`` is ``instructions``, every figure of it is in millions of instructions instead of milliseconds.
    """

    request: str
    functions: tuple[FunctionChange, ...]
    flame: FlameNode | None = None
    baseline: float = 0.0
    candidate: float = 0.0
    left_out: int = 0
    unit: Unit = "ms"


@dataclass(frozen=True)
class AllocationChange:
    """Bytes allocated per request at one line, on both arms."""

    request: str
    line: str
    own: bool
    baseline: float
    candidate: float


@dataclass(frozen=True)
class Why:
    """The section "Why": one sentence, claimed causes ranked by time times traffic, and what else was looked at.

    ``sentence`` ends honestly ("faster, cause not shown") where nothing is claimed. ``engines`` say by arm how was
    profiled; ``unclaimed`` are levers of which only the mechanism, or only the outcome, moved.
    """

    sentence: str
    causes: tuple[Cause, ...] = ()
    unclaimed: tuple[Cause, ...] = ()
    profiles: tuple[ProfileDifference, ...] = ()
    allocations: tuple[AllocationChange, ...] = ()
    engines: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
