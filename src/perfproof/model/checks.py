"""What checks observed of each arm, and what they say of it: rows to be judged, and findings.

A check asks a started service and keeps **facts**: plain JSON values, without bodies and secrets. From the facts of two
arms it makes **measures**, which are judged as every metric is, and findings.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from perfproof.model.result import Finding

Facts = Mapping[str, Any]
"""JSON values that one check observed of one arm: free of secrets, bodies and whatever a service holds of people."""


@dataclass(frozen=True)
class ArmFacts:
    """What one check observed of one arm with so many requests in so many seconds; ``problem`` says why it could not.

    ``left_out`` is what it would have done, and why it did not, in plain sentences. ``ended`` says that its requests
    or seconds were used up, so that the facts are not whole.
    """

    arm: str
    facts: Mapping[str, Any] = field(default_factory=dict)
    requests: int = 0
    seconds: float = 0.0
    problem: str = ""
    left_out: tuple[str, ...] = ()
    ended: str = ""


@dataclass(frozen=True)
class CheckFacts:
    """What one check observed; ``version`` is that of the facts, ``settings`` those it was asked with."""

    check: str
    version: int
    arms: tuple[ArmFacts, ...]
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Checked:
    """The whole pass, in ``seconds``."""

    checks: tuple[CheckFacts, ...] = ()
    seconds: float = 0.0


@dataclass(frozen=True)
class Measure:
    """One metric of one request name (or ``all``) on both arms; ``baseline`` is None as well where there is one arm.

    A value that is None was not measured: ``why`` says why, and what to do. ``repeats`` are the values behind each side
    where it was measured several times: then the row has an interval. ``shown`` measures guard nothing.
    """

    metric: str
    candidate: float | None
    baseline: float | None = None
    request: str = "all"
    why: str = ""
    notes: tuple[str, ...] = ()
    shown: bool = False
    repeats: tuple[tuple[float, ...], ...] = ()


@dataclass(frozen=True)
class Compared:
    """What the facts of two arms (or of one) show."""

    measures: tuple[Measure, ...] = ()
    findings: tuple[Finding, ...] = ()
    notes: tuple[str, ...] = ()
