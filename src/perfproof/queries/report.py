"""What was counted of queries, in words and cells that every report shares. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from perfproof.core.numbers import digits
from perfproof.model import formatting
from perfproof.model.result import QueryDetail, SizeFigures, StatementChange

MAX_STATEMENTS = 12
ARROW = " → "

_TONES = {"gone": "good", "new": "warn", "count changed": "calm", "slope changed": "calm", "same": "calm"}


@dataclass(frozen=True)
class ArmLine:
    """One arm's figures over the sizes of a request, each as ``1 → 10 → 50``."""

    arm: str
    queries: str
    rows_fetched: str
    db_time: str
    bytes: str


@dataclass(frozen=True)
class StatementLine:
    """One statement: what became of it, its calls at each size on either arm, and its text without literals."""

    change: str
    tone: str
    baseline: str
    candidate: str
    slopes: str
    text: str
    caller: str


def sizes(detail: QueryDetail) -> str:
    """Return what the sizes of a request are: rows where they are known."""
    shown = next(iter(detail.figures.values()))
    rows = [each.rows for each in shown]
    if all(row is not None for row in rows):
        return f"{_arrows(formatting.count(row or 0) for row in rows)} {'row' if rows == [1] else 'rows'}"
    if any(each.size is not None for each in shown):
        return f"size {_arrows(str(each.size) for each in shown)}"
    return ""


def arm_lines(detail: QueryDetail) -> list[ArmLine]:
    """Return a line for each arm."""
    return [
        ArmLine(
            arm=arm,
            queries=_arrows(map(_queries, shown)),
            rows_fetched=_arrows(formatting.value(_number(each.rows_fetched), "rows") for each in shown),
            db_time=_arrows(formatting.value(each.db_ms, "ms") for each in shown),
            bytes=_arrows(formatting.value(float(each.bytes), "bytes") for each in shown),
        )
        for arm, shown in detail.figures.items()
    ]


def statement_lines(detail: QueryDetail, limit: int = MAX_STATEMENTS) -> tuple[list[StatementLine], int]:
    """Return a line for each statement, those that changed first, and how many were left out."""
    order = {"gone": 0, "new": 1, "slope changed": 2, "count changed": 3, "same": 4}
    ranked = sorted(detail.statements, key=lambda each: order[each.change])
    both = len(detail.figures) > 1
    lines = [
        StatementLine(
            change=each.change if both else "",
            tone=_TONES[each.change],
            baseline=_calls(each.baseline),
            candidate=_calls(each.candidate) if both else "",
            slopes=_slopes(each, both=both),
            text=each.text,
            caller=each.caller,
        )
        for each in ranked[:limit]
    ]
    return lines, max(0, len(ranked) - limit)


def _queries(each: SizeFigures) -> str:
    if each.queries is None or each.most is None:
        return formatting.NOTHING
    return formatting.count(each.queries) if each.queries == each.most else f"{each.queries} to {each.most}"


def _calls(calls: Sequence[int]) -> str:
    return _arrows(map(formatting.count, calls)) if calls else formatting.NOTHING


def _slopes(each: StatementChange, *, both: bool) -> str:
    sides = (each.baseline_slope, each.candidate_slope) if both else (each.baseline_slope,)
    known = [formatting.NOTHING if slope is None else f"{digits(slope)}" for slope in sides]
    return "" if set(known) == {formatting.NOTHING} else _arrows(known)


def _number(count: int | None) -> float | None:
    return None if count is None else float(count)


def _arrows(texts: Iterable[str]) -> str:
    return ARROW.join(texts)
