"""A redirect to another host, followed within the exchange that it belongs to."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic_ns
from typing import TYPE_CHECKING, Any

import gevent

from perfproof.errors import LoadError
from perfproof.model.recording import Outcome

if TYPE_CHECKING:
    from perfproof.http.exchange import Message
    from perfproof.http.target import Target

Returned = Callable[[int, int, int, int, str], None]
"""Outcome, status, bytes of the body, end (ns) and problem."""
# A pool and its connection, which cannot be named here: connections are made of this.
Beside = Callable[["Target", Callable[[], int]], Any]


class CrossOriginRedirect:
    """Sends ``message`` to where its handling says, once that is resolved and found to be allowed.

    In a greenlet, for resolving a name waits, which the event loop must not. It has the deadline of the
    exchange that it belongs to, which abandons it. ``body`` and ``fields`` (headers) are those of the answer.
    """

    def __init__(self, beside: Beside, message: Message, number: int, returned: Returned) -> None:
        self._beside = beside
        self._number = number
        self._returned: Returned | None = returned
        self._connection: Any = None
        self._message = message
        self.body = bytearray()
        self.fields: list[tuple[bytes, bytes]] = []
        gevent.spawn(self._go)

    def abandon(self) -> str:
        """Close the connection; nobody is told."""
        self._returned = None
        if self._connection is not None:
            self._connection.close()
        return ""

    def _go(self) -> None:
        handling = self._message.handling
        if handling is None or handling.away is None or self._returned is None:
            return
        try:
            target = handling.place.allowed_origins.target(handling.away, handling.url)
            pool = self._beside(target, lambda: self._number)
        except LoadError as error:
            self._end(int(Outcome.UNEXPECTED), 0, 0, monotonic_ns(), f"redirected: {error.what}")
            return
        if self._returned is not None:
            self._connection = pool.connections[0]
            self._connection.body = bytearray()
            self._connection.send(self._message, 0, self._answered)

    def _answered(self, connection: Any) -> None:
        self.body, self.fields = connection.body or bytearray(), connection.fields
        size = len(self.body)
        connection.close()
        self._end(connection.outcome, connection.status, size, connection.done, connection.problem)

    def _end(self, outcome: int, status: int, size: int, done: int, problem: str) -> None:
        if self._returned is not None:
            self._returned(outcome, status, size, done, problem)
            self._returned = None
