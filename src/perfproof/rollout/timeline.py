"""What happened in one restart: from the samples of the load and the moments of the restart to figures. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from perfproof.model.recording import Outcome

RACE_NS = 5_000_000
"""A connection that rested may be closed just as a request is on its way (RFC 9112, 9.3.1): such a request is lost
within this time of being sent. What waited longer was taken by the service, and dropped."""
_LEAST_GAP_NS = 100_000_000
_WINDOW_NS = 250_000_000
_WINDOWS = 20
_WARM = 1.5
"""Answers are as before once the median of a window is at most this times what it was (and a millisecond)."""
_SETTLED_NS = 1_000_000_000
"""What was sent within this time before the load ended, and not answered, says nothing."""

Columns = Mapping[str, npt.NDArray[Any]]


@dataclass(frozen=True)
class Told:
    """One answer to a question for health: when it was asked and told, and its status (0: refused, -1: none came)."""

    asked_ns: int
    told_ns: int
    status: int

    @property
    def good(self) -> bool:
        """Tell whether it said yes."""
        return 200 <= self.status < 400


@dataclass(frozen=True)
class Moments:
    """When what happened; times are integer nanoseconds of CLOCK_MONOTONIC, 0 where it never did.

    ``began`` is the signal or the start of the command, ``spawned`` the start of the new service, ``ready`` its first
    good answer, ``gone`` the end of the last process of the old one, ``over`` when all of this was done and ``ended``
    the end of the load. ``sharp`` says that the old one was told to go at ``began``: what was under way then is known.
    """

    began: int
    spawned: int = 0
    ready: int = 0
    gone: int = 0
    over: int = 0
    ended: int = 0
    sharp: bool = True


def reckon(
    samples: Columns, moments: Moments, ready: Sequence[Told], alive: Sequence[Told], slow_ms: int
) -> dict[str, Any]:
    """Return the figures of one restart as JSON values: counts of requests, times in ms, and the curve of latency."""
    intended, sent, done = samples["intended_ns"], samples["sent_ns"], samples["done_ns"]
    outcome = samples["outcome"]
    good = np.isin(outcome, (Outcome.OK, Outcome.RESENT))
    counted = outcome != Outcome.NOT_STARTED
    # The load was told to end, and gave up what was under way: that is no fault of the service.
    counted &= good | (done < moments.ended) | (intended < moments.ended - _SETTLED_NS)
    after = counted & (done >= moments.began)
    refused = after & (outcome == Outcome.CONNECT)
    cut = after & np.isin(outcome, (Outcome.CLOSED, Outcome.LOST))
    raced = cut & (outcome == Outcome.LOST) & (sent >= moments.began) & (done - sent <= RACE_NS)
    wrong = after & np.isin(outcome, (Outcome.BAD_STATUS, Outcome.UNEXPECTED, Outcome.PROTOCOL))
    unanswered = after & (outcome == Outcome.TIMEOUT)
    unsent = after & (outcome == Outcome.DROPPED)
    lost = cut & ~raced
    failed = refused | lost | wrong | unanswered | unsent
    under_way = counted & (sent > 0) & (sent < moments.began) & (done >= moments.began)
    usual = _median_ms(intended, done, good & (done < moments.began))
    facts: dict[str, Any] = {
        "requests": int(after.sum()),
        "failed": int(failed.sum()),
        "refused": int(refused.sum()),
        "lost": int(lost.sum()),
        "wrong": int(wrong.sum()),
        "unanswered": int(unanswered.sum()),
        "unsent": int(unsent.sum()),
        "raced": int(raced.sum()),
        "slow": int((after & good & (done - intended > slow_ms * 1_000_000)).sum()),
        "failed_before": int((counted & ~good & (done < moments.began)).sum()),
        "statuses": {
            str(int(status)): int((samples["status"][wrong] == status).sum())
            for status in np.unique(samples["status"][wrong])[:10]
        },
        "without_service_ms": _gaps(np.sort(done[good]), moments) / 1e6,
        "under_way": int(under_way.sum()) if moments.sharp else None,
        "finished": int((under_way & good).sum()) if moments.sharp else None,
        "startup_ms": (moments.ready - moments.spawned) / 1e6 if moments.ready and moments.spawned else None,
        "drain_ms": (moments.gone - moments.began) / 1e6 if moments.gone else None,
        "took_ms": (moments.over - moments.began) / 1e6,
        "usual_ms": usual,
    }
    facts |= _curve(intended, done, after & good, moments.ready or moments.over, usual)
    bad = intended[wrong | unanswered]
    facts["ready_but_failed"] = _between_yes(ready, bad)
    facts["not_alive"] = sum(told.status >= 400 for told in alive if told.told_ns >= moments.began)
    facts["said_not_ready"] = sum(told.status >= 400 for told in ready if told.told_ns >= moments.began)
    facts["asked_ready"] = sum(told.told_ns >= moments.began for told in ready)
    facts["asked_alive"] = sum(told.told_ns >= moments.began for told in alive)
    return facts


def _gaps(answered: npt.NDArray[np.int64], moments: Moments) -> int:
    """Return the nanoseconds in which no good answer came, of gaps longer than those before the restart."""
    before = answered[answered < moments.began]
    usual = int(np.diff(before).max()) if len(before) > 1 else 0
    least = max(_LEAST_GAP_NS, 3 * usual)
    end = moments.ended or moments.over
    started = before[-1:] if len(before) else np.array([moments.began])
    points = np.concatenate([started, answered[(answered >= moments.began) & (answered <= end)], [end]])
    gaps = np.diff(points)
    return int(gaps[gaps > least].sum())


def _between_yes(ready: Sequence[Told], bad: npt.NDArray[np.int64]) -> int:
    """Return how many requests failed between two answers in a row that said "ready".

    One such answer alone may have been true when it was given; requests that were refused or cut off are not looked at,
    for they may have met the one moment between two answers in which nobody listened.
    """
    count = 0
    for before, after in pairwise(ready):
        if before.good and after.good:
            count += int(((bad > before.told_ns) & (bad < after.asked_ns)).sum())
    return count


def _median_ms(begun: npt.NDArray[np.int64], done: npt.NDArray[np.int64], which: npt.NDArray[np.bool_]) -> float | None:
    return float(np.median(done[which] - begun[which])) / 1e6 if which.any() else None


def _curve(
    intended: npt.NDArray[np.int64],
    done: npt.NDArray[np.int64],
    good: npt.NDArray[np.bool_],
    start: int,
    usual: float | None,
) -> dict[str, Any]:
    """Return the median latency in windows after the new service was ready, and after how many ms it is as before."""
    windows: list[list[float]] = []
    warm = 0.0
    for number in range(_WINDOWS):
        begin = start + number * _WINDOW_NS
        which = good & (intended >= begin) & (intended < begin + _WINDOW_NS)
        median = _median_ms(intended, done, which)
        if median is None:
            continue
        windows.append([number * _WINDOW_NS / 1e6, round(median, 3), int(which.sum())])
        if usual is not None and median > _WARM * usual + 1:
            warm = (number + 1) * _WINDOW_NS / 1e6
    return {"curve": windows, "warm_ms": warm if usual is not None and windows else None}
