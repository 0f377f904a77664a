"""Rows of CSV and JSON Lines files, read from disk one at a time: memory holds where each begins (8 bytes a row)."""

from __future__ import annotations

import csv
import io
import json
import os
from array import array
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import numpy as np

from perfproof.core.feed_files import LONGEST_ROW, RowError, csv_rows, not_utf8
from perfproof.errors import LoadError
from perfproof.model.scenario import Feed, JsonValue

MOST_ROWS = 10_000_000
"""Most rows of a feed: the index of their places then takes 80 MB."""

FeedRow = Mapping[str, JsonValue]


class Rows:
    """The rows of one file by number. CSV has a header line and may hold line breaks within quotes."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = -1
        self._names: list[str] = []
        try:
            with path.open("rb") as file:
                self._places = self._csv(file) if path.suffix.lower() == ".csv" else _lines(file)
                self._end = os.fstat(file.fileno()).st_size
            self._file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            hint = "on every machine that generates load it must be at the same place"
            raise LoadError(f"cannot read the feed {path}", why=error.strerror, hint=hint) from error
        except RowError as error:
            raise self._broken(error.what, error.why, error.fix) from error
        if len(self._places) > MOST_ROWS:
            count = f"the feed {path} has {len(self._places):,} rows"
            raise LoadError(count, why=f"at most {MOST_ROWS:,} can be indexed")
        if not self._places:
            raise LoadError(f"the feed {path} has no rows")

    def __len__(self) -> int:
        """Return how many rows there are."""
        return len(self._places)

    def __getitem__(self, number: int) -> FeedRow:
        """Return a row as column -> value; LoadError names the row that cannot be read."""
        start = self._places[number]
        end = self._places[number + 1] if number + 1 < len(self._places) else self._end
        if end - start > LONGEST_ROW:
            raise LoadError(f"the feed {self._path} has a row of more than {LONGEST_ROW >> 20} MiB")
        try:
            text = os.pread(self._file, end - start, start).decode("utf-8-sig")
            if self._names:
                values = next(csv.reader(io.StringIO(text, newline="")), [])
                return dict(zip(self._names, values, strict=True))
            row = json.loads(text)
        except UnicodeDecodeError as error:
            raise self._broken(f"row {number + 1:,}", *not_utf8(error)) from error
        except ValueError as error:
            why = "is not as it was when the measurement began" if self._names else "is not JSON"
            raise self._broken(f"row {number + 1:,}", why) from error
        if not isinstance(row, dict):
            raise self._broken(f"row {number + 1:,}", "is not a JSON object")
        return row

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)

    def _csv(self, file: Iterable[bytes]) -> array[int]:
        """Return where each row begins; the header gives the names."""
        places = array("q")
        for start, values in csv_rows(file):
            if self._names:
                places.append(start)
            else:
                self._names = values
        return places

    def _broken(self, which: str, why: str, fix: str | None = None) -> LoadError:
        return LoadError(f"{which} of the feed {self._path} cannot be used", why=f"it {why}", hint=fix)


def _lines(file: Iterable[bytes]) -> array[int]:
    """Return where each line that is not empty begins."""
    places, position = array("q"), 0
    for line in file:
        if line.strip():
            places.append(position)
        position += len(line)
    return places


class Supply:
    """The rows of a feed in the order in which they are taken; how far it is, is the caller's to remember."""

    def __init__(self, feed: Feed) -> None:
        self.feed = feed
        self.rows = Rows(feed.file)
        # The warm-up takes as long as it takes; its rows are set aside, or those of the blocks would depend on it.
        self._aside = len(self.rows) // 4 if feed.order == "once" else 0
        self._orders: dict[int, np.ndarray] = {}

    def row(self, number: int, seed: int, *, warming: bool) -> FeedRow | None:
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
