"""Work that comes now and then and not with every request: a cache that expires, a pool that reconnects.

How often it falls into the few requests that are counted depends on the clock, so it makes starts of one version differ
while it tells nothing of what a request costs. It is told beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from perfproof.core.numbers import in_unit
from perfproof.model.instructions import CountPart, RequestCount, StartCount

LEAST = 0.5
"""How much more than usual a stretch must take to be one of these. Less can be the state that grows with what was sent
(a list, a log), which a limit close to it would cut off in one arm and not in the other."""
SPREADS = 6.0
"""The same in robust standard deviations: stretches that scatter by themselves have none that stand out."""
MOST = 0.25
"""Share of the stretches above which it is no exception but how requests are."""
FEWEST = 8
"""Stretches of all starts below which nobody knows what is usual."""


@dataclass(frozen=True)
class Burst:
    """What was left out of one request name of one arm: ``parts`` stretches of ``of``, each ``more`` above usual."""

    parts: int
    of: int
    more: float

    def __str__(self) -> str:
        """Return it in words."""
        times = "1 time" if self.parts == 1 else f"{self.parts} times"
        return f"{times} in {self.of} stretches ({in_unit(self.more, 'instructions')} each time)"


def without_bursts(starts: Sequence[StartCount]) -> tuple[list[StartCount], dict[tuple[str, str], Burst]]:
    """Return the starts without what came now and then, and what that was by arm and request. Pure.

    What is usual is the median over the stretches of all starts of an arm; only what takes more is ever left out. Where
    one arm has it too often to be an exception, nothing of that request is left out in any arm.
    """
    limits: dict[tuple[str, str], float] = {}
    found: dict[tuple[str, str], Burst] = {}
    regular: set[str] = set()
    for (arm, request), parts in _gathered(starts).items():
        if len(parts) < FEWEST:
            regular.add(request)
            continue
        values = np.array([part.per_request for part in parts])
        usual = float(np.median(values))
        spread = 1.4826 * float(np.median(np.abs(values - usual)))
        limit = usual + max(LEAST * usual, SPREADS * spread)
        beyond = [part for part in parts if part.per_request > limit]
        if len(beyond) > MOST * len(parts):
            regular.add(request)
        elif beyond:
            limits[arm, request] = limit
            more = [(part.per_request - usual) * part.requests for part in beyond]
            found[arm, request] = Burst(len(beyond), len(parts), float(np.median(more)))
    found = {key: burst for key, burst in found.items() if key[1] not in regular}
    limits = {key: limit for key, limit in limits.items() if key in found}
    kept = [
        replace(start, counts=tuple(_below(each, limits.get((start.arm, each.request))) for each in start.counts))
        for start in starts
    ]
    return kept, found


def _gathered(starts: Sequence[StartCount]) -> dict[tuple[str, str], list[CountPart]]:
    parts: dict[tuple[str, str], list[CountPart]] = {}
    for start in starts:
        for count in start.counts:
            parts.setdefault((start.arm, count.request), []).extend(part for part in count.parts if part.requests)
    return parts


def _below(count: RequestCount, limit: float | None) -> RequestCount:
    """Return the count without stretches beyond the limit; as it is where none would be left."""
    if limit is None:
        return count
    kept = [part for part in count.parts if part.requests and part.per_request <= limit]
    return RequestCount.whole(count.request, kept) if kept else count
