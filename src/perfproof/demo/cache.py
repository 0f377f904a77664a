"""A response kept in the process for a while: the fast way of the ``CACHE`` lever."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass
class TimedCache(Generic[T]):
    """Values by key that are made again once they are older than ``seconds``.

    Nothing else invalidates them: a change of the data shows after at most ``seconds``, which is what the ``max-age``
    of the response promises its clients too. Each worker process has its own.
    """

    seconds: float
    clock: Callable[[], float] = time.monotonic
    _kept: dict[str, tuple[float, T]] = field(default_factory=dict, repr=False)

    def get(self, key: str, make: Callable[[], T]) -> tuple[T, float]:
        """Return the value of ``key`` and its age in seconds (0.0 when ``make`` has just made it)."""
        now = self.clock()
        kept = self._kept.get(key)
        if kept is not None and now - kept[0] < self.seconds:
            return kept[1], now - kept[0]
        value = make()
        self._kept[key] = now, value
        return value, 0.0
