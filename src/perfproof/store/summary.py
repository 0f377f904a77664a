"""A stored run in one line, for lists and look-ups."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from perfproof.model.result import Verdict
from perfproof.model.revision import Revision


@dataclass(frozen=True)
class RunSummary:
    """What the store remembers of a run. ``verdict`` and ``sentence`` are None until a result was saved."""

    id: str
    kind: str
    label: str | None
    scenario: str
    started_at: str
    status: str
    verdict: Verdict | None
    sentence: str | None
    rounds: int
    directory: Path
    scenario_hash: str = ""
    environment_hash: str = ""
    revision: Revision | None = None


@dataclass(frozen=True)
class Baseline:
    """A name given to a run of a scenario, and when (ISO 8601, UTC)."""

    name: str
    run: RunSummary
    set_at: str


@dataclass(frozen=True)
class Measured:
    """A scenario that was measured: how many runs it has, and when the newest began (ISO 8601, UTC)."""

    name: str
    runs: int
    newest: str


@dataclass(frozen=True)
class RunFilter:
    """Which runs are meant: those that agree with everything that is not None. ``commit`` is the start of a hash."""

    scenario: str | None = None
    label: str | None = None
    branch: str | None = None
    commit: str | None = None
    verdict: str | None = None


@dataclass(frozen=True)
class Choices:
    """What there is to filter by, each in alphabetical order."""

    scenarios: tuple[str, ...] = ()
    branches: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    verdicts: tuple[str, ...] = ()
