"""Which variants of a request belong together: the modes of its latency.

With ``limit: [20, 50]`` latency has two humps, and a plain median sits in the gap between them, where a handful of
samples moves it by the gap's width. So the median is taken within each hump and the humps are averaged by their
traffic. Variants whose medians lie close together form one hump: a smooth distribution keeps its plain median.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import log

import numpy as np
import numpy.typing as npt

from perfproof.analysis.columns import Packed, Side, completed, counts_of, latency_ns, merged, pack
from perfproof.analysis.quantiles import Floats, harrell_davis

_GAP = log(1.25)
"""Neighbouring variants further apart than this start a new hump."""
_MOST = 8
_MOST_VARIANTS = 1000
_FEWEST = 12
"""A variant with fewer samples than this over a whole run follows the hump of the rest."""


def find_modes(sides: Sequence[Side]) -> tuple[npt.NDArray[np.int32], ...]:
    """Return, per request, the hump of each variant (0 is the quickest).

    Both arms count alike (the mean of their log medians), so the grouping knows nothing of the difference between them.
    """
    if not sides or any(side.requests != sides[0].requests for side in sides):
        return tuple(np.zeros(1, dtype=np.int32) for _ in (sides[0].requests if sides else ()))
    counts = _variants(sides, len(sides[0].requests))
    most = max(counts, default=1)
    if most <= 1:
        return tuple(np.zeros(1, dtype=np.int32) for _ in counts)
    centres = np.mean([_log_medians(side, len(counts), most) for side in sides], axis=0)
    return tuple(_split(centres[request, :count]) for request, count in enumerate(counts))


def _variants(sides: Sequence[Side], requests: int) -> list[int]:
    """Return how many variants each request was sent with; 1 where there are too many to tell apart."""
    most = np.zeros(requests, dtype=np.int64)
    for side in sides:
        for a_round in side.rounds:
            np.maximum.at(most, a_round.samples["request"], a_round.samples["variant"])
    return [int(number) + 1 if number < _MOST_VARIANTS else 1 for number in most]


def _log_medians(side: Side, requests: int, variants: int) -> Floats:
    """Return the log median of each (request, variant) over the run, NaN where there are too few samples."""
    parts: list[Packed] = []
    for a_round in side.rounds:
        chosen = completed(a_round, side.arm)
        variant = np.clip(a_round.samples["variant"][chosen], 0, variants - 1).astype(np.int64)
        parts.append(
            pack(
                a_round.samples["request"][chosen] * np.int64(variants) + variant,
                latency_ns(a_round, chosen),
                counts_of(a_round.samples, chosen),
            )
        )
    packed = merged(parts)
    bounds = packed.edges(requests * variants)
    medians = np.full(requests * variants, np.nan)
    for group in np.flatnonzero(packed.sizes(bounds) >= _FEWEST):
        part = packed[bounds[group] : bounds[group + 1]]
        medians[group] = np.log(harrell_davis(part.milliseconds, 0.5, part.counts))
    return medians.reshape(requests, variants)


def _split(centres: Floats) -> npt.NDArray[np.int32]:
    """Return the hump of each variant: sorted medians, cut at the widest gaps above the limit."""
    humps = np.zeros(max(1, len(centres)), dtype=np.int32)
    known = np.flatnonzero(np.isfinite(centres))
    if len(known) < 2:
        return humps
    order = known[np.argsort(centres[known])]
    gaps = np.diff(centres[order])
    limit = max(_GAP, float(np.sort(gaps)[-_MOST])) if len(gaps) >= _MOST else _GAP
    humps[order[1:]] = np.cumsum(gaps > limit)
    # A variant too rare to know is treated as the most frequent kind would be: as the middle hump.
    humps[~np.isfinite(centres)] = humps[order[len(order) // 2]]
    return humps
