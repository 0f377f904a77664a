"""The line charts of a page as SVG, written out by hand: matplotlib places ticks and shortens lines, and draws nothing.

A page has six of them for each request. Drawn by matplotlib, which makes an object of every tick's every part, they
took most of what a report takes; written out they take a thirtieth.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal
from xml.etree import ElementTree as ET

import numpy as np
import numpy.typing as npt
from matplotlib.path import Path
from matplotlib.ticker import LogLocator, MaxNLocator

from perfproof.model.result import Curve
from perfproof.report.goal_bands import GoalBand

Scale = Literal["log", "linear", "percentile"]
Floats = npt.NDArray[np.float64]

WIDTH, HEIGHT = 331.2, 180.0
LEFT, TOP, BOTTOM = 0.09 * WIDTH, 0.13 * HEIGHT, 0.83 * HEIGHT
"""Edges of the axes; letters are 8 px high."""
_RIGHT = {"end": 0.83 * WIDTH, "middle": 0.97 * WIDTH}
_DASHES = ("stroke-dasharray:5.6,2.8;", "", "stroke-dasharray:1.4,2.1;")
_MARKS = ("M-1.7 0A1.7 1.7 0 0 1 1.7 0A1.7 1.7 0 0 1-1.7 0Z", "M-1.6-1.6H1.6V1.6H-1.6Z", "M0-1.9L1.9 1.6H-1.9Z")
"""A mark of each arm, for a point without neighbours: dot, square, triangle."""
_MARGIN = 0.02
"""Room left and right of the lines, as a share of what they span."""
_STEPS = [1, 2, 2.5, 5, 10]
_MIDDLE = 2.1
"""How far below its middle a text's base line is."""


@dataclass(frozen=True)
class Words:
    """What a chart says: in its title and description for screen readers, at its axes, and of what is shaded."""

    title: str
    description: str
    x: str
    y: str
    shaded: str = ""


class _Axes:
    """From values to places, and where ticks stand."""

    def __init__(self, lines: Sequence[Curve], scale: Scale, labels: Literal["end", "middle"]) -> None:
        self.right = _RIGHT[labels]
        self._scale = scale
        points = [(x, y) for line in lines for x, y in zip(line.x, line.y, strict=True) if math.isfinite(y)]
        low, high = min(points, default=(0.0, 0))[0], max(points, default=(1.0, 0))[0]
        if scale == "percentile":
            self.x_limits = 0.0, max(high, 50.0) if lines else 99.0
        elif scale == "log":
            low, high = (low, high) if lines else (1.0, 10.0)
            low, high = (low, high) if low < high else (low / 10, high * 10)
            low, high = _widened(math.log10(low), math.log10(high))
            self.x_limits = 10**low, 10**high
        else:
            near = 0.05 * max(abs(low), abs(high)) or 0.05
            low, high = (low, high) if high - low > 1e-12 * near else (low - near, high + near)
            self.x_limits = _widened(low, high)
        self.top = 100.0 if labels == "middle" else 1.08 * max((y for _, y in points), default=1.0) or 1.0
        self._low, self._high = self._scaled(np.array(self.x_limits))

    def _scaled(self, values: Floats) -> Floats:
        if self._scale == "log":
            found: Floats = np.log10(values)
        elif self._scale == "percentile":
            # Each nine takes the same room, so that the tail is as wide as the body.
            found = -np.log10(np.clip(1 - values / 100, 1e-9, None))
        else:
            found = values
        return found

    def x(self, values: Sequence[float]) -> Floats:
        share = (self._scaled(np.asarray(values, dtype=np.float64)) - self._low) / (self._high - self._low)
        places: Floats = LEFT + (self.right - LEFT) * share
        return places

    def y(self, values: Sequence[float]) -> Floats:
        places: Floats = BOTTOM - (BOTTOM - TOP) * np.asarray(values, dtype=np.float64) / self.top
        return places

    def x_ticks(self) -> list[tuple[float, str]]:
        low, high = self.x_limits
        if self._scale == "percentile":
            known = [p for p in (50.0, 90.0, 99.0, 99.9, 99.99, 99.999) if p <= high]
            return list(zip(self.x(known).tolist(), (f"p{each:g}" for each in known), strict=True))
        if self._scale == "log":
            drawn = (math.log10(high) - math.log10(low)) / (1 + 2 * _MARGIN)
            steps = (1.0,) if drawn > 3 else (1.0, 3.0) if drawn > 1.6 else (1.0, 2.0, 5.0) if drawn > 0.7 else None
            return self._ticks(LogLocator(subs=steps) if steps else MaxNLocator(4), self.x_limits, self.x)
        return self._ticks(MaxNLocator(9, steps=_STEPS), self.x_limits, self.x)

    def y_ticks(self) -> list[tuple[float, str]]:
        return self._ticks(MaxNLocator(4, steps=_STEPS), (0.0, self.top), self.y)

    @staticmethod
    def _ticks(
        locator: MaxNLocator | LogLocator, limits: tuple[float, float], placed: Callable[[Sequence[float]], Floats]
    ) -> list[tuple[float, str]]:
        low, high = limits
        slack = 1e-9 * (high - low)
        found = [float(each) for each in locator.tick_values(low, high) if low - slack <= each <= high + slack]
        return list(zip(placed(found).tolist(), (f"{each + 0.0:,g}" for each in found), strict=True))


def _widened(low: float, high: float) -> tuple[float, float]:
    room = _MARGIN * (high - low)
    return low - room, high + room


def to_svg(
    lines: Sequence[Curve],
    words: Words,
    prefix: str,
    *,
    scale: Scale,
    labels: Literal["end", "middle"],
    bands: Sequence[GoalBand] = (),
) -> str:
    """Return the lines as an ``svg`` element; every id starts with ``prefix``. ``bands`` are shaded behind them.

    ``labels`` tells where lines are named: at their end, above a scale that fits them, or beside their middle, on a
    scale of 0 to 100. Colours are variables of the page: ``--arm0``, ``--ink``, ``--muted``, ``--grid``, ``--band``.
    """
    axes = _Axes(lines, scale, labels)
    root = ET.Element("svg", {"viewBox": f"0 0 {WIDTH:g} {HEIGHT:g}", "role": "img"})
    root.set("aria-labelledby", f"{prefix}-title {prefix}-desc")
    for tag, told in (("title", words.title), ("desc", words.description)):
        ET.SubElement(root, tag, {"id": f"{prefix}-{tag}"}).text = told
    clip = f"{prefix}-0"
    for x, told in axes.x_ticks():
        _text(root, x, BOTTOM + 9.6, told, anchor="middle")
    _text(root, (LEFT + axes.right) / 2, BOTTOM + 19.6, words.x, anchor="middle")
    for y, told in axes.y_ticks():
        _path(root, f"M{LEFT:.1f} {y:.1f}H{axes.right:.1f}", "stroke:var(--grid);stroke-width:.6")
        _text(root, LEFT - 3.5, y + 3.0, told, anchor="end")
    for band in bands:
        _band(root, band, axes, clip)
    for at, line in enumerate(lines):
        across, down = axes.x(line.x), axes.y(line.y)
        style = f"{_DASHES[at]}stroke:var(--arm{at});stroke-width:1.4"
        _path(root, _drawn(across, down), style, clip)
        for alone in _alone(line):  # a line needs two points: one between two gaps would not be seen
            where = f"translate({across[alone]:.1f} {down[alone]:.1f})"
            ET.SubElement(root, "path", {"d": _MARKS[at], "transform": where, "style": f"fill:var(--arm{at})"})
    _path(root, f"M{LEFT:.1f} {BOTTOM:.1f}H{axes.right:.1f}", "stroke:var(--muted);stroke-width:.7")
    (_label_ends if labels == "end" else _label_middles)(root, axes, lines)
    _text(root, 0.01 * WIDTH, 0.07 * HEIGHT, words.y)
    if words.shaded:
        _text(root, 0.99 * WIDTH, 0.07 * HEIGHT, words.shaded, anchor="end")
    box = {"x": f"{LEFT:.1f}", "y": f"{TOP:.1f}", "width": f"{axes.right - LEFT:.1f}", "height": f"{BOTTOM - TOP:.1f}"}
    ET.SubElement(ET.SubElement(ET.SubElement(root, "defs"), "clipPath", {"id": clip}), "rect", box)
    return ET.tostring(root, encoding="unicode")


def _text(parent: ET.Element, x: float, y: float, told: str, *, anchor: str = "", colour: str = "muted") -> None:
    where = f"text-anchor:{anchor};" if anchor else ""
    style = f"font-size:8px;{where}fill:var(--{colour})"
    ET.SubElement(parent, "text", {"style": style, "x": _short(x), "y": _short(y)}).text = told


def _path(parent: ET.Element, drawn: str, style: str, clip: str = "") -> None:
    cut = {"clip-path": f"url(#{clip})"} if clip else {}
    ET.SubElement(parent, "path", {"d": drawn, **cut, "style": f"fill:none;{style}"})


def _short(number: float) -> str:
    """Write a place: a tenth of a point is finer than any screen."""
    return f"{number:.1f}".removesuffix(".0")


def _drawn(x: Floats, y: Floats) -> str:
    """Return a path of the points, without those that would not be seen to be missing, and with its gaps."""
    path = Path(np.column_stack((x, y)))
    path.simplify_threshold = 0.25
    near = (LEFT - WIDTH, TOP - HEIGHT, LEFT + 2 * WIDTH, TOP + 2 * HEIGHT)
    kept = path.cleaned(remove_nans=True, clip=near, simplify=True)
    steps: list[str] = []
    for (across, down), code in zip(np.asarray(kept.vertices).tolist(), np.asarray(kept.codes).tolist(), strict=True):
        if code == Path.STOP:
            continue
        step = f"{'M' if code == Path.MOVETO else 'L'}{_short(across)} {_short(down)}"
        if not steps or step != steps[-1]:
            steps.append(step)
    return "".join(steps)


def _alone(line: Curve) -> list[int]:
    """Return the places of points with a gap, or the end of the line, on both sides."""
    known = [False, *map(math.isfinite, line.y), False]
    return [at for at in range(len(line.y)) if known[at + 1] and not known[at] and not known[at + 2]]


def _band(root: ET.Element, band: GoalBand, axes: _Axes, clip: str) -> None:
    """Shade what a goal asks for, within the axes that the lines made."""
    limits = {"x": axes.x_limits, "y": (0.0, axes.top)}
    least, most = limits[band.axis]
    low, high = ([min(max(end, least), most) for end in found] for found in (band.low, band.high))
    if band.x:
        along, ends = list(band.x), (low, high)
    elif band.at is None:
        along, ends = list(limits["x"]), ([low[0]] * 2, [high[0]] * 2)
    else:
        # At one place of the other axis: as wide as a twentieth of it, so that it can be seen.
        wide = 3.0 if band.axis == "x" else min(4.0, 0.45 * (100.0 - band.at))  # percentiles grow wider towards 100
        around = [band.at - wide, band.at + wide]
        along, ends = around, ([low[0]] * 2, [high[0]] * 2)
    edges = []
    for values in ends:
        x, y = (along, values) if band.axis == "y" else (values, along)
        edges.append(list(zip(map(_short, axes.x(x)), map(_short, axes.y(y)), strict=True)))
    outline = "M" + "L".join(f"{x} {y}" for x, y in [*edges[0], *reversed(edges[1])]) + "Z"
    ET.SubElement(root, "path", {"d": outline, "clip-path": f"url(#{clip})", "style": "fill:var(--band)"})
    for edge in edges:
        drawn = "M" + "L".join(f"{x} {y}" for x, y in edge)
        _path(root, drawn, "stroke:var(--band-line)", clip)


def _label_ends(root: ET.Element, axes: _Axes, lines: Sequence[Curve]) -> None:
    """Write each arm's name at the end of its line, moved apart where the ends meet."""
    ends = sorted((next(y for y in reversed(line.y) if math.isfinite(y)), at) for at, line in enumerate(lines))
    apart, last = 0.09 * axes.top, -math.inf
    places = []
    for y, at in ends:
        last = max(y, last + apart)
        places.append((last, at))
    lowered = min(0.0, axes.top - places[-1][0]) if places else 0.0
    beside = axes.right + 0.015 * (axes.right - LEFT)
    for y, at in places:
        _text(root, beside, float(axes.y([y + lowered])[0]) + _MIDDLE, lines[at].label, colour=f"arm{at}")


def _label_middles(root: ET.Element, axes: _Axes, lines: Sequence[Curve]) -> None:
    """Write the names of two rising lines on their outer sides, where nothing is drawn."""

    def reaching(line: Curve, share: float) -> float:
        return next((x for x, y in zip(line.x, line.y, strict=True) if y >= share), line.x[-1])

    ordered = sorted(range(len(lines)), key=lambda at: reaching(lines[at], 50))
    for position, at in enumerate(ordered):
        leftmost = position == 0 and len(ordered) > 1
        share = 50.0 if leftmost else 40.0
        x = float(axes.x([reaching(lines[at], share)])[0]) + (-5.0 if leftmost else 6.0)
        y = float(axes.y([share])[0]) + _MIDDLE
        _text(root, x, y, lines[at].label, anchor="end" if leftmost else "", colour=f"arm{at}")
