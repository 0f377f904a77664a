"""Samples of one arm as sorted integers: one sort per round, and every group is a slice.

Each completed request becomes ``group << 37 | latency_ns`` (137 s fit), so sorting orders by group and, within it, by
latency. A million samples take 8 MB and a tenth of a second; a data frame with group-by took ten times as long.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from statistics import median
from typing import Any

import numpy as np
import numpy.typing as npt

from perfproof.model.recording import Outcome, Recording, Round, Samples, settle_ns
from perfproof.stats.generator import sound
from perfproof.stats.quantiles import Floats

Ints = npt.NDArray[np.int64]

LATENCY_BITS = 37
_MASK = (1 << LATENCY_BITS) - 1
MS = 1e6
USUAL = 0.2
"""Share of requests above which a new connection is the service's way (it closes each), not an exception."""


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

    @cached_property
    def rounds(self) -> tuple[Round, ...]:
        """Return the usable rounds; asked for again and again, which would cost rounds times rounds."""
        return usable(self.recording)


def usable(recording: Recording) -> tuple[Round, ...]:
    """Return the rounds that count: complete, with every arm alive to the end and a load generator that kept up."""
    whole = complete(recording)
    # A search for the capacity judges each step by itself, and asks for more than can be sent on purpose.
    return whole if recording.info.kind == "capacity" else sound(whole)


def complete(recording: Recording) -> tuple[Round, ...]:
    """Return the rounds that were measured to their end, with every arm alive."""
    return tuple(r for r in recording.rounds if r.complete and not any(arm.died for arm in r.arms))


def pair_count(sides: Sequence[Side]) -> int:
    """Return one more than the highest pair number of any block."""
    return 1 + max((block.pair for side in sides for r in side.rounds for block in r.blocks), default=0)


def settled(a_round: Round, arm: int) -> npt.NDArray[np.bool_]:
    """Return which samples of ``arm`` were meant for the settled part of their block, completed or not."""
    samples = a_round.samples
    if samples.counts is not None:
        return _settled(samples, arm)
    mine = [block for block in a_round.blocks if block.arm == arm]
    table = np.zeros(max((block.pair for block in mine), default=0) + 2, dtype=np.int64)
    for block in mine:
        # In pairs both arms meet what is left of the other at every request: there is nothing to wait out.
        table[block.pair] = 0 if block.paired else block.started_ns + settle_ns(block.ended_ns - block.started_ns)
    earliest = table[np.clip(samples["pair"], 0, len(table) - 1)]
    chosen: npt.NDArray[np.bool_] = (samples["arm"] == arm) & (samples["intended_ns"] >= earliest)
    return chosen


def _settled(samples: Samples, arm: int) -> npt.NDArray[np.bool_]:
    """Return which rows made of histograms are of ``arm`` and settled."""
    chosen: npt.NDArray[np.bool_] = (samples["arm"] == arm) & (samples["settled"] == 1)
    return chosen


def completed(a_round: Round, arm: int) -> npt.NDArray[np.bool_]:
    """Return which samples count for latency: of ``arm``, settled and completed.

    In pairs, one that had to connect first is left out: the first of each stretch, unless the service closes every
    connection, so that connecting is a part of what each request costs.
    """
    chosen: npt.NDArray[np.bool_] = settled(a_round, arm) & (a_round.samples["outcome"] == int(Outcome.OK))
    if any(block.paired for block in a_round.blocks):
        paired = np.isin(a_round.samples["pair"], [block.pair for block in a_round.blocks if block.paired])
        connected = paired & (a_round.samples["reconnected"] != 0)
        if (chosen & connected).sum() <= USUAL * (chosen & paired).sum():
            chosen &= ~connected
    return chosen


def latency_ns(a_round: Round, chosen: npt.NDArray[Any], since: str = "intended_ns") -> Ints:
    """Return done minus ``since`` of the chosen samples, at least 1 ns."""
    samples = a_round.samples
    waited: Ints = np.clip(samples["done_ns"][chosen] - samples[since][chosen], 1, _MASK)
    return waited


def counts_of(samples: Samples, chosen: npt.NDArray[Any]) -> Ints | None:
    """Return how many requests each of the chosen rows stands for; None where each stands for itself."""
    counts = samples.counts
    return None if counts is None else counts[chosen]


def tally(groups: npt.NDArray[np.integer], counts: Ints | None, length: int) -> Ints:
    """Return the number of requests in each of ``length`` groups."""
    found = np.bincount(groups, weights=counts, minlength=length)[:length]
    return found.astype(np.int64)


def pack_service(side: Side) -> Packed:
    """Return done minus sent of every completed request of one side, packed by request name."""
    parts = []
    for a_round in side.rounds:
        if a_round.service is None:
            chosen, samples = completed(a_round, side.arm), a_round.samples
            took = latency_ns(a_round, chosen, "sent_ns")
        else:
            samples = a_round.service
            chosen = _settled(samples, side.arm)
            took = np.clip(samples["done_ns"][chosen], 1, _MASK)
        parts.append(pack(samples["request"][chosen], took, counts_of(samples, chosen)))
    return merged(parts)


@dataclass(frozen=True)
class Packed:
    """Latencies sorted by group, then by size (``keys``).

    ``counts`` says how many requests each stands for; None where each stands for itself.
    """

    keys: Ints
    counts: Ints | None = None

    def __getitem__(self, part: slice) -> Packed:
        """Return a part."""
        return Packed(self.keys[part], None if self.counts is None else self.counts[part])

    def edges(self, groups: int) -> Ints:
        """Return ``groups + 1`` positions: group g is ``self[edges[g]:edges[g + 1]]``."""
        return np.searchsorted(self.keys, np.arange(groups + 1, dtype=np.int64) << LATENCY_BITS).astype(np.int64)

    def group(self, number: int) -> Packed:
        """Return one group."""
        first, last = np.searchsorted(self.keys, [number << LATENCY_BITS, (number + 1) << LATENCY_BITS])
        return self[first:last]

    def sizes(self, edges: Ints) -> Ints:
        """Return the number of requests between each of ``edges`` and the next."""
        if self.counts is None:
            return np.diff(edges)
        return np.diff(np.concatenate(([0], np.cumsum(self.counts)))[edges])

    @property
    def milliseconds(self) -> Floats:
        """Return the latencies in milliseconds."""
        return (self.keys & _MASK) / MS

    def by_size(self) -> tuple[Floats, Ints | None]:
        """Return the latencies of all groups together in rising order (ms), and how many requests each stands for."""
        if self.counts is None:
            return np.sort(self.milliseconds), None
        times = self.milliseconds
        order = np.argsort(times, kind="stable")
        return times[order], self.counts[order]


def pack(groups: npt.NDArray[np.integer], latencies: Ints, counts: Ints | None = None) -> Packed:
    """Return latencies sorted by group, then by size."""
    keys = (groups.astype(np.int64) << LATENCY_BITS) | latencies
    return _sorted(keys, counts)


def merged(parts: Sequence[Packed]) -> Packed:
    """Return all parts as one; they hold requests or counts, all alike."""
    if not parts:
        return Packed(np.empty(0, dtype=np.int64))
    keys = np.concatenate([part.keys for part in parts])
    if all(part.counts is None for part in parts):
        return _sorted(keys, None)
    counts = [np.ones(len(part.keys), dtype=np.int64) if part.counts is None else part.counts for part in parts]
    return _sorted(keys, np.concatenate(counts))


def _sorted(keys: Ints, counts: Ints | None) -> Packed:
    if counts is None:
        keys.sort()
        return Packed(keys)
    order = np.argsort(keys, kind="stable")
    return Packed(keys[order], counts[order])


def process_rows(a_round: Round, arm: int, kind: str) -> tuple[Ints, Ints]:
    """Return times and values of one column of the process samples of ``arm``, where it was read."""
    rows = a_round.processes
    if not rows or kind not in rows:
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
    read = (rows["arm"] == arm) & (rows[kind] >= 0)
    return rows["t_ns"][read], rows[kind][read]


def measured_seconds(recording: Recording) -> float:
    """Return the seconds from the first start to the last block, as far as the rounds tell, without any pause."""
    rounds = [r for r in recording.rounds if r.blocks]
    if not rounds:
        return 0.0
    whole = (_end(rounds[-1]) - _begin(rounds[0])) / 1e9 + _before_blocks(rounds[0])
    paused = [(a, b) for a, b in pairwise(rounds) if a.number in recording.info.resumed_after]
    return whole - sum((_begin(b) - _end(a)) / 1e9 - _before_blocks(b) for a, b in paused)


def seconds_per_round(recording: Recording) -> float:
    """Return the typical seconds from one round to the next, starts and warm-up included; 0 when unknown."""
    rounds = [r for r in usable(recording) if r.blocks]
    if len(rounds) > 1:
        return float(median((_begin(b) - _begin(a)) / 1e9 for a, b in pairwise(rounds)))
    return (_end(rounds[0]) - _begin(rounds[0])) / 1e9 + _before_blocks(rounds[0]) if rounds else 0.0


def _begin(a_round: Round) -> int:
    return min(block.started_ns for block in a_round.blocks)


def _end(a_round: Round) -> int:
    return max(block.ended_ns for block in a_round.blocks)


def _before_blocks(a_round: Round) -> float:
    """Return the seconds of starting (both arms side by side) and warming up (one after the other)."""
    return max((arm.start_seconds for arm in a_round.arms), default=0.0) + sum(
        arm.warmup_seconds for arm in a_round.arms
    )
