"""When requests are due and which ones they are: pure, seeded, the same for both arms of a pair."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Literal

import numpy as np
import numpy.typing as npt

from perfproof.model.scenario import Stage

DECK = 64
"""Cards in a deck of request names where the number of requests is not known before."""

_BATCH = 1024


def arrivals(
    stages: Sequence[Stage], start: float, seed: int, kind: Literal["poisson", "constant"] = "poisson"
) -> npt.NDArray[np.int64]:
    """Return when requests are due (sorted ns) while the rate goes from ``start`` through the ``stages``.

    Poisson arrivals are drawn given their number: ``rate * seconds`` independent uniform instants, sorted, which is
    the distribution of a Poisson process whose count is known (Cox & Lewis, The Statistical Analysis of Series of
    Events, 1966, section 2.1). Fixing the count keeps the rate exact and makes blocks alike; gaps stay exponential.
    A fractional number is rounded up or down at random with the right mean. Constant arrivals have a random phase.
    Where the rate changes, instants are drawn on a scale of requests and carried to the clock by the inverse of the
    expected number of requests so far (time-rescaling; Cinlar, Introduction to Stochastic Processes, 1975, 4.7).
    """
    generator = np.random.default_rng([seed, 1])
    expected = np.concatenate(([0.0], np.cumsum([_requests(*each) for each in _slopes(stages, start)])))
    exact = float(expected[-1])
    count = int(exact) + int(generator.random() < exact - int(exact))
    if kind == "poisson":
        shares = np.sort(generator.random(count))
    else:
        shares = (np.arange(count) + generator.random()) / max(count, 1)
    return (_times(shares * exact, expected, _slopes(stages, start)) * 1e9).astype(np.int64)


def steady(rate: float, seconds: float) -> tuple[Stage, ...]:
    """Return the one stage that keeps ``rate``, which it must start from."""
    return (Stage(seconds, rate),)


def mean_rate(stages: Sequence[Stage], start: float) -> float:
    """Return requests per second over all stages."""
    return sum(_requests(*each) for each in _slopes(stages, start)) / sum(stage.seconds for stage in stages)


def _slopes(stages: Sequence[Stage], start: float) -> list[tuple[float, float, float]]:
    """Return seconds, first rate and last rate of each stage."""
    rates = [start, *(stage.rate for stage in stages)]
    return [(stage.seconds, *pair) for stage, pair in zip(stages, pairwise(rates), strict=True)]


def _requests(seconds: float, first: float, last: float) -> float:
    return seconds * (first + last) / 2


def _times(
    positions: npt.NDArray[np.float64], expected: npt.NDArray[np.float64], slopes: Sequence[tuple[float, float, float]]
) -> npt.NDArray[np.float64]:
    """Return when, in seconds, that many requests are expected to have been sent."""
    stage = np.clip(np.searchsorted(expected, positions, side="right") - 1, 0, len(slopes) - 1)
    seconds, first, last = (np.array(column)[stage] for column in zip(*slopes, strict=True))
    begins = np.concatenate(([0.0], np.cumsum([each[0] for each in slopes])))[stage]
    due = positions - expected[stage]
    # The root of first * t + (last - first) / seconds * t**2 / 2 = due that stays exact when the rate hardly changes.
    root = first + np.sqrt(np.maximum(first**2 + 2 * due * (last - first) / seconds, 0.0))
    within = np.divide(2 * due, root, out=np.zeros_like(due), where=root > 0)
    return np.asarray(begins + np.minimum(within, seconds))


def sequence(weights: Sequence[float], variants: Sequence[int], seed: int, deck: int = DECK) -> Iterator[int]:
    """Yield, without end, which message is next: flat indices over all variants of all requests, in that order.

    Request names come in shuffled decks of ``deck`` cards that hold each name in proportion to its weight (to within
    one card, without bias: systematic sampling with a random start); the variants of a name come in shuffled decks of
    their own. So each block has the right mix, where independent draws would make some blocks heavier than others.
    """
    generator = np.random.default_rng([seed, 2])
    total = np.cumsum(np.asarray(weights, dtype=float))
    edges = total / total[-1]
    first = np.concatenate(([0], np.cumsum(variants)[:-1])).tolist()
    supplies = [_Supply(start, count, generator) for start, count in zip(first, variants, strict=True)]
    decks = max(1, _BATCH // deck)
    while True:
        # Dealt in batches: shuffling three cards at a time would cost as much as sending a request.
        points = (np.arange(deck) + generator.random((decks, 1))) / deck
        # side="right": a name with weight 0 owns no interval, also not the very edge.
        names = np.minimum(np.searchsorted(edges, points, side="right"), len(supplies) - 1)
        names = generator.permuted(names, axis=1).ravel()
        cards = np.empty_like(names)
        for name, supply in enumerate(supplies):
            mine = names == name
            cards[mine] = supply.take(int(mine.sum()))
        yield from cards.tolist()


class _Supply:
    """The variants of one request name, as shuffled decks that hold each variant once."""

    def __init__(self, first: int, count: int, generator: np.random.Generator) -> None:
        self._deck = np.arange(first, first + count)
        self._generator = generator
        self._left = np.empty(0, dtype=np.int64)

    def take(self, count: int) -> npt.NDArray[np.int64]:
        """Return the next ``count`` cards."""
        missing = count - len(self._left)
        if missing > 0:
            decks = np.tile(self._deck, (-(-missing // len(self._deck)), 1))
            self._left = np.concatenate((self._left, self._generator.permuted(decks, axis=1).ravel()))
        taken, self._left = self._left[:count], self._left[count:]
        return taken
