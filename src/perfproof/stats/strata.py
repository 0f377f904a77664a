"""Statistics of one arm by round, request, stratum and pair, with the machine's drift levelled out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import log

import numpy as np
import numpy.typing as npt

from perfproof.stats.columns import MS, Ints, Packed, Side, completed, counts_of, latency_ns, merged, pack
from perfproof.stats.quantiles import Floats, harrell_davis

_GAP = log(1.25)
"""Neighbouring variants further apart than this start a new stratum."""
_MOST = 8
_MOST_VARIANTS = 1000
_FEWEST = 12
"""A variant with fewer samples than this over a whole run follows the stratum of the rest."""


def find_modes(sides: Sequence[Side]) -> tuple[npt.NDArray[np.int32], ...]:
    """Return, per request, the stratum of each variant (0 is the quickest).

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
    """Return the stratum of each variant: sorted medians, cut at the widest gaps above the limit."""
    strata = np.zeros(max(1, len(centres)), dtype=np.int32)
    known = np.flatnonzero(np.isfinite(centres))
    if len(known) < 2:
        return strata
    # Cut where neighbours lie far apart. Clustering (k-means, mixtures) would need the number of kinds beforehand,
    # and may group the same run otherwise the next time.
    order = known[np.argsort(centres[known])]
    gaps = np.diff(centres[order])
    limit = max(_GAP, float(np.sort(gaps)[-_MOST])) if len(gaps) >= _MOST else _GAP
    strata[order[1:]] = np.cumsum(gaps > limit)
    # A variant too rare to know is treated as the most frequent kind would be: as the middle stratum.
    strata[~np.isfinite(centres)] = strata[order[len(order) // 2]]
    return strata


BLOCK_FLOOR = 5
"""A block with fewer samples of a request than this has no figure of its own."""
_LEVEL_FLOOR = 20
_LEVEL_SAMPLES = 20_000
"""A round's machine levels are plain medians: this many samples know them to half a percent, the same for both arms."""


@dataclass(frozen=True)
class StratumStatistics:
    """Statistics of one side by (round, request, stratum, pair), and of the round as a whole.

    ``mixed[quantile]`` has the percentile (ms) of the requests as they were, by (round, request) and last of all
    together; only where requests of several kinds are mixed. ``block_p50`` is the same of each block, for charts.
    """

    counts: Ints
    p50: Floats
    total: Floats
    hump_p50: Floats
    round_p50: Floats
    round_p95: Floats
    round_p99: Floats
    packed: Packed
    mixed: dict[float, Floats]
    block_p50: Floats


def _groups(side: Side, number: int, modes: Ints, strata: int) -> tuple[Ints, Ints, Ints, Ints, Ints | None]:
    """Return request, request-and-stratum, pair, latency (ns) and number of what counts in one round of one side."""
    a_round = side.rounds[number]
    chosen = completed(a_round, side.arm)
    request = a_round.samples["request"][chosen].astype(np.int64)
    stratum: Ints = np.zeros_like(request)
    if strata > 1:
        stratum = modes[request, np.clip(a_round.samples["variant"][chosen], 0, modes.shape[1] - 1)]
    pair = a_round.samples["pair"][chosen].astype(np.int64)
    return request, request * strata + stratum, pair, latency_ns(a_round, chosen), counts_of(a_round.samples, chosen)


def _sample(part: tuple[Ints, Ints, Ints, Ints, Ints | None], step: int) -> tuple[Ints, Ints, Ints]:
    """Return group, pair and latency of every ``step``-th request."""
    _, group, pair, latency, counts = part
    if counts is None:
        return group[::step], pair[::step], latency[::step]
    reached = np.cumsum(counts)
    total = int(reached[-1]) if len(reached) else 0
    rows = np.searchsorted(reached, np.arange(0, total, step), side="right")
    return group[rows], pair[rows], latency[rows]


def machine_levels(sides: Sequence[Side], modes: Ints, strata: int, pairs: int) -> Floats:
    """Return by (round, pair) how much slower than in the rest of its round everything was, as a logarithm.

    Blocks of a round are pooled for tails and rare names, and there the machine's drift from pair to pair is noise.
    So each pair's latencies are divided by the pair's own level: the median over *both* its blocks of latency against
    the typical latency of the same request and stratum. It is one factor for both arms, so it cannot favour either; the
    round's mean factor is one, so levels stay what they are. In simulated drift it cuts the variance of p95 by 20-60 %.
    """
    rounds = len(sides[0].rounds)
    levels = np.zeros((rounds, pairs))
    for number in range(rounds):
        parts = [_groups(side, number, modes, strata) for side in sides]
        count = sum(len(part[3]) if part[4] is None else int(part[4].sum()) for part in parts)
        chosen = [_sample(part, max(1, count // _LEVEL_SAMPLES)) for part in parts]
        group, pair, latency = (np.concatenate([each[i] for each in chosen]) for i in range(3))
        logs = np.log(latency.astype(np.float64))
        logs -= _medians_by(group, logs, len(modes) * strata)[group]
        counts = np.bincount(pair, minlength=pairs)[:pairs]
        known = counts >= _LEVEL_FLOOR
        level = np.where(known, _medians_by(pair, logs, pairs), 0.0)
        if known.any():
            levels[number, known] = level[known] - np.average(level[known], weights=counts[known])
    return levels


def _medians_by(groups: Ints, values: Floats, count: int) -> Floats:
    """Return the median of each group's values; 0 for an empty group."""
    order = np.argsort(values)
    order = order[np.argsort(groups[order], kind="stable")]
    bounds = np.searchsorted(groups[order], np.arange(count + 1))
    size = np.diff(bounds)
    ordered = np.append(values[order], 0.0)
    middle = (ordered[bounds[:-1] + np.maximum(0, size - 1) // 2] + ordered[bounds[:-1] + size // 2]) / 2
    return np.where(size > 0, middle, 0.0)


def reduce_side(side: Side, modes: Ints, strata: int, pairs: int, levels: Floats, tails: bool) -> StratumStatistics:
    """Reduce every round of one side to its statistics."""
    requests, rounds = len(modes), len(side.rounds)
    shape = (rounds, requests, strata, pairs)
    counts = np.zeros(shape, dtype=np.int64)
    p50, total = np.full(shape, np.nan), np.zeros(shape)
    hump_p50 = np.full(shape[:3], np.nan)
    whole = {q: np.full(shape[:2], np.nan) for q in (0.5, 0.95, 0.99)}
    parts: list[Packed] = []
    mixed = {q: np.full((rounds, requests + 1), np.nan) for q in whole}
    block_p50 = np.full((rounds, requests + 1, pairs), np.nan)
    several = [name for name in range(requests) if modes[name].max() > 0]
    for index in range(rounds):
        request, group, pair, latency, number = _groups(side, index, modes, strata)
        block = group * pairs + pair
        scaled = np.maximum(1, latency * np.exp(-levels[index])[pair]).astype(np.int64)
        packed = pack(block, scaled, number)
        bounds = packed.edges(requests * strata * pairs)
        counts[index] = packed.sizes(bounds).reshape(shape[1:])
        times = latency / MS if number is None else latency / MS * number
        total[index] = np.bincount(block, times, requests * strata * pairs).reshape(shape[1:])
        flat = p50[index].reshape(-1)
        for cell in np.flatnonzero(counts[index].reshape(-1) >= BLOCK_FLOOR):
            flat[cell] = _quantile(packed[bounds[cell] : bounds[cell + 1]], 0.5)
        for name in range(requests):
            for part in range(strata if strata > 1 else 0):
                first = (name * strata + part) * pairs
                hump_p50[index, name, part] = _quantile(packed[bounds[first] : bounds[first + pairs]], 0.5)
            first, last = bounds[name * strata * pairs], bounds[(name + 1) * strata * pairs]
            ordered, often = packed[first:last].by_size()
            for quantile in whole if tails else (0.5,):
                whole[quantile][index, name] = harrell_davis(ordered, quantile, often)
        parts.append(pack(request, latency, number))
        if not tails:
            continue
        if requests > 1 or several:
            everything = parts[-1].by_size()
            for quantile in mixed:
                mixed[quantile][index, -1] = harrell_davis(everything[0], quantile, everything[1])
        for name in several:
            mixed[0.5][index, name] = _quantile(parts[-1].group(name), 0.5)
        block_p50[index, -1] = _by_block(pair, latency, number, pairs)
        # A name whose requests are alike has its figure already; only the machine's drift is to be put back.
        block_p50[index, :-1] = p50[index, :, 0] * np.exp(levels[index])
        for name in several:
            mine = request == name
            often = None if number is None else number[mine]
            block_p50[index, name] = _by_block(pair[mine], latency[mine], often, pairs)
    if strata == 1:
        hump_p50[:, :, 0] = whole[0.5]
    tailed = (whole[0.5], whole[0.95], whole[0.99])
    return StratumStatistics(counts, p50, total, hump_p50, *tailed, merged(parts), mixed, block_p50)


def _by_block(pair: Ints, latency: Ints, number: Ints | None, pairs: int) -> Floats:
    """Return the median (ms) of each block of one round; NaN below ``BLOCK_FLOOR`` requests."""
    packed = pack(pair, latency, number)
    bounds = packed.edges(pairs)
    sizes = packed.sizes(bounds)
    found = np.full(pairs, np.nan)
    for at in np.flatnonzero(sizes >= BLOCK_FLOOR):
        found[at] = _quantile(packed[bounds[at] : bounds[at + 1]], 0.5)
    return found


def _quantile(part: Packed, quantile: float) -> float:
    """Return a quantile of what was packed, whatever its groups."""
    ordered, often = part.by_size()
    return harrell_davis(ordered, quantile, often)
