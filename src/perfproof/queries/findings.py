"""What the probes of one arm prove: N+1, batched, duplicates, constants, unbounded lists, or too little to tell."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Literal

from perfproof.core.numbers import count_of, digits
from perfproof.model.probe import ProbedRequest, ProbedSize, RepeatedCount
from perfproof.model.result import Finding
from perfproof.queries.fields import by_field, field_in_words, field_of
from perfproof.queries.slopes import FEWEST, Slope, distinct, points_of, slope, together_points, x_of

SHOWN_TEXT = 160
MANY_CONSTANT = 3
FAMILY = 3
FEWEST_LOADS = 3
MANY_ROWS = 1000
EXPLODED = 20
"""Rows fetched for one in the answer, from which on (and from ``MANY_ROWS`` on) it is told."""
_NUMBERED = re.compile(r"([a-z_]\w*?)\d+(?=\b|_)")
_OF_THE_LAST = re.compile(
    r"(?:fetch|move) |"
    r"select (?:found_rows|row_count|last_insert_id|lastval|last_insert_rowid|changes|scope_identity) ?\(|"
    r"select @@ ?(?:identity|warning_count|error_count)\b|select (?:currval|nextval) ?\("
)
"""Statements that say nothing by themselves: what they return hangs on what ran before."""
LONG_LIST = 100
"""Rows from which on a list that grows with the table is called unbounded: pages are usually no longer."""


@dataclass(frozen=True)
class Proven:
    """The findings of one request on one arm, and the slope of each statement by key."""

    findings: tuple[Finding, ...]
    slopes: dict[str, Slope]


def prove(request: ProbedRequest, arm: str) -> Proven:
    """Return everything the probes of one request show."""
    found: list[Finding] = []
    slopes: dict[str, Slope] = {}
    accused: set[str] = set()
    counted = [size for size in request.sizes if size.statements is not None]
    if counted and request.by not in ("none", "depth"):
        steep = {key: slope(points) for key, points in points_of(request).items()}
        slopes = {key: value for key, value in steep.items() if value is not None}
        if distinct(replace(request, sizes=tuple(counted))) < FEWEST:
            found.append(_not_enough(request, counted, arm))
        for family in sorted(families(request), key=lambda each: -(_steepness(each, slopes))):
            grown = _growing(request, arm, family, slopes)
            found += [grown] if grown else []
            accused |= set(family) if grown and grown.kind == "n_plus_one" else set()
        found += _constant(request, arm, slopes)
    found += by_field(request, arm, accused)
    found += _unbounded(request, arm)
    found += _exploding(request, arm, accused)
    found += _duplicates(request, arm, accused)
    found += _varies(request, arm)
    return Proven(tuple(found), slopes)


def families(request: ProbedRequest) -> list[tuple[str, ...]]:
    """Return the statements by key, together those that differ in the numbers of their names alone.

    A table for each tenant makes another statement of each; what runs once for each row is then all of them together.
    Fewer than ``FAMILY`` of them are columns or tables that have their numbers for good.
    """
    texts = {e.count.statement.key: e.count.statement.text for s in request.sizes for e in s.statements or ()}
    alike: dict[str, list[str]] = {}
    for key, text in texts.items():
        alike.setdefault(_NUMBERED.sub(r"\1#", text), []).append(key)
    found = [tuple(keys) for keys in alike.values() if len(keys) >= FAMILY]
    kept = {key for keys in found for key in keys}
    return [*found, *((key,) for key in texts if key not in kept)]


def _steepness(family: Sequence[str], slopes: dict[str, Slope]) -> float:
    return max((slopes[key].sure for key in family if key in slopes), default=0.0)


def _growing(request: ProbedRequest, arm: str, family: Sequence[str], slopes: dict[str, Slope]) -> Finding | None:
    """Return N+1, or that it is asked in batches or once for each value; None where a statement does not grow."""
    together = len(family) > 1
    steep = slope(together_points(request, family)) if together else slopes.get(family[0])
    if steep is None or not steep.rises:
        return None
    statement = _statement(request, family[0])
    calls = [sum(_calls(size, key) for key in family) for size in request.sizes]
    rows = [x_of(size) for size in request.sizes]
    text = statement.count.statement.text
    if together:
        text = _NUMBERED.sub(r"\1#", text)
    evidence: dict[str, Any] = {
        "arm": arm,
        "statement": text,
        "fingerprint": family[0],
        "rows": rows,
        "calls": calls,
        "slope": round(steep.steepest, 3),
        "callers": list(statement.count.callers[:3]),
    }
    where = f" at {statement.count.callers[0]}" if statement.count.callers else ""
    told = f"{_arrows(calls)} times for {_arrows(rows)} rows"
    if together:
        evidence["statements"] = len(family)
        told = f"{told} on {len(family)} tables or columns whose names differ in their number"
    by_value = _saturates(calls, rows)
    if by_value:
        told = f"{told}, and then no more: what was loaded is remembered, or only so many are asked for"
    if steep.n_plus_one:
        again = sum(each.count.repeated or 0 for each in (_statement(request, key) for key in family))
        if again:
            evidence["repeated"] = again
            told = f"{told}, {again} of them with parameters it had before"
        mysql = any(size.source.startswith(("MySQL", "MariaDB")) for size in request.sizes)
        evidence["advice"] = advice(statement.count.libraries, mysql=mysql)
        if (field := field_of(request, family)) is not None:
            evidence["field"] = field
            told = f"{told}, for the field {field_in_words(field)}"
        how = f"(slope {digits(steep.steepest)}){where}; {evidence['advice']}"
        summary = f"N+1 on {arm}: `{_short(text)}` runs {told} {how}"
        return Finding("n_plus_one", request.request, "warning", summary, evidence)
    if by_value:
        summary = f"loads on {arm}: `{_short(text)}` runs {told}{where}"
        return Finding("loads_by_value", request.request, "info", summary, evidence)
    summary = f"batched on {arm}: `{_short(text)}` runs {told} (slope {digits(steep.steepest)}){where}"
    return Finding("batched", request.request, "info", summary, evidence)


def _saturates(calls: Sequence[int], rows: Sequence[int | None]) -> bool:
    """Tell whether calls rose and then stayed while rows went on: there are only so many values to be loaded."""
    points = sorted({(x, y) for x, y in zip(rows, calls, strict=True) if x is not None})
    return len(points) > FEWEST - 1 and points[-1][1] == points[-2][1] >= FEWEST_LOADS and points[-1][0] > points[-2][0]


def _constant(request: ProbedRequest, arm: str, slopes: dict[str, Slope]) -> Iterator[Finding]:
    """Yield the preamble: statements that run as often whatever the size. They are shown, not accused."""
    flat = {
        key: min(_calls(size, key) for size in request.sizes)
        for key, steep in slopes.items()
        if not steep.rises and steep.steepest == 0
    }
    total = sum(flat.values())
    if total >= MANY_CONSTANT:
        summary = f"{count_of(total, 'query', 'queries')} on {arm} whatever the number of rows"
        texts = [_short(_statement(request, key).count.statement.text) for key in flat]
        evidence = {"arm": arm, "queries": total, "statements": texts[:20]}
        yield Finding("constant_queries", request.request, "info", summary, evidence)


def _not_enough(request: ProbedRequest, counted: Sequence[ProbedSize], arm: str) -> Finding:
    rows = [x_of(size) for size in counted]
    if len(counted) < len(request.sizes):
        told = f"only {len(counted)} of {count_of(len(request.sizes), 'size')} could be counted"
        summary = f"not enough data on {arm}: {told}, since a source was lost; probe again once it is back"
        return Finding("not_enough_data", request.request, "warning", summary, {"arm": arm, "rows": rows})
    seen = distinct(request)
    summary = (
        f"not enough data on {arm}: {count_of(seen, 'different number', 'different numbers')} of rows at sizes"
        f" {_arrows([size.size for size in request.sizes])}; three are needed to tell N+1 from none:"
        " add sizes, or say with `rows:` where the rows are"
    )
    return Finding("not_enough_data", request.request, "warning", summary, {"arm": arm, "rows": rows})


def _unbounded(request: ProbedRequest, arm: str) -> Iterator[Finding]:
    """Yield a list that does not heed its parameter, or that returns the whole table."""
    sizes = [s for s in request.sizes if not s.added and s.size is not None and s.answer.rows is not None]
    rows = [size.answer.rows or 0 for size in sizes]
    asked = [size.size or 0 for size in sizes]
    if len(sizes) < 2:
        return
    evidence = {"arm": arm, "asked": asked, "rows": rows}
    if request.by == "parameter" and len(set(rows)) == 1 and rows[0] > max(asked):
        summary = f"unbounded list on {arm}: {rows[0]:,} rows whatever the parameter says ({_arrows(asked)})"
        yield Finding("unbounded_list", request.request, "warning", summary, evidence)
    grows = all(b[1] - a[1] >= (b[0] - a[0]) * 0.9 for a, b in pairwise(zip(asked, rows, strict=True)))
    if request.by == "reseed" and grows and max(rows) > LONG_LIST:
        summary = f"unbounded list on {arm}: it returns the whole table, {_arrows(rows)} rows at sizes {_arrows(asked)}"
        yield Finding("unbounded_list", request.request, "warning", summary, evidence)


def _exploding(request: ProbedRequest, arm: str, accused: Collection[str]) -> Iterator[Finding]:
    """Yield statements that fetch many times the rows of the answer: a join that multiplies them, or no limit."""
    every = {e.count.statement.key: e for s in request.sizes for e in s.statements or () if e.application}
    for key, each in every.items():
        if key in accused or not each.count.statement.text.startswith(("select ", "with ", "(")):
            continue
        fetched = [(_rows(size, key), size) for size in request.sizes if size.answer.rows is not None]
        rows, size = max(fetched, key=lambda each: each[0], default=(0, None))
        answered = (size.answer.rows or 0) if size is not None else 0
        if rows < MANY_ROWS or rows < EXPLODED * max(answered, 1):
            continue
        statement = _statement(request, key)
        calls = _calls(size, key) if size is not None else 0
        where = f" at {statement.count.callers[0]}" if statement.count.callers else ""
        summary = (
            f"many rows on {arm}: `{_short(statement.count.statement.text)}` fetches {rows:,} rows for {answered:,} in"
            f" the answer{where}: a join that multiplies rows, or rows that are thrown away; load collections in a"
            " statement of their own, or count and filter in the database"
        )
        evidence = {
            "arm": arm,
            "statement": statement.count.statement.text,
            "fingerprint": key,
            "fetched": rows,
            "rows": answered,
            "calls": calls,
            "callers": list(statement.count.callers[:3]),
        }
        yield Finding("many_rows", request.request, "warning", summary, evidence)


def _rows(size: ProbedSize, key: str) -> int:
    return sum(e.count.rows or 0 for e in size.statements or () if e.application and e.count.statement.key == key)


def _duplicates(request: ProbedRequest, arm: str, accused: Collection[str]) -> Iterator[Finding]:
    """Yield statements that ran again with the same parameters within one request, at the size where it is worst.

    ``accused`` are told as N+1 already. FETCH says no more than its cursor, and the like of FOUND_ROWS() no more than
    the statement before it: what comes is another thing each time.
    """
    worst: dict[str, tuple[int, RepeatedCount]] = {}
    for size in request.sizes:
        for each in size.statements or ():
            again = each.count.repeated or 0
            told = each.count.statement.key in accused or _OF_THE_LAST.match(each.count.statement.text) is not None
            if each.application and again and not told and again > worst.get(each.count.statement.key, (0, each))[0]:
                worst[each.count.statement.key] = (again, each)
    for key, (again, each) in worst.items():
        where = f" at {each.count.callers[0]}" if each.count.callers else ""
        text = _short(each.count.statement.text)
        summary = f"duplicates on {arm}: `{text}` runs {count_of(again, 'time')} more with the same parameters{where}"
        evidence = {"arm": arm, "statement": each.count.statement.text, "fingerprint": key, "repeated": again}
        severity: Literal["info", "warning"] = "warning" if again > 1 else "info"
        yield Finding("duplicate_queries", request.request, severity, summary, evidence)


def _varies(request: ProbedRequest, arm: str) -> Iterator[Finding]:
    """Yield the sizes at which the same request did not run the same number of queries each time."""
    ranges = [(size.size, *size.queries) for size in request.sizes if size.queries and len(set(size.queries)) > 1]
    if ranges:
        told = ", ".join(f"{low} to {high}" + (f" at size {at}" if at is not None else "") for at, low, high in ranges)
        evidence = {"arm": arm, "ranges": [{"size": at, "fewest": low, "most": high} for at, low, high in ranges]}
        yield Finding("varies", request.request, "info", f"queries vary on {arm}: {told}", evidence)


def _statement(request: ProbedRequest, key: str) -> RepeatedCount:
    """Return a statement as counted at the largest size that has it."""
    found = [each for size in request.sizes for each in size.statements or () if each.count.statement.key == key]
    return found[-1]


def _calls(size: ProbedSize, key: str) -> int:
    return sum(e.count.calls for e in size.statements or () if e.application and e.count.statement.key == key)


def _short(text: str) -> str:
    return text if len(text) <= SHOWN_TEXT else text[: SHOWN_TEXT - 1] + "…"


def _arrows(values: list[int | None] | list[int]) -> str:
    return " → ".join("?" if value is None else f"{value:,}" for value in values)


_SQLALCHEMY = "load the relation with it: selectinload(...) for collections, joinedload(...) for objects"
_IN = "ask for all rows at once, before the loop"
_KNOWN = {
    "sqlalchemy.relation": _SQLALCHEMY,
    "sqlalchemy": f"{_IN}: select(...).where(Model.key.in_(keys))",
    "sqlmodel": f"{_IN}: select(...).where(Model.key.in_(keys))",
    "django.relation": (
        "load the relation with it: select_related(...) for objects, prefetch_related(...) for collections"
    ),
    "django.generic": "a generic foreign key: load it with prefetch_related(...), since select_related cannot",
    "django.deferred": "a field that was left out: name it in only(...), or do not defer(...) it",
    "django": (
        "of a relation: prefetch_related(...), where filter and order_by ask again unless given to"
        f" Prefetch(queryset=...); else {_IN}: filter(key__in=keys)"
    ),
    "tortoise": "load the relation with it: prefetch_related(...)",
    "peewee": "load the relation with it: prefetch(...), or join it in the query",
    "asyncpg": f"{_IN}: WHERE key = ANY($1)",
    "psycopg": f"{_IN}: WHERE key = ANY(%s)",
    "psycopg2": f"{_IN}: WHERE key = ANY(%s)",
    "mysql": f"{_IN}: WHERE key IN (%s, %s, ...)",
    "sqlite3": f"{_IN}: WHERE key IN (?, ?, ...)",
    "aiosqlite": f"{_IN}: WHERE key IN (?, ?, ...)",
}
_ANY = (
    "ask for all rows at once (%s), through the ORM's eager loading (`includes` in Rails, `with` in Laravel),"
    " or a dataloader"
)


def advice(libraries: Sequence[str], *, mysql: bool = False) -> str:
    """Return what removes the N+1, by how a library was asked if that is known, else by the first known library.

    ``mysql`` says that the database knows no ANY over a list.
    """
    names = [library.lower() for library in libraries]
    for name in [*(each for each in names if "." in each), *(each.partition(".")[0] for each in names)]:
        if name in _KNOWN:
            return _KNOWN[name]
    return _ANY % ("`key IN (...)`" if mysql else "`key = ANY($1)` or `key IN (...)`")
