"""What a pass of its own (queries, instructions) adds to a result."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields

from perfproof.model.result import Comparison, Fact, Finding, Level, QueryDetail


@dataclass(frozen=True)
class Conclusion:
    """What a probe phase adds to a result. ``reasons`` keep anything from being concluded at all.

    ``uncounted`` says of the last arm why a metric of a request is not known, and what to do.
    """

    rows: tuple[Comparison, ...] = ()
    levels: tuple[Level, ...] = ()
    findings: tuple[Finding, ...] = ()
    details: tuple[QueryDetail, ...] = ()
    facts: tuple[Fact, ...] = ()
    warnings: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()
    uncounted: Mapping[tuple[str, str], str] = field(default_factory=dict)


def joined(first: Conclusion, second: Conclusion) -> Conclusion:
    """Return two conclusions as one."""
    together = {
        each.name: (*getattr(first, each.name), *getattr(second, each.name))
        for each in fields(Conclusion)
        if each.name != "uncounted"
    }
    return Conclusion(**together, uncounted={**first.uncounted, **second.uncounted})
