"""Things proven beside the comparison: a leak, more errors, a death, restarted or cold workers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from perfproof.analysis.columns import Side
from perfproof.analysis.failures import Failures, p_rise
from perfproof.analysis.intervals import one_sample
from perfproof.analysis.resources import memory
from perfproof.analysis.series import Series
from perfproof.analysis.words import count_of, in_unit
from perfproof.model.metrics import ALL
from perfproof.model.result import Finding

_LEAK_SHARE = 0.005
_LEAK_BYTES = 64 * 1024
"""Growth per 1,000 requests below half a percent of the memory in use, or 64 KiB, is a cache filling up."""
_RISE = 0.01
_SURE = 0.98


def find(
    sides: Sequence[Side], failures: Sequence[Mapping[str, Failures]], series: Sequence[Series]
) -> tuple[Finding, ...]:
    """Return everything found, the grave first."""
    found: list[Finding] = []
    for side in sides:
        found += _starts(side)
    if len(sides) == 2:
        found += _more_errors(failures)
    for each in series:
        if each.metric.name == "memory_growth":
            found += [leak for index, side in enumerate(sides) for leak in _leak(each, index, side)]
    return in_order(found)


def in_order(found: Sequence[Finding]) -> tuple[Finding, ...]:
    """Return findings with the grave ones first."""
    order = {"error": 0, "warning": 1, "info": 2}
    return tuple(sorted(found, key=lambda finding: order[finding.severity]))


def _starts(side: Side) -> list[Finding]:
    """Return deaths, restarts and cold workers of one arm."""
    found = []
    starts = [(r.number, arm) for r in side.recording.rounds for arm in r.arms if arm.arm == side.arm]
    for number, arm in starts:
        if arm.died:
            text = f"{side.name} died in round {number}: {arm.died}"
            found.append(Finding("died", ALL, "error", text, {"arm": side.name, "round": number, "reason": arm.died}))
    restarts = sum(arm.restarts for _, arm in starts)
    if restarts:
        text = f"{count_of(restarts, 'worker process', 'worker processes')} of {side.name} restarted while measured"
        found.append(Finding("restarts", ALL, "warning", text, {"arm": side.name, "restarts": restarts}))
    cold = sum(arm.cold_processes for _, arm in starts)
    if cold:
        text = f"{count_of(cold, 'worker process', 'worker processes')} of {side.name} served nothing in the warm-up"
        found.append(Finding("cold workers", ALL, "warning", text, {"arm": side.name, "processes": cold}))
    return found


def _more_errors(failures: Sequence[Mapping[str, Failures]]) -> list[Finding]:
    """Return the request names that surely fail more often on the candidate."""
    found = []
    for name, first in failures[0].items():
        second = failures[1].get(name)
        if second is None or second.rate <= first.rate:
            continue
        p = p_rise(first, second)
        if p > _RISE:
            continue
        text = f"{name}: {in_unit(second.rate, 'ratio')} of requests failed, {in_unit(first.rate, 'ratio')} before"
        evidence = {
            "baseline": {"failed": first.failed, "sent": first.sent},
            "candidate": {"failed": second.failed, "sent": second.sent, "kinds": dict(second.kinds)},
            "p": p,
        }
        found.append(Finding("more errors", name, "error", text, evidence))
    return found


def _leak(series: Series, index: int, side: Side) -> list[Finding]:
    """Return a leak when memory surely and materially grows with the number of requests."""
    interval = one_sample(series.known(index), _SURE, floor=1.0)
    steady = memory(side, "memory_steady")
    known = steady[np.isfinite(steady)]
    material = max(_LEAK_BYTES, _LEAK_SHARE * float(known.mean())) if len(known) else _LEAK_BYTES
    if interval.low is None or interval.high is None or interval.low <= 0 or interval.value < material:
        return []
    text = f"memory of {side.name} grows by {in_unit(interval.value, 'bytes/1000')}"
    evidence = {"arm": side.name, "bytes_per_1000_requests": interval.value, "low": interval.low, "high": interval.high}
    return [Finding("memory growth", ALL, "warning", text, evidence)]
