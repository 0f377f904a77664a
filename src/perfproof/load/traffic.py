"""Two ways to put load on a pool: an open model that follows a schedule, and closed-model users that loop.

Both are driven by the event loop: they send from where they are woken, without waiting for a turn. ``run`` is called
by a host's greenlet (``load/hosts.py``) and returns when the last exchange has ended.
"""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Iterator, Sequence
from time import monotonic_ns

import gevent
from gevent.event import Event

from perfproof.http.connection import Connection
from perfproof.http.exchange import Message
from perfproof.http.flow import Flow
from perfproof.http.pool import Pool
from perfproof.load.timer import Timer
from perfproof.model.recording import LATE_NS, Outcome

QUEUE_PER_CONNECTION = 10
"""How many due requests may wait for each connection; those beyond are dropped."""

_EARLY_NS = 120_000
_TURN_NS = 20_000
"""Longest a turn of the loop with nothing to do can take; what is beyond went to other programs."""
_BURST = 64
"""Requests that are dealt with before the loop turns, so that responses are read in between."""
_PAUSE_NS = 10_000_000
_DROPPED = int(Outcome.DROPPED)
_UNREACHED = (int(Outcome.CONNECT), int(Outcome.CLOSED), int(Outcome.LOST))


class LoadSource:
    """Something that sends for a while. ``error`` is what made it fail, if something did."""

    def __init__(self) -> None:
        self.done = Event()
        self.error: BaseException | None = None

    def run(self) -> None:
        """Send; return when the last exchange has ended."""
        raise NotImplementedError

    def stop(self) -> None:
        """Send nothing more; what is under way may end."""
        raise NotImplementedError

    def tick(self, now: int) -> None:
        """Look after what has waited too long; called every few milliseconds."""


class Pacer(LoadSource):
    """Open model: sends each request when it is due, however long the ones before it take.

    ``due`` are absolute nanoseconds, sorted; ``messages`` yields the request for each. A request that is due while
    every connection is busy waits its turn and keeps its intended start; it is dropped when too many wait or when it
    has waited longer than its timeout. After the last one is due, what is under way may take ``longest_ns``.

    ``late`` counts the requests that the generator came to more than 1 ms after they were due, whether a connection was
    free for them or not; ``idle_ns`` is the time spent turning the loop with nothing to do.
    """

    def __init__(self, pool: Pool, due: array[int], messages: Iterator[Message | Flow], longest_ns: int) -> None:
        super().__init__()
        self.late = 0
        self.idle_ns = 0
        self._turned = 0
        self._pool = pool
        self._due = due
        self._messages = messages
        self._next = 0
        self._count = len(due)
        self._busy = 0
        self._waiting: deque[tuple[int, Message | Flow]] = deque()
        self._room = QUEUE_PER_CONNECTION * len(pool.connections)
        self._give_up_at = (due[-1] if len(due) else 0) + longest_ns
        self._timer: Timer | None = None

    def run(self) -> None:
        """Walk the schedule; return when everything has been sent and has ended."""
        self._timer = Timer(self._pool.loop, self._wake)
        try:
            self._wake()
            self.done.wait()
        finally:
            self._timer.close()
            self.done.set()

    def stop(self) -> None:
        """Cut the schedule here; what was due and still waits is dropped."""
        self._count = self._next
        self._drop_waiting(monotonic_ns(), everything=True)
        self._check_done()

    def tick(self, now: int) -> None:
        """Drop what has waited longer than its timeout; give up on what hangs after the end."""
        self._drop_waiting(now, everything=False)
        if self._next >= self._count and now > self._give_up_at:
            self._drop_waiting(now, everything=True)
            self._pool.give_up()
        self._check_done()

    def _wake(self) -> None:
        # The loop is turned by the timer and not by a callback: gevent runs those that callbacks add for up to 5 ms
        # before it looks at its sockets, so that from gaps of 120 us on (8,300/s) no response was read in time.
        due, count = self._due, self._count
        turn = self._next + _BURST
        while self._next < count:
            now = monotonic_ns()
            if self._next >= turn and self._timer is not None:
                # At a rate beyond reach, dropping alone would keep responses from being read.
                self._timer.at(now)
                return
            wait = due[self._next] - now
            if wait > _EARLY_NS:
                if self._timer is not None:
                    self._timer.at(due[self._next] - _EARLY_NS)
                return
            if wait > 0 and self._timer is not None:
                # Woken early by about what a wake-up costs; the rest is spent turning the loop, so that responses
                # are still read the moment they come. Measured: see benchmarks/generator.py --lateness.
                if self._turned:
                    self.idle_ns += min(now - self._turned, _TURN_NS)
                self._turned = now
                self._timer.at(now)
                return
            self._dispatch(due[self._next], now)
        self._check_done()

    def _dispatch(self, intended: int, now: int) -> None:
        self._next += 1
        self._turned = 0
        message = next(self._messages, None)
        if now - intended > LATE_NS and message is not None:
            self.late += 1
        if message is None:  # feeds have ended, and with them everything that could be sent
            self._next = self._count
        elif self._pool.free:
            self._busy += 1
            self._pool.free.pop().send(message, intended, self._freed)
        elif len(self._waiting) < self._room:
            self._waiting.append((intended, message))
        else:
            self._drop(intended, message, now)

    def _freed(self, connection: Connection) -> None:
        self._turned = 0
        if self._waiting:
            intended, message = self._waiting.popleft()
            connection.send(message, intended, self._freed)
            return
        self._busy -= 1
        self._pool.free.append(connection)
        self._check_done()

    def _drop_waiting(self, now: int, *, everything: bool) -> None:
        kept: deque[tuple[int, Message | Flow]] = deque()
        for intended, message in self._waiting:
            if everything or now - intended > message.timeout_ns:
                self._drop(intended, message, now)
            else:
                kept.append((intended, message))
        self._waiting = kept

    def _drop(self, intended: int, message: Message | Flow, now: int) -> None:
        pool = self._pool
        row = (pool.arm, pool.pair, message.request, message.variant, intended, 0, 0, now, 0, 0, _DROPPED, 0)
        pool.record(*row, pool.next_id())

    def _check_done(self) -> None:
        if self._next >= self._count and not self._busy and not self._waiting:
            self.done.set()


class ClosedLoopUser(LoadSource):
    """Closed model: one user, who sends the next request when the one before has ended and the think time is over.

    Sends until ``until`` (absolute ns) and, if ``least`` is given, until the visitors sharing it have sent that many.
    ``turn_over`` is when its last turn, the think time after its request included, was or would have been over.
    """

    def __init__(
        self,
        pool: Pool,
        messages: Iterator[Message | Flow],
        until: int,
        *,
        think_ns: int = 0,
        least: Quota | None = None,
    ) -> None:
        super().__init__()
        self._resting = False
        self._pool = pool
        self._messages = messages
        self._until = until
        self._think = think_ns
        self._least = least
        self._timer: Timer | None = None
        self.turn_over = 0

    def run(self) -> None:
        """Loop; return when the last exchange has ended."""
        self._timer = Timer(self._pool.loop, self._visit)
        try:
            self._visit()
            self.done.wait()
        finally:
            self._timer.close()
            self.done.set()

    def stop(self) -> None:
        """Send nothing more."""
        self._until = 0
        self._least = None
        if self._resting and self._timer is not None:
            self._timer.at(0)

    def _visit(self) -> None:
        pool = self._pool
        self._resting = False
        if monotonic_ns() >= self._until and (self._least is None or not self._least.take()):
            self.done.set()
            return
        message = next(self._messages, None)
        if message is None:  # feeds have ended, and with them everything that could be sent
            self.done.set()
            return
        pool.free.pop().send(message, 0, self._freed)

    def _freed(self, connection: Connection) -> None:
        self._pool.free.append(connection)
        think = self._think
        if connection.outcome in _UNREACHED:
            # A refused connection answers within microseconds: without a pause, users of a dead service would do
            # nothing but fill the memory with failures.
            think = max(think, _PAUSE_NS)
        now = monotonic_ns()
        self.turn_over = now + think
        if think and self._timer is not None:
            self._resting = True
            self._timer.at(max(now, min(now + think, self._until)) if self._least is None else now + think)
        else:
            self._visit()


class Quota:
    """A number of requests that several visitors share."""

    def __init__(self, count: int) -> None:
        self._left = count

    def take(self) -> bool:
        """Take one, if one is left."""
        self._left -= 1
        return self._left >= 0


class Together(LoadSource):
    """Several sources run by one host."""

    def __init__(self, sources: Sequence[LoadSource]) -> None:
        super().__init__()
        self._sources = sources

    def run(self) -> None:
        """Run all of them at once; return when the last has ended."""
        gevent.joinall([gevent.spawn(source.run) for source in self._sources], raise_error=True)
        self.done.set()

    def stop(self) -> None:
        """Stop all of them."""
        for source in self._sources:
            source.stop()

    def tick(self, now: int) -> None:
        """Tick all of them."""
        for source in self._sources:
            source.tick(now)
