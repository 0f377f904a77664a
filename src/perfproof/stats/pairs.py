"""Matched pairs: every request of one arm beside its twin, sent to the other arm a moment before or after.

Twins see the same machine, so the logarithm of their ratio is free of whatever the machine did at the time. Its median
over a round estimates the same thing as the ratio of the two medians (they agree where noise is small), with a spread
2 to 10 times smaller where it is not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import log, sqrt

import numpy as np
import numpy.typing as npt

from perfproof.model.recording import Outcome, Recording, Round
from perfproof.stats.columns import USUAL, Ints, Side
from perfproof.stats.quantiles import Floats, harrell_davis

ENOUGH = 6
"""Pairs of a variant in a round from which on it has a median of its own; rarer variants share one."""
_BOTH_ORDERS = 4
_MEDIAN_SE = 1.2533
"""Standard error of a median over that of a mean, for normal data: sqrt(pi / 2)."""
_ROBUST_SD = 1.4826
_FEW = 2
"""Pairs in a round up to which they cannot tell how much they vary."""
_UNKNOWN_SPREAD, _UNKNOWN_DF = 0.3, 4.0
"""What the logarithm of such a pair's ratio is taken to vary by (as that of quick requests does on a busy machine), and
how many degrees of freedom that counts beside what rounds show. Taking it for nothing made two rounds of one pair each,
which happened to agree, a sure regression of identical arms."""
_GROUPS = 5
"""Parts of a round that are left out in turn, to see how sure a mean or a tail is: a few pairs are left in each."""
_OF_ARMS: Mapping[str, Callable[[Floats], float]] = {
    "latency_mean": lambda took: float(took.mean()),
    "latency_p95": lambda took: harrell_davis(np.sort(took), 0.95),
    "latency_p99": lambda took: harrell_davis(np.sort(took), 0.99),
}
"""What is computed of each arm and then divided, by metric; medians are of the pairs' ratios instead."""


@dataclass(frozen=True)
class Twins:
    """The matched requests of one round: request and variant, what each arm took (ns), which arm was asked first.

    ``sent`` orders them by time (ns). ``left_out`` counts pairs that failed, overlapped, or opened a connection where
    that is the exception; ``connected`` are those of them that did nothing but the last.
    """

    request: Ints
    variant: Ints
    took: tuple[Floats, Floats]
    second_first: npt.NDArray[np.bool_]
    sent: Ints
    left_out: int
    connected: int = 0

    @property
    def ratio(self) -> Floats:
        """Return ln(second arm / first arm) of each pair."""
        return np.asarray(np.log(self.took[1] / self.took[0]))


@dataclass(frozen=True)
class Effects:
    """What pairs say, by (round, request): ``change`` = median ln ratio.

    ``errors`` are by metric the standard errors within the round, of the median ratio and of the ratios of the means
    and tails (NaN where there was no pair). ``order`` is by round how much slower (ln) a request is for
    being the second of its pair, whichever the arm. ``pairs``, ``left_out`` and ``connected`` are totals over the
    rounds.
    """

    change: Floats
    errors: Mapping[str, Floats]
    order: Floats
    pairs: int
    left_out: int
    connected: int = 0


def part(recording: Recording, *, paired: bool) -> Recording:
    """Return the recording with only what was sent in pairs, or only what was sent in blocks."""
    return replace(recording, rounds=tuple(_part(each, paired) for each in recording.rounds))


def has_pairs(recording: Recording) -> bool:
    """Tell whether anything of the recording was sent in pairs."""
    return any(block.paired for each in recording.rounds for block in each.blocks)


def has_blocks(recording: Recording) -> bool:
    """Tell whether anything of the recording was sent in blocks of one arm."""
    return any(not block.paired for each in recording.rounds for block in each.blocks)


def _part(a_round: Round, paired: bool) -> Round:
    blocks = tuple(block for block in a_round.blocks if block.paired == paired)
    if len(blocks) == len(a_round.blocks):
        return a_round
    wanted = np.isin(a_round.samples["pair"], list({block.pair for block in blocks}))
    return replace(a_round, blocks=blocks, samples=a_round.samples.select(wanted))


def twins(a_round: Round, arms: tuple[int, int] = (0, 1)) -> Twins:
    """Match the requests of two arms: the n-th of a stretch, request and variant on one with the n-th on the other.

    Both are sent the same sequence and every request leaves a row, failed or not, so ranks agree; only polling, which
    takes as many tries as it takes, can shift them, and then within its own name.
    """
    samples = a_round.samples
    sides = [_ranked(a_round, arm) for arm in arms]
    _, first, second = np.intersect1d(sides[0][0], sides[1][0], assume_unique=True, return_indices=True)
    one, two = sides[0][1][first], sides[1][1][second]
    outcome, sent, done = samples["outcome"], samples["sent_ns"], samples["done_ns"]
    lead = sent[two] < sent[one]
    early, late = np.where(lead, two, one), np.where(lead, one, two)
    started = (outcome[one] != Outcome.NOT_STARTED) | (outcome[two] != Outcome.NOT_STARTED)
    good = (outcome[one] == Outcome.OK) & (outcome[two] == Outcome.OK) & (sent[late] >= done[early])
    fresh = (samples["reconnected"][one] != 0) | (samples["reconnected"][two] != 0)
    # That one twin had to open a connection is no difference of the versions; where it is usual, it belongs to both.
    connected = 0
    if fresh[good].mean() <= USUAL if good.any() else False:
        connected = int((good & fresh).sum())
        good &= ~fresh
    one, two, lead = one[good], two[good], lead[good]
    took = [np.maximum(1, done[index] - sent[index]).astype(np.float64) for index in (one, two)]
    return Twins(
        samples["request"][one].astype(np.int64),
        samples["variant"][one].astype(np.int64),
        (took[0], took[1]),
        lead,
        np.minimum(sent[one], sent[two]),
        int(started.sum()) - len(one),
        connected,
    )


def _ranked(a_round: Round, arm: int) -> tuple[Ints, Ints]:
    """Return a key for each row of ``arm`` that its twin has too (stretch, request, variant, rank), and the rows."""
    samples = a_round.samples
    rows = np.flatnonzero(samples["arm"] == arm)
    # Rows that were never sent have no time of sending; they are ordered by when they ended.
    moment = np.where(samples["sent_ns"][rows] > 0, samples["sent_ns"][rows], samples["done_ns"][rows])
    group = (samples["pair"][rows].astype(np.int64) << 32) | (samples["request"][rows].astype(np.int64) << 20)
    group |= samples["variant"][rows].astype(np.int64) & 0xFFFFF
    order = np.lexsort((moment, group))
    rows, group = rows[order], group[order]
    begins = np.flatnonzero(np.concatenate(([True], group[1:] != group[:-1]))) if len(group) else np.empty(0, np.int64)
    sizes = np.diff(np.append(begins, len(group)))
    rank = np.arange(len(group)) - np.repeat(begins, sizes)
    return _compact(group) + rank, rows


def _compact(group: Ints) -> Ints:
    # Group in the upper bits, rank below: a stretch holds fewer than a million requests of one variant.
    return ((group >> 32) << 52) | (((group >> 20) & 0xFFF) << 40) | ((group & 0xFFFFF) << 20)


def effects(sides: Sequence[Side]) -> Effects:
    """Return what the pairs of two arms of one recording say about each request name in each round."""
    rounds, requests = sides[0].rounds, len(sides[0].requests)
    change = np.full((len(rounds), requests), np.nan)
    errors = {name: np.full_like(change, np.nan) for name in ("latency_p50", *_OF_ARMS)}
    order = np.full(len(rounds), np.nan)
    counts = np.zeros_like(change)
    pairs = left_out = connected = 0
    for number, a_round in enumerate(rounds):
        found = twins(a_round, (sides[0].arm, sides[1].arm))
        pairs += len(found.ratio)
        left_out += found.left_out
        connected += found.connected
        leans = []
        for request in range(requests):
            mine = found.request == request
            if mine.any():
                counts[number, request] = mine.sum()
                value, variance, lean = _of_name(found.ratio[mine], found.variant[mine], found.second_first[mine])
                change[number, request], errors["latency_p50"][number, request] = value, sqrt(variance)
                in_time = np.flatnonzero(mine)[np.argsort(found.sent[mine], kind="stable")]
                took = [arm[in_time] for arm in found.took]
                for name, statistic in _OF_ARMS.items():
                    errors[name][number, request] = _jackknifed(took, statistic)
                if np.isfinite(lean):
                    leans.append((lean, int(mine.sum())))
        if leans:
            order[number] = np.average([lean for lean, _ in leans], weights=[count for _, count in leans])
    few = (counts > 0) & (counts <= _FEW)
    spread = _spread_of_few(change, few)
    for name, known in errors.items():
        known[few] = (_MEDIAN_SE if name == "latency_p50" else 1.0) * spread / np.sqrt(counts[few])
    return Effects(change, errors, order, pairs, left_out, connected)


def _spread_of_few(change: Floats, few: npt.NDArray[np.bool_]) -> float:
    """Return what a pair varies by where rounds hold too few: from round to round, all names together, and as assumed.

    Variances are averaged by their degrees of freedom (moderated, Smyth 2004), so that a single name in two rounds that
    agree by luck hardly counts, and a dozen slow requests in four rounds do.
    """
    squares, df = _UNKNOWN_DF * _UNKNOWN_SPREAD**2, _UNKNOWN_DF
    for request in range(change.shape[1]):
        found = change[few[:, request], request]
        if len(found) > 1:
            squares += float(((found - found.mean()) ** 2).sum())
            df += len(found) - 1
    return sqrt(squares / df)


def _jackknifed(took: Sequence[Floats], statistic: Callable[[Floats], float]) -> float:
    """Return the standard error of ln(statistic of the second arm / of the first) over pairs in the order of time.

    A jackknife by groups (Tukey 1958; Shao & Wu 1989 for quantiles, which leaving out single values does not serve):
    pairs stay together, since both met the same burst, and so do neighbours, which a burst hits alike. NaN of one pair.
    """
    count = len(took[0])
    groups = min(_GROUPS, count)
    if groups < 2:
        return float("nan")
    group = np.arange(count) * groups // count
    left = [log(statistic(took[1][group != g]) / statistic(took[0][group != g])) for g in range(groups)]
    return sqrt((groups - 1) * float(np.var(left)))


def _of_name(ratio: Floats, variant: Ints, second_first: npt.NDArray[np.bool_]) -> tuple[float, float, float]:
    """Return the median ratio of one name (variants weighted by their pairs), its variance, and the order effect."""
    values, counts = np.unique(variant, return_counts=True)
    own = {int(value) for value, count in zip(values, counts, strict=True) if count >= ENOUGH}
    strata = [variant == value for value in own]
    rest = ~np.isin(variant, list(own))
    strata += [rest] if rest.any() else []
    total = change = variance = 0.0
    leans: list[float] = []
    weights: list[int] = []
    for stratum in strata:
        count = int(stratum.sum())
        value, lean = _median(ratio[stratum], second_first[stratum])
        spread = _ROBUST_SD * float(np.median(np.abs(ratio[stratum] - value))) if count > _FEW else _UNKNOWN_SPREAD
        total += count
        change += count * value
        variance += count**2 * (_MEDIAN_SE * spread) ** 2 / count
        if np.isfinite(lean):
            leans.append(lean)
            weights.append(count)
    lean = float(np.average(leans, weights=weights)) if leans else float("nan")
    return change / total, variance / total**2, lean


def _median(ratio: Floats, second_first: npt.NDArray[np.bool_]) -> tuple[float, float]:
    """Return the median ratio and how much being second costs (ln).

    Taken apart by order and averaged where both orders have enough, so that an uneven draw of orders, which a small
    stratum cannot exclude, does not put the order's effect on an arm.
    """
    before, after = ratio[second_first], ratio[~second_first]  # the second arm was asked before, or after
    if min(len(before), len(after)) < _BOTH_ORDERS:
        return harrell_davis(np.sort(ratio), 0.5), float("nan")
    early, late = harrell_davis(np.sort(before), 0.5), harrell_davis(np.sort(after), 0.5)
    return (early + late) / 2, (late - early) / 2
