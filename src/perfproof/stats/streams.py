"""How soon messages of streams come: the first, and each after the one before; a figure per round, arm and request."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from perfproof.model.metrics import ALL, METRICS
from perfproof.model.recording import Round
from perfproof.stats.columns import MS, Side
from perfproof.stats.quantiles import Floats
from perfproof.stats.series import Series

FEWEST_P95 = 20
"""Values in a round below which its 95th percentile would be its largest value or nearly so."""
_LEAST = 1e-3
"""Milliseconds: messages that came in one piece lie no time apart, and logarithms want some."""
_FIRST, _BETWEEN = 1, 0


def stream_series(sides: Sequence[Side]) -> list[Series]:
    """Return the metrics of streams, the row ``all`` first where there are several; none without streams.

    Where streams were sent in pairs, blocks do not count: there they wait for one another.
    """
    streams = sorted(
        {int(each) for side in sides for a_round in side.rounds if a_round.messages is not None
         for each in np.unique(a_round.messages["request"])}
    )  # fmt: skip
    if not streams:
        return []
    found = []
    for name, which in (("time_to_first_message", _FIRST), ("time_between_messages", _BETWEEN)):
        for suffix, quantile in (("", 0.5), ("_p95", 0.95)):
            rows: list[tuple[str, list[int]]] = [(sides[0].requests[each], [each]) for each in streams]
            if len(streams) > 1:
                rows.insert(0, (ALL, streams))
            for request, numbers in rows:
                values = tuple(
                    np.array([_figure(a_round, side.arm, numbers, which, quantile) for a_round in side.rounds])
                    for side in sides
                )
                if any(np.isfinite(side).any() for side in values):
                    found.append(Series(METRICS[name + suffix], request, values))
    return found


def _figure(a_round: Round, arm: int, numbers: Sequence[int], which: int, quantile: float) -> float:
    """Return the logarithm of a quantile in ms; of several streams the mean of theirs. NaN where there is none."""
    logs = [_of_one(a_round, arm, number, which, quantile) for number in numbers]
    return float(np.mean(logs)) if all(np.isfinite(logs)) else float("nan")


def _of_one(a_round: Round, arm: int, number: int, which: int, quantile: float) -> float:
    times = _times(a_round, arm, number, which)
    if len(times) < (FEWEST_P95 if quantile > 0.5 else 1):
        return float("nan")
    return float(np.log(max(float(np.quantile(times, quantile)), _LEAST)))


def _times(a_round: Round, arm: int, number: int, which: int) -> Floats:
    messages = a_round.messages
    if messages is None:
        return np.empty(0)
    mine: npt.NDArray[np.bool_] = (messages["arm"] == arm) & (messages["request"] == number)
    mine &= messages["reconnected"] == which
    paired = [block.pair for block in a_round.blocks if block.paired]
    if paired:
        mine &= np.isin(messages["pair"], paired)
    times: Floats = (messages["done_ns"][mine] - messages["sent_ns"][mine]) / MS
    return times
