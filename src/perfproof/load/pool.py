"""The connections to one arm, taken in turn, so that keep-alive load spreads over all processes of a service."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from perfproof.load.connection import Connection
from perfproof.model.recording import Outcome

Record = Callable[..., None]
Peer = tuple[int, tuple[str, int]]


class Pool:
    """First in, first out: the connection that has rested longest is used next.

    ``record`` takes the values of one sample; ``arm`` and ``pair`` are what it is told; ``opened`` counts connections
    that were opened; with ``fresh`` set none is kept after its response.
    """

    def __init__(self, loop: Any, peer: Peer, size: int, next_id: Callable[[], int], *, arm: int = 0) -> None:
        self.loop = loop
        self.peer = peer
        self.arm = arm
        self.pair = 0
        self.opened = 0
        self.fresh = False
        self.next_id = next_id
        self.record: Record = ignore
        # One buffer for all: a read is parsed before the loop turns to the next connection.
        self.buffer = bytearray(64 * 1024)
        self.connections = [Connection(self) for _ in range(size)]
        self.free: deque[Connection] = deque(self.connections)

    def sweep(self, now: int) -> None:
        """Fail every exchange whose time is over.

        One look at all connections now and then, instead of one timer object per request.
        """
        for connection in self.connections:
            if connection.busy and now > connection.deadline:
                connection.fail(Outcome.TIMEOUT, "no answer in time")

    def give_up(self) -> None:
        """Fail every exchange that is under way."""
        for connection in self.connections:
            connection.fail(Outcome.TIMEOUT, "given up")

    def close(self) -> None:
        """Close every connection."""
        for connection in self.connections:
            connection.close()


def ignore(*_: int) -> None:
    """Record nothing."""
