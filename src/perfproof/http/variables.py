"""The variables of one sending: those known before, and those drawn for it (feed rows, uuid, sequence, random numbers).

Everything drawn is a pure function of the block's seed and of how many were drawn before it, so both arms of a pair
get the same. Only ``{now}`` is the clock's; it always has the same length.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from hashlib import blake2b
from uuid import UUID

from perfproof.core.placeholders import BUILT_INS, random_range
from perfproof.model.scenario import JsonValue


class Draw(Mapping[str, JsonValue]):
    """Variables by name; one value for each name, however often it is asked for.

    ``known`` are values, captured and given ones: they hide built-ins of the same name and take new captures. ``rows``
    holds a row of each feed.
    """

    def __init__(
        self, known: dict[str, JsonValue], seed: int, number: int, rows: Mapping[str, Mapping[str, JsonValue]]
    ) -> None:
        self.known = known
        self._seed = seed
        self._number = number
        self._rows = rows

    def __getitem__(self, name: str) -> JsonValue:
        """Return a variable's value; KeyError if there is none of that name."""
        if name not in self.known:
            self.known[name] = self._draw(name)
        return self.known[name]

    def __contains__(self, name: object) -> bool:
        if name in self.known or name in BUILT_INS:
            return True
        feed, _, column = str(name).partition(".")
        return column in self._rows.get(feed, ()) or random_range(str(name)) is not None

    def __iter__(self) -> Iterator[str]:
        """Yield the names that mean something here."""
        yield from self.known
        yield from (name for name in BUILT_INS if name not in self.known)
        for feed, row in self._rows.items():
            yield from (f"{feed}.{column}" for column in row)

    def __len__(self) -> int:
        return len(list(iter(self)))

    def _draw(self, name: str) -> JsonValue:
        feed, _, column = name.partition(".")
        if feed in self._rows:
            return self._rows[feed][column]
        if name == "sequence":
            return self._number
        if name == "now":
            return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        if name == "uuid":
            return str(UUID(bytes=self._bits(name), version=4))
        bounds = random_range(name)
        if bounds is None:
            raise KeyError(name)
        low, high = bounds
        # 128 bits make the bias of a remainder smaller than anything that could be measured.
        return low + int.from_bytes(self._bits(f"{low},{high}"), "big") % (high - low + 1)

    def _bits(self, name: str) -> bytes:
        return blake2b(f"{self._seed}/{self._number}/{name}".encode(), digest_size=16).digest()
