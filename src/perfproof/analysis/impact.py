"""What a change is worth: milliseconds saved per second of traffic."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from perfproof.analysis.columns import Side, counts_of, tally
from perfproof.model.metrics import ALL
from perfproof.model.result import Comparison, Level


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
