"""Text on a figure that is measured before it is placed: wrapped, shrunk or cut to the room there is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any, Literal

from matplotlib import font_manager
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties

USUAL = "DejaVu Sans"
"""Comes with matplotlib, so that a page looks the same everywhere."""
_ELLIPSIS = "…"
_UNFIT = ("Emoji", "Last Resort", "LastResort")


def families_for(text: str) -> list[str]:
    """Return the font families that ``text`` needs: the usual one and, for letters it lacks, installed ones."""
    missing = {letter for letter in set(text) if not letter.isspace()} - _covered(font_manager.findfont(USUAL))
    families = [USUAL]
    if missing:
        entries = sorted(font_manager.fontManager.ttflist, key=lambda each: (each.weight != 400, each.name, each.fname))
        for entry in entries:
            if entry.name in families or any(word in entry.name for word in _UNFIT):
                continue
            found = missing & _covered(entry.fname)
            if found:
                families.append(entry.name)
                missing -= found
                if not missing:
                    break
    return families


@cache
def _covered(file: str) -> frozenset[str]:
    try:
        return frozenset(map(chr, font_manager.get_font(file).get_charmap()))
    except (OSError, RuntimeError):  # a font that cannot be read covers nothing
        return frozenset()


class Type:
    """Sets text on ``figure``. Places are in inches from the lower left, ``y`` being the top of the letters' line."""

    def __init__(self, figure: Figure) -> None:
        self.figure = figure
        canvas: Any = FigureCanvasAgg(figure)  # which matplotlib leaves without types
        self._renderer = canvas.get_renderer()

    @staticmethod
    def leading(size: float) -> float:
        """Return the height of a line of ``size`` points, in inches."""
        return size * 1.32 / 72

    def width(self, text: str, size: float, weight: str = "normal") -> float:
        """Return how wide a text of one line is, in inches."""
        font = FontProperties(size=size, weight=weight)
        # Without hinting widths grow with the size, so one measure of a large letter serves every output.
        wide, _, _ = self._renderer.get_text_width_height_descent(text, font, ismath=False)
        return float(wide) / self.figure.dpi

    def put(
        self,
        x: float,
        y: float,
        text: str,
        size: float,
        *,
        colour: str | None = None,
        weight: str = "normal",
        align: Literal["left", "right", "center"] = "left",
    ) -> None:
        """Write one line of text whose top is at ``y``."""
        wide, high = self.figure.get_size_inches()
        down = y - 0.94 * size / 72
        self.figure.text(
            x / wide, down / high, text, size=size, weight=weight, ha=align, va="baseline", color=colour or "#16191d"
        )

    def wrap(self, text: str, room: float, size: float, weight: str = "normal") -> list[str]:
        """Return the lines of a text that is at most ``room`` inches wide; longer words are broken."""
        lines, line = [], ""
        for word in text.split():
            tried = f"{line} {word}" if line else word
            if self.width(tried, size, weight) <= room:
                line = tried
                continue
            if line:
                lines.append(line)
            *full, line = self._broken(word, room, size, weight)
            lines += full
        return [*lines, line] if line or not lines else lines

    def _broken(self, word: str, room: float, size: float, weight: str) -> Iterator[str]:
        """Yield a word in pieces that fit, the last one being what is left."""
        while self.width(word, size, weight) > room and len(word) > 1:
            at = self._longest(word, room, size, weight)
            yield word[:at]
            word = word[at:]
        yield word

    def _longest(self, text: str, room: float, size: float, weight: str) -> int:
        """Return how many letters of a text fit, at least one."""
        low, high = 1, len(text)
        while low < high:
            middle = (low + high + 1) // 2
            if self.width(text[:middle], size, weight) <= room:
                low = middle
            else:
                high = middle - 1
        return low

    def cut(self, text: str, room: float, size: float, weight: str = "normal") -> str:
        """Return a text of one line that fits; an ellipsis stands for what is left out."""
        if self.width(text, size, weight) <= room:
            return text
        room -= self.width(_ELLIPSIS, size, weight)
        return text[: self._longest(text, room, size, weight)].rstrip(" …") + _ELLIPSIS

    def shrunk(self, text: str, room: float, size: float, weight: str = "normal") -> float:
        """Return the size, at most ``size``, at which a text of one line fits."""
        wide = self.width(text, size, weight)
        return size if wide <= room else size * room / wide * 0.99

    def fit(
        self, text: str, wide: float, high: float, sizes: Sequence[float], weight: str = "normal"
    ) -> tuple[list[str], float]:
        """Return the lines of a paragraph and the largest of ``sizes`` at which they fit; at the last one it is cut."""
        for size in sizes:
            lines = self.wrap(text, wide, size, weight)
            if len(lines) * self.leading(size) <= high:
                return lines, size
        most = max(1, int(high / self.leading(sizes[-1])))
        rest = self.cut(" ".join(lines[most - 1 :]), wide, sizes[-1], weight)
        return [*lines[: most - 1], rest], sizes[-1]
