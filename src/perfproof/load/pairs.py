"""Pairs: the same request to every arm, one right after the other, never overlapping; with three arms, triples.

The noise of shared machines sits between 10 ms and 1 s, so two requests a few milliseconds apart see the same machine,
where two blocks half a second apart do not (docs/statistics.md). Serial on purpose: sending both at once, as duet
benchmarking does on machines with cores to spare, would have the arms wait for each other on a small one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from time import monotonic_ns

from perfproof.errors import LoadError
from perfproof.http.connection import Connection
from perfproof.http.exchange import Message
from perfproof.http.flow import Flow
from perfproof.http.pool import Pool
from perfproof.load.orders import leaders
from perfproof.load.timer import Timer
from perfproof.load.traffic import LoadSource
from perfproof.model.recording import Outcome

_UNREACHED = (int(Outcome.CONNECT), int(Outcome.CLOSED), int(Outcome.LOST))
_PAUSE_NS = 10_000_000


class PairSource(LoadSource):
    """Sends every message to each arm in turn, each arm first in as many pairs (``leaders``).

    ``messages`` yields the same requests for each arm, about ``pairs`` of them; it ends the stretch when it ends, or
    ``until`` (absolute ns) is past between two pairs. After each response ``gap_ns`` pass before the next request:
    what a service still does after it has answered (logging, collecting garbage) would otherwise run in the other arm's
    time. ``hung`` counts by arm requests in a row that got no answer in time; ``patience`` of them end the stretch,
    with ``problem`` saying so, for each costs a whole timeout.
    """

    def __init__(
        self,
        pools: Mapping[int, Pool],
        messages: Mapping[int, Iterator[Message | Flow]],
        *,
        pairs: int,
        seed: int,
        until: int,
        gap_ns: int,
        patience: int = 2,
    ) -> None:
        super().__init__()
        self.pairs = 0
        self.problem: LoadError | None = None
        self.hung = dict.fromkeys(pools, 0)
        self._pools = pools
        self._messages = messages
        self._leaders = leaders(sorted(pools), pairs, seed)
        self._until = until
        self._gap = gap_ns
        self._patience = patience
        self._turn: list[tuple[int, Message | Flow]] = []
        self._arm = -1
        self._timer: Timer | None = None

    def run(self) -> None:
        """Send pair after pair; return when the last exchange has ended."""
        self._timer = Timer(next(iter(self._pools.values())).loop, self._next)
        try:
            self._next()
            self.done.wait()
        finally:
            self._timer.close()
            self.done.set()

    def stop(self) -> None:
        """Begin no other pair; the rest of this one is not sent either."""
        self._until = 0
        self._turn = []
        if self._arm < 0:
            self.done.set()

    def _next(self) -> None:
        if self._arm >= 0:
            return  # woken late: an exchange is under way
        try:
            if not self._turn and not self._begin():
                self.done.set()
                return
            arm, message = self._turn.pop()
            self._arm = arm
            self._pools[arm].free.pop().send(message, 0, self._freed)
        except Exception as error:  # noqa: BLE001 - the loop would log it and nobody would ever wake this source again
            self.error = error
            self.done.set()

    def _begin(self) -> bool:
        """Draw the next pair; False when there is none or the time is over."""
        if monotonic_ns() >= self._until or self.problem is not None:
            return False
        drawn = {arm: next(messages, None) for arm, messages in self._messages.items()}
        if any(message is None for message in drawn.values()):
            return False  # feeds have ended, or the stretch is complete
        order = next(self._leaders)
        self._turn = [(arm, message) for arm in reversed(order) if (message := drawn[arm]) is not None]
        self.pairs += 1
        return True

    def _freed(self, connection: Connection) -> None:
        arm, self._arm = self._arm, -1
        self._pools[arm].free.append(connection)
        self.hung[arm] = self.hung[arm] + 1 if connection.outcome == int(Outcome.TIMEOUT) else 0
        if self.hung[arm] >= self._patience:
            self.problem = LoadError(f"arm {arm} has stopped answering")
            self._turn = []
        pause = max(self._gap, _PAUSE_NS if connection.outcome in _UNREACHED else 0)
        if self._timer is not None:
            # Always by the timer, also without a gap: requests that fail at once would call each other without end.
            self._timer.at(monotonic_ns() + pause)
