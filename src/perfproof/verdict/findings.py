"""Things proven beside the comparison: a leak, more errors, a death, restarted or cold workers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from perfproof.core.numbers import count_of, in_unit
from perfproof.model.metrics import ALL
from perfproof.model.result import Comparison, Finding, Verdict
from perfproof.stats.columns import Side
from perfproof.stats.failures import Failures
from perfproof.stats.growth import growth_of_starts
from perfproof.verdict.error_rows import failing_rounds

_LEAK_SHARE = 0.005
_LEAK_BYTES = 64 * 1024
"""Growth per 1,000 requests below half a percent of the memory in use, or 64 KiB, is a cache filling up."""
_ROSE = (Verdict.REGRESSED,)


def find(
    sides: Sequence[Side],
    failures: Sequence[Mapping[str, Failures]],
    rows: Sequence[Comparison] = (),
) -> tuple[Finding, ...]:
    """Return everything found, the grave first; ``rows`` are those that were judged."""
    found: list[Finding] = []
    for side in sides:
        found += _starts(side)
        found += _leak(side)
    found += [_more_errors(row, failures) for row in rows if row.metric == "error_rate" and row.verdict in _ROSE]
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


def _more_errors(row: Comparison, failures: Sequence[Mapping[str, Failures]]) -> Finding:
    """Return that a request name surely fails more often on the candidate."""
    first, second = (table[row.request] for table in failures)
    rates = [in_unit(each.rate, "ratio") for each in (second, first)]
    text = f"{row.request}: {rates[0]} of requests failed, {rates[1]} before"
    evidence = {
        "baseline": {"failed": first.failed, "sent": first.sent},
        "candidate": {"failed": second.failed, "sent": second.sent, "kinds": dict(second.kinds)},
        "rounds": {"failing": failing_rounds(second), "of": len(second.rates)},
    }
    return Finding("more errors", row.request, "error", text, evidence)


def _leak(side: Side) -> list[Finding]:
    """Return a leak when memory grew without end in every start that served long enough to tell."""
    starts = [start for start in growth_of_starts(side) if start is not None]
    if not starts or not all(start.steady for start in starts):
        return []
    slope, memory = (float(np.mean([getattr(start, name) for start in starts])) for name in ("slope", "memory"))
    if slope < max(_LEAK_BYTES, _LEAK_SHARE * memory):
        return []
    served = min(start.served for start in starts)
    text = (
        f"memory of {side.name} grows by {in_unit(slope, 'bytes/1000')}, still after {served:,} requests to one start"
    )
    evidence = {"arm": side.name, "bytes_per_1000_requests": slope, "starts": len(starts), "requests": served}
    return [Finding("memory growth", ALL, "warning", text, evidence)]
