"""Charts and counts of each request name, computed here so that reports only draw."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from perfproof.model.metrics import ALL
from perfproof.model.recording import COMPLETED, LATE_NS, LEFT_OUT, Outcome, first_moment
from perfproof.model.result import Comparison, Curve, Detail, Level
from perfproof.stats.columns import MS, Packed, Side, counts_of, pack_service, process_rows, tally
from perfproof.stats.failures import Failures
from perfproof.stats.latency import Latency
from perfproof.stats.quantiles import MOST_POINTS, Floats, thin


def with_impact(
    rows: Sequence[Comparison], levels: Sequence[Level], labels: Sequence[str], side: Side
) -> list[Comparison]:
    """Add to every latency row the milliseconds saved per second of traffic: mean saved x requests per second."""
    means = {(lv.request, lv.arm): lv.estimate.value for lv in levels if lv.metric == "latency_mean"}
    rate = traffic(side)
    found = []
    for row in rows:
        before, after = (means.get((row.request, label)) for label in labels)
        if row.metric.startswith("latency") and before is not None and after is not None:
            row = replace(row, impact=(before - after) * rate.get(row.request, 0.0))
        found.append(row)
    return found


def traffic(side: Side) -> dict[str, float]:
    """Return the requests per second sent to one side, by request name and of all."""
    seconds = sum(b.paced_ns / 1e9 for r in side.rounds for b in r.blocks if b.arm == side.arm)
    sent = np.zeros(len(side.requests))
    for a_round in side.rounds:
        mine = a_round.samples["arm"] == side.arm
        sent += tally(a_round.samples["request"][mine], counts_of(a_round.samples, mine), len(side.requests))
    rate = dict(zip(side.requests, (sent / seconds if seconds else sent * 0).tolist(), strict=True))
    rate[ALL] = sum(rate.values())
    return rate


_BEYOND = 10
"""A percentile is drawn only where at least this many samples lie beyond it."""
_PERCENTILES = np.unique(np.concatenate([np.linspace(0.01, 0.99, 99), 1 - np.logspace(-2, -6, 81)]))


def detail_all(
    sides: Sequence[Side], labels: Sequence[str], figures: Latency, failures: Sequence[Mapping[str, Failures]]
) -> tuple[Detail, ...]:
    """Return the details of ``all`` and of every request name; ``labels`` name the sides in the charts."""
    service = [pack_service(side) for side in sides]
    counts = [_counts(side) for side in sides]
    rows = [(ALL, -1), *((name, index) for index, name in enumerate(sides[0].requests))]
    return tuple(_detail(name, index, sides, labels, figures, service, counts, failures) for name, index in rows)


def _detail(
    name: str,
    index: int,
    sides: Sequence[Side],
    labels: Sequence[str],
    figures: Latency,
    service: Sequence[Packed],
    counts: Sequence[Sequence[dict[str, int]]],
    failures: Sequence[Mapping[str, Failures]],
) -> Detail:
    """Return the detail of one request name, or of all of them for index -1."""
    latency, served = (
        [packed.group(index) if index >= 0 else packed for packed in each] for each in (figures.pooled, service)
    )
    charts = {
        "ecdf": tuple(map(_ecdf, labels, latency)),
        "percentiles": tuple(map(_percentiles, labels, latency)),
        "service_time": tuple(map(_percentiles, labels, served)),
        "latency_over_time": tuple(
            _latency_over_time(label, side, blocks, index)
            for label, side, blocks in zip(labels, sides, figures.blocks, strict=True)
        ),
    }
    if index < 0:
        charts["cpu_over_time"] = tuple(map(_cpu_over_time, labels, sides))
        charts["memory_over_time"] = tuple(map(_memory_over_time, labels, sides))
    errors = {label: dict(table[name].kinds) for label, table in zip(labels, failures, strict=True)}
    told = {label: each[index] for label, each in zip(labels, counts, strict=True)}
    kept = {key: tuple(c for c in curves if c.x) for key, curves in charts.items()}
    return Detail(name, {key: curves for key, curves in kept.items() if curves}, told, errors)


def _over_time(label: str, rounds: Sequence[tuple[Floats, Floats]]) -> Curve:
    """Return the curve of a run, its points thinned, with a gap between rounds: nothing was measured there."""
    whole = [(x[known], y[known]) for x, y in rounds if (known := np.isfinite(x) & np.isfinite(y)).any()]
    most = max(1, MOST_POINTS // max(1, len(whole)))
    xs: list[float] = []
    ys: list[float] = []
    for x, y in whole:
        index = thin(len(x), most)
        if xs:
            xs.append(xs[-1])
            ys.append(np.nan)
        xs += x[index].tolist()
        ys += y[index].tolist()
    return Curve(label, tuple(xs), tuple(ys))


def _curve(label: str, x: Floats, y: Floats) -> Curve:
    """Return a curve with its points thinned and its gaps left out."""
    known = np.isfinite(x) & np.isfinite(y)
    x, y = x[known], y[known]
    index = thin(len(x)) if len(x) else np.empty(0, dtype=np.int64)
    return Curve(label, tuple(x[index].tolist()), tuple(y[index].tolist()))


def _ecdf(label: str, latency: Packed) -> Curve:
    times, often = latency.by_size()
    reached = np.arange(1, len(times) + 1) if often is None else np.cumsum(often)
    return _curve(label, times, reached / (reached[-1] if len(reached) else 1))


def _percentiles(label: str, latency: Packed) -> Curve:
    times, often = latency.by_size()
    count = len(times) if often is None else int(often.sum())
    shown = _PERCENTILES[count * (1 - _PERCENTILES) >= _BEYOND] if count else _PERCENTILES[:0]
    place = np.minimum((shown * count).astype(np.int64), count - 1)
    if often is not None:
        place = np.searchsorted(np.cumsum(often), place, side="right")
    return _curve(label, shown * 100, times[place] if len(shown) else times[:0])


def _latency_over_time(label: str, side: Side, blocks: Floats, index: int) -> Curve:
    """Return each block's p50 at the middle of the block, of one request name or (-1) of all together."""
    origin, rounds = first_moment(side.rounds), []
    for number, a_round in enumerate(side.rounds):
        points = []
        for block in a_round.blocks:
            if block.arm != side.arm:
                continue
            value = float(blocks[number][index, block.pair])
            points.append((((block.started_ns + block.ended_ns) / 2 - origin) / 1e9, value))
        rounds.append(_columns(points))
    return _over_time(label, rounds)


def _columns(points: Sequence[tuple[float, float]]) -> tuple[Floats, Floats]:
    """Return points in order of time as two columns."""
    ordered = np.array(sorted(points), dtype=np.float64).reshape(-1, 2)
    return ordered[:, 0], ordered[:, 1]


def _cpu_over_time(label: str, side: Side) -> Curve:
    origin = first_moment(side.rounds)
    rounds = [
        [
            ((b.started_ns - origin) / 1e9, b.service_cpu_ns / MS / b.completed)
            for b in r.blocks
            if b.arm == side.arm and b.service_cpu_ns is not None and b.completed
        ]
        for r in side.rounds
    ]
    return _over_time(label, [_columns(points) for points in rounds])


def _memory_over_time(label: str, side: Side) -> Curve:
    """Return PSS over time, or RSS where PSS was never read."""
    for kind in ("pss", "rss"):
        parts = [process_rows(a_round, side.arm, kind) for a_round in side.rounds]
        if any(len(times) for times, _ in parts):
            origin = first_moment(side.rounds)
            return _over_time(label, [((t - origin) / 1e9, v.astype(np.float64)) for t, v in parts])
    return Curve(label, (), ())


def _counts(side: Side) -> list[dict[str, int]]:
    """Return what became of the requests of each name, and last of all; from one pass over the samples.

    ``late`` of one name counts every request sent more than 1 ms late, that of all only those with a free connection.
    """
    names = len(side.requests)
    table = np.zeros((4, names), dtype=np.int64)
    for a_round in side.rounds:
        samples = a_round.samples
        mine = samples["arm"] == side.arm
        request, outcome = samples["request"][mine], samples["outcome"][mine]
        dropped = outcome == int(Outcome.DROPPED)
        sent = ~dropped & ~np.isin(outcome, LEFT_OUT)
        number = counts_of(samples, mine)
        for row, chosen in enumerate((sent, np.isin(outcome, COMPLETED), dropped)):
            table[row] += tally(request[chosen], None if number is None else number[chosen], names)
        if number is None:
            late = sent & (samples["sent_ns"][mine] - samples["intended_ns"][mine] > LATE_NS)
            table[3] += tally(request[late], None, names)
        else:
            table[3] += tally(request, samples["late"][mine], names)
    blocks = [b for r in side.rounds for b in r.blocks if b.arm == side.arm]
    total = {key: sum(getattr(b, key) for b in blocks) for key in ("sent", "completed", "failed", "dropped", "late")}
    rows = [
        {"sent": sent, "completed": done, "failed": sent - done, "dropped": dropped, "late": late}
        for sent, done, dropped, late in table.T.tolist()
    ]
    return [*rows, total]
