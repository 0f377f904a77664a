"""Requests that did not complete: how many, which, and whether the share rose."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, sqrt

import numpy as np

from perfproof.model.metrics import ALL
from perfproof.model.recording import COMPLETED, Outcome
from perfproof.stats.columns import Side, counts_of, tally
from perfproof.stats.distributions import beta_quantile
from perfproof.stats.intervals import Interval, one_sample, two_samples


@dataclass(frozen=True)
class Failures:
    """Requests of one arm and request name: meant to be sent, not completed, and what became of those.

    ``kinds`` counts readable outcomes ("status 500", "timeout"); ``rates`` are the shares per round
    (NaN: nothing was sent).
    """

    sent: int
    failed: int
    kinds: dict[str, int]
    rates: tuple[float, ...]

    @property
    def rate(self) -> float:
        """Return the share that failed, 0 when nothing was sent."""
        return self.failed / self.sent if self.sent else 0.0

    @property
    def rate_of_sent(self) -> float:
        """Return the share that failed of those that left at all: what was dropped says nothing of the service."""
        dropped = self.kinds.get(_label(Outcome.DROPPED, 0), 0)
        return (self.failed - dropped) / (self.sent - dropped) if self.sent > dropped else 0.0


def count_failures(side: Side) -> dict[str, Failures]:
    """Return failures by request name and for ``all``, over every usable round (unsettled requests included)."""
    names = side.requests
    sent = np.zeros((len(side.rounds), len(names)), dtype=np.int64)
    failed = np.zeros_like(sent)
    kinds: list[dict[str, int]] = [{} for _ in names]
    for index, a_round in enumerate(side.rounds):
        samples = a_round.samples
        mine = (samples["arm"] == side.arm) & (samples["outcome"] != int(Outcome.LOST))
        request = samples["request"][mine].astype(np.int64)
        outcome = samples["outcome"][mine]
        bad = ~np.isin(outcome, COMPLETED)
        number = counts_of(samples, mine)
        sent[index] = tally(request, number, len(names))
        failed[index] = tally(request[bad], None if number is None else number[bad], len(names))
        if bad.any():
            triples = np.stack(
                [request[bad], outcome[bad].astype(np.int64), samples["status"][mine][bad].astype(np.int64)]
            )
            found, places = np.unique(triples, axis=1, return_inverse=True)
            counts = tally(places.ravel(), None if number is None else number[bad], found.shape[1])
            for (name, kind, status), count in zip(found.T, counts, strict=True):
                label = _label(Outcome(int(kind)), int(status))
                kinds[name][label] = kinds[name].get(label, 0) + int(count)
    table = {
        name: Failures(int(sent[:, i].sum()), int(failed[:, i].sum()), kinds[i], _shares(sent[:, i], failed[:, i]))
        for i, name in enumerate(names)
    }
    merged: dict[str, int] = {}
    for part in kinds:
        for label, count in part.items():
            merged[label] = merged.get(label, 0) + count
    table[ALL] = Failures(int(sent.sum()), int(failed.sum()), merged, _shares(sent.sum(axis=1), failed.sum(axis=1)))
    return table


def _shares(sent: np.ndarray, failed: np.ndarray) -> tuple[float, ...]:
    """Return the failed share of each round."""
    return tuple(np.where(sent > 0, failed / np.maximum(1, sent), np.nan).tolist())


def _label(outcome: Outcome, status: int) -> str:
    """Return the words for an outcome."""
    return f"status {status}" if outcome is Outcome.BAD_STATUS else outcome.name.lower().replace("_", " ")


def commonest(failures: Sequence[Failures]) -> str | None:
    """Return the most frequent way in which requests failed."""
    merged: dict[str, int] = {}
    for each in failures:
        for label, count in each.kinds.items():
            merged[label] = merged.get(label, 0) + count
    return max(sorted(merged), key=lambda label: merged[label]) if merged else None


def rate_interval(failed: int, sent: int, confidence: float) -> tuple[float, float]:
    """Return the exact interval of a failure rate (Clopper & Pearson 1934)."""
    alpha = 1 - confidence
    low = beta_quantile(failed, sent - failed + 1, alpha / 2) if failed else 0.0
    high = beta_quantile(failed + 1, sent - failed, 1 - alpha / 2) if failed < sent else 1.0
    return low, high


def spread(each: Failures) -> float:
    """Return the standard deviation of one round's rate if requests failed one by one (the least it can be).

    With a failure and a success more than were seen, or a rate of nought would be known exactly.
    """
    rounds = max(1, len(each.rates))
    rate = (each.failed + 1) / (each.sent + 2)
    return sqrt(rate * (1 - rate) * rounds / each.sent) if each.sent else inf


def rise(first: Failures, second: Failures, confidence: float, *, paired: bool) -> Interval:
    """Return rate(second) - rate(first) with its interval, from one rate per round (docs/statistics.md).

    Failures come in bursts: a start that goes wrong, a second in which the service is gone. A binomial law, exact for
    requests that fail one by one, takes ten failures of one burst for ten witnesses. So rounds are the witnesses, as
    everywhere, and agree at best as well as requests that fail one by one.
    """
    one, two = np.array(first.rates), np.array(second.rates)
    least = sqrt(spread(first) ** 2 + spread(second) ** 2)
    if paired:
        differences = two - one
        return one_sample(differences[np.isfinite(differences)], confidence, floor=least)
    return two_samples(one[np.isfinite(one)], two[np.isfinite(two)], confidence, floor=least)


def level(each: Failures, confidence: float) -> tuple[float, float]:
    """Return the interval of a failure rate: the wider of the exact one and that of the rounds."""
    low, high = rate_interval(each.failed, each.sent, confidence)
    rates = np.array(each.rates)
    found = one_sample(rates[np.isfinite(rates)], confidence, floor=0.0)
    if found.low is not None and found.high is not None and each.failed:
        low, high = max(0.0, min(low, found.low)), min(1.0, max(high, found.high))
    return low, high
