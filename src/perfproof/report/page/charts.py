"""The charts of a page, by matplotlib: gets what analysis computed and returns SVG.

Every drawing uses sentinel colours that the page defines for light and dark (Okabe and Ito's palette, which
colour-blind people can tell apart), marks arms by line style and a direct label as well as by colour, and is the same,
byte for byte, for the same input.
"""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, MaxNLocator, NullFormatter, NullLocator

from perfproof.core.numbers import digits
from perfproof.model import formatting
from perfproof.model.result import CapacityEstimate, CapacitySearch, CapacityStep, Comparison, Curve
from perfproof.model.scenario import Goal
from perfproof.report import forest_plot, goal_bands
from perfproof.report.goal_bands import GoalBand, Goals
from perfproof.report.page import svg

INK, MUTED, GRID, BAND, PAPER = "#010101", "#010102", "#010103", "#010104", "#010105"
BAND_LINE = "#010106"
ARMS = ("#010201", "#010202", "#010203")
TONE_COLOURS = {"good": "#010301", "bad": "#010302", "warn": "#010303", "calm": "#010304", "void": "#010305"}
COLOURS = {
    INK: "var(--ink)",
    MUTED: "var(--muted)",
    GRID: "var(--grid)",
    BAND: "var(--band)",
    BAND_LINE: "var(--band-line)",
    PAPER: "var(--paper)",
    **{colour: f"var(--arm{at})" for at, colour in enumerate(ARMS)},
    **{colour: f"var(--{tone})" for tone, colour in TONE_COLOURS.items()},
}
"""Sentinel colour of a drawing -> the page's CSS variable."""

_LINES = ((0, (4, 2)), "solid", (0, (1, 1.5)))
_SETTINGS: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "perfproof",
    # Only for measuring: the page's own fonts are no wider, so what fits here fits there.
    "font.family": ["DejaVu Sans"],
    "font.size": 8,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "text.color": INK,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": MUTED,
    "axes.linewidth": 0.7,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "grid.color": GRID,
    "grid.linewidth": 0.6,
    "path.simplify_threshold": 0.25,
    "text.parse_math": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "axes.axisbelow": True,
}
_MARKS = ("o", "s", "^")
_WIDTH, _HEIGHT = 4.6, 2.5


@dataclass(frozen=True)
class Kind:
    """How one chart of a ``Detail`` is drawn: titles, axes with units, and where the labels of the lines go."""

    title: str
    reading: str
    x: str
    y: str
    x_scale: Literal["log", "linear", "percentile"] = "linear"
    y_factor: float = 1.0
    y_unit: str = "ms"
    labels: Literal["end", "middle"] = "end"


KINDS: dict[str, Kind] = {
    "ecdf": Kind(
        "How latencies are spread",
        "Share of requests answered within a time; further left is faster.",
        "ms",
        "share of requests",
        x_scale="log",
        y_factor=100.0,
        y_unit="%",
        labels="middle",
    ),
    "percentiles": Kind(
        "Latency by percentile",
        "Cut where fewer than ten requests remain.",
        "percentile",
        "ms",
        x_scale="percentile",
    ),
    "service_time": Kind(
        "Service time by percentile",
        "Without the waiting before a request could be sent.",
        "percentile",
        "ms",
        x_scale="percentile",
    ),
    "latency_over_time": Kind("Latency over time", "Median of each block; steady lines are good evidence.", "s", "ms"),
    "cpu_over_time": Kind("CPU over time", "CPU time of the whole service per request.", "s", "ms per request"),
    "memory_over_time": Kind(
        "Memory over time",
        "Memory of the whole service; saw-teeth are fresh starts.",
        "s",
        "MiB",
        y_factor=1 / 2**20,
        y_unit="MiB",
    ),
}
"""The charts a ``Detail`` may hold, in the order they are shown."""

QUERIES = Kind(
    "Queries by rows returned",
    "A rising line is a query for each row (N+1); a flat one is not.",
    "rows returned",
    "queries",
    y_unit="queries",
)
"""How the counts of a probed request are drawn."""


def line_chart(kind: Kind, curves: Sequence[Curve], prefix: str, title: str, goals: Goals | None = None) -> str:
    """Draw the curves of one chart as SVG, with the ``goals`` that it can show. ``prefix`` must be unique in the page.

    The first curve is the baseline's, which goals are held against.
    """
    lines = [line for line in (_finite(curve, kind) for curve in curves[: len(ARMS)]) if line.x]
    with mpl.rc_context(_SETTINGS):
        figure = Figure(figsize=(_WIDTH, _HEIGHT))
        axes = figure.add_axes((0.09, 0.17, 0.74 if kind.labels == "end" else 0.88, 0.7))
        axes.grid(visible=True, axis="y")
        for at, line in enumerate(lines):
            axes.plot(line.x, line.y, color=ARMS[at], linestyle=_LINES[at], linewidth=1.4)
            alone = _alone(line)  # a line needs two points: one between two gaps would not be seen
            axes.plot(
                [line.x[n] for n in alone], [line.y[n] for n in alone], _MARKS[at], color=ARMS[at], markersize=2.5
            )
        axes.margins(x=0.02)
        axes.set_ylim(0, _ceiling(lines) if kind.labels == "end" else 100)
        axes.yaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 2.5, 5, 10]))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda number, _: f"{number:,g}"))
        _scale_x(axes, kind, lines)
        axes.set_xlabel(kind.x, labelpad=2)
        unit = "% of requests" if kind.y_unit == "%" else kind.y
        figure.text(0.01, 0.93, unit, color=MUTED)
        promised = goal_bands.bands(_key(kind), lines[0], goals) if lines and goals and len(lines) > 1 else []
        _promised(axes, promised)
        if promised:
            words = " and ".join(dict.fromkeys(band.words for band in promised[:2]))
            figure.text(0.99, 0.93, f"shaded: {words}", color=MUTED, ha="right")
        (_label_ends if kind.labels == "end" else _label_middles)(axes, lines)
        return _inline(figure, prefix, title, f"{kind.reading} {_spoken(kind, lines)}{_spoken_goals(promised)}")


def _key(kind: Kind) -> str:
    """Return the key of a chart, as ``Detail.charts`` has it."""
    return next((key for key, each in KINDS.items() if each is kind), "queries")


def _promised(axes: Axes, promised: Sequence[GoalBand]) -> None:
    """Shade what goals ask for, within the limits that the lines gave the axes."""
    limits = {"x": axes.get_xlim(), "y": axes.get_ylim()}
    style: dict[str, Any] = {"color": BAND, "linewidth": 0, "zorder": 0.6}
    edges: list[tuple[Sequence[float], Sequence[float]]]
    for band in promised:
        low, high = (
            [min(max(end, limits[band.axis][0]), limits[band.axis][1]) for end in found]
            for found in (band.low, band.high)
        )
        if band.x:
            axes.fill_between(band.x, low, high, **style)
            edges = [(band.x, found) for found in (low, high)]
        elif band.at is None:
            axes.axhspan(low[0], high[0], **style)
            edges = [(limits["x"], (end, end)) for end in (low[0], high[0])]
        else:
            # At one place of the other axis: as wide as a twentieth of it, so that it can be seen.
            place, wide = _places(band)
            across, along = [place - wide, place + wide], [low[0], high[0]]
            corners = (across, along) if band.axis == "y" else (along, across)
            axes.fill_between(corners[0], corners[1][0], corners[1][1], **style)
            edges = [(across, (end, end)) if band.axis == "y" else ((end, end), across) for end in along]
        for xs, ys in edges:
            axes.plot(xs, ys, color=BAND_LINE, linewidth=1.0, zorder=0.7)
    axes.set_xlim(limits["x"])
    axes.set_ylim(limits["y"])


def _places(band: GoalBand) -> tuple[float, float]:
    """Return where a band stands on the other axis and half its width there."""
    at = band.at or 0.0
    if band.axis == "x":
        return at, 3.0
    return at, min(4.0, 0.45 * (100.0 - at))  # the axis of percentiles grows wider towards 100


def _spoken_goals(promised: Sequence[GoalBand]) -> str:
    told = [
        f" The {band.words} asks for {digits(band.low[0], 3)} to {digits(band.high[0], 3)}."
        for band in promised
        if len(band.low) == 1 and math.isfinite(band.high[0])
    ]
    return "".join(told)


def _alone(line: Curve) -> list[int]:
    """Return the places of points with a gap, or the end of the line, on both sides."""
    known = [False, *map(math.isfinite, line.y), False]
    return [at for at in range(len(line.y)) if known[at + 1] and not known[at] and not known[at + 2]]


def capacity(search: CapacitySearch, prefix: str, title: str, goal: Goal | None = None) -> str:
    """Draw the steps of a search for the capacity, the budget, each arm's knee with its interval, and the goal."""
    arms = [knee.arm for knee in search.knees][: len(ARMS)]
    drawn = [step for step in search.steps if step.arm in arms and step.value is not None and step.value > 0]
    with mpl.rc_context(_SETTINGS | {"font.size": 8.5}):
        figure = Figure(figsize=(9.2, 3.9))
        axes = figure.add_axes((0.07, 0.12, 0.9, 0.73))
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.grid(visible=True, axis="y")
        for at, arm in enumerate(arms):
            for kept in (True, False):
                found = [step for step in drawn if step.arm == arm and step.kept == kept]
                axes.plot(
                    [step.rate for step in found],
                    [step.value or math.nan for step in found],
                    _MARKS[at],
                    color=ARMS[at],
                    markerfacecolor=ARMS[at] if kept else PAPER,
                    markersize=5,
                    markeredgewidth=1.2,
                )
        _plain_decades(axes, drawn, search)
        if math.isfinite(search.limit):
            axes.axhline(search.limit, color=INK, linewidth=0.9)
            limit = formatting.value(search.limit, search.unit)
            axes.text(
                0.002, search.limit, f"budget {limit}", transform=axes.get_yaxis_transform(), va="bottom", color=INK
            )
        if goal is not None and len(search.knees) > 1 and search.knees[0].estimate.value > 0:
            low, high = goal.asks(search.knees[0].estimate.value)
            left, right = axes.get_xlim()
            shaded = [min(max(end, left), right) for end in (low, high)]
            axes.axvspan(*shaded, color=BAND, linewidth=0, zorder=0.6)
            for end in shaded:
                axes.axvline(end, color=BAND_LINE, linewidth=1.0, zorder=0.7)
            figure.text(0.99, 0.005, f"shaded: goal {formatting.goal(goal)} more", color=MUTED, ha="right")
        _knees(axes, search.knees[: len(ARMS)])
        axes.set_xlabel("requests per second", labelpad=2)
        unit = f"{formatting.title(search.metric, short=True)}, {search.unit}"
        figure.text(0.01, 0.94, unit, color=MUTED)
        spoken = "; ".join(f"{knee.arm}: {knee.bound} {knee.estimate.value:,.4g} per second" for knee in search.knees)
        return _inline(figure, prefix, title, f"{len(drawn)} steps. {spoken}.")


def _plain_decades(axes: Axes, drawn: Sequence[CapacityStep], search: CapacitySearch) -> None:
    """Give both logarithmic axes ticks that people can read, and room around what is drawn."""
    values = {
        "x": [step.rate for step in drawn] + [knee.estimate.value for knee in search.knees if knee.estimate.value],
        "y": [step.value for step in drawn if step.value] + [search.limit] * math.isfinite(search.limit),
    }
    for axis, found in ((axes.xaxis, values["x"]), (axes.yaxis, values["y"])):
        low, high = min(found, default=1.0) / 1.15, max(found, default=1.0) * 1.15
        (axes.set_xlim if axis is axes.xaxis else axes.set_ylim)(low, high)
        decades = math.log10(high / low)
        steps = (1.0,) if decades > 4 else (1.0, 3.0) if decades > 2.4 else (1.0, 2.0, 5.0)
        if decades < 0.7:
            axis.set_major_locator(MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]))
        else:
            axis.set_major_locator(LogLocator(subs=steps))
        axis.set_major_formatter(FuncFormatter(lambda number, _: f"{number:,g}"))
        axis.set_minor_locator(NullLocator())


def _knees(axes: Axes, knees: Sequence[CapacityEstimate]) -> None:
    """Draw each knee as an upright line with its interval, its name above; names that would meet go on two lines."""
    place = axes.get_xaxis_transform()
    ordered = sorted((knee.estimate.value, at, knee) for at, knee in enumerate(knees) if knee.estimate.value > 0)
    width = math.log(axes.get_xlim()[1] / axes.get_xlim()[0])
    last, level = -math.inf, 0
    for value, at, knee in ordered:
        low, high = knee.estimate.low, knee.estimate.high
        if low is not None and high is not None and not knee.bound:
            axes.axvspan(max(low, axes.get_xlim()[0]), high, color=ARMS[at], alpha=0.15, linewidth=0)
        axes.axvline(value, color=ARMS[at], linestyle=_LINES[at], linewidth=1.4)
        level = 1 - level if math.log(value) - last < 0.3 * width else 0
        last = math.log(value)
        # In the outer quarters a name is written inwards, or it would leave the drawing.
        inside = (last - math.log(axes.get_xlim()[0])) / width
        side = "left" if inside < 0.2 else "right" if inside > 0.8 else "center"
        name = f"{formatting.plain(knee.arm, 16)} {'≥ ' if knee.bound == 'at least' else ''}"
        name += "< " if knee.bound == "below" else ""
        axes.text(
            value,
            1.02 + 0.065 * level,
            name + formatting.value(value, "1/s"),
            transform=place,
            ha=side,
            color=ARMS[at],
            weight="bold",
        )


def forest(shown: Sequence[Comparison], prefix: str, title: str) -> str:
    """Draw a row per comparison: its change with interval, the line of no change, and its goal's band."""
    drawn = [row for row in shown if formatting.known(row.change)]
    lines = forest_plot.lines_of(drawn)
    height = 0.25 * len(lines) + 0.75
    with mpl.rc_context(_SETTINGS | {"font.size": forest_plot.SIZE}):
        figure = Figure(figsize=(9.2, height))
        bottom, top = 0.38 / height, 1 - 0.37 / height
        axes = figure.add_axes((0.155, bottom, 0.47, top - bottom))
        forest_plot.draw(axes, lines, forest_plot.Palette(INK, MUTED, GRID, BAND, PAPER, TONE_COLOURS, BAND_LINE))
        return _inline(figure, prefix, title, f"{len(drawn)} changes with their intervals; the table below holds them.")


def _finite(curve: Curve, kind: Kind) -> Curve:
    """Return the points that can be drawn, in the chart's unit; a gap (NaN) in y stays a gap."""
    lowest = math.nextafter(0, 1) if kind.x_scale == "log" else 0.0
    highest = math.nextafter(100, 0) if kind.x_scale == "percentile" else math.inf
    pairs = zip(curve.x, curve.y, strict=False)
    points = [(x, y * kind.y_factor) for x, y in pairs if math.isfinite(x) and lowest <= x <= highest]
    if not any(math.isfinite(y) for _, y in points):
        points = []
    return Curve(formatting.plain(curve.label, 16), tuple(x for x, _ in points), tuple(y for _, y in points))


def _scale_x(axes: Axes, kind: Kind, lines: Sequence[Curve]) -> None:
    axes.xaxis.set_minor_locator(NullLocator())
    if kind.x_scale == "log" and lines:
        axes.set_xscale("log")
        decades = math.log10(max(max(line.x) for line in lines) / min(min(line.x) for line in lines))
        steps = (1.0,) if decades > 3 else (1.0, 3.0) if decades > 1.6 else (1.0, 2.0, 5.0) if decades > 0.7 else None
        axes.xaxis.set_major_locator(LogLocator(subs=steps) if steps else MaxNLocator(4))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda number, _: f"{number:,g}"))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_minor_formatter(NullFormatter())
    elif kind.x_scale == "percentile":
        # Each nine takes the same room, so that the tail is as wide as the body.
        axes.set_xscale("function", functions=(_nines, lambda nines: 100 * (1 - 10.0 ** (-nines))))
        furthest = max((max(line.x) for line in lines), default=99.0)
        axes.xaxis.set_major_locator(FixedLocator([p for p in (50, 90, 99, 99.9, 99.99, 99.999) if p <= furthest]))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda number, _: f"p{number:g}"))
        axes.set_xlim(0, max(furthest, 50.0))
        axes.xaxis.set_minor_locator(NullLocator())


def _nines(percentile: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    nines: npt.NDArray[np.float64] = -np.log10(np.clip(1 - np.asarray(percentile) / 100, 1e-9, None))
    return nines


def _ceiling(lines: Sequence[Curve]) -> float:
    return 1.08 * max((y for line in lines for y in line.y if math.isfinite(y)), default=1.0) or 1.0


def _label_ends(axes: Axes, lines: Sequence[Curve]) -> None:
    """Write each arm's name at the end of its line, moved apart where the ends meet."""
    top = axes.get_ylim()[1]
    ends = sorted((next(y for y in reversed(line.y) if math.isfinite(y)), at) for at, line in enumerate(lines))
    apart, last = 0.09 * top, -math.inf
    places = []
    for y, at in ends:
        last = max(y, last + apart)
        places.append((last, at))
    lowered = min(0.0, top - places[-1][0]) if places else 0.0
    for y, at in places:
        axes.annotate(
            lines[at].label, (1.015, y + lowered), xycoords=axes.get_yaxis_transform(), va="center", color=ARMS[at]
        )


def _label_middles(axes: Axes, lines: Sequence[Curve]) -> None:
    """Write the names of two rising lines on their outer sides, where nothing is drawn."""

    def half(line: Curve) -> float:
        return next((x for x, y in zip(line.x, line.y, strict=True) if y >= 50), line.x[-1])

    ordered = sorted(range(len(lines)), key=lambda at: half(lines[at]))
    for position, at in enumerate(ordered):
        leftmost = position == 0 and len(ordered) > 1
        share = 50 if leftmost else 40
        x = next((x for x, y in zip(lines[at].x, lines[at].y, strict=True) if y >= share), lines[at].x[-1])
        axes.annotate(
            lines[at].label,
            (x, share),
            xytext=(-5 if leftmost else 6, 0),
            textcoords="offset points",
            ha="right" if leftmost else "left",
            va="center",
            color=ARMS[at],
        )


def _spoken(kind: Kind, lines: Sequence[Curve]) -> str:
    """Return the alternative text's figures: where each line begins and ends."""
    parts = []
    for line in lines:
        known = [y for y in line.y if math.isfinite(y)]
        if kind.x_scale == "log":
            parts.append(f"{line.label}: {digits(line.x[0], 3)} to {digits(line.x[-1], 3)} ms")
        else:
            parts.append(f"{line.label}: between {digits(min(known), 3)} and {digits(max(known), 3)} {kind.y_unit}")
    return "; ".join(parts) + "." if parts else "Nothing was measured."


def _inline(figure: Figure, prefix: str, title: str, description: str) -> str:
    buffer = io.BytesIO()
    metadata = {"Date": None, "Creator": None, "Format": None, "Type": None}
    FigureCanvasSVG(figure).print_figure(buffer, format="svg", metadata=metadata, facecolor="none", edgecolor="none")
    raw = buffer.getvalue().decode()
    return svg.inline(raw, prefix=prefix, title=title, description=description, colours=COLOURS)
