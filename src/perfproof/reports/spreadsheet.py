"""CSV that people open in a spreadsheet: text that would be taken for a formula is marked as text."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from typing import Any, TextIO

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
