"""The forest plot on any axes and in any colours: a row per comparison with its change, interval, goal and verdict.

A page draws it in colours that its style sheet replaces, a slide in real ones.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullLocator

from perfproof.model import formatting
from perfproof.model.metrics import ALL, higher_is_better
from perfproof.model.result import Comparison, Verdict
from perfproof.verdict import display_rows

SIZE = 8.5
"""The size of letters (points) that the columns below are measured for."""
LEFT, RIGHT = 1.43, 3.44
"""Inches that the columns of text need left and right of the axes, at ``SIZE``."""
_NAME, _METRIC = -1.427, -1.384
_CHANGE, _INTERVAL, _VERDICT = 0.735, 1.989, 2.119
"""Where each column stands, in inches from the nearer edge of the axes."""
_NAME_LETTERS = 64


@dataclass(frozen=True)
class Palette:
    """The colours of a drawing; ``tones`` by the names of ``rows.Tone``."""

    ink: str
    muted: str
    grid: str
    band: str
    paper: str
    tones: Mapping[str, str]
    band_line: str


@dataclass(frozen=True)
class _Columns:
    """Where text stands beside the axes, as fractions of their width."""

    width: float
    scale: float

    def left(self, inches: float) -> float:
        return inches * self.scale / self.width

    def right(self, inches: float) -> float:
        return 1 + inches * self.scale / self.width


def lines_of(drawn: Sequence[Comparison]) -> list[str | Comparison]:
    """Return the lines of a plot: the name of each request, and its rows below it."""
    lines: list[str | Comparison] = []
    for at, row in enumerate(drawn):
        if not at or row.request != drawn[at - 1].request:
            lines.append(row.request)
        lines.append(row)
    return lines


def draw(axes: Axes, lines: Sequence[str | Comparison], palette: Palette, size: float = SIZE) -> None:
    """Draw the lines on ``axes``, beside which there is room for the columns at letters of ``size`` points."""
    drawn = [line for line in lines if not isinstance(line, str)]
    figure = axes.get_figure(root=True)
    assert figure is not None  # noqa: S101 - axes are made on a figure
    box = axes.get_position()
    columns = _Columns(float(box.width * figure.get_figwidth()), size / SIZE)
    limits = _limits(drawn)
    axes.set_xlim(limits)
    axes.set_ylim(len(lines) - 0.5, -0.5)
    axes.yaxis.set_major_locator(NullLocator())
    axes.xaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 2.5, 5, 10]))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda number, _: formatting.change(number).replace(".0 ", " ")))
    axes.grid(visible=True, axis="x")
    axes.axvline(0, color=palette.ink, linewidth=0.9)
    for at, line in enumerate(lines):
        if isinstance(line, str):
            _name(axes, at, line, palette, columns)
        else:
            _row(axes, at, line, limits, palette, columns)
    height = float(box.height * figure.get_figheight())
    _heads(axes, drawn, 1 + 0.1 / height, palette)


def _heads(axes: Axes, drawn: Sequence[Comparison], above: float, palette: Palette) -> None:
    edge = axes.get_xaxis_transform()
    axes.text(0, above, "no change", transform=edge, ha="center", color=palette.muted)
    wanted = {formatting.goal(row.goal): row.goal for row in drawn if row.goal}
    if not wanted:
        return
    text, goal = next(iter(wanted.items()))
    if len(wanted) > 1:
        place, told, side = axes.get_xlim()[0], "goals", "left"
    elif higher_is_better(goal.metric):
        place, told, side = axes.get_xlim()[1], f"goal {text}", "right"
    elif goal.improve >= 0.15:
        place, told, side = -goal.improve, f"goal {text}", "right"
    else:  # so near to no change that the words would meet
        place, told, side = axes.get_xlim()[0], f"goal {text}", "left"
    axes.text(place, above, told, transform=edge, ha=side, color=palette.muted)


def _name(axes: Axes, at: int, request: str, palette: Palette, columns: _Columns) -> None:
    name = "all requests" if request == ALL else formatting.ends(request, _NAME_LETTERS)
    left, right = columns.left(_NAME), columns.right(RIGHT)
    if at:
        axes.axhline(at - 0.5, color=palette.grid, linewidth=0.6, xmin=left, xmax=right, clip_on=False)
    label = axes.text(left, at + 0.05, name, transform=axes.get_yaxis_transform(), va="center", weight="bold")
    label.set_zorder(5)
    label.set_bbox({"facecolor": palette.paper, "edgecolor": "none", "pad": 0.5})  # the line of no change passes below


def _row(
    axes: Axes, at: int, row: Comparison, limits: tuple[float, float], palette: Palette, columns: _Columns
) -> None:
    colour = palette.tones[display_rows.tone_of(row)]
    low, high = limits
    change = row.change if row.change is not None else 0.0
    if row.goal:
        sign = 1.0 if higher_is_better(row.metric) else -1.0
        # Without a stretch everything beyond is what was asked for.
        far = row.goal.stretch if row.goal.stretch is not None else max(abs(low), abs(high))
        band = [min(max(end, low), high) for end in sorted((sign * row.goal.improve, sign * far))]
        axes.fill_between(band, at - 0.5, at + 0.5, color=palette.band, linewidth=0, zorder=0.6)
        for end in band:
            axes.plot([end, end], [at - 0.5, at + 0.5], color=palette.band_line, linewidth=0.9, zorder=0.7)
    ends = [end for end in (row.ci_low, row.ci_high) if end is not None and math.isfinite(end)]
    if len(ends) == 2 and ends[0] < high and ends[1] > low:
        axes.plot([max(ends[0], low), min(ends[1], high)], [at, at], color=colour, linewidth=2.2, solid_capstyle="butt")
    shape = "D" if row.verdict in {Verdict.REGRESSED, Verdict.INVALID} else "o"
    if low <= change <= high:
        fill = palette.paper if display_rows.noise(row) else colour
        axes.plot([change], [at], shape, color=colour, markerfacecolor=fill, markersize=5.5, markeredgewidth=1.4)
    else:
        axes.plot([min(max(change, low), high)], [at], ">" if change > high else "<", color=colour, clip_on=False)
    place = axes.get_yaxis_transform()
    muted = palette.muted
    metric, interval = formatting.title(row.metric, short=True), formatting.interval(row.ci_low, row.ci_high)
    words = f"{display_rows.SYMBOLS[row.verdict]} {display_rows.verdict_words(row)}"
    axes.text(columns.left(_METRIC), at, metric, transform=place, va="center", color=muted)
    axes.text(columns.right(_CHANGE), at, formatting.change(row.change), transform=place, va="center", ha="right")
    axes.text(columns.right(_INTERVAL), at, interval, transform=place, va="center", ha="right", color=muted)
    axes.text(columns.right(_VERDICT), at, words, transform=place, va="center")


def _limits(drawn: Sequence[Comparison]) -> tuple[float, float]:
    """Return the limits of the axis: everything is inside unless it more than doubles, then an arrow points to it."""
    ends = [0.05, -0.05]
    for row in drawn:
        ends += [end for end in (row.change, row.ci_low, row.ci_high) if end is not None and math.isfinite(end)]
        if row.goal:
            sign = 1.0 if higher_is_better(row.metric) else -1.0
            ends.append(sign * (row.goal.stretch or row.goal.improve))
    low, high = max(min(ends), -1.0), min(max(ends), 1.0)
    room = 0.06 * (high - low)
    return low - room, high + room
