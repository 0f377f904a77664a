"""Users who walk a flow side by side, one step at a time: so one step can be told from the others at the service.

All of them take a step, one after the other, before the first takes the next. Whoever looks at the service between two
steps sees what one step cost, with one look for all users.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

import gevent

from perfproof.http.flow import Flow
from perfproof.http.pool import Pool
from perfproof.load.plan import WalkReply
from perfproof.load.request_source import RequestSource
from perfproof.load.single_requests import sent


class Walk:
    """The users of one arm who are under way. Which rows and values they get depends on how many walks were before."""

    def __init__(self) -> None:
        self._users: list[Flow] = []
        self._unfed: tuple[str, ...] = ()
        self._number = 0

    def begin(
        self, source: RequestSource, flow: int, variants: Sequence[int], *, warming: bool, share: tuple[int, int]
    ) -> None:
        """Let new users stand before the first step of the flow that begins with request ``flow``."""
        before = dict(source.unfed)
        # Each walk is a block of its own to the feeds, so that it goes on where the last one has ended.
        self._users = source.flows(flow, variants, self._number, -1 if warming else self._number, share)
        self._unfed = tuple(name for name, count in source.unfed.items() if count > before.get(name, 0))
        self._number += 1

    def take_step(
        self, pool: Pool, is_over: Callable[[], bool], *, fresh: bool, hide: Callable[[str], str]
    ) -> dict[str, Any]:
        """Have each user take one step; return a ``WalkReply`` as plain JSON values.

        With ``fresh`` each opens a connection of its own, so that another process of the service may get it. Otherwise
        all share one: what a flow captured and its cookies make the user, and a hundred idle connections would take a
        hundred threads of some servers.
        """
        count = 0
        for user in self._users:
            if fresh:
                pool.connections[0].close()
            tries, failed = _taken(pool, user, is_over, hide)
            count += tries
            if failed is not None:
                return asdict(WalkReply(len(self._users), count, **failed))
        return asdict(WalkReply(len(self._users), count, unfed=self._unfed))


def _taken(
    pool: Pool, user: Flow, is_over: Callable[[], bool], hide: Callable[[str], str]
) -> tuple[int, dict[str, Any] | None]:
    """Take one step, polling until it is through; return how often it was sent, and how it failed if it did."""
    connection, tries = pool.connections[0], 0
    while True:
        repeat = user.step.repeat
        try:
            message = user.message()
        except ValueError as error:
            return tries, {"outcome": "not_sent", "problem": hide(f"it cannot be sent: {error}")}
        message.plain = False  # its headers may be looked at
        reply = sent(pool, connection, message, is_over)
        tries += 1
        if reply.outcome != "ok":
            return tries, {"outcome": reply.outcome, "status": reply.status, "problem": hide(reply.problem)}
        if not user.again(arrived=connection.arrived) or repeat is None:
            return tries, None
        gevent.sleep(repeat.every)
        if is_over():
            return tries, {"outcome": "not_started", "problem": "the load was aborted"}
