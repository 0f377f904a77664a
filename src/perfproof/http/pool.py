"""The connections to one arm: opened when a request needs one, and never more of them than load needs at once."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable
from time import monotonic_ns
from typing import Any

from gevent.event import Event

from perfproof.errors import LoadError
from perfproof.http.connection import Connection
from perfproof.http.target import Target
from perfproof.http.tls import Secure
from perfproof.model.recording import OTHERS, Outcome

_GRACE = 2.0
NOTES = 20
"""How many different problems with responses are written to the log."""

Record = Callable[..., None]
Peer = tuple[int, tuple[str, int]]


class Pool:
    """Last in, first out: ``free.pop()`` is the connection that was used last.

    So requests that never overlap share one connection, and others are opened at moments when it is busy, for a worker
    that is not. Rejected: taking them in turn, and opening them ahead. Both leave connections idle that a server may
    hold a thread for, or all it has: gunicorn's gthread worker waits up to 5 s for the first byte of each.

    ``record`` takes the values of one sample; ``arm`` and ``pair`` are what it is told; ``opened`` counts connections
    that were opened and ``connecting_ns`` is how long those that stood took, TLS included; with ``fresh`` set none is
    kept after its response. ``secure`` is how connections are encrypted, if they are; ``failures`` counts the exchanges
    that have failed since the last good one, and ``failed_with`` is the status of the last that did (0: none came);
    ``halted`` says that flows may not go on. ``wrong`` counts in what way measured responses were not as expected.
    """

    def __init__(
        self,
        loop: Any,
        peer: Peer,
        size: int,
        next_id: Callable[[], int],
        *,
        arm: int = 0,
        secure: Secure | None = None,
    ) -> None:
        self.loop = loop
        self.peer = peer
        self.secure = secure
        self.arm = arm
        self.failures = 0
        self.failed_with = 0
        self.halted = False
        self._notes: set[str] = set()
        self.wrong: Counter[str] = Counter()
        self.pair = 0
        self.opened = 0
        self.connecting_ns = 0
        self._looked = 0
        self.fresh = False
        self.next_id = next_id
        self.record: Record = ignore
        # One buffer for all: a read is parsed before the loop turns to the next connection.
        self.buffer = bytearray(64 * 1024)
        self.connections = [Connection(self) for _ in range(size)]
        self.free = list(self.connections)

    def sweep(self, now: int) -> None:
        """Fail every exchange whose time is over.

        One look at all connections now and then, instead of one timer object per request.
        """
        for connection in self.connections:
            if connection.busy and now > connection.deadline:
                connection.fail(Outcome.TIMEOUT, "no answer in time")

    def thin(self) -> None:
        """Close every connection that no request has needed since this was last asked for."""
        for connection in self.connections:
            if connection.is_open and not connection.busy and connection.sent < self._looked:
                connection.close()
        self._looked = monotonic_ns()

    def give_up(self) -> None:
        """Fail every exchange that is under way, and end the flows that hold a connection."""
        self.halt()
        for connection in self.connections:
            connection.fail(Outcome.TIMEOUT, "given up")
        self.halted = False

    def await_end(self, over: Event, seconds: float, is_over: Callable[[], bool]) -> None:
        """Wait until ``over`` is set, which happens within the ``seconds`` of a request and its redirects.

        Once ``is_over`` says so, what is under way is given up. LoadError when even that does not end it.
        """
        deadline = monotonic_ns() + int((seconds + _GRACE) * 1e9)
        while not over.wait(0.02):
            now = monotonic_ns()
            self.sweep(now)
            if is_over():
                self.give_up()
                deadline = min(deadline, now + int(_GRACE * 1e9))
            if now > deadline:
                raise LoadError("a request that was sent alone has not ended", hint="load.log may say why")

    def halt(self) -> None:
        """Let no flow send another step: those that rest end now, the others after their response."""
        self.halted = True
        for connection in self.connections:
            if connection.resting is not None:
                connection.resting()

    def beside(self, target: Target, next_id: Callable[[], int]) -> Pool:
        """Return a pool of one connection to another origin, for what a redirect leads to; it records nothing."""
        family, address = target.addresses[0]
        secure = Secure(None, target.host) if target.scheme == "https" else None
        pool = Pool(self.loop, (family, (address, target.port)), 1, next_id, secure=secure)
        pool._notes, pool.wrong, pool.pair = self._notes, self.wrong, self.pair
        return pool

    def unexpected(self, request: str, problem: str) -> None:
        """Note that ``request`` was not answered as expected; what is measured is counted in ``wrong``, by its text."""
        text = f"{request}: {problem}"
        self.note(f"unexpected response: {text}")
        if self.pair >= 0:
            self.wrong[text if text in self.wrong or len(self.wrong) < NOTES else OTHERS] += 1

    def note(self, problem: str) -> None:
        """Say in the log what went wrong: each thing once, and no more than a few."""
        if problem not in self._notes and len(self._notes) < NOTES:
            self._notes.add(problem)
            sys.stderr.write(f"{problem}\n")

    def close(self) -> None:
        """Close every connection."""
        for connection in self.connections:
            connection.close()


def ignore(*_: int) -> None:
    """Record nothing."""
