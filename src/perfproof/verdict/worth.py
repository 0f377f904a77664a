"""What a change is worth to those who pay for it: what a day of traffic takes before and after."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Any, Literal

from perfproof.model.metrics import ALL
from perfproof.model.result import DAY, MANY_REQUESTS, Comparison, Saving, Traffic, Verdict

_KNOWN = {Verdict.MET, Verdict.GOAL_MISSED, Verdict.IMPROVED, Verdict.REGRESSED}
"""Verdicts of rows whose change is told apart from none."""
_TIMED: tuple[tuple[Literal["waiting", "cpu"], tuple[str, ...]], ...] = (
    ("waiting", ("latency_mean", "latency_under_load_mean")),
    ("cpu", ("cpu_per_request",)),
)


def worth(rows: Sequence[Comparison], sent: Mapping[str, float], rate: float | None) -> Traffic | None:
    """Return what traffic takes on both sides; None where nothing of it is known or the rows say nothing.

    ``sent`` are the requests per second that were sent, by name: they give the mix. Waiting is reckoned from the mean,
    since a sum over requests is what a day adds up to; percentiles do not add up.
    """
    if not rows or all(row.verdict is Verdict.INVALID for row in rows):
        return None
    requests = MANY_REQUESTS if rate is None else rate * DAY
    found = [_timed(what, row, requests) for what, names in _TIMED if (row := _whole(rows, names)) is not None]
    queries = _queries(rows, sent, requests)
    savings = tuple(each for each in (*found, queries) if each is not None)
    return Traffic(rate, requests, savings) if savings else None


def rate_of(settings: Mapping[str, Any]) -> float | None:
    """Return the requests per second that a scenario gives, None where it gives none.

    Users of the closed model come as fast as they are served; stages have no one rate; with flows it counts flows.
    """
    load = settings.get("load")
    if not isinstance(load, Mapping) or not load.get("given", True) or settings.get("flows"):
        return None
    if load.get("model") != "open" or load.get("stages"):
        return None
    rate = load.get("rate")
    return float(rate) if isinstance(rate, int | float) and isfinite(rate) and rate > 0 else None


def _whole(rows: Sequence[Comparison], names: Sequence[str]) -> Comparison | None:
    """Return the row of all requests of the first of these metrics that has figures on both sides."""
    found = {row.metric: row for row in rows if row.request == ALL}
    return next((found[name] for name in names if name in found and _figures(found[name])), None)


def _figures(row: Comparison) -> bool:
    return all(value is not None and isfinite(value) for value in (row.baseline, row.candidate))


def _timed(what: Literal["waiting", "cpu"], row: Comparison, requests: float) -> Saving:
    before, after = row.baseline or 0.0, row.candidate or 0.0
    ends = (row.ci_high, row.ci_low)
    low, high = (None if end is None or not isfinite(end) else -end * before * requests for end in ends)
    # What is only shown has no margin of its own to be judged by: the interval says whether it moved.
    apart = low is not None and high is not None and (low > 0 or high < 0)
    sure = apart and (row.role == "shown" or row.verdict in _KNOWN)
    return Saving(what, "ms", before * requests, after * requests, (before - after) * requests, low, high, sure)


def _queries(rows: Sequence[Comparison], sent: Mapping[str, float], requests: float) -> Saving | None:
    """Return the queries of the traffic: counted for single requests, weighed by how often each is sent."""
    counted = {row.request: row for row in rows if row.metric == "queries_per_request" and _figures(row)}
    total = sum(number for name, number in sent.items() if name != ALL)
    shares = {name: sent.get(name, 0.0) / total for name in counted} if total > 0 else {}
    if not any(shares.values()):
        return None
    before, after = (
        sum(share * (value or 0.0) for share, value in zip(shares.values(), values, strict=True))
        for values in zip(*((counted[name].baseline, counted[name].candidate) for name in shares), strict=True)
    )
    partial = any(number > 0 and name not in counted for name, number in sent.items() if name != ALL)
    saved = (before - after) * requests
    return Saving("queries", "queries", before * requests, after * requests, saved, None, None, saved != 0, partial)
