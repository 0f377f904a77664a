"""Rows of CSV and JSON Lines files, read from disk one at a time: memory holds where each begins (8 bytes a row)."""

from __future__ import annotations

import csv
import json
import os
from array import array
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import numpy as np

from perfproof.errors import LoadError
from perfproof.model.scenario import Feed, JsonValue

MOST_ROWS = 10_000_000
"""Most rows of a feed: the index of their places then takes 80 MB."""

LONGEST_ROW = 1024 * 1024

Row = Mapping[str, JsonValue]


class Rows:
    """The rows of one file by number. CSV has a header line and may hold line breaks within quotes."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            hint = "on every machine that generates load it must be at the same place"
            raise LoadError(f"cannot read the feed {path}", why=error.strerror, hint=hint) from error
        with path.open("rb") as file:
            places, self._end = _places(file, quoted=path.suffix.lower() == ".csv")
        self._names: list[str] = []
        if path.suffix.lower() == ".csv":
            if places:
                self._names = _fields(self._text(places[0], places[1] if len(places) > 1 else self._end))
            places = places[1:]
        if len(places) > MOST_ROWS:
            raise LoadError(f"the feed {path} has {len(places):,} rows", why=f"at most {MOST_ROWS:,} can be indexed")
        if not places:
            raise LoadError(f"the feed {path} has no rows")
        self._places = places

    def __len__(self) -> int:
        """Return how many rows there are."""
        return len(self._places)

    def __getitem__(self, number: int) -> Row:
        """Return a row as column -> value; LoadError names the row that cannot be read."""
        start = self._places[number]
        end = self._places[number + 1] if number + 1 < len(self._places) else self._end
        text = self._text(start, end)
        if self._names:
            values = _fields(text)
            if len(values) != len(self._names):
                raise self._broken(number, f"it has {len(values)} values, the header {len(self._names)}")
            return dict(zip(self._names, values, strict=True))
        try:
            row = json.loads(text)
        except ValueError as error:
            raise self._broken(number, "it is not JSON") from error
        if not isinstance(row, dict):
            raise self._broken(number, "it is not a JSON object")
        return row

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)

    def _text(self, start: int, end: int) -> str:
        if end - start > LONGEST_ROW:
            raise LoadError(f"the feed {self._path} has a row of more than {LONGEST_ROW >> 20} MiB")
        return os.pread(self._file, end - start, start).decode("utf-8-sig", "replace")

    def _broken(self, number: int, why: str) -> LoadError:
        return LoadError(f"row {number + 1:,} of the feed {self._path} cannot be used", why=why)


def _places(lines: Iterable[bytes], *, quoted: bool) -> tuple[array[int], int]:
    """Return where each row begins, and the end; a line break within an odd number of quotes belongs to its row."""
    places, position, inside = array("q"), 0, False
    for line in lines:
        if not inside and line.strip():
            places.append(position)
        if quoted and line.count(b'"') % 2:
            inside = not inside
        position += len(line)
    return places, position


def _fields(text: str) -> list[str]:
    return next(csv.reader(text.rstrip("\r\n").splitlines(keepends=True)), [])


class Supply:
    """The rows of a feed in the order in which they are taken; how far it is, is the caller's to remember."""

    def __init__(self, feed: Feed) -> None:
        self.feed = feed
        self.rows = Rows(feed.file)
        # The warm-up takes as long as it takes; its rows are set aside, or those of the blocks would depend on it.
        self._aside = len(self.rows) // 4 if feed.order == "once" else 0
        self._orders: dict[int, np.ndarray] = {}

    def row(self, number: int, seed: int, *, warming: bool) -> Row | None:
        """Return the ``number``-th row taken since the arm was started; None when a ``once`` feed has no more.

        A shuffled feed begins each block (``seed``) with a shuffled deck of all its rows, whatever ``number`` counts.
        """
        total = len(self.rows)
        if self.feed.order == "once":
            first, end = (total - self._aside, total) if warming else (0, total - self._aside)
            return self.rows[first + number] if first + number < end else None
        if self.feed.order == "sequential":
            return self.rows[number % total]
        return self.rows[_shuffled(number, total, seed)]


def _shuffled(number: int, total: int, seed: int) -> int:
    """Return the ``number``-th place of an endless row of shuffled decks, each holding ``total`` places once.

    A Feistel network over the next power of four, walking on while it leads outside: a permutation without a table of
    it (Black & Rogaway, Ciphers with Arbitrary Finite Domains, 2002, "cycle walking"), so memory stays bounded.
    """
    deck, place = divmod(number, total)
    half = max(1, (max(total - 1, 1).bit_length() + 1) // 2)
    low = (1 << half) - 1
    while True:
        left, right = place >> half, place & low
        for turn in range(4):
            mixed = (
                right * 0x9E3779B97F4A7C15 + (seed + 1) * 0xBF58476D1CE4E5B9 + deck * 0x94D049BB133111EB + turn
            ) & ((1 << 64) - 1)
            mixed = ((mixed ^ (mixed >> 31)) * 0xD6E8FEB86659FD93) & ((1 << 64) - 1)  # its upper bits are the good ones
            left, right = right, left ^ (mixed >> 40 & low)
        place = (left << half) | right
        if place < total:
            return place


class Turns:
    """How far the feeds of all arms are: both arms of a pair begin where neither has been.

    Counters are by name: a feed's, or ``#`` for what is drawn. ``pair`` -1 is the warm-up, which counts for itself.
    """

    def __init__(self) -> None:
        self._reached: dict[str, int] = {}
        self._starts: dict[int, dict[str, int]] = {}
        self._warming: dict[int, dict[str, int]] = {}

    def begin(self, arm: int, pair: int) -> dict[str, int]:
        """Return the counters that a block of this pair begins with; those of the warm-up are counted on."""
        if pair < 0:
            return self._warming.setdefault(arm, {})
        if pair not in self._starts:
            self._starts[pair] = dict(self._reached)
        return dict(self._starts[pair])

    def reach(self, counters: Mapping[str, int]) -> None:
        """Note how far a block has come."""
        for name, count in counters.items():
            self._reached[name] = max(count, self._reached.get(name, 0))

    def restart(self, *, afresh: bool) -> None:
        """Begin a new round; ``afresh`` means that the services know nothing of rows used before."""
        self._starts.clear()
        if afresh:
            self._reached.clear()
            self._warming.clear()


def columns(rows: Rows) -> Iterator[str]:
    """Yield the names of a feed's columns, as its first row has them."""
    yield from rows[0]
