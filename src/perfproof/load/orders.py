"""In which orders the arms take their turns, so that neither place nor neighbour falls on one of them. Pure."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

_RUN = 12
"""Pairs in a run of one order, about: few switches, and over each tenth of a second both orders."""


def balanced_orders(arms: Sequence[int]) -> list[list[int]]:
    """Return orders in which each arm has each place, and comes right after each other arm, equally often.

    These are Williams' squares (1949): as many orders as arms for an even number, twice as many for an odd one. Merely
    turning one order round would do for places, but there the second arm always follows the first, finds what that has
    brought into shared caches, and the third never does.
    """
    count = len(arms)
    zigzag = [(-place // 2 if place % 2 == 0 else (place + 1) // 2) % count for place in range(count)]
    orders = [[arms[(first + step) % count] for step in zigzag] for first in range(count)]
    return orders + [order[::-1] for order in orders] if count % 2 and count > 1 else orders


def leaders(arms: Sequence[int], pairs: int, seed: int) -> Iterator[list[int]]:
    """Yield the order of the arms for pair after pair: the same for a run of pairs, and each order in as many runs.

    Balance keeps what the first of a pair meets (a row that the other has brought into a shared cache) from landing on
    one arm. Drawing the order of every pair was tried first: then one request in three follows one of its own arm,
    finds the processor's caches as it left them, and a quick one takes a third less, so that what is measured is a
    mixture of two times. In runs nearly every request follows one of the other arm.
    """
    generator = random.Random(f"{seed}-leaders")  # noqa: S311 - not cryptography
    known = balanced_orders(arms)
    groups = max(1, round(pairs / (_RUN * len(known))))
    length = max(1, -(-pairs // (groups * len(known))))
    while True:
        chosen = list(range(len(known)))
        generator.shuffle(chosen)
        for each in chosen:
            for _ in range(length):
                yield known[each]
