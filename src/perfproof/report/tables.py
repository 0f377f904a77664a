"""A result as a flat table: one row per comparison, or per level where nothing was compared."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, TextIO

from perfproof.model.result import Result

_RUN = ("scenario", "run_id", "started_at")
_COMPARED = (
    "metric",
    "request",
    "unit",
    "baseline",
    "candidate",
    "change",
    "ci_low",
    "ci_high",
    "confidence",
    "goal",
    "stretch",
    "verdict",
    "role",
    "rounds",
    "impact",
    "typical",
)
_SINGLE = ("metric", "request", "arm", "unit", "value", "ci_low", "ci_high", "confidence", "rounds")
_WHOLE_NUMBERS = {"rounds"}
_TEXTS = {"scenario", "run_id", "started_at", "metric", "request", "arm", "unit", "verdict", "role"}


def columns(result: Result) -> tuple[str, ...]:
    """Return the names of the columns: those of comparisons, or of levels for a single run.

    Of several candidates, ``arm`` says which one a row is about.
    """
    return _RUN + (_SINGLE if result.alone else (*(("arm",) if result.candidates else ()), *_COMPARED))


def records(result: Result) -> list[dict[str, Any]]:
    """Return the rows in the order analysis gave them; unknown values are None."""
    run = {"scenario": result.scenario, "run_id": " ".join(result.run_ids), "started_at": result.started_at}
    if result.alone:
        return [
            run
            | {"metric": level.metric, "request": level.request, "arm": level.arm, "unit": level.unit}
            | {"value": level.estimate.value, "ci_low": level.estimate.low, "ci_high": level.estimate.high}
            | {"confidence": level.estimate.confidence, "rounds": level.estimate.rounds}
            for level in result.levels
        ]
    return [
        run
        | ({"arm": row.arm} if result.candidates else {})
        | {name: getattr(row, name) for name in _COMPARED if name not in {"goal", "stretch"}}
        | {"goal": row.goal.improve if row.goal else None, "stretch": row.goal.stretch if row.goal else None}
        for row in result.comparisons
    ]


def write_csv(result: Result, path: Path) -> None:
    """Write the table as UTF-8 CSV with a header line; an unknown value is an empty field. Raises ``OSError``."""
    with path.open("w", encoding="utf-8", errors="replace", newline="") as file:
        names = columns(result)
        write_rows(file, names, ([record[name] for name in names] for record in records(result)))


def write_parquet(result: Result, path: Path) -> None:
    """Write the table as Parquet; column types do not depend on the rows. Raises ``OSError``."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    def kind(name: str) -> Any:
        if name == "typical":
            return pa.bool_()
        return pa.string() if name in _TEXTS else pa.int32() if name in _WHOLE_NUMBERS else pa.float64()

    schema = pa.schema([(name, kind(name)) for name in columns(result)])
    rows = [{name: _encodable(value) for name, value in row.items()} for row in records(result)]
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), path)


def _encodable(value: Any) -> Any:
    """Return text that can be UTF-8 (a verdict as its word); everything else as it is."""
    return str(value).encode("utf-8", "replace").decode() if isinstance(value, str) else value


_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""What a cell that is computed begins with; the last four are the wide forms that some programs take as well."""


def write_rows(file: TextIO, head: Sequence[str], rows: Iterable[Iterable[Any]]) -> None:
    """Write a header line and rows; texts pass through ``harmless``, numbers stay numbers."""
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(head)
    writer.writerows([harmless(value) for value in row] for row in rows)


def harmless(value: Any) -> Any:
    """Return a text with an apostrophe before it if a spreadsheet would compute it (OWASP, "CSV Injection").

    Request names come from the service's own paths and from runs that others made: ``=cmd|...`` must stay a name.
    """
    return f"'{value}" if isinstance(value, str) and value.lstrip(" ").startswith(_FORMULA) else value
