"""What a rule of a lever says of one request: its mechanism, which way it moved, and what it would explain."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from perfproof.analysis.why.difference import Pairing
from perfproof.analysis.why.outcomes import Outcomes
from perfproof.model.levers import HttpFacts, Plan, PoolFacts
from perfproof.model.profile import MemoryProfile
from perfproof.model.result import QueryDetail
from perfproof.model.why import Lever, Mechanism


@dataclass(frozen=True)
class Sides:
    """Everything known of one request name (or of all) on both arms, each None where it was not observed."""

    request: str
    outcomes: Outcomes
    http: tuple[HttpFacts | None, HttpFacts | None] = (None, None)
    plans: tuple[tuple[Plan, ...], tuple[Plan, ...]] = ((), ())
    pools: tuple[PoolFacts | None, PoolFacts | None] = (None, None)
    queries: QueryDetail | None = None
    profile: Pairing | None = None
    memory: tuple[MemoryProfile | None, MemoryProfile | None] = (None, None)


@dataclass(frozen=True)
class Suspect:
    """A lever whose mechanism was observed on one request.

    ``towards`` is the way its mechanism moved and its outcome must follow: -1 less work, 1 more. ``metrics`` are the
    rows that count as its outcome. ``told`` says the mechanism in words that begin a sentence; ``ms`` is the time per
    request it accounts for by its own evidence, None where only the latency can say. ``doubt``, if set, is why it must
    not be claimed even if the outcome followed.
    """

    lever: Lever
    request: str
    towards: int
    mechanisms: tuple[Mechanism, ...]
    metrics: tuple[str, ...]
    told: str
    ms: float | None = None
    doubt: str = ""
    evidence: Mapping[str, Any] = field(default_factory=dict)
