"""Requests that did not complete: how many, which, and whether the share rose. Exact statistics on counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special

from perfproof.analysis.columns import Side, counts_of, tally
from perfproof.model.metrics import ALL
from perfproof.model.recording import Outcome


@dataclass(frozen=True)
class Failures:
    """Requests of one arm and request name: meant to be sent, not completed, and what became of those.

    ``kinds`` counts readable outcomes ("status 500", "timeout"); ``rates`` are the shares per round.
    """

    sent: int
    failed: int
    kinds: dict[str, int]
    rates: tuple[float, ...]

    @property
    def rate(self) -> float:
        """Return the share that failed, 0 when nothing was sent."""
        return self.failed / self.sent if self.sent else 0.0


def count_failures(side: Side) -> dict[str, Failures]:
    """Return failures by request name and for ``all``, over every usable round (unsettled requests included)."""
    names = side.requests
    sent = np.zeros((len(side.rounds), len(names)), dtype=np.int64)
    failed = np.zeros_like(sent)
    kinds: list[dict[str, int]] = [{} for _ in names]
    for index, a_round in enumerate(side.rounds):
        samples = a_round.samples
        mine = samples["arm"] == side.arm
        request = samples["request"][mine].astype(np.int64)
        outcome = samples["outcome"][mine]
        bad = outcome != int(Outcome.OK)
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
    """Return the failed share of each round that sent anything."""
    return tuple((failed[sent > 0] / sent[sent > 0]).tolist())


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
    low = float(special.betaincinv(failed, sent - failed + 1, alpha / 2)) if failed else 0.0
    high = float(special.betaincinv(failed + 1, sent - failed, 1 - alpha / 2)) if failed < sent else 1.0
    return low, high


def ratio_interval(first: Failures, second: Failures, confidence: float) -> tuple[float, float]:
    """Return the exact interval of rate(second) / rate(first); the upper end is infinite when ``first`` never failed.

    Given the total of failures, those of ``second`` are binomial with a share that the ratio of rates fixes
    (Przyborowski & Wilenski 1940), so a Clopper-Pearson interval of that share gives one of the ratio.
    """
    total = first.failed + second.failed
    if total == 0:
        return 0.0, float("inf")
    low, high = rate_interval(second.failed, total, confidence)
    scale = first.sent / second.sent if second.sent else 1.0
    return low / (1 - low) * scale if low < 1 else float("inf"), high / (1 - high) * scale if high < 1 else float("inf")


def p_rise(first: Failures, second: Failures) -> float:
    """Return the one-sided exact p-value of "the second arm fails more often"."""
    total = first.failed + second.failed
    if second.failed == 0 or not first.sent or not second.sent:
        return 1.0
    share = second.sent / (first.sent + second.sent)
    return float(special.bdtrc(second.failed - 1, total, share))
