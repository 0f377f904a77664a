"""A stored run in one line, for lists and look-ups."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from perfproof.model.result import Verdict


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
