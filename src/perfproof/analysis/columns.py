"""Samples of one arm as sorted integers: one sort per round, and every group is a slice.

Each completed request becomes ``group << 37 | latency_ns`` (137 s fit), so sorting orders by group and, within it, by
latency. A million samples take 8 MB and a tenth of a second; a data frame with group-by took ten times as long.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from perfproof.analysis.quantiles import Floats
from perfproof.model.recording import Outcome, Recording, Round

Ints = npt.NDArray[np.int64]

SETTLE_NS = 50_000_000
"""Requests meant for the first 50 ms of a block still meet the other arm's caches: they are left out."""

LATENCY_BITS = 37
_MASK = (1 << LATENCY_BITS) - 1
MS = 1e6


@dataclass(frozen=True)
class Side:
    """One arm of one recording, with the rounds that can be used: sealed, complete, nobody died."""

    recording: Recording
    arm: int

    @property
    def name(self) -> str:
        """Return the arm's name."""
        return self.recording.info.arms[self.arm]

    @property
    def requests(self) -> tuple[str, ...]:
        """Return the names of the requests, in the order of the sample column."""
        return self.recording.info.requests

    @property
    def rounds(self) -> tuple[Round, ...]:
        """Return the usable rounds."""
        return usable(self.recording)


def usable(recording: Recording) -> tuple[Round, ...]:
    """Return the rounds that count: complete, with every arm alive to the end."""
    return tuple(r for r in recording.rounds if r.complete and not any(arm.died for arm in r.arms))


def pair_count(sides: Sequence[Side]) -> int:
    """Return one more than the highest pair number of any block."""
    return 1 + max((block.pair for side in sides for r in side.rounds for block in r.blocks), default=0)


def settled(a_round: Round, arm: int) -> npt.NDArray[np.bool_]:
    """Return which samples of ``arm`` were meant for the settled part of their block, completed or not."""
    samples = a_round.samples
    starts = {block.pair: block.started_ns for block in a_round.blocks if block.arm == arm}
    table = np.zeros(max(starts, default=0) + 2, dtype=np.int64)
    for pair, start in starts.items():
        table[pair] = start + SETTLE_NS
    earliest = table[np.clip(samples["pair"], 0, len(table) - 1)]
    chosen: npt.NDArray[np.bool_] = (samples["arm"] == arm) & (samples["intended_ns"] >= earliest)
    return chosen


def completed(a_round: Round, arm: int) -> npt.NDArray[np.bool_]:
    """Return which samples count for latency: of ``arm``, settled and completed."""
    chosen: npt.NDArray[np.bool_] = settled(a_round, arm) & (a_round.samples["outcome"] == int(Outcome.OK))
    return chosen


def latency_ns(a_round: Round, chosen: npt.NDArray[Any], since: str = "intended_ns") -> Ints:
    """Return done minus ``since`` of the chosen samples, at least 1 ns."""
    samples = a_round.samples
    waited: Ints = np.clip(samples["done_ns"][chosen] - samples[since][chosen], 1, _MASK)
    return waited


def pack(groups: npt.NDArray[np.integer], latencies: Ints) -> Ints:
    """Return latencies sorted by group, then by size."""
    packed = (groups.astype(np.int64) << LATENCY_BITS) | latencies
    packed.sort()
    return packed


def milliseconds(packed: Ints) -> Floats:
    """Return the latencies of packed samples in milliseconds."""
    return (packed & _MASK) / MS


def edges(packed: Ints, groups: int) -> Ints:
    """Return ``groups + 1`` positions: group g is ``packed[edges[g]:edges[g + 1]]``."""
    return np.searchsorted(packed, np.arange(groups + 1, dtype=np.int64) << LATENCY_BITS).astype(np.int64)


def process_rows(a_round: Round, arm: int, kind: str) -> tuple[Ints, Ints]:
    """Return times and values of one column of the process samples of ``arm``, where it was read."""
    rows = a_round.processes
    if not rows or kind not in rows:
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
    read = (rows["arm"] == arm) & (rows[kind] >= 0)
    return rows["t_ns"][read], rows[kind][read]
