"""Latency of each request name and round: samples -> statistic per block -> one logarithm per arm and round.

A round's value is the mean over pairs of ln(candidate / baseline). That is the difference of the arms' mean logarithms
over the same pairs, so one number per arm and round is kept: changes, levels and Welch's comparison all follow from it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from perfproof.stats.columns import Ints, Packed, Side, pair_count
from perfproof.stats.pairs import Effects, effects
from perfproof.stats.quantiles import Floats
from perfproof.stats.strata import BLOCK_FLOOR, StratumStatistics, find_modes, machine_levels, reduce_side

ENOUGH_PER_BLOCK = 20
"""Typical samples of a name (of each of its strata) per block below which the arm's blocks of the round are pooled."""
ENOUGH_P95, ENOUGH_P99 = 10, 50
"""Samples per round below which a tail is not estimated by round."""
AMPLE_P95, AMPLE_P99 = 40, 200
"""Samples per round, about two of them beyond the quantile, below which the row says that its tail is thin. Both arms
have as many, so their ratio stays fair and the interval over rounds shows how unsure it is."""
_MOST_TRAFFIC = 0.8


@dataclass(frozen=True)
class Latency:
    """Logarithms of milliseconds per side: ``logs[metric][side]`` has shape (rounds, requests); NaN where unknown.

    ``weights`` are each name's share of the traffic (of both sides together), ``typical`` the median samples of a name
    per round, ``pooled[side]`` all completed samples packed by request (the charts and p99 without rounds use them),
    ``blocks[side]`` the p50 in ms by (round, request, pair) for charts. ``mixed[metric][side]`` are logarithms of the
    true percentiles by (round, request) where requests of several kinds are mixed, NaN elsewhere. In both the last
    request is all of them together. ``matched`` is what pairs say of the change of the median, where requests were
    paired: then it, and not the difference of ``logs``, is the round's change.
    """

    logs: dict[str, tuple[Floats, ...]]
    weights: Floats
    typical: Floats
    pooled: tuple[Packed, ...]
    blocks: tuple[Floats, ...]
    mixed: dict[str, tuple[Floats, ...]]
    matched: Effects | None = None

    def overall(self, metric: str, side: int) -> Floats:
        """Return the row ``all`` per round: the logarithm of the traffic-weighted mean over request names.

        Of two sides it gives the *typical change*: what the names' own percentiles changed by, weighted by the time
        their requests take. Weights are the same for both arms and every round. A percentile of all requests together
        jumps between fast and slow names, and stands still while half of them double (docs/statistics.md); it is in
        ``mixed``, and what reports show as the value. Names never known are left out; the row is unknown when they
        carry a fifth of the traffic.
        """
        logs = self.logs[metric]
        known = np.logical_and.reduce([np.isfinite(values).any(axis=0) for values in logs]) & (self.weights > 0)
        if self.weights[known].sum() < _MOST_TRAFFIC:
            return np.full(len(logs[side]), np.nan)
        weights = self.weights[known] / self.weights[known].sum()
        return np.asarray(np.log(np.exp(logs[side][:, known]) @ weights))

    def changes(self, metric: str, request: int) -> Floats | None:
        """Return by round ln(candidate / baseline) of a name (-1: of all) as matched requests give it; None without.

        Of all requests: what the matched changes of the names come to, each weighing as much as the time its requests
        take in the baseline over the whole run. Weights of a single round would add their own noise to it.
        """
        if self.matched is None or metric != "latency_p50":
            return None
        if request >= 0:
            return self.matched.change[:, request]
        logs = self.logs[metric][0]
        with np.errstate(invalid="ignore"):  # a name that no round knows has no mean
            typical = np.exp(np.nansum(logs, axis=0) / np.isfinite(logs).sum(axis=0)) if len(logs) else self.weights
        known = np.isfinite(self.matched.change).any(axis=0) & (self.weights > 0) & np.isfinite(typical)
        if self.weights[known].sum() < _MOST_TRAFFIC:
            return np.full(len(self.matched.change), np.nan)
        return _weighted(self.matched.change[:, known], self.weights[known] * typical[known])

    def errors(self, metric: str, request: int) -> Floats | None:
        """Return by round the standard error of the change within the round, where requests were matched."""
        if self.matched is None or metric not in self.matched.errors:
            return None
        errors = self.matched.errors[metric]
        if request >= 0:
            return errors[:, request]
        share = np.where(np.isfinite(errors), self.weights, 0.0)
        total = share.sum(axis=1, keepdims=True)
        share = share / np.where(total > 0, total, 1.0)
        return np.asarray(np.sqrt(((share * np.nan_to_num(errors)) ** 2).sum(axis=1)))


def _weighted(changes: Floats, weights: Floats) -> Floats:
    """Return the logarithm of the weighted mean of ``exp(changes)`` by round, over the names known in it."""
    known = np.isfinite(changes)
    total = (known * weights).sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        found: Floats = np.log((np.where(known, np.exp(changes), 0.0) * weights).sum(axis=1) / total)
    return np.where(total > 0, found, np.nan)


def measure(sides: Sequence[Side], *, paired: bool, tails: bool = True) -> Latency:
    """Return the latency figures of one or two sides that share their request names.

    ``paired`` sides are the arms of one recording: only pairs of which both blocks have samples count. ``tails=False``
    leaves p95 and p99 out (the live display does).
    """
    modes = find_modes(sides)
    strata = 1 + max((int(mode.max()) for mode in modes), default=0)
    pairs = pair_count(sides)
    table = np.zeros((max(1, len(modes)), max((len(mode) for mode in modes), default=1)), dtype=np.int64)
    for request, mode in enumerate(modes):
        table[request, : len(mode)] = mode
    if paired:
        levels = [machine_levels(sides, table, strata, pairs)] * len(sides)
    else:
        levels = [machine_levels([side], table, strata, pairs) for side in sides]
    cells = [reduce_side(side, table, strata, pairs, level, tails) for side, level in zip(sides, levels, strict=True)]
    count = sum(cell.counts.sum(axis=(0, 3)) for cell in cells)  # (requests, strata)
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
    return _latency(cells, logs, weights, typical)


def measure_pairs(sides: Sequence[Side], *, matched: bool = True, tails: bool = True) -> Latency:
    """Return the latency figures of arms whose requests were sent in pairs; ``matched`` arms are of one recording.

    Percentiles are those of all requests of a name in a round; both arms met the same bursts, so no drift is levelled
    out. The change of the median is that of matched requests.
    """
    names, stretches = len(sides[0].requests), pair_count(sides)
    modes = np.zeros((max(1, names), 1), dtype=np.int64)
    levels = np.zeros((len(sides[0].rounds), stretches))
    cells = [reduce_side(side, modes, 1, stretches, levels, tails) for side in sides]
    counts = [cell.counts.sum(axis=(2, 3)) for cell in cells]  # (rounds, requests)
    logs = {
        "latency_p50": tuple(np.log(cell.round_p50) for cell in cells),
        "latency_mean": tuple(_log_mean(cell) for cell in cells),
    }
    typical = np.median(np.concatenate(counts), axis=0) if sum(map(len, counts)) else np.zeros(names)
    if tails:
        logs["latency_p95"] = _tails(counts, [cell.round_p95 for cell in cells], typical, ENOUGH_P95)
        logs["latency_p99"] = _tails(counts, [cell.round_p99 for cell in cells], typical, ENOUGH_P99)
    count = sum(each.sum(axis=0) for each in counts)
    weights = count / max(1, count.sum())
    twins = effects(sides) if matched and len(sides) == 2 else None
    return _latency(cells, logs, weights, typical, twins)


def _log_mean(cells: StratumStatistics) -> Floats:
    """Return ln(mean latency) by (round, request)."""
    with np.errstate(divide="ignore", invalid="ignore"):
        found: Floats = np.log(cells.total.sum(axis=(2, 3)) / cells.counts.sum(axis=(2, 3)))
    return found


def _latency(
    cells: Sequence[StratumStatistics],
    logs: dict[str, tuple[Floats, ...]],
    weights: Floats,
    typical: Floats,
    matched: Effects | None = None,
) -> Latency:
    """Put the figures together with those of the requests as they were."""
    quantiles = {"latency_p50": 0.5, "latency_p95": 0.95, "latency_p99": 0.99}
    mixed = {name: tuple(np.log(cell.mixed[quantile]) for cell in cells) for name, quantile in quantiles.items()}
    pooled, blocks = tuple(cell.packed for cell in cells), tuple(cell.block_p50 for cell in cells)
    return Latency(logs, weights, typical, pooled, blocks, mixed, matched)


def _medians(
    cells: Sequence[StratumStatistics], request: int, strata: int, share: Floats, paired: bool
) -> list[Floats]:
    """Return ln(p50) per round of one request for each side, by the finest grouping that has enough samples."""
    counts = np.concatenate([cell.counts[:, request, :strata] for cell in cells])  # (rounds, strata, pairs)
    if counts.size == 0:
        return [np.full(len(cell.counts), np.nan) for cell in cells]
    per_block = _typical(counts)
    if per_block.min() >= ENOUGH_PER_BLOCK:
        blocks = [np.einsum("h,rhp->rp", share, cell.p50[:, request, :strata]) for cell in cells]
        return _over_pairs(blocks, paired)
    per_round = np.median(counts.sum(axis=2), axis=0)
    if strata > 1 and per_round.min() >= ENOUGH_PER_BLOCK:
        return [np.log(cell.hump_p50[:, request, :strata] @ share) for cell in cells]
    return [np.log(cell.round_p50[:, request]) for cell in cells]


def _means(cells: Sequence[StratumStatistics], request: int, paired: bool) -> list[Floats]:
    """Return ln(mean latency) per round of one request for each side."""
    sums = [cell.total[:, request].sum(axis=1) for cell in cells]
    counts = [cell.counts[:, request].sum(axis=1) for cell in cells]
    stacked = np.concatenate(counts)[:, None, :]
    with np.errstate(divide="ignore", invalid="ignore"):
        if stacked.size and _typical(stacked).min() >= ENOUGH_PER_BLOCK:
            blocks = [np.where(n >= BLOCK_FLOOR, s / n, np.nan) for s, n in zip(sums, counts, strict=True)]
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
    """Return the median count per block of each stratum, over the blocks that were run at all."""
    run = counts.sum(axis=1) > 0
    return np.array([np.median(counts[:, stratum][run]) if run.any() else 0.0 for stratum in range(counts.shape[1])])


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
