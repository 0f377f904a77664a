"""Settings from the environment, read once at start.

=================  ==========================================================================================
``EAGER``          slow: relations are loaded lazily, one query for each row (N+1); fast: ``selectinload``
``POOL``           slow: every request opens (and sets up) a connection of its own; fast: a pool keeps them
``CACHE``          slow: the dashboard is computed for each request; fast: kept in the process for ``CACHE_SECONDS``
``SERIALIZATION``  slow: pydantic models, ``jsonable_encoder`` and indented ``json``; fast: orjson from plain data
``COMPRESSION``    slow: never; fast: gzip from 1 KiB on for clients that accept it (on loopback it costs CPU)
``HOTPATH``        slow: similarity of records by nested loops over words; fast: the same numbers by bit masks
``INDEX``          slow: ``records`` has no index on its project; fast: it has (made or dropped by ``demo.seed``)
``ALL``            sets every lever that is not set by its own name
=================  ==========================================================================================

A lever is ``slow`` or ``fast`` (also ``0`` or ``1``); without any of these variables it is fast.
``DATABASE_URL`` names the database, ``DEMO_SECRET`` signs the tokens, ``CACHE_SECONDS`` bounds the cache.
What a consolidation promises beside speed has levers of its own (``promises.py``), which are there only where they are
set. ``PLACEBO=after`` makes pages with the same code under other names, with more comments and in another order.
``EXTRA_WORK=0.05`` makes each request burn 5 % more CPU time than handling it took; ``EXTRA_MS=2`` adds 2 ms of CPU.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields

from perfproof.demo.promises import Promises
from perfproof.demo.promises import from_environment as promises_of
from perfproof.errors import UsageError

DEFAULT_DATABASE_URL = "sqlite:///shop.db"
DEFAULT_SECRET = "demo only: not a secret"  # noqa: S105 - a public default of a demo without real data
WAYS = {"slow": False, "0": False, "fast": True, "1": True}


@dataclass(frozen=True)
class Levers:
    """Which way each part works: True is fast, False is slow."""

    eager: bool = True
    pool: bool = True
    cache: bool = True
    serialization: bool = True
    compression: bool = True
    hotpath: bool = True
    index: bool = True

    @staticmethod
    def all(fast: bool) -> Levers:
        """Return all levers set to one way."""
        return Levers(**dict.fromkeys(NAMES, fast))


NAMES = tuple(field.name for field in fields(Levers))


@dataclass(frozen=True)
class Settings:
    """What the service is told from outside.

    ``extra_work`` is a fraction, ``extra_ms`` milliseconds of CPU time; ``placebo`` changes only how the code reads.
    ``promises`` is None for the service as it is without them.
    """

    levers: Levers = Levers()
    database_url: str = DEFAULT_DATABASE_URL
    secret: str = DEFAULT_SECRET
    cache_seconds: float = 30.0
    extra_work: float = 0.0
    extra_ms: float = 0.0
    placebo: bool = False
    promises: Promises | None = None


def from_environment(environment: Mapping[str, str] = os.environ) -> Settings:
    """Return the settings that ``environment`` asks for.

    Raises ``UsageError`` for a lever that is neither slow nor fast and for a number that is none or negative.
    """
    everything = environment.get("ALL", "fast")
    return Settings(
        levers=Levers(**{name: _way(name.upper(), environment.get(name.upper(), everything)) for name in NAMES}),
        database_url=environment.get("DATABASE_URL", DEFAULT_DATABASE_URL),
        secret=environment.get("DEMO_SECRET", DEFAULT_SECRET),
        cache_seconds=_number(environment, "CACHE_SECONDS", Settings.cache_seconds),
        extra_work=_number(environment, "EXTRA_WORK", Settings.extra_work),
        extra_ms=_number(environment, "EXTRA_MS", Settings.extra_ms),
        placebo=_placebo(environment.get("PLACEBO", "before")),
        promises=promises_of(environment),
    )


def _way(name: str, text: str) -> bool:
    try:
        return WAYS[text.strip().lower()]
    except KeyError:
        raise UsageError(f"{name} (or ALL) is {text!r}", hint="set it to slow or fast") from None


def _placebo(text: str) -> bool:
    if text not in ("before", "after"):
        raise UsageError(f"PLACEBO is {text!r}", hint="set it to before or after")
    return text == "after"


def _number(environment: Mapping[str, str], name: str, default: float) -> float:
    text = environment.get(name)
    if text is None:
        return default
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < 1e6:
        raise UsageError(f"{name} is {text!r}", hint="set it to a number from 0 on, such as 0.05")
    return value
