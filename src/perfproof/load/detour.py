"""The part of an exchange that a redirect takes to another origin: one connection of its own, closed afterwards."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic_ns
from typing import TYPE_CHECKING

import gevent

from perfproof.errors import LoadError
from perfproof.model.recording import Outcome

if TYPE_CHECKING:
    from perfproof.load.connection import Connection
    from perfproof.load.message import Message
    from perfproof.load.pool import Pool

Returned = Callable[[int, int, int, int, str], None]
"""Outcome, status, bytes of the body, end (ns) and problem."""


class Detour:
    """Sends ``message`` to where its care says, once that is resolved and found to be allowed.

    In a greenlet, for resolving a name waits, which the event loop must not. The detour has the deadline of the
    exchange that it belongs to, which abandons it. ``body`` and ``fields`` (headers) are those of the answer.
    """

    def __init__(self, pool: Pool, message: Message, number: int, returned: Returned) -> None:
        self._pool = pool
        self._number = number
        self._returned: Returned | None = returned
        self._connection: Connection | None = None
        self._message = message
        self.body = bytearray()
        self.fields: list[tuple[bytes, bytes]] = []
        gevent.spawn(self._go)

    def abandon(self) -> None:
        """Close the connection; nobody is told."""
        self._returned = None
        if self._connection is not None:
            self._connection.close()

    def _go(self) -> None:
        care = self._message.care
        if care is None or care.away is None or self._returned is None:
            return
        try:
            target = care.place.ways.target(care.away, care.url)
            beside = self._pool.beside(target, lambda: self._number)
        except LoadError as error:
            self._end(int(Outcome.UNEXPECTED), 0, 0, monotonic_ns(), f"redirected: {error.what}")
            return
        if self._returned is not None:
            self._connection = beside.connections[0]
            self._connection.body = bytearray()
            self._connection.send(self._message, 0, self._answered)

    def _answered(self, connection: Connection) -> None:
        self.body, self.fields = connection.body or bytearray(), connection.fields
        size = len(self.body)
        connection.close()
        self._end(connection.outcome, connection.status, size, connection.done, connection.problem)

    def _end(self, outcome: int, status: int, size: int, done: int, problem: str) -> None:
        if self._returned is not None:
            self._returned(outcome, status, size, done, problem)
            self._returned = None
