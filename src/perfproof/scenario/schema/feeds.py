"""The ``feeds`` of a scenario file, and what can be told of their files before anything is sent."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, PlainValidator

from perfproof.core.feed_files import RowError, csv_rows
from perfproof.core.units import Mistake
from perfproof.scenario.schema.fields import Spec, Text, choice, schema
from perfproof.scenario.schema.responses import Variable

FORMATS = (".csv", ".jsonl", ".ndjson")

Order = Annotated[
    Literal["sequential", "shuffled", "once"],
    PlainValidator(choice("sequential", "shuffled", "once")),
    schema(enum=["sequential", "shuffled", "once"]),
]


class FeedSpec(Spec):
    """A file of rows that fill {feed.column}."""

    file: Text
    """CSV with a header line, or JSON Lines (.jsonl), relative to this file."""
    order: Order = "sequential"
    """sequential: in order, and again from the start; shuffled: each block in an order of its own; once: each row at
    most once between two starts of an arm, then its requests stop. Default: sequential"""


def _feed(value: object) -> object:
    return value if isinstance(value, dict) else {"file": value}


Feeds = dict[Variable, Annotated[FeedSpec, BeforeValidator(_feed)]]


def columns_of(file: Path) -> list[str]:
    """Return the columns of a feed's file, by its first row; Mistake when it cannot be used.

    CSV is read to its end: a row that cannot be used would end the measurement when its turn comes.
    """
    if file.suffix.lower() not in FORMATS:
        raise Mistake(f"`{file.name}` is neither CSV nor JSON Lines", "name it .csv or .jsonl")
    try:
        with file.open("rb") as opened:
            return _of_csv(file.name, opened) if file.suffix.lower() == ".csv" else _of_json(file.name, opened)
    except OSError as error:
        raise Mistake(
            f"`{file.name}` cannot be read: {error.strerror}", "it is relative to the scenario file"
        ) from None


def _of_csv(name: str, lines: Iterable[bytes]) -> list[str]:
    rows = csv_rows(lines)
    try:
        _, columns = next(rows, (0, []))
        count = sum(1 for _ in rows)
    except RowError as error:
        raise Mistake(f"{error.what} of `{name}` {error.why}", error.fix) from None
    if not count:
        raise Mistake(f"`{name}` has no rows", "a line of column names comes first, rows follow")
    if len(columns) == 1 and (other := next((sign for sign in ";\t|" if sign in columns[0]), None)):
        shown = {"\t": "tabs"}.get(other, f"`{other}`")
        raise Mistake(f"`{name}` has {shown} between its columns", "put commas between them")
    return columns


def _of_json(name: str, lines: Iterable[bytes]) -> list[str]:
    first = next((line for line in lines if line.strip()), b"")
    try:
        row = json.loads(first)
    except ValueError:
        row = None
    if not isinstance(row, dict):
        raise Mistake(f"the first line of `{name}` is not a JSON object", 'write rows like {"email": "a@b.c"}')
    return list(row)


def shorthand(found: dict[str, Any]) -> None:
    """Let the JSON Schema know that a feed may be just its file."""
    held = found["properties"]["feeds"]
    held["additionalProperties"] = {"anyOf": [{"type": "string"}, held["additionalProperties"]]}
