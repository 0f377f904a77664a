"""What one request's responses tell: cold and warm, with each content encoding, with a condition, at each size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import inf
from typing import Any

import numpy as np

from perfproof.core.held_responses import held_back
from perfproof.databases.source import AnySource
from perfproof.databases.sources import Sources
from perfproof.http.response_diff import rows_in
from perfproof.load.load_client import LoadProcess
from perfproof.load.plan import ProbeReply
from perfproof.model.levers import Encoding, HttpFacts, Sized
from perfproof.model.scenario import Request, Scalar
from perfproof.service.processes import ProcessTree
from perfproof.why.observed.headers import conditions, is_hit, telling

IDENTICAL = 6
"""Identical requests sent after the first one."""
ENCODINGS = ("identity", "gzip", "br", "zstd")
PASSES = 4
"""CPU is measured in turns, so that a machine that slows down does so for every encoding and size."""
LEAST, MOST = 4, 60
"""Requests in one turn."""


@dataclass(frozen=True)
class Cost:
    """What one way of asking costs: the tree's CPU per request (None: cannot be read), also by turn, and its times."""

    cpu_ns: float | None
    took_ns: tuple[int, ...]
    turns: tuple[float, ...] = ()


@dataclass(frozen=True)
class ProbeClient:
    """Sends one request of the scenario to one arm.

    ``seconds`` is what its CPU measurements may take together; ``patience`` what everything may that is asked of it
    before (and after) them, so that a slow request is asked less often.
    """

    load: LoadProcess
    arm: int
    index: int
    request: Request
    tree: ProcessTree
    seconds: float
    patience: float = inf

    @property
    def values(self) -> dict[str, Scalar]:
        """Return the first choice of every value, as the probe takes it."""
        return {name: choices[0] for name, choices in self.request.values.items()}

    def ask(
        self, headers: Mapping[str, str] | None = None, values: Mapping[str, Scalar] | None = None, times: int = 1
    ) -> ProbeReply:
        """Send it; LoadError where it cannot be sent alone."""
        filled = self.values if values is None else values
        return self.load.probe(self.arm, self.index, filled, headers=headers or {}, times=times)


def first_and_again(asker: ProbeClient, sources: Sources, *, afresh: bool) -> HttpFacts:
    """Send the request for the first time since the start, then ``IDENTICAL`` times more.

    ``afresh`` is False for a service that was not started for this: then nothing of it is known to be cold.
    """
    before = sources.snapshots()
    first = asker.ask()
    cold_queries = _queries(sources, before, first)
    replies = [asker.ask() for _ in range(affordable(asker, first, IDENTICAL) - 1)]
    before = sources.snapshots()
    replies.append(asker.ask())
    warm_queries = _queries(sources, before, replies[-1])
    return HttpFacts(
        request=asker.request.name,
        status=first.status,
        headers=telling(replies[-1].headers),
        asked=len(replies),
        hits=sum(is_hit(reply.headers) for reply in replies),
        revalidated=_revalidated(asker, replies[-1]),
        cold_ns=first.took_ns if afresh else None,
        warm_ns=tuple(reply.took_ns for reply in replies),
        cold_queries=cold_queries if afresh else None,
        warm_queries=warm_queries,
        accepts=accepted(asker.request),
        held_ns=_held(replies),
    )


def _held(replies: Sequence[ProbeReply]) -> tuple[int, ...]:
    between = np.array([reply.body_ns for reply in replies], dtype=np.int64)
    found: list[int] = between[held_back(between, np.array([reply.wire for reply in replies]))].tolist()
    return tuple(found)


def affordable(asker: ProbeClient, first: ProbeReply, times: int) -> int:
    """Return how often a request is worth asking that took as long as ``first``: at least twice, at most ``times``."""
    return int(min(max(asker.patience / 4 * 1e9 / max(first.took_ns, 1), 2), times))


def _queries(sources: Sources, before: list[tuple[AnySource, Any]], reply: ProbeReply) -> int | None:
    """Return how many queries ran for a request; None where nothing counts, or a source was lost meanwhile."""
    found = sources.count(before, reply.trace)
    return found.total(prefer_agent=sources.prefer_agent) if found is not None else None


def accepted(request: Request) -> str:
    """Return the Accept-Encoding that timed rounds send, "" where the scenario names none."""
    return next((value for name, value in request.headers.items() if name.lower() == "accept-encoding"), "")


def _revalidated(asker: ProbeClient, reply: ProbeReply) -> int | None:
    asking = conditions(reply.headers)
    return asker.ask(asking).status if asking else None


def with_encodings(facts: HttpFacts, asker: ProbeClient) -> HttpFacts:
    """Return ``facts`` with the body in every encoding, and what each costs the service; also of its smallest body."""
    warm = min(facts.warm_ns, default=0)
    hurried = len(ENCODINGS) * warm > asker.patience / 4 * 1e9
    found = [_encoded(asker, asked, asker.values) for asked in (ENCODINGS[:2] if hurried else ENCODINGS)]
    distinct = {encoding.given: at for at, encoding in reversed(list(enumerate(found)))}
    places = sorted(distinct.values())
    headers = [{"accept-encoding": found[at].asked} for at in places]
    expected = [found[at].took_ns[0] for at in places]
    costs = cpu_in_turns(asker, [(each, asker.values) for each in headers], expected, asker.seconds / 2)
    turns: dict[str, tuple[float, ...]] = {}
    for at, cost in zip(places, costs, strict=True):
        found[at] = replace(found[at], cpu_ns=cost.cpu_ns, took_ns=cost.took_ns)
        turns[found[at].given] = cost.turns
    asked = found[1].given if "gzip" in facts.accepts else found[0].given
    scale = asker.request.scale
    small: Encoding | None = None
    if scale is not None and scale.parameter:
        small = _encoded(asker, "gzip", {**asker.values, scale.parameter: min(scale.sizes)})
    return replace(facts, encodings=tuple(found), small=small, cpu_turns=turns.get(asked, ()))


def _encoded(asker: ProbeClient, asked: str, values: Mapping[str, Scalar]) -> Encoding:
    reply = asker.ask({"accept-encoding": asked}, values)
    given = telling(reply.headers).get("content-encoding", "") or "identity"
    return Encoding(asked, given, reply.wire, len(reply.content), (reply.took_ns,))


def after_writes(
    found: Sequence[tuple[HttpFacts, ProbeClient]], writers: Sequence[ProbeClient]
) -> tuple[HttpFacts, ...]:
    """Return the facts with whether each body changed when ``writers`` were sent in between."""
    if not writers:
        return tuple(facts for facts, _ in found)
    before = [asker.ask().content for _, asker in found]
    for writer in writers:
        writer.ask()
    return tuple(
        replace(facts, after_write="same" if asker.ask().content == body else "changed")
        for body, (facts, asker) in zip(before, found, strict=True)
    )


def with_sizes(facts: HttpFacts, asker: ProbeClient) -> HttpFacts:
    """Return ``facts`` with the service's CPU at each size that is a value of a parameter."""
    scale = asker.request.scale
    if scale is None or not scale.parameter:
        return facts
    parameter, sizes = scale.parameter, sorted(scale.sizes)
    filled = [{**asker.values, parameter: size} for size in sizes]
    replies = [asker.ask(values=values) for values in filled]
    took = [reply.took_ns for reply in replies]
    costs = cpu_in_turns(asker, [({}, values) for values in filled], took, asker.seconds / 2)
    found = [
        Sized(size, rows_in(reply.content, asker.request.rows)[0], cost.cpu_ns, len(cost.took_ns))
        for size, reply, cost in zip(sizes, replies, costs, strict=True)
        if cost.cpu_ns is not None
    ]
    return replace(facts, sizes=tuple(found))


def cpu_in_turns(
    asker: ProbeClient,
    ways: Sequence[tuple[Mapping[str, str], Mapping[str, Scalar]]],
    took_ns: Sequence[int],
    seconds: float,
) -> list[Cost]:
    """Return what each way of asking costs; the ways take turns.

    ``took_ns`` of each plans how often it is sent within ``seconds``. What takes so long that even a few would be
    beyond the asker's patience is sent once a turn, or not at all.
    """
    share = seconds * 1e9 / (len(ways) * PASSES)
    patience = asker.patience / 2 * 1e9
    least = LEAST if PASSES * LEAST * sum(took_ns) <= patience else 1
    if PASSES * least * sum(took_ns) > patience:
        return [Cost(None, (each,)) for each in took_ns]
    cpu: list[list[float]] = [[] for _ in ways]
    times: list[list[int]] = [[] for _ in ways]
    for _ in range(PASSES):
        for at, (headers, values) in enumerate(ways):
            expected = max(took_ns[at], 1)
            count = int(min(max(share / expected, least), MOST))
            before = asker.tree.cpu_ns()
            reply = asker.ask(headers, values, times=count)
            took = reply.each_ns or (reply.took_ns,)
            cpu[at].append((asker.tree.cpu_ns() - before) / len(took))
            times[at].extend(took)
    if not asker.tree.cpu_by_pid():
        return [Cost(None, tuple(took)) for took in times]
    return [Cost(sum(turns) / len(turns), tuple(took), tuple(turns)) for turns, took in zip(cpu, times, strict=True)]
