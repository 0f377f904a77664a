"""Caps that stop the load whatever the scenario asks for: too fast, too long, or nothing but failures."""

from __future__ import annotations

import resource

from perfproof.core.addresses import is_loopback
from perfproof.errors import LoadError
from perfproof.http.target import Target
from perfproof.model.scenario import Limits, Load

RATE_HERE, RATE_ELSEWHERE = 100_000.0, 1_000.0
"""Most requests a second where the scenario sets no limit: towards this machine, and towards any other."""

_OTHER_FILES = 64
_LOOK_AFTER_NS = 250_000_000


def most_rate(limits: Limits, target: Target) -> float:
    """Return the most requests a second that may be sent to ``target``."""
    if limits.rate is not None:
        return limits.rate
    here = all(is_loopback(address) for _, address in target.addresses)
    return RATE_HERE if here else RATE_ELSEWHERE


def refuse_rate(load: Load, target: Target) -> None:
    """Raise LoadError when the scenario asks for more requests a second than ``target`` may get."""
    asked = max([load.rate, *(stage.rate for stage in load.stages)]) if load.model == "open" else 0.0
    most = most_rate(load.limits, target)
    if asked > most:
        raise LoadError(
            f"a rate of {asked:g}/s is more than the limit of {most:g}/s for {target.host}",
            hint="lower load.rate, or raise load.limits.rate if the service and its owner can take it",
        )


def connections_of(load: Load) -> int:
    """Return the connections that a load may open to one arm, all of its workers together."""
    return max(load.connections, load.users if load.model == "closed" else 0)


def refuse_connections(count: int, allowed: int | None = None) -> None:
    """Raise LoadError when this process, or one that may open ``allowed`` files, may not open ``count`` connections.

    Failing one by one, they would be blamed on the service.
    """
    allowed = resource.getrlimit(resource.RLIMIT_NOFILE)[0] if allowed is None else allowed
    if allowed != resource.RLIM_INFINITY and count + _OTHER_FILES > allowed:
        raise LoadError(
            f"{count:,} connections are more than the {allowed:,} open files allowed",
            why="every connection is an open file, and the limit cannot be raised any further by this user",
            hint="raise the hard limit (`ulimit -Hn`, limits.conf or LimitNOFILE=), use fewer connections, "
            "or share them among more `workers`",
        )


_NOT_LET_IN = (302, 303, 307, 401, 403)


class LoadGuard:
    """Watches one arm's load against the limits. ``spent_ns`` is how long load has been put on it so far."""

    def __init__(self, limits: Limits, most_rate: float) -> None:
        self._limits = limits
        self._most_rate = most_rate
        self.spent_ns = 0

    def tripped(self, elapsed_ns: int, requests: int, failures: int, failed_with: int = 0) -> LoadError | None:
        """Return why the load must stop now, or None.

        ``requests`` have ended in the ``elapsed_ns`` since this stretch of load began; ``failures`` of the last ones
        in a row have failed, the very last with the status ``failed_with`` (0: none came).
        """
        limits = self._limits
        if failures >= limits.consecutive_errors:
            how = f", the last with status {failed_with}" if failed_with else ""
            hint = "see the service's log; load.limits.consecutive_errors sets how many are too many"
            if failed_with in _NOT_LET_IN:
                hint = (
                    "does the session or token that `setup` was given expire meanwhile? let it last longer, or log in"
                    " within a flow"
                )
            return LoadError(f"{failures:,} requests in a row have failed{how}: the load was stopped", hint=hint)
        if self.spent_ns + elapsed_ns > limits.duration * 1e9:
            return LoadError(
                f"load was put on the service for {limits.duration:g} s, the limit: it was stopped",
                hint="measure fewer rounds, or raise load.limits.duration",
            )
        rate = requests / elapsed_ns * 1e9 if elapsed_ns > _LOOK_AFTER_NS else 0.0
        if rate > self._most_rate:
            return LoadError(
                f"{rate:,.0f} requests a second exceed the limit of {self._most_rate:,.0f}: the load was stopped",
                hint="use fewer users or more think_time, or raise load.limits.rate",
            )
        return None
