"""Which requests are probed, with which values, how often. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice, product
from math import prod

from perfproof.graphql.documents import QUERY, at_depth
from perfproof.http.template import fill
from perfproof.model.scenario import Request, Scalar, Scenario

UNCOUNTED_REPEATS = 2
"""Two responses tell what differs from one to the next, where nothing is counted."""
MOST_OWN = 3
"""Sizes of the load itself that are probed, so that its count stands beside its latency."""
MORE_VARIANTS = 4
"""Other combinations of values whose responses are compared too."""


@dataclass(frozen=True)
class ProbeCase:
    """One probe: the size (None without a ``scale``), the values to fill in, and how often it is repeated.

    ``own`` marks a size that the load asks for, ``added`` one that ``scale`` does not name.
    """

    size: int | None
    values: Mapping[str, Scalar]
    repeats: int
    own: bool = False
    added: bool = False


def worth_probing(scenario: Scenario, *, arms: int) -> tuple[bool, bool]:
    """Return whether there is anything to probe, and whether the responses of two arms are to be compared."""
    both = arms > 1 and scenario.responses.policy != "off" and any(each.reads for each in scenario.requests)
    counted = any(arm.service.database for arm in scenario.arms) or any(request.scale for request in scenario.requests)
    return counted or both, both


def plan(request: Request, *, counted: bool) -> list[ProbeCase]:
    """Return the probes of a request, at its sizes in rising order, with the first choice of every other variable."""
    first = {name: choices[0] for name, choices in request.values.items()}
    repeats = request.probe.repeat if counted else min(request.probe.repeat, UNCOUNTED_REPEATS)
    if request.scale is None:
        return [ProbeCase(None, first, repeats)]
    if request.scale.depth:
        text, operation = query_of(request)
        return [
            ProbeCase(depth, {**first, QUERY: at_depth(text, operation, depth)}, repeats)
            for depth in request.scale.sizes
        ]
    parameter, own = request.scale.parameter, own_sizes(request)
    return [
        ProbeCase(size, {**first, parameter: size} if parameter else first, repeats, size in own, size not in sizes)
        for sizes in [request.scale.sizes]
        for size in sorted({*sizes, *own})
    ]


def query_of(request: Request) -> tuple[str, str]:
    """Return the GraphQL document that a request sends, and the name of its operation ("" where it has none)."""
    body = request.json if isinstance(request.json, dict) else {}
    return fill(str(body.get("query", "")), {}), str(body.get("operationName", ""))


def own_sizes(request: Request) -> frozenset[int]:
    """Return the sizes that the load asks for: some of them, evenly spread, where they are many; none if unknown."""
    parameter = request.scale.parameter if request.scale else None
    sizes = sorted({value for value in request.values.get(parameter or "", ()) if type(value) is int})
    last = len(sizes) - 1
    if last < MOST_OWN:
        return frozenset(sizes)
    return frozenset(sizes[round(at * last / (MOST_OWN - 1))] for at in range(MOST_OWN))


def compared(request: Request) -> Sequence[ProbeCase]:
    """Return a few more combinations of a request's values, evenly spread, to compare the responses of."""
    total = prod(len(choices) for choices in request.values.values())
    chosen = sorted({round(at * (total - 1) / MORE_VARIANTS) for at in range(1, MORE_VARIANTS + 1)} - {0})
    names = list(request.values)
    shots = []
    for place in chosen:
        values = next(islice(product(*request.values.values()), place, None))
        shots.append(ProbeCase(None, dict(zip(names, values, strict=True)), UNCOUNTED_REPEATS))
    return shots
