"""How claims are laid out on the slide: all of them, in as few columns and as large letters as there is room for.

What is refuted comes first, then what is open, then what is proven. Sentences are wrapped where there is room, and cut
only where nothing else makes all of them fit. Pure but for measuring text.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from perfproof.model import formatting
from perfproof.report.proofs import ProofLine

GAP = 0.4
"""Inches between two columns."""
SIGN = 0.3
"""Inches from a column's edge to its claims, of letters of 12 points."""
_SIZES = (12.0, 11.2, 10.5, 9.8, 9.2, 8.6, 8.0, 7.5)
_COLUMNS = (1, 2, 3)
_TOLD = {1: 3.7, 2: 2.0, 3: 1.3}
"""Inches for a claim's figures, by the number of columns."""
BY = 1.75
"""Inches for the part of the measurement that showed it, which only one column has room for."""
_LEADING = 1.32 / 72
_AIR = 0.35
"""Lines between two claims."""
_MOST_LINES = ((6, 6, 9.2), (3, 3, 7.5), (3, 2, 7.5), (3, 1, 7.5), (1, 1, 7.5))
"""Lines of what is not proven, of what is, and the least size: from what reads best to what needs least room."""
_WORDS = {"refuted": "Refuted", "open": "Open", "proven": "Proven"}

Width = Callable[[str, float, str], float]


@dataclass(frozen=True)
class Entry:
    """One claim as it is drawn: its lines, its figures beside them, and for what is not proven why, below."""

    line: ProofLine
    claim: tuple[str, ...]
    told: str
    below: str = ""
    heading: str = ""
    """What stands above it, where it is the first of its kind."""

    @property
    def weight(self) -> str:
        """Return how its claim is set: what is not proven stands out."""
        return "normal" if self.line.state == "proven" else "bold"

    @property
    def lines(self) -> float:
        """Return its height, in lines of its size."""
        return len(self.claim) + (0.85 if self.below else 0.0) + _AIR + (1.35 if self.heading else 0.0)


@dataclass(frozen=True)
class Layout:
    """Columns of ``width`` inches with letters of ``size`` points; ``left_out`` claims had no room."""

    size: float
    width: float
    told: float
    columns: tuple[tuple[Entry, ...], ...] = ()
    left_out: int = 0

    @property
    def leading(self) -> float:
        """Return the height of a line, in inches."""
        return self.size * _LEADING

    @property
    def sign(self) -> float:
        """Return how far claims are from their column's edge, in inches."""
        return SIGN * self.size / 12


def laid_out(claims: Sequence[ProofLine], width: float, height: float, measure: Width) -> Layout:
    """Return all claims in ``width`` by ``height`` inches; where nothing makes them fit, as many as do, least first."""
    ranked = [each for state in _WORDS for each in claims if each.state == state]
    setter = _Setter(ranked, width, measure)
    for *most_lines, smallest in _MOST_LINES:
        for size in (each for each in _SIZES if each >= smallest):
            for columns in _COLUMNS:
                found = setter.set(size, columns, int(most_lines[0]), int(most_lines[1]))
                filled = _filled(found, size, columns, height)
                if filled is not None:
                    return setter.layout(size, columns, filled)
    size, columns = _SIZES[-1], _COLUMNS[-1]
    room = height - 1.3 * size * _LEADING  # a line says how many are left out
    entries = setter.set(size, columns, 1, 1)
    kept = len(entries)
    while kept > 1 and (filled := _filled(entries[:kept], size, columns, room)) is None:
        kept -= 1
    filled = _filled(entries[:kept], size, columns, room) or (tuple(entries[:kept]),)
    return setter.layout(size, columns, filled, len(entries) - kept)


def _filled(entries: Sequence[Entry], size: float, columns: int, height: float) -> tuple[tuple[Entry, ...], ...] | None:
    """Return entries in columns about as high as one another, in their order; None where ``height`` is too little."""
    line = size * _LEADING
    total = sum(each.lines for each in entries) * line
    if total > height * columns:
        return None
    least = max(total / columns, max(each.lines for each in entries) * line)
    steps = 12
    for step in range(steps + 1):
        limit = least + (height - least) * step / steps
        if limit > height + 1e-9:
            break
        found = _poured(entries, line, limit)
        if len(found) <= columns:
            return found
    return None


def _poured(entries: Sequence[Entry], line: float, limit: float) -> tuple[tuple[Entry, ...], ...]:
    found: list[list[Entry]] = [[]]
    used = 0.0
    for each in entries:
        high = each.lines * line
        if found[-1] and used + high > limit + 1e-9:
            found.append([])
            used = 0.0
        found[-1].append(each)
        used += high
    return tuple(tuple(each) for each in found)


@dataclass
class _Setter:
    """Sets claims in a size and a number of columns; widths are measured once and scaled."""

    claims: Sequence[ProofLine]
    width: float
    measure: Width
    _cached: Callable[[str, str], float] = field(init=False)

    def __post_init__(self) -> None:
        self._cached = lru_cache(maxsize=None)(lambda text, weight: self.measure(text, 10.0, weight))

    def wide(self, text: str, size: float, weight: str) -> float:
        """Return how wide a line is, in inches: letters are not hinted, so it grows with their size."""
        return self._cached(text, weight) * size / 10.0

    def layout(self, size: float, columns: int, filled: tuple[tuple[Entry, ...], ...], left_out: int = 0) -> Layout:
        """Return the whole."""
        return Layout(size, self._column(columns), self._told_room(size, columns), filled, left_out)

    def _told_room(self, size: float, columns: int) -> float:
        """Return the inches that figures take: no more than they need."""
        most, small = _TOLD[columns], size * 0.9
        return max((self.wide(self._told(line, most, small), small, "normal") for line in self.claims), default=0.0)

    def _column(self, columns: int) -> float:
        return (self.width - GAP * (columns - 1)) / columns

    def set(self, size: float, columns: int, most_open: int, most_proven: int) -> list[Entry]:
        """Return the claims as they are drawn, each on at most so many lines: the not proven, and the proven."""
        small = size * 0.9
        room = self._column(columns) - SIGN * size / 12 - self._told_room(size, columns) - 0.15
        room -= BY if columns == 1 else 0.0
        several = len({each.state for each in self.claims}) > 1
        found: list[Entry] = []
        for line in self.claims:
            weight = "normal" if line.state == "proven" else "bold"
            most = most_proven if line.state == "proven" else most_open
            claim = self._wrapped(formatting.plain(line.claim, 400), room, size, weight, most)
            told = self._told(line, _TOLD[columns], small)
            below = ""
            if line.why and most > 1:
                below = self._cut(formatting.plain(line.why, 300), self._column(columns) - SIGN, small, "normal")
            first = several and (not found or found[-1].line.state != line.state)
            count = sum(each.state == line.state for each in self.claims)
            heading = f"{_WORDS[line.state]} ({formatting.count(count)})" if first else ""
            found.append(Entry(line, claim, told, below, heading))
        return found

    def _told(self, line: ProofLine, room: float, size: float) -> str:
        """Return as much of the figures as fits: with the interval, with the change, or before and after alone."""
        between = ", ".join(part for part in (line.values, line.change) if part)
        tried = [line.figures, between, line.values]
        for text in tried:
            if self.wide(text, size, "normal") <= room:
                return text
        return self._cut(line.values, room, size, "normal")

    def _wrapped(self, text: str, room: float, size: float, weight: str, most: int) -> tuple[str, ...]:
        lines: list[str] = []
        line = ""
        for word in text.split():
            tried = f"{line} {word}" if line else word
            if not line or self.wide(tried, size, weight) <= room:
                line = tried
            else:
                lines.append(line)
                line = word
        lines.append(line)
        if len(lines) > most:
            lines = [*lines[: most - 1], " ".join(lines[most - 1 :])]
        return tuple(self._cut(each, room, size, weight) for each in lines)

    def _cut(self, text: str, room: float, size: float, weight: str) -> str:
        """Return a line that fits; an ellipsis stands for what is left out."""
        if self.wide(text, size, weight) <= room:
            return text
        low, high = 1, len(text)
        while low < high:
            middle = (low + high + 1) // 2
            if self.measure(text[:middle].rstrip() + "…", size, weight) <= room:
                low = middle
            else:
                high = middle - 1
        return text[:low].rstrip(" …") + "…"
