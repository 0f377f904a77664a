"""The mechanisms of the levers people pull, as observed of one arm in a pass of its own after the timed rounds.

A mechanism is a figure that moves if, and only if, the lever was pulled: bytes on the wire for compression, new
connections per request for a pool. Whether it explains anything is for ``why`` to say.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from perfproof.model.profile import ArmProfile, MemoryProfile


@dataclass(frozen=True)
class Encoding:
    """One request sent with ``Accept-Encoding: asked``: what the body was ``given`` in, its bytes and service times.

    ``cpu_ns`` is CPU of the whole process tree per request, None where it cannot be read.
    """

    asked: str
    given: str
    wire: int
    decoded: int
    took_ns: tuple[int, ...] = ()
    cpu_ns: float | None = None


@dataclass(frozen=True)
class Sized:
    """CPU per request of one request at one size: ``rows`` in the response, over ``requests`` sent."""

    size: int
    rows: int | None
    cpu_ns: float
    requests: int


@dataclass(frozen=True)
class HttpFacts:
    """What the responses of one request say, sent alone and in turn.

    ``headers`` are those that tell of caching and encoding (``age``, ``cache-status``, ``x-cache``, ``cache-control``,
    ``etag``, ``last-modified``, ``vary``, ``content-encoding``), without values that could hold a secret. ``asked``
    identical requests were sent after the first, ``hits`` of which say they came from a cache by their headers.
    ``revalidated`` is the status answered to ``If-None-Match`` or ``If-Modified-Since`` (None: no validator given).
    ``cold_ns`` is the service time of the first request after the start, ``warm_ns`` those of the identical ones after
    it; ``cold_queries`` and ``warm_queries`` (of the last one) are None where nothing counts. ``accepts`` is the
    Accept-Encoding of the timed rounds ("": none was sent). ``small`` is the body at the smallest size of ``scale:``
    asked for in gzip: compressing little costs more than it saves. ``after_write`` tells whether the body changed when
    the scenario's writes that opt in were sent (None: there are none); a cache that one arm has and whose body stays
    the ``same`` where the other arm's ``changed`` is stale. ``cpu_turns`` is CPU of the whole process tree per request,
    sent alone as the timed rounds ask for it, once for each of several turns. ``held_ns`` are the times between the
    first byte and the last of those identical responses whose end the kernel held back (``core.held_responses``).
    """

    request: str
    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    asked: int = 0
    hits: int = 0
    revalidated: int | None = None
    cold_ns: int | None = None
    warm_ns: tuple[int, ...] = ()
    cold_queries: int | None = None
    warm_queries: int | None = None
    encodings: tuple[Encoding, ...] = ()
    sizes: tuple[Sized, ...] = ()
    accepts: str = ""
    small: Encoding | None = None
    after_write: Literal["same", "changed"] | None = None
    cpu_turns: tuple[float, ...] = ()
    held_ns: tuple[int, ...] = ()


@dataclass(frozen=True)
class PoolFacts:
    """Database connections while load was on the arm: how many were opened, waited for, and in use at most.

    ``waited_ns`` is the time spent waiting to get one (checked out of a pool, or opened), over ``requests``. ``source``
    says who counted, in words; None where a source cannot know.
    """

    source: str
    requests: int
    opened: int | None = None
    waited_ns: int | None = None
    checkouts: int | None = None
    in_use: int | None = None
    pool_size: int | None = None


@dataclass(frozen=True)
class QueryPlan:
    """How the database would run one statement: one line a node, indented by depth, without literals.

    ``scanned`` maps tables read from end to end to their rows; ``small`` says that they are too small for the plan to
    tell what it would be on real data. ``calls`` per request and ``ns`` of the database per request are those of the
    probe.
    """

    request: str
    fingerprint: str
    text: str
    shape: tuple[str, ...]
    scanned: Mapping[str, int] = field(default_factory=dict)
    cost: float | None = None
    small: bool = False
    calls: int = 0
    ns: int | None = None


@dataclass(frozen=True)
class ArmLevers:
    """Everything observed of one arm; ``notes`` say what could not be, and what to grant or set."""

    arm: str
    http: tuple[HttpFacts, ...] = ()
    pools: tuple[PoolFacts, ...] = ()
    plans: tuple[QueryPlan, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Causes:
    """What was observed beside the timing to say why: by arm, each part empty where it was not asked for."""

    levers: tuple[ArmLevers, ...] = ()
    profiles: tuple[ArmProfile, ...] = ()
    memory: tuple[MemoryProfile, ...] = ()
    seconds: float = 0.0
