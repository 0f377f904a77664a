"""Names of the functions of a Go program, also of one that is stripped: Go keeps them in it for its own traces.

They stand in a table of its own (``.gopclntab``), with where each function begins; ``-ldflags '-s -w'``, ``strip`` and
distributions' builds take the symbols away and leave it. Laid out as of Go 1.2, 1.16, 1.18 and 1.20 (the same since).
"""

from __future__ import annotations

import mmap
import struct
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

_TABLES = (b".gopclntab", b".data.rel.ro.gopclntab")
_MIXED = b".data.rel.ro"
_BEFORE_1_16, _BEFORE_1_18, _BEFORE_1_20, _TODAY = 0xFFFFFFFB, 0xFFFFFFFA, 0xFFFFFFF0, 0xFFFFFFF1
_RELA = 4
"""The type of a section that holds relocations: of a program that may lie anywhere, addresses stand there alone."""
_RELATIVE = {62: 8, 183: 1027}
"""By machine (x86-64, AArch64): relocations that are the place where the program lies, and a number."""
_LOAD = 1
_TEXT_START = 2
"""Which word after the head of the table says where the code begins, from Go 1.18 on."""
_MOST = 1 << 20
"""More functions than any program has: a table that tells of more is no such table."""


@dataclass(frozen=True)
class GoFunctions:
    """Functions of one program, by the address (as linked) at which each begins; the last entry is their end.

    ``parts`` say which stretch of the file (where it begins, how long it is) lies at which address.
    """

    starts: Sequence[int]
    names: Sequence[str]
    parts: Sequence[tuple[int, int, int]] = ()

    def name_at(self, address: int) -> str:
        """Return the function that an address lies in; "" outside of Go's code."""
        at = bisect_right(self.starts, address) - 1
        return self.names[at] if 0 <= at < len(self.names) else ""

    def name_in_file(self, offset: int) -> str:
        """Return the function that a place in the program's file lies in; "" where it is none of Go's."""
        for begins, size, address in self.parts:
            if begins <= offset < begins + size:
                return self.name_at(address + offset - begins)
        return ""


def go_functions(program: Path) -> GoFunctions | None:
    """Return the functions of a Go program for a 64-bit little-endian machine; None for any other file."""
    try:
        with program.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as whole:
            return _read(whole)
    except (OSError, ValueError, OverflowError, IndexError, struct.error):
        return None  # not there, empty, no such file, or cut off


@dataclass(frozen=True)
class _Section:
    name: bytes
    kind: int
    address: int
    offset: int
    size: int


def _read(whole: mmap.mmap) -> GoFunctions | None:
    if whole[:6] != b"\x7fELF\x02\x01":
        return None
    sections = list(_sections(whole))
    table = _table(whole, sections)
    if table is None:
        return None
    magic, _, _, pointer = struct.unpack_from("<IHBB", whole, table.offset)
    if pointer != struct.calcsize("Q"):
        return None
    words = struct.unpack_from("<8Q", whole, table.offset + 8)
    count = words[0]
    if count > _MOST:
        return None
    if magic == _BEFORE_1_16:
        functions, named, first, entry = table.offset + 8 + pointer, table.offset, 0, "<QQ"
    elif magic == _BEFORE_1_18:
        functions, named, first, entry = table.offset + words[6], table.offset + words[2], 0, "<QQ"
    elif magic in (_BEFORE_1_20, _TODAY):
        functions, named, entry = table.offset + words[7], table.offset + words[3], "<II"
        first = words[_TEXT_START] or _placed(whole, sections, table.address + 8 + _TEXT_START * pointer)
    else:
        return None
    # Offsets of the functions' own records count from the table's beginning at first, later from this list's.
    records = table.offset if magic == _BEFORE_1_16 else functions
    size = struct.calcsize(entry)
    begins = size // 2
    starts, names = [], []
    for at in range(count):
        start, record = struct.unpack_from(entry, whole, functions + at * size)
        (name,) = struct.unpack_from("<i", whole, records + record + begins)
        starts.append(first + start)
        names.append(_text(whole, named + name))
    (end,) = struct.unpack_from("<Q" if begins == pointer else "<I", whole, functions + count * size)
    return GoFunctions([*starts, first + end], names, list(_parts(whole)))


def _parts(whole: mmap.mmap) -> Iterator[tuple[int, int, int]]:
    """Yield what of the file is loaded: where it begins there, its size, and the address."""
    (heads,) = struct.unpack_from("<Q", whole, 32)
    size, count = struct.unpack_from("<HH", whole, 54)
    for at in range(count):
        kind, _, offset, address, _, length = struct.unpack_from("<IIQQQQ", whole, heads + at * size)
        if kind == _LOAD:
            yield offset, length, address


def _table(whole: mmap.mmap, sections: Sequence[_Section]) -> _Section | None:
    """Return where the table stands; the C linker puts that of a program that may lie anywhere among other data."""
    found = next((each for each in sections if each.name in _TABLES), None)
    if found is not None:
        return found
    for section in sections:
        if section.name != _MIXED:
            continue
        for magic in (_TODAY, _BEFORE_1_20, _BEFORE_1_18):
            at = whole.find(struct.pack("<IHB", magic, 0, 1), section.offset, section.offset + section.size)
            if at >= 0:
                return replace(section, offset=at, address=section.address + at - section.offset)
    return None


def _sections(whole: mmap.mmap) -> Iterator[_Section]:
    (table,) = struct.unpack_from("<Q", whole, 40)
    size, count, names_at = struct.unpack_from("<HHH", whole, 58)
    heads = [struct.unpack_from("<IIQQQQ", whole, table + at * size) for at in range(count)]
    names = heads[names_at][4]
    for name, kind, _, address, offset, length in heads:
        yield _Section(_bytes(whole, names + name), kind, address, offset, length)


def _placed(whole: mmap.mmap, sections: Sequence[_Section], address: int) -> int:
    """Return what a relocation puts at ``address``; where there is none, where the code's section begins."""
    (machine,) = struct.unpack_from("<H", whole, 18)
    for section in sections:
        if section.kind != _RELA:
            continue
        for place, how, value in struct.iter_unpack("<QQq", whole[section.offset : section.offset + section.size]):
            if place == address and how == _RELATIVE.get(machine):
                return int(value)
    return next((each.address for each in sections if each.name == b".text"), 0)


def _bytes(whole: mmap.mmap, offset: int) -> bytes:
    return whole[offset : whole.find(b"\0", offset)]


def _text(whole: mmap.mmap, offset: int) -> str:
    return _bytes(whole, offset).decode(errors="replace")
