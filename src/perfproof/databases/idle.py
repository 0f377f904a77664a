"""Waiting until a database has nothing left to do for the service.

Counting is late: the last statement of an open transaction is booked with the next message or the COMMIT, and a
service may commit after it has answered. So a look counts as quiet only if nobody is busy or inside a transaction, and
if a second look shortly afterwards shows that nothing happened in between.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field

TIMEOUT_S = 3.0
SETTLE_S = 0.01
FRESH_S = 0.02


@dataclass(frozen=True)
class Look:
    """One look at the connections of a service.

    ``busy`` are those that work or are inside a transaction; ``mark`` changes whenever any of them did something.
    """

    busy: frozenset[Hashable]
    mark: Hashable


@dataclass
class Quiet:
    """Waits for quiet by looking, and remembers who never comes to rest so as to wait for it only once."""

    look: Callable[[], Look]
    timeout: float = TIMEOUT_S
    settle: float = SETTLE_S
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    _restless: frozenset[Hashable] = field(default_factory=frozenset)
    _quiet_at: float = -1e9

    def wait(self, *, after_request: bool) -> tuple[str, ...]:
        """Wait; return doubts. Without a request since the last quiet moment one idle look is enough."""
        deadline = self.clock() + self.timeout
        fresh = not after_request and self.clock() - self._quiet_at < FRESH_S
        previous: Look | None = None
        while True:
            seen = self.look()
            busy = seen.busy - self._restless
            if not busy and (fresh or (previous is not None and previous.mark == seen.mark)):
                break
            if self.clock() > deadline:
                return self._give_up(busy)
            previous = None if busy else seen
            self.sleep(self.settle)
        self._quiet_at = self.clock()
        return self._doubts(seen.busy & self._restless)

    def _give_up(self, busy: frozenset[Hashable]) -> tuple[str, ...]:
        self._restless |= busy
        if busy:
            return self._doubts(busy)
        return (f"something used the database all the time during {self.timeout:g} s after the request",)

    def _doubts(self, restless: frozenset[Hashable]) -> tuple[str, ...]:
        if not restless:
            return ()
        count = len(restless)
        return (
            f"{count} connection{'s' if count > 1 else ''} of the service stayed busy or inside a transaction after the"
            " request; what it ran last may be booked late",
        )
