"""The ``feeds`` of a scenario file, and what can be told of their files before anything is sent."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, PlainValidator

from perfproof.scenarios.fields import Spec, Text, choice, schema
from perfproof.scenarios.reply_spec import Variable
from perfproof.scenarios.units import Mistake

FORMATS = (".csv", ".jsonl", ".ndjson")
_FIRST = 64 * 1024

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
    """Return the columns of a feed's file, by its first row; Mistake when it cannot be used."""
    if file.suffix.lower() not in FORMATS:
        raise Mistake(f"`{file.name}` is neither CSV nor JSON Lines", "name it .csv or .jsonl")
    try:
        with file.open("rb") as opened:
            first = opened.read(_FIRST)
    except OSError as error:
        raise Mistake(
            f"`{file.name}` cannot be read: {error.strerror}", "it is relative to the scenario file"
        ) from None
    lines = [line for line in first.decode("utf-8-sig", "replace").splitlines(keepends=True) if line.strip()]
    if file.suffix.lower() == ".csv":
        names = next(csv.reader(lines), [])
        if len(lines) < 2:
            raise Mistake(f"`{file.name}` has no rows", "a line of column names comes first, rows follow")
        if len(set(names)) < len(names):
            raise Mistake(f"`{file.name}` has two columns of the same name", "name each column once in its first line")
        return names
    try:
        row = json.loads(lines[0]) if lines else None
    except ValueError:
        row = None
    if not isinstance(row, dict):
        raise Mistake(f"the first line of `{file.name}` is not a JSON object", 'write rows like {"email": "a@b.c"}')
    return list(row)


def shorthand(found: dict[str, Any]) -> None:
    """Let the JSON Schema know that a feed may be just its file."""
    held = found["properties"]["feeds"]
    held["additionalProperties"] = {"anyOf": [{"type": "string"}, held["additionalProperties"]]}
