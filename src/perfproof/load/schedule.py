"""When requests are due and which ones they are: pure, seeded, the same for both arms of a pair."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt

DECK = 64
"""Cards in a deck of request names where the number of requests is not known before."""

_BATCH = 1024


def arrivals(
    rate: float, seconds: float, seed: int, kind: Literal["poisson", "constant"] = "poisson"
) -> npt.NDArray[np.int64]:
    """Return when requests are due, as sorted nanoseconds from the start of the block.

    Poisson arrivals are drawn given their number: ``rate * seconds`` independent uniform instants, sorted, which is
    the distribution of a Poisson process whose count is known (Cox & Lewis, The Statistical Analysis of Series of
    Events, 1966, section 2.1). Fixing the count keeps the rate exact and makes blocks alike; gaps stay exponential.
    A fractional number is rounded up or down at random with the right mean. Constant arrivals have a random phase.
    """
    generator = np.random.default_rng([seed, 1])
    exact = rate * seconds
    count = int(exact) + int(generator.random() < exact - int(exact))
    offsets: npt.NDArray[np.floating]
    if kind == "poisson":
        offsets = np.sort(generator.random(count)) * seconds
    else:
        offsets = (np.arange(count) + generator.random()) * (seconds / max(count, 1))
    return (offsets * 1e9).astype(np.int64)


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
