"""In which orders the arms take their turns, so that neither place nor neighbour falls on one of them. Pure."""

from __future__ import annotations

from collections.abc import Sequence


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
