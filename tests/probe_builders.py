"""Probed requests made of plain numbers, for the tests of what is concluded from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from perfproof.model.probe import Answer, ProbedArm, ProbedRequest, ProbedSize, Probing, RepeatedCount
from perfproof.model.queries import Statement, StatementCount


def counted(key: str, calls: int, most: int | None = None, **more: Any) -> RepeatedCount:
    text = more.pop("text", f"select {key} from t where id = ?")
    defaults: dict[str, Any] = {"rows": calls, "time_ns": calls * 1000}
    kind = more.pop("kind", "query")
    count = StatementCount(Statement(key, text, kind), calls, **(defaults | more))
    return RepeatedCount(count, calls if most is None else most)


def sized(
    size: int | None, rows: int | None, calls: Mapping[str, int | tuple[int, int]], wire: int = 1000, **more: Any
) -> ProbedSize:
    statements = tuple(
        counted(key, *([each] if isinstance(each, int) else each), **more) for key, each in calls.items() if each
    )
    answer = Answer(200, wire, wire, "digest", rows, "$")
    return ProbedSize(size, 3, answer, statements, db_ns=(2_000_000, 1_000_000, 3_000_000), source="test")


def probed(
    points: Sequence[tuple[int, Mapping[str, int | tuple[int, int]]]],
    name: str = "list",
    by: Any = "parameter",
    **more: Any,
) -> ProbedRequest:
    """A request whose sizes return as many rows as they ask for."""
    return ProbedRequest(name, tuple(sized(rows, rows, calls, **more) for rows, calls in points), by)


def arm(name: str, *requests: ProbedRequest, **more: Any) -> ProbedArm:
    return ProbedArm(name, requests, **more)


def both(before: ProbedRequest, after: ProbedRequest, **more: Any) -> Probing:
    return Probing((arm("baseline", before), arm("candidate", after)), **more)
