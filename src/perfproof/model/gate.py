"""What a policy made of a result. ``verdict.policy`` makes it, ``reports`` write it down."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from perfproof.model.policy import WhenOpen
from perfproof.model.result import BudgetCheck, Comparison, Result

Outcome = Literal["passed", "failed", "warned", "skipped"]
"""``skipped`` is a check that is not decided; ``warned`` one that failed at the level ``warn``."""

CheckKind = Literal["goal", "regression", "budget", "claim"]


@dataclass(frozen=True)
class GateRow:
    """One check of the gate: its outcome and, in one sentence, why.

    ``open`` says what an undecided check does. Exactly one of ``comparison`` and ``budget`` is set, of a claim neither
    where it is about several. ``arm`` names the candidate where several are judged, ``claim`` is what was claimed.
    """

    metric: str
    request: str
    kind: CheckKind
    outcome: Outcome
    reason: str
    open: WhenOpen = "pass"
    comparison: Comparison | None = None
    budget: BudgetCheck | None = None
    arm: str = ""
    claim: str = ""


@dataclass(frozen=True)
class GateResult:
    """A result as the policy sees it.

    ``summary`` is one sentence on what the policy made of it; ``sentence`` is the result's own, to the letter.
    ``notes`` are what a reader must know of how the two sides came together (a missing or substituted baseline);
    ``provisional`` marks a verdict on another baseline than the one asked for.
    """

    result: Result
    rows: tuple[GateRow, ...]
    exit_code: int
    summary: str
    notes: tuple[str, ...] = ()
    provisional: bool = False

    @property
    def sentence(self) -> str:
        """Return the verdict's sentence."""
        return self.result.sentence
