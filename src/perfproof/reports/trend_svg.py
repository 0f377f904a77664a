"""A trend as SVG: a mark and an interval per run, a line per stretch, a flag per change of level.

Written out by hand and not drawn with matplotlib like the other charts: each mark has to be a link with its own words
(so that a page without any script can still be asked what a point is), a page of ten trends must be there at once, and
`perfproof history` should not load matplotlib for one line. A chart library for zooming was weighed and rejected: a
history of some hundred runs fits the width of a page, and the page would need a script.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from xml.etree import ElementTree as ET

from perfproof.model.history import ChangePoint, Point, Stretch, Trend
from perfproof.reports import figures, trend_words

WIDTH, HEIGHT = 860.0, 250.0
LEFT, RIGHT, TOP, BOTTOM = 84.0, 14.0, 22.0, 30.0
LINES = 3
"""Line styles there are; later stretches begin again."""
MAX_FLAGS = 8
"""Change points that are named in the chart; the table below it holds all."""

Link = Callable[[Point], str | None]


@dataclass(frozen=True)
class _Frame:
    """From runs and values to places: runs stand in order at equal distances, values between ``low`` and ``high``."""

    places: dict[str, int]
    low: float
    high: float

    def x(self, run: str) -> float:
        room = WIDTH - LEFT - RIGHT
        return LEFT + room * (self.places[run] + 0.5) / len(self.places)

    def y(self, value: float) -> float:
        share = (min(max(value, self.low), self.high) - self.low) / (self.high - self.low)
        return TOP + (HEIGHT - TOP - BOTTOM) * (1 - share)


def to_svg(trend: Trend, prefix: str, title: str, link: Link = lambda point: None) -> str:  # noqa: ARG005
    """Return the trend as an ``svg`` element for a page with ``trend.css``; ``prefix`` must be unique in the page.

    Runs stand at equal distances, oldest first: time between runs means nothing here, and a busy day would crowd
    together. ``link`` gives the address a point leads to. The axis does not begin at 0 unless the values come near
    it, because a trend is about differences; the values are written at it.
    """
    points = trend.points
    root = ET.Element(
        "svg",
        {"viewBox": f"0 0 {WIDTH:g} {HEIGHT:g}", "class": "trend", "role": "group"},
    )
    root.set("aria-labelledby", f"{prefix}-title {prefix}-desc")
    _text(root, "title", title, id=f"{prefix}-title")
    _text(root, "desc", trend_words.describe(trend), id=f"{prefix}-desc")
    if not points:
        return ET.tostring(root, encoding="unicode")
    frame = _Frame({point.run: at for at, point in enumerate(points)}, *_limits(points, trend.unit))
    _axes(root, frame, points, trend.unit)
    _promised(root, frame, points)
    for at, stretch in enumerate(trend.stretches):
        _stretch(root, frame, stretch, at, trend, link)
    flags = [(stretch, change) for stretch in trend.stretches for change in stretch.changes]
    for stretch, change in flags[-MAX_FLAGS:]:
        _flag(root, frame, stretch, change)
    return ET.tostring(root, encoding="unicode")


def ticks(low: float, high: float) -> list[float]:
    """Return three to six round values between ``low`` and ``high`` (low < high)."""
    step = 10.0 ** math.floor(math.log10((high - low) / 3))
    step = max(step * factor for factor in (1, 2, 2.5, 5, 10) if (high - low) / (step * factor) >= 3 or factor == 1)
    first = math.ceil(low / step - 1e-9)
    return [at * step for at in range(first, math.floor(high / step + 1e-9) + 1)]


def _limits(points: Sequence[Point], unit: str) -> tuple[float, float]:
    """Return the values the axis spans; an interval that is much wider than all else leaves the frame instead."""
    values = [point.estimate.value for point in points]
    span = max(values) - min(values) or abs(max(values)) * 0.1 or (0.01 if unit == "ratio" else 1.0)
    ends = [end for p in points for end in (p.estimate.low, p.estimate.high) if end is not None and math.isfinite(end)]
    ends += [end for point in points if point.promised for end in point.promised if 0 < end < math.inf]
    low = max(min([*values, *ends]), min(values) - span)
    high = min(max([*values, *ends]), max(values) + span)
    room = 0.08 * (high - low) or 0.5 * span
    positive = min(values) >= 0
    low = max(low - room, 0.0) if positive else low - room
    return (0.0 if positive and low < 0.25 * high else low), high + room


def _axes(root: ET.Element, frame: _Frame, points: Sequence[Point], unit: str) -> None:
    for tick in ticks(frame.low, frame.high):
        y = frame.y(tick)
        _line(root, (LEFT, y), (WIDTH - RIGHT, y), "grid")
        _text(root, "text", figures.value(tick, unit), x=LEFT - 8, y=y + 4, **{"class": "tick end"})
    days = [point.started_at[:10] for point in points]
    written = -math.inf
    for at, point in enumerate(points):
        x = frame.x(point.run)
        if (at == 0 or days[at] != days[at - 1]) and x - written >= 84 and x <= WIDTH - 74:
            _line(root, (x, HEIGHT - BOTTOM), (x, HEIGHT - BOTTOM + 5), "mark")
            _text(root, "text", days[at], x=x, y=HEIGHT - 9, **{"class": "tick"})
            written = x


def _promised(root: ET.Element, frame: _Frame, points: Sequence[Point]) -> None:
    """Shade behind each run what its goal asked for, as far as the frame reaches."""
    half = min(12.0, 0.4 * (WIDTH - LEFT - RIGHT) / len(points))
    for point in points:
        if point.promised is None:
            continue
        low, high = (frame.y(end) for end in point.promised)
        if low - high < 0.5:
            continue
        x = frame.x(point.run) - half
        box = {"x": f"{x:.1f}", "y": f"{high:.1f}", "width": f"{2 * half:.1f}", "height": f"{low - high:.1f}"}
        ET.SubElement(root, "rect", {"class": "promised", **box})


def _stretch(root: ET.Element, frame: _Frame, stretch: Stretch, at: int, trend: Trend, link: Link) -> None:
    group = ET.SubElement(root, "g", {"class": f"stretch s{at % LINES}"})
    for start, end in pairwise([0, *(change.index for change in stretch.changes), len(stretch.points)]):
        level = median(point.estimate.value for point in stretch.points[start:end])
        if stretch.changes:
            ends = (frame.x(stretch.points[start].run), frame.x(stretch.points[end - 1].run))
            _line(group, (ends[0], frame.y(level)), (ends[1], frame.y(level)), "level")
    places = [(frame.x(point.run), frame.y(point.estimate.value)) for point in stretch.points]
    ET.SubElement(group, "polyline", {"points": " ".join(f"{x:.1f},{y:.1f}" for x, y in places)})
    for point, (x, y) in zip(stretch.points, places, strict=True):
        low, high = point.estimate.low, point.estimate.high
        if low is not None and high is not None and math.isfinite(low) and math.isfinite(high):
            _line(group, (x, frame.y(low)), (x, frame.y(high)), "interval")
        address = link(point)
        holder = ET.SubElement(group, "a", {"href": address}) if address else ET.SubElement(group, "g", {"role": "img"})
        words = trend_words.point(point, trend.unit)
        holder.set("aria-label", words)
        _text(holder, "title", words)
        _mark(holder, at % LINES, x, y)


def _mark(holder: ET.Element, style: int, x: float, y: float) -> None:
    """Draw the point: another shape for another stretch, so that colour never carries it alone."""
    if style == 0:
        ET.SubElement(holder, "circle", {"cx": f"{x:.1f}", "cy": f"{y:.1f}", "r": "3.6"})
    elif style == 1:
        ET.SubElement(holder, "rect", {"x": f"{x - 3.3:.1f}", "y": f"{y - 3.3:.1f}", "width": "6.6", "height": "6.6"})
    else:
        ET.SubElement(holder, "path", {"d": f"M{x:.1f} {y - 4.6:.1f}l4.4 7.8h-8.8z"})


def _flag(root: ET.Element, frame: _Frame, stretch: Stretch, change: ChangePoint) -> None:
    before, first = (frame.x(stretch.points[at].run) for at in (change.index - 1, change.index))
    x = (before + first) / 2
    _line(root, (x, TOP - 4), (x, HEIGHT - BOTTOM), "flag")
    anchor = "end" if x > WIDTH - 90 else "start" if x < LEFT + 60 else "middle"
    _text(root, "text", figures.change(change.change), x=x, y=TOP - 9, **{"class": f"flagged {anchor}"})


def _line(parent: ET.Element, start: tuple[float, float], end: tuple[float, float], name: str) -> None:
    (x1, y1), (x2, y2) = start, end
    ET.SubElement(
        parent, "line", {"class": name, "x1": f"{x1:.1f}", "y1": f"{y1:.1f}", "x2": f"{x2:.1f}", "y2": f"{y2:.1f}"}
    )


def _text(parent: ET.Element, tag: str, text: str, **attributes: str | float) -> None:
    shown = {name: f"{value:.1f}" if isinstance(value, float) else value for name, value in attributes.items()}
    ET.SubElement(parent, tag, shown).text = text
