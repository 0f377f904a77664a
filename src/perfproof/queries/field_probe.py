"""Which field of a GraphQL query costs which statements: the query is asked again without each of its fields.

A resolver cannot be seen from outside, but what a query costs with a field and without it can. Rejected: counting the
callers of statements, which names a data loader's line for every field that uses it, and nothing in other runtimes.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from perfproof.core.numbers import count_of
from perfproof.databases.merge import one_name
from perfproof.databases.sources import Sources
from perfproof.errors import ServiceError, UnsendableError
from perfproof.graphql.documents import INSTALL, QUERY, Path, UnreadableError, available, fields, objects_at, without
from perfproof.http.response_diff import ComparedResponse
from perfproof.model.probe import ProbedField, ProbedSize
from perfproof.model.scenario import Request
from perfproof.queries.probe_plan import ProbeCase, plan, query_of
from perfproof.service.lifecycle import RunningService

MOST_FIELDS = 40
"""Fields that are left out one after the other, those with fields of their own first: each costs a request."""

Shot = Callable[[int, Request, ProbeCase, Sources, RunningService], ProbedSize]
Calls = Mapping[str, int]


@dataclass
class FieldProbe:
    """Asks a query without its fields. ``shot`` sends a probe, ``replies`` is where that keeps its responses."""

    shot: Shot
    replies: dict[tuple[str, int | None, str], list[ComparedResponse]]
    died: Callable[[], str | None]

    def run(
        self, index: int, request: Request, sizes: Sequence[ProbedSize], sources: Sources, service: RunningService
    ) -> tuple[tuple[ProbedSize, ...], tuple[ProbedField, ...], str]:
        """Return the sizes, the fields that cost statements, and why they are not known, or not all ("": they are).

        Statements get their one name here, over all that was asked.
        """
        without_fields, answer, untold = self._ask(index, request, sizes, sources, service)
        named = tuple(one_name([*sizes, *without_fields.values()]))
        rest = dict(zip(without_fields, named[len(sizes) :], strict=True))
        if not rest:
            return named, (), untold
        whole = calls_of(named[len(sizes) - 1])
        cost: dict[Path, Calls] = {path: Counter(whole) - Counter(calls_of(size)) for path, size in rest.items()}
        roots = {path[:1] for path in cost}
        if len(roots) == 1:
            cost.setdefault(next(iter(roots)), whole)  # without its only root a query asks for nothing
        return named[: len(sizes)], own_costs(cost, answer), untold

    def _ask(
        self, index: int, request: Request, sizes: Sequence[ProbedSize], sources: Sources, service: RunningService
    ) -> tuple[dict[Path, ProbedSize], Any, str]:
        """Return what was counted without each field, the answer to the whole query, and what is not told."""
        nothing: dict[Path, ProbedSize] = {}
        largest = sizes[-1] if sizes else None
        if request.graphql != "query" or largest is None or not largest.queries or not any(largest.queries):
            return nothing, None, ""
        if not available():
            return nothing, None, f"which field costs them is not told: {INSTALL}"
        if largest.queries[0] != largest.queries[1]:
            return nothing, None, "which field costs them is not told: the same query does not run as many each time"
        case = next(each for each in reversed(plan(request, counted=True)) if largest.size in (each.size, None))
        text, operation = query_of(request)
        text = str(case.values.get(QUERY, text))
        try:
            places = fields(text, operation)
        except UnreadableError:
            return nothing, None, ""
        answer = self._answer(request, case)
        order = sorted(places, key=lambda place: not place.nested)
        only_root = sum(len(place.path) == 1 for place in places) == 1
        found: dict[Path, ProbedSize] = {}
        refused = 0
        for place in order[:MOST_FIELDS]:
            if only_root and len(place.path) == 1:
                continue
            left_out = {**case.values, QUERY: without(text, operation, place.path)}
            # No size: what a reseed has made for the largest one is still there.
            one = ProbeCase(None, left_out, 1)
            try:
                left = self.shot(index, request, one, sources, service)
            except (ServiceError, UnsendableError):
                if self.died():
                    raise
                refused += 1
                continue
            finally:
                self.replies.pop((request.name, None, repr(sorted(left_out.items()))), None)
            if left.statements is not None:
                found[place.path] = left
        untold = ""
        if len(order) > MOST_FIELDS:
            untold = f"{count_of(len(order) - MOST_FIELDS, 'field')} more were not left out to see what they cost"
        elif refused:
            untold = f"{count_of(refused, 'field')} could not be left out: the service refused the query without"
        return found, answer, untold

    def _answer(self, request: Request, case: ProbeCase) -> Any:
        """Return the data of the last response to the whole query."""
        kept = self.replies.get((request.name, case.size, repr(sorted(case.values.items()))), [])
        try:
            return json.loads(kept[-1].body)["data"] if kept else None
        except (ValueError, KeyError, TypeError, RecursionError):
            return None


def calls_of(size: ProbedSize) -> dict[str, int]:
    """Return how often each statement of the application ran."""
    found: Counter[str] = Counter()
    for each in size.statements or ():
        if each.application:
            found[each.count.statement.key] += each.count.calls
    return dict(found)


def own_costs(cost: Mapping[Path, Calls], data: Any) -> tuple[ProbedField, ...]:
    """Return what each field costs without what the fields below it do, the dearest first."""
    found = []
    for path, calls in cost.items():
        own = Counter(calls)
        for below, inner in cost.items():
            if below[:-1] == path:
                own.subtract(inner)
        left = {key: count for key, count in own.most_common() if count > 0}
        if left:
            found.append(ProbedField(".".join(path), objects_at(data, path[:-1]), left))
    return tuple(sorted(found, key=lambda field: -sum(field.statements.values())))
