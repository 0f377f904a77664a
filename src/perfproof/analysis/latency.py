"""Latency of each request name and round: samples -> statistic per block -> one logarithm per arm and round.

A round's value is the mean over pairs of ln(candidate / baseline). That is the difference of the arms' mean logarithms
over the same pairs, so one number per arm and round is kept: changes, levels and Welch's comparison all follow from it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from perfproof.analysis.columns import MS, Ints, Side, completed, edges, latency_ns, milliseconds, pack, pair_count
from perfproof.analysis.quantiles import Floats, harrell_davis
from perfproof.analysis.strata import find_modes

ENOUGH_PER_BLOCK = 20
"""Typical samples of a name (of each of its humps) per block below which the arm's blocks of the round are pooled."""
ENOUGH_P95, ENOUGH_P99 = 10, 50
"""Samples per round below which a tail is not estimated by round."""
AMPLE_P95, AMPLE_P99 = 40, 200
"""Samples per round, about two of them beyond the quantile, below which the row says that its tail is thin. Both arms
have as many, so their ratio stays fair and the interval over rounds shows how unsure it is."""
_MOST_TRAFFIC = 0.8
_BLOCK_FLOOR = 5
_LEVEL_SAMPLES = 20_000
"""A round's machine levels are plain medians: this many samples know them to half a percent, the same for both arms."""


@dataclass(frozen=True)
class Latency:
    """Logarithms of milliseconds per side: ``logs[metric][side]`` has shape (rounds, requests); NaN where unknown.

    ``weights`` are each name's share of the traffic (of both sides together), ``typical`` the median samples of a name
    per round, ``pooled[side]`` all completed samples packed by request (the charts and p99 without rounds use them),
    ``blocks[side]`` the p50 in ms by (round, request, pair) for charts.
    """

    logs: dict[str, tuple[Floats, ...]]
    weights: Floats
    typical: Floats
    pooled: tuple[Ints, ...]
    blocks: tuple[Floats, ...]

    def overall(self, metric: str, side: int) -> Floats:
        """Return the row ``all`` per round: the logarithm of the traffic-weighted mean over request names.

        Weights are the same for both arms and every round; pooling all requests instead would let the median jump
        between fast and slow names (docs/statistics.md). Names never known are left out; the row is unknown when they
        carry a fifth of the traffic.
        """
        logs = self.logs[metric]
        known = np.logical_and.reduce([np.isfinite(values).any(axis=0) for values in logs]) & (self.weights > 0)
        if self.weights[known].sum() < _MOST_TRAFFIC:
            return np.full(len(logs[side]), np.nan)
        weights = self.weights[known] / self.weights[known].sum()
        return np.asarray(np.log(np.exp(logs[side][:, known]) @ weights))


@dataclass(frozen=True)
class _Cells:
    """Statistics of one side by (round, request, hump, pair), and of the round as a whole."""

    counts: Ints
    p50: Floats
    total: Floats
    hump_p50: Floats
    round_p50: Floats
    round_p95: Floats
    round_p99: Floats
    packed: Ints


def measure(sides: Sequence[Side], *, paired: bool, tails: bool = True) -> Latency:
    """Return the latency figures of one or two sides that share their request names.

    ``paired`` sides are the arms of one recording: only pairs of which both blocks have samples count. ``tails=False``
    leaves p95 and p99 out (the live display does).
    """
    modes = find_modes(sides)
    humps = 1 + max((int(mode.max()) for mode in modes), default=0)
    pairs = pair_count(sides)
    table = np.zeros((max(1, len(modes)), max((len(mode) for mode in modes), default=1)), dtype=np.int64)
    for request, mode in enumerate(modes):
        table[request, : len(mode)] = mode
    if paired:
        levels = [machine_levels(sides, table, humps, pairs)] * len(sides)
    else:
        levels = [machine_levels([side], table, humps, pairs) for side in sides]
    cells = [_cells(side, table, humps, pairs, level, tails) for side, level in zip(sides, levels, strict=True)]
    count = sum(cell.counts.sum(axis=(0, 3)) for cell in cells)  # (requests, humps)
    weights = count.sum(axis=1) / max(1, count.sum())
    shape = [(len(side.rounds), len(modes)) for side in sides]
    p50 = [np.full(s, np.nan) for s in shape]
    mean = [np.full(s, np.nan) for s in shape]
    for request, mode in enumerate(modes):
        used = int(mode.max()) + 1
        share = count[request, :used] / max(1, count[request].sum())
        for target, values in zip(p50, _medians(cells, request, used, share, paired), strict=True):
            target[:, request] = values
        for target, values in zip(mean, _means(cells, request, paired), strict=True):
            target[:, request] = values
    logs = {"latency_p50": tuple(p50), "latency_mean": tuple(mean)}
    per_round = [cell.counts.sum(axis=(2, 3)) for cell in cells]
    typical = np.median(np.concatenate(per_round), axis=0) if sum(map(len, per_round)) else np.zeros(len(modes))
    if tails:
        logs["latency_p95"] = _tails(per_round, [cell.round_p95 for cell in cells], typical, ENOUGH_P95)
        logs["latency_p99"] = _tails(per_round, [cell.round_p99 for cell in cells], typical, ENOUGH_P99)
    return Latency(logs, weights, typical, tuple(c.packed for c in cells), tuple(_blocks(c) for c in cells))


def _groups(side: Side, number: int, modes: Ints, humps: int) -> tuple[Ints, Ints, Ints, Ints]:
    """Return request, request-and-hump, pair and latency (ns) of what counts in one round of one side."""
    a_round = side.rounds[number]
    chosen = completed(a_round, side.arm)
    request = a_round.samples["request"][chosen].astype(np.int64)
    hump: Ints = np.zeros_like(request)
    if humps > 1:
        hump = modes[request, np.clip(a_round.samples["variant"][chosen], 0, modes.shape[1] - 1)]
    pair = a_round.samples["pair"][chosen].astype(np.int64)
    return request, request * humps + hump, pair, latency_ns(a_round, chosen)


def machine_levels(sides: Sequence[Side], modes: Ints, humps: int, pairs: int) -> Floats:
    """Return by (round, pair) how much slower than in the rest of its round everything was, as a logarithm.

    Blocks of a round are pooled for tails and rare names, and there the machine's drift from pair to pair is noise.
    So each pair's latencies are divided by the pair's own level: the median over *both* its blocks of latency against
    the typical latency of the same request and hump. It is one factor for both arms, so it cannot favour either; the
    round's mean factor is one, so levels stay what they are. In simulated drift it cuts the variance of p95 by 20-60 %.
    """
    rounds = len(sides[0].rounds)
    levels = np.zeros((rounds, pairs))
    for number in range(rounds):
        parts = [_groups(side, number, modes, humps) for side in sides]
        step = max(1, sum(len(part[3]) for part in parts) // _LEVEL_SAMPLES)
        group, pair = (np.concatenate([part[i] for part in parts])[::step] for i in (1, 2))
        logs = np.log(np.concatenate([part[3] for part in parts])[::step].astype(np.float64))
        logs -= _medians_by(group, logs, len(modes) * humps)[group]
        counts = np.bincount(pair, minlength=pairs)[:pairs]
        known = counts >= ENOUGH_PER_BLOCK
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


def _cells(side: Side, modes: Ints, humps: int, pairs: int, levels: Floats, tails: bool) -> _Cells:
    """Reduce every round of one side to its statistics."""
    requests, rounds = len(modes), len(side.rounds)
    shape = (rounds, requests, humps, pairs)
    counts = np.zeros(shape, dtype=np.int64)
    p50, total = np.full(shape, np.nan), np.zeros(shape)
    hump_p50 = np.full(shape[:3], np.nan)
    whole = {q: np.full(shape[:2], np.nan) for q in (0.5, 0.95, 0.99)}
    parts: list[Ints] = []
    for index in range(rounds):
        request, group, pair, latency = _groups(side, index, modes, humps)
        block = group * pairs + pair
        scaled = np.maximum(1, latency * np.exp(-levels[index])[pair]).astype(np.int64)
        packed = pack(block, scaled)
        bounds = edges(packed, requests * humps * pairs)
        values = milliseconds(packed)
        counts[index] = np.diff(bounds).reshape(shape[1:])
        total[index] = np.bincount(block, latency / MS, requests * humps * pairs).reshape(shape[1:])
        flat = p50[index].reshape(-1)
        for cell in np.flatnonzero(np.diff(bounds) >= _BLOCK_FLOOR):
            flat[cell] = harrell_davis(values[bounds[cell] : bounds[cell + 1]], 0.5)
        for name in range(requests):
            for part in range(humps if humps > 1 else 0):
                first = (name * humps + part) * pairs
                hump_p50[index, name, part] = harrell_davis(np.sort(values[bounds[first] : bounds[first + pairs]]), 0.5)
            first, last = bounds[name * humps * pairs], bounds[(name + 1) * humps * pairs]
            ordered = np.sort(values[first:last])
            for quantile in whole if tails else (0.5,):
                whole[quantile][index, name] = harrell_davis(ordered, quantile)
        parts.append(pack(request, latency))
    if humps == 1:
        hump_p50[:, :, 0] = whole[0.5]
    pooled = np.sort(np.concatenate(parts)) if parts else np.empty(0, dtype=np.int64)
    return _Cells(counts, p50, total, hump_p50, whole[0.5], whole[0.95], whole[0.99], pooled)


def _blocks(cells: _Cells) -> Floats:
    """Return the p50 of every block by (round, request, pair), its humps averaged by their samples."""
    known = np.isfinite(cells.p50)
    weights = np.where(known, cells.counts, 0)
    sums = (np.where(known, cells.p50, 0.0) * weights).sum(axis=2)
    total = weights.sum(axis=2)
    return np.where(total > 0, sums / np.maximum(1, total), np.nan)


def _medians(cells: Sequence[_Cells], request: int, humps: int, share: Floats, paired: bool) -> list[Floats]:
    """Return ln(p50) per round of one request for each side, by the finest grouping that has enough samples."""
    counts = np.concatenate([cell.counts[:, request, :humps] for cell in cells])  # (rounds, humps, pairs)
    if counts.size == 0:
        return [np.full(len(cell.counts), np.nan) for cell in cells]
    per_block = _typical(counts)
    if per_block.min() >= ENOUGH_PER_BLOCK:
        blocks = [np.einsum("h,rhp->rp", share, cell.p50[:, request, :humps]) for cell in cells]
        return _over_pairs(blocks, paired)
    per_round = np.median(counts.sum(axis=2), axis=0)
    if humps > 1 and per_round.min() >= ENOUGH_PER_BLOCK:
        return [np.log(cell.hump_p50[:, request, :humps] @ share) for cell in cells]
    return [np.log(cell.round_p50[:, request]) for cell in cells]


def _means(cells: Sequence[_Cells], request: int, paired: bool) -> list[Floats]:
    """Return ln(mean latency) per round of one request for each side."""
    sums = [cell.total[:, request].sum(axis=1) for cell in cells]
    counts = [cell.counts[:, request].sum(axis=1) for cell in cells]
    stacked = np.concatenate(counts)[:, None, :]
    with np.errstate(divide="ignore", invalid="ignore"):
        if stacked.size and _typical(stacked).min() >= ENOUGH_PER_BLOCK:
            blocks = [np.where(n >= _BLOCK_FLOOR, s / n, np.nan) for s, n in zip(sums, counts, strict=True)]
            return _over_pairs(blocks, paired)
        return [np.log(s.sum(axis=1) / n.sum(axis=1)) for s, n in zip(sums, counts, strict=True)]


def _tails(counts: Sequence[Ints], values: Sequence[Floats], typical: Floats, enough: int) -> tuple[Floats, ...]:
    """Return ln(tail quantile) per round where the typical round of a name has ``enough`` samples, NaN elsewhere.

    Deciding for a name and not for each of its rounds keeps the luckily full rounds from standing for all.
    """
    return tuple(
        np.log(np.where((typical >= enough) & (n >= enough / 2), value, np.nan))
        for n, value in zip(counts, values, strict=True)
    )


def _typical(counts: Ints) -> Floats:
    """Return the median count per block of each hump, over the blocks that were run at all."""
    run = counts.sum(axis=1) > 0
    return np.array([np.median(counts[:, hump][run]) if run.any() else 0.0 for hump in range(counts.shape[1])])


def _over_pairs(blocks: Sequence[Floats], paired: bool) -> list[Floats]:
    """Return the mean logarithm over the pairs of each round; for paired sides over the pairs that both have."""
    logs = [np.log(values) for values in blocks]
    if paired and len(logs) > 1:
        both = np.logical_and.reduce([np.isfinite(values) for values in logs])
        logs = [np.where(both, values, np.nan) for values in logs]
    known = [np.isfinite(values) for values in logs]
    return [
        np.where(k.any(axis=1), np.where(k, v, 0.0).sum(axis=1) / np.maximum(1, k.sum(axis=1)), np.nan)
        for k, v in zip(known, logs, strict=True)
    ]
