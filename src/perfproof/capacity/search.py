"""The search of one start: which rate comes next, and what the steps so far say about the knee. Pure and exact.

The rate climbs by half until the budgets break, then the interval between the highest rate kept and the lowest one
broken is halved (on a logarithmic scale) until it is narrow enough. A rate counts as broken when it broke twice in a
row: one hiccup of the machine would otherwise cut the search down to a rate far below the knee.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, sqrt
from typing import Literal

from perfproof.model.result import CapacityStep

CLIMB = 1.5
MOST_STEPS = 80
_LOWEST = 0.2


@dataclass(frozen=True)
class FoundRate:
    """The knee of one start: between ``kept`` and ``broken``.

    ``bound`` says that it was not bracketed: it is ``at least`` the rate or ``below`` it; ``why`` is then
    ``generator``, ``connections``, ``highest`` or the budget that broke.
    """

    kept: float
    broken: float
    bound: Literal["", "at least", "below"] = ""
    why: str = ""

    @property
    def rate(self) -> float:
        """Return the knee: the middle between kept and broken, or the end that is known."""
        if self.bound == "at least":
            return self.kept
        return self.broken if self.bound == "below" else sqrt(self.kept * self.broken)


def next_rate(steps: Sequence[CapacityStep], first: float, highest: float, resolution: float) -> float | None:
    """Return the rate to try next after ``steps`` (of one arm in one start, in order); None when the search is over."""
    if not steps:
        return min(first, highest)
    last = steps[-1]
    if not last.kept and _tries(steps, last.rate) == 1:
        return last.rate
    if _limits(steps) or len(steps) >= MOST_STEPS:
        return None
    kept, broken = _bracket(steps)
    if broken == inf:
        return None if kept >= highest else min(kept * CLIMB, highest)
    if not kept:
        return broken / CLIMB if broken / CLIMB >= _LOWEST else None
    return None if broken / kept <= 1 + resolution else sqrt(kept * broken)


def settle(steps: Sequence[CapacityStep]) -> FoundRate | None:
    """Return the knee that ``steps`` bracket, or the bound they give; None without steps."""
    if not steps:
        return None
    kept, broken = _bracket(steps)
    if limit := _limits(steps):
        return FoundRate(kept, inf, "at least", limit)
    if broken == inf:
        return FoundRate(kept, inf, "at least", "highest")
    if not kept:
        return FoundRate(0.0, broken, "below", next(step.why for step in reversed(steps) if not step.kept))
    return FoundRate(kept, broken)


def _bracket(steps: Sequence[CapacityStep]) -> tuple[float, float]:
    """Return the highest rate kept (0: none) and the lowest one surely broken (infinite: none)."""
    kept = {step.rate for step in steps if step.kept}
    broken = {rate for step in steps if (rate := step.rate) not in kept and _tries(steps, rate) > 1}
    lowest = min(broken, default=inf)
    return max((rate for rate in kept if rate < lowest), default=0.0), lowest


def _tries(steps: Sequence[CapacityStep], rate: float) -> int:
    return sum(step.rate == rate for step in steps)


def _limits(steps: Sequence[CapacityStep]) -> str:
    """Return what ended the search, if a rate broke twice and never because of the service."""
    last = steps[-1]
    tries = [step for step in steps if step.rate == last.rate]
    if len(tries) > 1 and all(not step.kept and step.limited for step in tries):
        return last.limited
    return ""
