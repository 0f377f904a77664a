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

from perfproof.model import formatting
from perfproof.model.history import ChangePoint, Point, Stretch, Trend
from perfproof.report.history import trend_text

WIDTH, HEIGHT = 860.0, 250.0
LEFT, RIGHT, TOP, BOTTOM = 84.0, 14.0, 22.0, 30.0
LINES = 3
"""Line styles there are; later stretches begin again."""
SMALL_WIDTH, SMALL_HEIGHT = 340.0, 96.0
MAX_FLAGS = 8
"""Change points that are named in the chart; the table below it holds all."""
MAX_REFERENCES = 3
"""Named levels that are drawn across the chart."""
CAP = 2.5
"""Half the width of an interval's end: it shows that the interval ends there and was not cut."""

Link = Callable[[Point], str | None]


@dataclass(frozen=True)
class Reference:
    """A level to hold runs against, drawn across the chart: a baseline's name and what it measured."""

    name: str
    value: float


@dataclass(frozen=True)
class _Frame:
    """From runs and values to places: runs stand in order at equal distances, values between ``low`` and ``high``."""

    places: dict[str, int]
    low: float
    high: float
    width: float = WIDTH
    height: float = HEIGHT
    left: float = LEFT
    right: float = RIGHT
    top: float = TOP
    bottom: float = BOTTOM
    mark: float = 1.0

    def x(self, run: str) -> float:
        room = self.width - self.left - self.right
        return self.left + room * (self.places[run] + 0.5) / len(self.places)

    def y(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low)
        return self.top + (self.height - self.top - self.bottom) * (1 - share)


def to_svg(
    trend: Trend,
    prefix: str,
    title: str,
    link: Link = lambda point: None,  # noqa: ARG005
    references: Sequence[Reference] = (),
) -> str:
    """Return the trend as an ``svg`` element for a page with ``trend.css``; ``prefix`` must be unique in the page.

    Runs stand at equal distances, oldest first: time between runs means nothing here, and a busy day would crowd
    together. ``link`` gives the address a point leads to. The axis does not begin at 0 unless the values come near
    it, because a trend is about differences; the values are written at it. It spans every interval whole. Each of
    ``references`` is a dashed line with its name.
    """
    points = trend.points
    root = ET.Element(
        "svg",
        {"viewBox": f"0 0 {WIDTH:g} {HEIGHT:g}", "class": "trend", "role": "group"},
    )
    root.set("aria-labelledby", f"{prefix}-title {prefix}-desc")
    _text(root, "title", title, id=f"{prefix}-title")
    _text(root, "desc", trend_text.describe(trend), id=f"{prefix}-desc")
    if not points:
        return ET.tostring(root, encoding="unicode")
    frame = _Frame({point.run: at for at, point in enumerate(points)}, *_limits(points, trend.unit, references))
    _axes(root, frame, points, trend.unit)
    _promised(root, frame, points)
    for reference in references[:MAX_REFERENCES]:
        y = frame.y(reference.value)
        _line(root, (LEFT, y), (WIDTH - RIGHT, y), "reference")
    for at, stretch in enumerate(trend.stretches):
        _stretch(root, frame, stretch, at, trend, link)
    flags = [(stretch, change) for stretch in trend.stretches for change in stretch.changes]
    for stretch, change in flags[-MAX_FLAGS:]:
        _flag(root, frame, stretch, change)
    for reference in references[:MAX_REFERENCES]:  # above all else, so that it can be read
        words = f"{formatting.plain(reference.name, 30)} {formatting.value(reference.value, trend.unit)}"
        side, x = ("start", LEFT + 4) if _clear_at_the_start(points, reference.value) else ("end", WIDTH - RIGHT - 4)
        _text(root, "text", words, x=x, y=frame.y(reference.value) - 4, **{"class": f"named {side}"})
    return ET.tostring(root, encoding="unicode")


def _clear_at_the_start(points: Sequence[Point], level: float) -> bool:
    """Tell whether the oldest runs lie further from a level than the newest: its name goes where it covers less."""
    few = max(1, len(points) // 6)
    oldest, newest = (
        min(abs(point.estimate.value - level) for point in each) for each in (points[:few], points[-few:])
    )
    return oldest >= newest


def small(trend: Trend, prefix: str, title: str, link: Link, references: Sequence[Reference] = ()) -> str:
    """Return the trend as a small ``svg`` element without axes, for a list of trends: what stands beside it has words.

    It draws what ``to_svg`` draws, down to the intervals. A trend without points is an empty element.
    """
    points = trend.points
    root = ET.Element(
        "svg",
        {"viewBox": f"0 0 {SMALL_WIDTH:g} {SMALL_HEIGHT:g}", "class": "trend small", "role": "group"},
    )
    root.set("aria-labelledby", f"{prefix}-title {prefix}-desc")
    _text(root, "title", title, id=f"{prefix}-title")
    _text(root, "desc", trend_text.describe(trend), id=f"{prefix}-desc")
    if not points:
        return ET.tostring(root, encoding="unicode")
    frame = _Frame(
        {point.run: at for at, point in enumerate(points)},
        *_limits(points, trend.unit, references),
        SMALL_WIDTH, SMALL_HEIGHT, 2.0, 2.0, 6.0, 6.0, min(1.0, 0.5 + 6 / len(points)),
    )  # fmt: skip
    for reference in references[:MAX_REFERENCES]:
        y = frame.y(reference.value)
        _line(root, (0, y), (SMALL_WIDTH, y), "reference")
    for at, stretch in enumerate(trend.stretches):
        _stretch(root, frame, stretch, at, trend, link)
        for change in stretch.changes:
            before, first = (frame.x(stretch.points[each].run) for each in (change.index - 1, change.index))
            x = (before + first) / 2
            _line(root, (x, 1), (x, SMALL_HEIGHT - 1), "flag")
    return ET.tostring(root, encoding="unicode")


def ticks(low: float, high: float) -> list[float]:
    """Return three to six round values between ``low`` and ``high`` (low < high)."""
    step = 10.0 ** math.floor(math.log10((high - low) / 3))
    step = max(step * factor for factor in (1, 2, 2.5, 5, 10) if (high - low) / (step * factor) >= 3 or factor == 1)
    first = math.ceil(low / step - 1e-9)
    return [at * step for at in range(first, math.floor(high / step + 1e-9) + 1)]


def _limits(points: Sequence[Point], unit: str, references: Sequence[Reference]) -> tuple[float, float]:
    """Return the values the axis spans: every value, every named level, and every interval that is drawn, whole.

    Cutting an interval that is much wider than all else would leave the others more room, and was rejected: where it
    leaves the frame, nobody can tell how wide it is, and a run that knew little would look like one that knew much.
    """
    values = [point.estimate.value for point in points]
    span = max(values) - min(values) or abs(max(values)) * 0.1 or (0.01 if unit == "ratio" else 1.0)
    ends = [end for point in points if (drawn := _interval(point)) is not None for end in drawn]
    ends += [end for point in points if point.promised for end in point.promised if 0 < end < math.inf]
    named = [reference.value for reference in references[:MAX_REFERENCES]]
    low, high = min([*values, *ends, *named]), max([*values, *ends, *named])
    room = 0.08 * (high - low) or 0.5 * span
    positive = low >= 0
    low = max(low - room, 0.0) if positive else low - room
    return (0.0 if positive and low < 0.25 * high else low), high + room


def _interval(point: Point) -> tuple[float, float] | None:
    """Return the interval of a point; None where one of its ends is not known."""
    low, high = point.estimate.low, point.estimate.high
    if low is None or high is None or not (math.isfinite(low) and math.isfinite(high)):
        return None
    return low, high


def _axes(root: ET.Element, frame: _Frame, points: Sequence[Point], unit: str) -> None:
    for tick in ticks(frame.low, frame.high):
        y = frame.y(tick)
        _line(root, (LEFT, y), (WIDTH - RIGHT, y), "grid")
        _text(root, "text", formatting.value(tick, unit), x=LEFT - 8, y=y + 4, **{"class": "tick end"})
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
        if (interval := _interval(point)) is not None:
            _whisker(group, x, frame.y(interval[0]), frame.y(interval[1]), CAP * frame.mark)
        address = link(point)
        holder = ET.SubElement(group, "a", {"href": address}) if address else ET.SubElement(group, "g", {"role": "img"})
        words = trend_text.point(point, trend.unit)
        holder.set("aria-label", words)
        _text(holder, "title", words)
        _mark(holder, at % LINES, x, y, frame.mark)


def _whisker(group: ET.Element, x: float, low: float, high: float, cap: float) -> None:
    """Draw an interval with a bar at either end, in one path."""
    ends = "".join(f"M{x - cap:.1f} {y:.1f}h{2 * cap:.1f}" for y in (low, high))
    ET.SubElement(group, "path", {"class": "interval", "d": f"M{x:.1f} {low:.1f}V{high:.1f}{ends}"})


def _mark(holder: ET.Element, style: int, x: float, y: float, size: float) -> None:
    """Draw the point: another shape for another stretch, so that colour never carries it alone."""
    if style == 0:
        ET.SubElement(holder, "circle", {"cx": f"{x:.1f}", "cy": f"{y:.1f}", "r": f"{3.6 * size:.1f}"})
    elif style == 1:
        side = 6.6 * size
        ET.SubElement(
            holder,
            "rect",
            {"x": f"{x - side / 2:.1f}", "y": f"{y - side / 2:.1f}", "width": f"{side:.1f}", "height": f"{side:.1f}"},
        )
    else:
        d = f"M{x:.1f} {y - 4.6 * size:.1f}l{4.4 * size:.1f} {7.8 * size:.1f}h{-8.8 * size:.1f}z"
        ET.SubElement(holder, "path", {"d": d})


def _flag(root: ET.Element, frame: _Frame, stretch: Stretch, change: ChangePoint) -> None:
    before, first = (frame.x(stretch.points[at].run) for at in (change.index - 1, change.index))
    x = (before + first) / 2
    _line(root, (x, TOP - 4), (x, HEIGHT - BOTTOM), "flag")
    anchor = "end" if x > WIDTH - 90 else "start" if x < LEFT + 60 else "middle"
    _text(root, "text", formatting.change(change.change), x=x, y=TOP - 9, **{"class": f"flagged {anchor}"})


def _line(parent: ET.Element, start: tuple[float, float], end: tuple[float, float], name: str) -> None:
    (x1, y1), (x2, y2) = start, end
    ET.SubElement(
        parent, "line", {"class": name, "x1": f"{x1:.1f}", "y1": f"{y1:.1f}", "x2": f"{x2:.1f}", "y2": f"{y2:.1f}"}
    )


def _text(parent: ET.Element, tag: str, text: str, **attributes: str | float) -> None:
    shown = {name: f"{value:.1f}" if isinstance(value, float) else value for name, value in attributes.items()}
    ET.SubElement(parent, tag, shown).text = text
