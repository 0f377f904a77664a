"""A metric over many runs: its points, the stretches that may be joined, and where its level changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from perfproof.model.result import Estimate, ProofState
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


@dataclass(frozen=True)
class ClaimedRun:
    """What came of each claim in one run, by its sentence; of several candidates with the candidate before it."""

    run: str
    started_at: str
    states: Mapping[str, ProofState]
    revision: Revision | None = None


@dataclass(frozen=True)
class ClaimTrack:
    """One claim over runs, oldest first: what came of it in each, None where a run did not claim it."""

    claim: str
    states: tuple[ProofState | None, ...]

    @property
    def newest(self) -> ProofState:
        """Return what came of it when it was claimed last."""
        return next(state for state in reversed(self.states) if state is not None)

    @property
    def since(self) -> int:
        """Return the place of the first run from which on it has been as it is now."""
        place = 0
        for at, state in enumerate(self.states):
            if state is not None and state != self.newest:
                place = at + 1
        return next(at for at in range(place, len(self.states)) if self.states[at] is not None)

    @property
    def ever_other(self) -> bool:
        """Tell whether it was ever anything else."""
        return any(state not in (None, self.newest) for state in self.states)


def tracks(runs: Sequence[ClaimedRun]) -> list[ClaimTrack]:
    """Return each claim over runs that stand oldest first: those of the newest run first, in its order."""
    names = dict.fromkeys(name for run in reversed(runs) for name in run.states)
    return [ClaimTrack(name, tuple(run.states.get(name) for run in runs)) for name in names]
