"""What the fields of a GraphQL query prove: an N+1 by its resolver, and what each field costs. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any

from perfproof.core.numbers import count_of, digits, listed
from perfproof.model.probe import ProbedField, ProbedRequest, RepeatedCount
from perfproof.model.result import Finding

FEWEST_PARENTS = 5
"""Objects below which as many statements may be chance: a preamble of three is no loop over three."""
PER_PARENT = 0.9
_SHOWN = 6
_SHORT = 160
_ADVICE = "load the field of all objects at once: a data loader, or a join in the resolver above"


def field_in_words(path: str) -> str:
    """Return ``reviews of books`` for ``books.reviews``."""
    above, _, name = path.rpartition(".")
    return f"{name} of {above.rpartition('.')[2]}" if above else name


def field_of(request: ProbedRequest, keys: Collection[str]) -> str | None:
    """Return the path of the field that runs most of the statements ``keys``; None if no field is known to."""
    counts = {each.path: sum(calls for key, calls in each.statements.items() if key in keys) for each in request.fields}
    best = max(counts, key=lambda path: counts[path], default=None)
    return best if best is not None and counts[best] else None


def by_field(request: ProbedRequest, arm: str, accused: Collection[str]) -> Iterator[Finding]:
    """Yield N+1 of fields (but of the statements ``accused`` already), then what the fields cost."""
    for field in request.fields:
        for key, calls in field.statements.items():
            if key not in accused and field.parents >= FEWEST_PARENTS and calls >= PER_PARENT * field.parents:
                yield _n_plus_one(request, arm, field, key, calls)
    if request.fields:
        told = [_cost(field) for field in request.fields]
        more = f" ({request.fields_untold})" if request.fields_untold else ""
        summary = f"statements by field on {arm}: {listed(told, _SHOWN)}{more}"
        evidence = {
            "arm": arm,
            "fields": [
                {"field": each.path, "objects": each.parents, "statements": sum(each.statements.values())}
                for each in request.fields
            ],
        }
        yield Finding("field_cost", request.request, "info", summary, evidence)
    elif request.fields_untold:
        yield Finding("field_cost", request.request, "info", f"{arm}: {request.fields_untold}", {"arm": arm})


def _n_plus_one(request: ProbedRequest, arm: str, field: ProbedField, key: str, calls: int) -> Finding:
    statement = _statement(request, key)
    text = statement.count.statement.text if statement is not None else ""
    callers = list(statement.count.callers[:3]) if statement is not None else []
    where = f" at {callers[0]}" if callers else ""
    above = field.path.rpartition(".")[0].rpartition(".")[2] or "the query"
    short = text if len(text) <= _SHORT else text[: _SHORT - 1] + "…"
    summary = (
        f"N+1 on {arm}: the field {field_in_words(field.path)} runs `{short}` {count_of(calls, 'time')} for"
        f" {field.parents} {above} ({_each(calls, field.parents)}){where}; {_ADVICE}"
    )
    evidence: dict[str, Any] = {
        "arm": arm,
        "statement": text,
        "fingerprint": key,
        "field": field.path,
        "objects": field.parents,
        "calls": [calls],
        "callers": callers,
        "advice": _ADVICE,
    }
    return Finding("n_plus_one", request.request, "warning", summary, evidence)


def _cost(field: ProbedField) -> str:
    calls = sum(field.statements.values())
    return f"{field_in_words(field.path)} {calls} for {count_of(field.parents, 'object')}"


def _each(calls: int, parents: int) -> str:
    return f"{digits(calls / parents)} each"


def _statement(request: ProbedRequest, key: str) -> RepeatedCount | None:
    found: Sequence[RepeatedCount] = [
        each for size in request.sizes for each in size.statements or () if each.count.statement.key == key
    ]
    return found[-1] if found else None
