"""A metric over many runs: its points, the stretches that may be joined, and where its level changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from perfproof.model.result import Estimate
from perfproof.model.revision import Revision


@dataclass(frozen=True)
class Point:
    """What one run measured of one metric on the arm that history follows (the candidate, or the only one).

    ``basis`` are the facts that the value depends on beside the code, where they are known and are fewer than those of
    the whole machine: of a count of instructions the architecture, the compiler and a few more. Otherwise it is empty.
    ``promised`` are the values that the run's goal asked for, against its own baseline; None where it had none.
    """

    run: str
    started_at: str
    scenario_hash: str
    environment_hash: str
    estimate: Estimate
    label: str | None = None
    revision: Revision | None = None
    basis: Mapping[str, str] = field(default_factory=dict)
    promised: tuple[float, float] | None = None


@dataclass(frozen=True)
class ChangePoint:
    """The level moved between two neighbouring runs of a stretch.

    ``index`` is the place of the first run at the new level; ``before`` and ``after`` are the medians of the runs on
    either side up to the next change point; ``change`` is after / before - 1, None where ``before`` is 0.
    ``probability`` is that of so clear a step among runs that differ by chance alone.
    """

    index: int
    before: float
    after: float
    change: float | None
    probability: float


@dataclass(frozen=True)
class Stretch:
    """Runs of one scenario hash in one environment, oldest first: the only ones that may be held against each other.

    Where points have a ``basis``, runs with the same one belong together whatever machine they ran on, and
    ``environment_hash`` is that of the first.
    """

    scenario_hash: str
    environment_hash: str
    points: tuple[Point, ...]
    changes: tuple[ChangePoint, ...] = ()
    basis: Mapping[str, str] = field(default_factory=dict)

    @property
    def machines(self) -> tuple[str, ...]:
        """Return the fingerprints of the machines its runs ran on, in order of appearance."""
        return tuple(dict.fromkeys(point.environment_hash for point in self.points))


@dataclass(frozen=True)
class Trend:
    """One metric of one request name over the recorded runs of a scenario; values are in ``unit``."""

    scenario: str
    metric: str
    request: str
    unit: str
    stretches: tuple[Stretch, ...]

    @property
    def points(self) -> tuple[Point, ...]:
        """Return the points of every stretch, oldest first."""
        return tuple(sorted((p for each in self.stretches for p in each.points), key=lambda p: (p.started_at, p.run)))
