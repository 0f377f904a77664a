"""Reads a JVM's flight recording: chunks that hold their own description, constants in pools, and events.

The JDK's ``jfr`` prints the same, but is no part of a plain runtime, and its JSON is 30 kB for each sample. The layout
(version 2, JDK 11 and later) is written down nowhere but in the JDK: ``jdk.jfr.internal.consumer`` reads it so.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

_MAGIC = b"FLR\0"
_HEADER = struct.Struct(">4sHHqqqqqqqI")
"""Magic, version (two), size, places of the constants and the description, start and length in ns, start in ticks,
ticks a second, features."""
_METADATA, _CHECKPOINT = 0, 1
_MOST = 64
"""Depth to which constants that refer to constants are followed; a class loader and its class refer to each other."""


class DamagedError(ValueError):
    """The recording is not what it should be."""


@dataclass
class _Field:
    name: str
    type: int
    pooled: bool
    many: bool


@dataclass
class _Type:
    name: str
    fields: list[_Field] = field(default_factory=list)


@dataclass(frozen=True)
class Pooled:
    """A reference to a constant: the pool (by type) and its key there."""

    type: int
    key: int


class Chunk:
    """One chunk of a recording, its constants at hand."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        (_, major, _, _, constants, description, self.start_ns, _, self.start_ticks, self.per_second, _) = (
            _HEADER.unpack_from(data)
        )
        if major != 2:
            raise DamagedError(f"it is of version {major}, not 2")
        self._types: dict[int, _Type] = {}
        self._pools: dict[int, dict[int, Any]] = {}
        self._read_description(description)
        self._read_constants(constants)

    def events(self, name: str) -> Iterator[dict[str, Any]]:
        """Yield the fields of every event of one type; references to constants are ``Pooled``."""
        wanted = {number for number, each in self._types.items() if each.name == name}
        at = _HEADER.size
        while at < len(self._data):
            size, place = _number(self._data, at)
            kind, place = _number(self._data, place)
            if size <= 0:
                raise DamagedError("an event has no length")
            if kind in wanted:
                yield self._value(self._types[kind], place)[0]
            at += size

    def constant(self, reference: Any) -> Any:
        """Return what a reference stands for (one step), None where it is not there; anything else as it is."""
        if isinstance(reference, Pooled):
            return self._pools.get(reference.type, {}).get(reference.key)
        return reference

    def text(self, reference: Any) -> str:
        """Return a string or symbol, "" where there is none."""
        for _ in range(_MOST):
            reference = self.constant(reference)
            if isinstance(reference, str):
                return reference
            if isinstance(reference, Mapping):
                reference = reference.get("string")
            if reference is None:
                break
        return ""

    def nanoseconds(self, ticks: int) -> int:
        """Return a time of this chunk in nanoseconds since 1970."""
        return int(self.start_ns + (ticks - self.start_ticks) * 1_000_000_000 // self.per_second)

    def _read_description(self, at: int) -> None:
        for _ in range(2):  # size and type
            _, at = _number(self._data, at)
        for _ in range(3):  # start, duration, id
            _, at = _number(self._data, at)
        count, at = _number(self._data, at)
        strings = []
        for _ in range(count):
            text, at = self._string(at)
            strings.append(text if isinstance(text, str) else "")
        self._element(at, strings, None)

    def _element(self, at: int, strings: list[str], owner: _Type | None) -> int:
        name, at = _number(self._data, at)
        count, at = _number(self._data, at)
        attributes = {}
        for _ in range(count):
            key, at = _number(self._data, at)
            value, at = _number(self._data, at)
            attributes[strings[key]] = strings[value]
        kind = strings[name]
        if kind == "class":
            owner = self._types[int(attributes["id"])] = _Type(attributes["name"])
        elif kind == "field" and owner is not None:
            owner.fields.append(
                _Field(
                    attributes["name"],
                    int(attributes["class"]),
                    attributes.get("constantPool") == "true",
                    attributes.get("dimension") == "1",
                )
            )
        count, at = _number(self._data, at)
        for _ in range(count):
            at = self._element(at, strings, owner)
        return at

    def _read_constants(self, at: int) -> None:
        """Read every checkpoint, the last one first: each tells how far back the one before it is."""
        while True:
            start = at
            for _ in range(3):  # size, type, start
                _, at = _number(self._data, at)
            _, at = _number(self._data, at)
            back, at = _number(self._data, at)
            at += 1  # what kind of checkpoint it is
            pools, at = _number(self._data, at)
            for _ in range(pools):
                number, at = _number(self._data, at)
                count, at = _number(self._data, at)
                pool = self._pools.setdefault(number, {})
                for _ in range(count):
                    key, at = _number(self._data, at)
                    value, at = self._value(self._types[number], at)
                    pool.setdefault(key, value)
            if back == 0:
                return
            at = start + back
            if not _HEADER.size <= at < start:
                raise DamagedError("its checkpoints do not follow each other")

    def _value(self, kind: _Type, at: int) -> tuple[Any, int]:
        if kind.name in ("long", "int", "short", "char"):
            return _number(self._data, at)
        if kind.name in ("boolean", "byte"):
            return self._data[at], at + 1
        if kind.name == "float":
            return struct.unpack_from(">f", self._data, at)[0], at + 4
        if kind.name == "double":
            return struct.unpack_from(">d", self._data, at)[0], at + 8
        if kind.name == "java.lang.String":
            return self._string(at)
        found = {}
        for each in kind.fields:
            if each.many:
                count, at = _number(self._data, at)
                values = []
                for _ in range(count):
                    value, at = self._one(each, at)
                    values.append(value)
                found[each.name] = values
            else:
                found[each.name], at = self._one(each, at)
        return found, at

    def _one(self, each: _Field, at: int) -> tuple[Any, int]:
        if each.pooled:
            key, at = _number(self._data, at)
            return Pooled(each.type, key), at
        return self._value(self._types[each.type], at)

    def _string(self, at: int) -> tuple[str | Pooled | None, int]:
        kind, at = self._data[at], at + 1
        if kind < 2:
            return ("" if kind else None), at
        length, at = _number(self._data, at)
        if kind == 2:
            number = next(number for number, each in self._types.items() if each.name == "java.lang.String")
            return Pooled(number, length), at
        if kind == 4:
            letters = []
            for _ in range(length):
                letter, at = _number(self._data, at)
                letters.append(chr(letter))
            return "".join(letters), at
        if kind not in (3, 5):
            raise DamagedError(f"a string is of kind {kind}")
        text = self._data[at : at + length].decode("utf-8" if kind == 3 else "latin-1", "replace")
        return text, at + length


def chunks(data: bytes) -> Iterator[Chunk]:
    """Yield the chunks of a recording; DamagedError for what is none."""
    at = 0
    while at < len(data):
        if data[at : at + 4] != _MAGIC or len(data) < at + _HEADER.size:
            raise DamagedError("it is no flight recording")
        size = _HEADER.unpack_from(data, at)[3]
        if size < _HEADER.size:
            raise DamagedError("a chunk has no length")
        try:
            yield Chunk(data[at : at + size])
        except (IndexError, KeyError, StopIteration, struct.error) as error:
            raise DamagedError("it ends too early") from error
        at += size


def _number(data: bytes, at: int) -> tuple[int, int]:
    """Return a whole number of seven bits a byte, the lowest first; a ninth byte has all its eight. Signed, 64 bits."""
    value = 0
    for place in range(9):
        byte = data[at]
        at += 1
        if place == 8:
            value |= byte << 56
            break
        value |= (byte & 0x7F) << (7 * place)
        if byte < 0x80:
            break
    return (value - (1 << 64) if value >= 1 << 63 else value), at
