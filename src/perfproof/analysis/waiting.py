"""Do requests wait in the service for one another? Their time under load beside their time alone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from perfproof.analysis.columns import MS, Side
from perfproof.analysis.words import in_unit
from perfproof.model.recording import Outcome, Round

FAR_LONGER = 4.0
"""How many times as long as alone a request must take under load for that to be told,"""
AT_LEAST_MS = 20.0
"""and how much longer."""

_REASONS = (
    "Usual reasons: fewer workers or threads than requests at a time (gunicorn's sync and gthread workers have as many "
    "as they are given), servers that hold a thread for each open connection, a database pool that is too small, a "
    "lock, or a rate near what the service can carry."
)


def waiting(sides: Sequence[Side]) -> list[str]:
    """Return a sentence for each side whose requests took far longer under load than one at a time."""
    told = []
    for side in sides:
        alone = [took for r in side.rounds if (took := _alone(r, side.arm))]
        loaded = [took for r in side.rounds if (took := _median(r, side.arm, paired=False))]
        if not alone or not loaded:
            continue
        before, now = float(np.median(alone)) / MS, float(np.median(loaded)) / MS
        if now > FAR_LONGER * before and now - before > AT_LEAST_MS:
            told.append(
                f"Requests to {side.name} wait: {in_unit(now, 'ms')} under load (median) and {in_unit(before, 'ms')} "
                f"one at a time. {_REASONS}"
            )
    return told


def _alone(a_round: Round, arm: int) -> float:
    """Return the median service time of requests sent one at a time (ns): in pairs, or after the warm-up; 0: none."""
    after_warm_up = next((each.alone_ns for each in a_round.arms if each.arm == arm), 0)
    return _median(a_round, arm, paired=True) or float(after_warm_up)


def _median(a_round: Round, arm: int, *, paired: bool) -> float:
    """Return the median service time (ns) of requests that were answered, or waited for in vain; 0: there are none."""
    samples = a_round.samples if a_round.service is None else a_round.service
    pairs = [block.pair for block in a_round.blocks if block.arm == arm and block.paired is paired]
    chosen = (samples["arm"] == arm) & np.isin(samples["pair"], pairs)
    chosen &= np.isin(samples["outcome"], (Outcome.OK, Outcome.TIMEOUT))
    if not chosen.any():
        return 0.0
    took: npt.NDArray[np.int64] = (samples["done_ns"] - samples["sent_ns"])[chosen]
    if samples.counts is None:
        return float(np.median(took))
    order = np.argsort(took, kind="stable")
    reached = np.cumsum(samples.counts[chosen][order])
    return float(took[order][np.searchsorted(reached, reached[-1] / 2)])
