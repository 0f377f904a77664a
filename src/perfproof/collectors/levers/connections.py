"""Database connections as the agent in the service saw them: opened, waited for, in use at once. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from perfproof.model.levers import PoolFacts

SOURCE = "agent in the service"
Line = Mapping[str, Any]


def pool_facts(lines: Iterable[Line], every: Iterable[Line], requests: int) -> PoolFacts | None:
    """Return what the agent saw over ``requests``, or None if it saw no process of the service.

    ``every`` are the lines since the start of the service, ``lines`` too: pools made before are still there. Where
    requests are told apart, only waiting inside of one counts: a pool that fills itself keeps nobody waiting.
    """
    now, since_start = list(lines), list(every)
    if not any(line["k"] == "hello" for line in since_start):
        return None
    opened = [line for line in now if line["k"] == "o"]
    taken = [line for line in now if line["k"] == "w"]
    told_apart = any(line["k"] == "b" for line in now)
    waits = [*taken, *(line for line in opened if not line["i"])]
    pools = [line for line in since_start if line["k"] == "z"]
    return PoolFacts(
        source=SOURCE,
        requests=requests,
        opened=len(opened),
        waited_ns=sum(line["t"] for line in waits if line["r"] or not told_apart),
        checkouts=len(taken) if pools else None,
        in_use=_at_once(now) if pools else None,
        pool_size=_kept(pools),
    )


def sqlite_files(lines: Iterable[Line]) -> list[Path]:
    """Return the files that the service has opened with SQLite, in order."""
    return [Path(name) for name in dict.fromkeys(line["p"] for line in lines if line["k"] == "f")]


def _at_once(lines: Iterable[Line]) -> int:
    """Return how many connections were lent at the same time, over all processes."""
    steps = sorted((line["at"], 1 if line["k"] == "w" else -1) for line in lines if line["k"] in ("w", "u"))
    most = now = 0
    for _, step in steps:
        now = max(now + step, 0)  # what was taken before the first line is given back after it
        most = max(most, now)
    return most


def _kept(pools: Iterable[Line]) -> int | None:
    sizes = [line["size"] for line in pools]
    known = [size for size in sizes if size is not None]
    return sum(known) if sizes and len(known) == len(sizes) else None
