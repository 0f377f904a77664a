"""CPU per request, throughput and memory: one number per arm and round."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from perfproof.analysis.columns import MS, Ints, Side, process_rows
from perfproof.analysis.quantiles import Floats, theil_sen, thin
from perfproof.model.recording import ArmRound, Outcome, Round

_GROWTH_POINTS = 200
_FEWEST_POINTS = 5


def cpu_per_request(side: Side) -> Floats:
    """Return CPU milliseconds of the whole process tree per completed request, per round; NaN where not measured.

    In stretches of pairs an arm also runs while the other is asked, so what it uses when nobody asks is taken off.
    """
    idle = idle_share(side)
    return np.array([_cpu(a_round, side.arm, idle) for a_round in side.rounds], dtype=np.float64)


def idle_share(side: Side) -> float:
    """Return the CPU seconds per second that the service uses while nobody asks it anything, over the whole run.

    Over the run and not by round: timers that fire once a second are in some idle stretches and not in others.
    """
    starts = [known for a_round in side.rounds if (known := arm_round(a_round, side.arm)) is not None]
    return sum(start.idle_cpu_ns for start in starts) / max(1, sum(start.idle_ns for start in starts))


def _cpu(a_round: Round, arm: int, idle: float) -> float:
    blocks = [b for b in a_round.blocks if b.arm == arm and b.service_cpu_ns is not None]
    completed = sum(block.completed for block in blocks)
    used = sum(block.service_cpu_ns or 0 for block in blocks)
    used -= int(idle * sum(block.ended_ns - block.started_ns for block in blocks if block.paired))
    return used / MS / completed if completed and used > 0 else float("nan")


def throughput(side: Side) -> Floats:
    """Return completed requests per second of block, per round."""
    values = []
    for a_round in side.rounds:
        blocks = [b for b in a_round.blocks if b.arm == side.arm]
        seconds = sum(b.ended_ns - b.started_ns for b in blocks) / 1e9
        completed = sum(b.completed for b in blocks)
        values.append(completed / seconds if seconds > 0 and completed else float("nan"))
    return np.array(values, dtype=np.float64)


def closed_model(side: Side) -> bool:
    """Tell whether the load was closed: only then does throughput answer to the service."""
    load = side.recording.info.settings.get("load")
    return isinstance(load, dict) and load.get("model") == "closed"


def arm_round(a_round: Round, arm: int) -> ArmRound | None:
    """Return what is known of one start of one arm."""
    return next((known for known in a_round.arms if known.arm == arm), None)


def memory(side: Side, which: str) -> Floats:
    """Return ``memory_peak`` or ``memory_steady`` in bytes, per start."""
    found = (arm_round(a_round, side.arm) for a_round in side.rounds)
    return np.array([(getattr(known, which) or np.nan) if known else np.nan for known in found], dtype=np.float64)


def growth(side: Side) -> Floats:
    """Return the Theil-Sen slope of memory over completed requests, bytes per 1,000 requests, per start."""
    return np.array([_growth(a_round, side.arm) for a_round in side.rounds], dtype=np.float64)


def _growth(a_round: Round, arm: int) -> float:
    """Return the slope of one start: from PSS, or from RSS where PSS was read too seldom."""
    served = _served(a_round, arm)
    if served is None or not a_round.processes:
        return float("nan")
    begin, count = served
    for kind in ("pss", "rss"):
        times, values = process_rows(a_round, arm, kind)
        inside = times >= begin
        x, y = count(times[inside]), values[inside].astype(np.float64)
        if len(x) >= _FEWEST_POINTS:
            index = thin(len(x), _GROWTH_POINTS)
            return theil_sen(x[index], y[index]) * 1000
    return float("nan")


def _served(a_round: Round, arm: int) -> tuple[int, Callable[[Ints], Floats]] | None:
    """Return when the first request was completed, and how many were at given moments; None if none was.

    Where only histograms were kept, the requests of a block count as spread evenly over it.
    """
    samples = a_round.samples
    if samples.counts is None:
        done = np.sort(samples["done_ns"][(samples["arm"] == arm) & (samples["outcome"] == int(Outcome.OK))])
        return (int(done[0]), lambda times: np.searchsorted(done, times).astype(np.float64)) if len(done) else None
    blocks = sorted((b for b in a_round.blocks if b.arm == arm and b.completed), key=lambda block: block.started_ns)
    if not blocks:
        return None
    moments = [moment for block in blocks for moment in (block.started_ns, block.ended_ns)]
    reached = np.cumsum([block.completed for block in blocks])
    counts = [count for last, block in zip(reached, blocks, strict=True) for count in (last - block.completed, last)]
    return blocks[0].started_ns, lambda times: np.interp(times, moments, counts)
