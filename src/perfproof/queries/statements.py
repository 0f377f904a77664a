"""What became of each statement: gone, new, another count, another slope; by request, joined on the fingerprint."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Literal

from perfproof.model.probe import ProbedRequest
from perfproof.model.result import QueryDetail, SizeFigures, StatementChange
from perfproof.queries.slopes import Slope

SAME_SLOPE = 0.05


def detail(sides: Mapping[str, ProbedRequest], slopes: Mapping[str, Mapping[str, Slope]]) -> QueryDetail:
    """Return everything counted of one request on one arm or two (``sides`` and ``slopes`` by arm, baseline first)."""
    first = next(iter(sides.values()))
    sizes = [size.size for size in first.sizes]
    common = [size for size in sizes if all(any(s.size == size for s in side.sizes) for side in sides.values())]
    figures = {arm: _figures(side, common) for arm, side in sides.items()}
    notes = dict.fromkeys(
        text
        for arm, side in sides.items()
        for size in side.sizes
        for text in (*([f"{arm}: {size.disagreement}"] if size.disagreement else []), *size.doubts)
    )
    return QueryDetail(first.request, tuple(common), figures, tuple(_changes(sides, slopes, common)), tuple(notes))


def _figures(request: ProbedRequest, common: Sequence[int | None]) -> tuple[SizeFigures, ...]:
    found = []
    for size in (next(s for s in request.sizes if s.size == wanted) for wanted in common):
        low, high = size.queries or (None, None)
        time = median(size.db_ns) / 1e6 if size.db_ns else None
        found.append(SizeFigures(size.size, size.answer.rows, low, high, size.rows_fetched, time, size.answer.wire))
    return tuple(found)


def _changes(
    sides: Mapping[str, ProbedRequest], slopes: Mapping[str, Mapping[str, Slope]], common: Sequence[int | None]
) -> list[StatementChange]:
    counted = {arm: _calls(side, common) for arm, side in sides.items()}
    texts = {
        each.count.statement.key: (each.count.statement.text, (*each.count.callers, "")[0])
        for side in sides.values()
        for size in side.sizes
        for each in size.statements or ()
    }
    arms = list(sides)
    found = []
    for key in dict.fromkeys(key for calls in counted.values() for key in calls):
        before = counted[arms[0]].get(key, ())
        after = counted[arms[-1]].get(key, ())
        steep = [slopes.get(arm, {}).get(key) for arm in arms]
        one, two = (each.steepest if each else None for each in (steep[0], steep[-1]))
        change = _change(before, after, one, two) if len(arms) > 1 else "same"
        rows = [_rows(sides[arm], key, common) for arm in (arms[0], arms[-1])]
        found.append(StatementChange(key, texts[key][0], change, before, after, one, two, texts[key][1], *rows))
    return sorted(found, key=lambda each: -max((*each.baseline, *each.candidate), default=0))


def _rows(request: ProbedRequest, key: str, common: Sequence[int | None]) -> int | None:
    """Return the rows of a statement at the largest size; 0 where it did not run, None if the source cannot know."""
    size = next(s for s in request.sizes if s.size == common[-1]) if common else None
    rows = [e.count.rows for e in (size.statements or () if size else ()) if e.count.statement.key == key]
    known = [each for each in rows if each is not None]
    return sum(known) if len(known) == len(rows) else None


def _change(
    before: tuple[int, ...], after: tuple[int, ...], one: float | None, two: float | None
) -> Literal["gone", "new", "count changed", "slope changed", "same"]:
    if not after:
        return "gone"
    if not before:
        return "new"
    if one is not None and two is not None and abs(one - two) > SAME_SLOPE:
        return "slope changed"
    return "same" if before == after else "count changed"


def _calls(request: ProbedRequest, common: Sequence[int | None]) -> dict[str, tuple[int, ...]]:
    """Return the calls of each statement of the application at each size; statements that never ran are left out."""
    table: dict[str, list[int]] = {}
    for at, wanted in enumerate(common):
        size = next(s for s in request.sizes if s.size == wanted)
        for each in size.statements or ():
            if each.application:
                row = table.setdefault(each.count.statement.key, [0] * len(common))
                row[at] += each.count.calls
    return {key: tuple(calls) for key, calls in table.items() if any(calls)}
