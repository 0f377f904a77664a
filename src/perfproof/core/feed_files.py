"""How a feed's file is read: what scenario files are checked for and the load process reads must be the same.

CSV is what Python's csv module says it is, in its strict way: a quote within a value is itself, one that begins a value
has to end it. Rejected: pandas and pyarrow, which need the whole file in memory or guess types.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence

LONGEST_ROW = 1024 * 1024
"""Most bytes of a row, and characters of a value."""


class RowError(ValueError):
    """A row that cannot be used: ``what`` says which, ``why`` what is wrong, ``fix`` what to do."""

    def __init__(self, number: int, line: int, why: str, fix: str | None = None) -> None:
        self.what = f"row {number:,} (line {line:,})" if number else "the first line"
        self.why, self.fix = why, fix
        super().__init__(f"{self.what} {why}")


def csv_rows(lines: Iterable[bytes]) -> Iterator[tuple[int, list[str]]]:
    """Yield where each row that is not empty begins (byte), and its values; the header is the first.

    ``lines`` are those of the file, each with its end. RowError when something cannot be read, or has not as many
    values as the header. Names of columns are stripped of blanks around them.
    """
    csv.field_size_limit(LONGEST_ROW)
    source = _Lines(lines)
    reader = csv.reader(source, strict=True)
    names: list[str] | None = None
    number = 0
    while True:
        start, line = source.position, source.line + 1
        try:
            values = next(reader, None)
        except UnicodeDecodeError as error:
            raise RowError(number, source.line, *not_utf8(error)) from error
        except csv.Error as error:
            raise RowError(number, line, *_not_csv(str(error))) from error
        if values is None:
            return
        if not values or (len(values) == 1 and values[0].isspace()):
            continue
        if names is None:
            values = names = [name.strip() for name in values]
            if len(set(names)) < len(names):
                raise RowError(0, line, "has two columns of the same name", "name each column once")
        elif len(values) != len(names):
            raise RowError(number, line, f"has {_count(values)}, the header {len(names)}", _separators(names, values))
        yield start, values
        number += 1


class _Lines:
    """Decodes lines as they are asked for, and counts the bytes and lines that were."""

    def __init__(self, lines: Iterable[bytes]) -> None:
        self._lines = iter(lines)
        self.position = 0
        self.line = 0

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        data = next(self._lines)
        self.line += 1
        first = self.line == 1
        text = data.decode("utf-8-sig" if first else "utf-8")
        self.position += len(data)
        return text


def not_utf8(error: UnicodeDecodeError) -> tuple[str, str]:
    """Return what is wrong with text that cannot be decoded, and what to do."""
    if error.object[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "is UTF-16, not UTF-8", "save the file as UTF-8 (`iconv -f utf-16 -t utf-8`)"
    byte = error.object[error.start]
    fix = "save the file as UTF-8 (from Latin-1: `iconv -f latin1 -t utf-8`)"
    return f"is not UTF-8: it holds the byte 0x{byte:02x}", fix


def _not_csv(message: str) -> tuple[str, str]:
    if "field larger" in message:
        return f"has a value of more than {LONGEST_ROW >> 20} MiB", "is a quote missing?"
    if "new-line" in message:
        return "has a line end that is a carriage return alone", "save the file with line ends of Unix or Windows"
    return (
        "has a quote that begins a value and does not end it",
        'write "" for a quote within a quoted value, as in "5"" pipe"; a quote inside a plain value needs nothing',
    )


def _separators(names: Sequence[str], values: Sequence[str]) -> str | None:
    """Return a hint where a comma seems to be part of a value."""
    if len(names) == 1:
        return "the first line has to name the columns: remove what stands before it"
    return 'put a value that holds a comma in quotes: "a, b"' if len(values) > len(names) else None


def _count(values: Sequence[str]) -> str:
    return "1 value" if len(values) == 1 else f"{len(values)} values"
