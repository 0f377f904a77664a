"""One page for a slide, 16:9, as PDF or PNG: the first screen of the report, with the causes.

Laid out by hand, because nothing may be cut or overlap whatever the names are: every text is measured before it is
placed, the verdict shrinks until it fits, and lists end with how much more there is. What matplotlib lays out by itself
(``constrained``) knows axes, not paragraphs.
"""

from __future__ import annotations

import io
import warnings
from typing import Any, Literal

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import FancyBboxPatch, Rectangle

from perfproof.core.numbers import count_of
from perfproof.model import formatting
from perfproof.model.result import Result
from perfproof.report import forest_plot
from perfproof.report.before_after import Bar, Bars
from perfproof.report.page import templating
from perfproof.report.page.first_screen import first_screen
from perfproof.report.slide.claim_columns import BY, GAP, Entry, Layout, laid_out
from perfproof.report.slide.text_fitting import Type, families_for

WIDTH, HEIGHT = 40 / 3, 7.5
"""Inches: what slide programs call 16:9."""
DPI = 144
MARGIN = 0.45
PALETTE = forest_plot.Palette(
    ink="#16191d",
    muted="#525a64",
    grid="#e4e7eb",
    band="#cfe3f3",
    paper="#ffffff",
    tones={"good": "#009e73", "bad": "#d55e00", "warn": "#b87a00", "calm": "#0072b2", "void": "#b0578a"},
    band_line="#2f7fb5",
)
"""The light colours of the HTML report: a slide is shown on white and printed."""
_PANEL = "#f6f7f9"
_SOFT = {"good": "#e3f5ef", "bad": "#fdebdf", "warn": "#fdf3dc", "calm": "#e5f1f8", "void": "#f8eaf2"}
_DEEP = {"good": "#00543d", "bad": "#853a00", "warn": "#664600", "calm": "#004a75", "void": "#722c54"}
_SIZES = (22.0, 20.0, 18.0, 16.0, 14.0, 12.5, 11.0, 10.0, 9.0, 8.0, 7.0)
_VERDICT_ROOM = 1.25
_LETTERS = 9.0
_ASIDE = 2.5
_LEAST_STEP, _MOST_STEP = 0.3, 0.5
"""Inches that a row of the chart may be high."""
_LEAST_CLAIM = 0.12
"""Inches that are kept for a claim, which may stand beside others."""
_CHART_ROOM = 2.0
"""Inches that are kept for the chart whatever else there is."""
_BAND_EDGE, _HATCH = "#a9cde8", "////"

Format = Literal["pdf", "png"]


def to_slide(result: Result, kind: Format) -> bytes:
    """Return the page as a file of the ``kind``; the same result gives the same bytes with the same fonts."""
    settings: dict[Any, Any] = {
        "font.family": families_for(_letters(result)),
        "font.size": _LETTERS,
        "pdf.fonttype": 42,  # so that text can be searched and copied
        "text.parse_math": False,
        "axes.axisbelow": True,
        "axes.edgecolor": PALETTE.muted,
        "xtick.color": PALETTE.muted,
        "xtick.major.size": 0,
        "grid.color": PALETTE.grid,
        "text.color": PALETTE.ink,
    }
    with mpl.rc_context(settings), warnings.catch_warnings():
        # A letter that no installed font has is drawn as a box; saying so for each of them helps nobody.
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        figure = Figure(figsize=(WIDTH, HEIGHT), dpi=DPI, facecolor=PALETTE.paper)
        _Slide(Type(figure), result).draw()
        buffer = io.BytesIO()
        about: dict[str, Any] = {"Software": None}
        if kind == "pdf":
            about = {"Title": f"perfproof: {formatting.plain(result.scenario)}", "Subject": _sentence(result)}
            about |= {"Creator": None, "Producer": None, "CreationDate": None}
        figure.savefig(buffer, format=kind, dpi=DPI, metadata=about)
        return buffer.getvalue()


def _sentence(result: Result) -> str:
    return formatting.plain(result.sentence, 2000)


def _letters(result: Result) -> str:
    """Return every text of the user's that may be drawn."""
    texts = [result.scenario, result.sentence, result.advice or "", *result.comparability.warnings]
    texts += [row.request for row in result.comparisons] + [level.request for level in result.levels]
    texts += [text for fact in result.comparability.facts for text in (fact.name, fact.baseline, fact.candidate)]
    texts += [finding.summary for finding in result.findings] + [budget.request for budget in result.budgets]
    texts += [proof.claim.text for proof in result.proofs]
    texts += [cause.sentence for cause in result.why.causes] + [result.why.sentence] if result.why else []
    return "".join(formatting.plain(text, 2000) for text in texts)


class _Slide:
    """Places the parts from top to bottom; ``y`` is measured in inches from the lower edge."""

    def __init__(self, type_: Type, result: Result) -> None:
        self.type = type_
        self.result = result
        self.first = first_screen(result)

    def draw(self) -> None:
        y = self._lines(self._headline(self._top(HEIGHT - MARGIN)))
        low = self._bottom(MARGIN - 0.1) + 0.1
        low = self._meaning(low)
        low = self._causes(low, y - 0.2)
        right = WIDTH - MARGIN - (_ASIDE + 0.35 if self.first.tiles else 0.0)
        if self.first.claims:
            self._claims(low + 0.1, y - 0.2)
        if self.first.bars is not None:
            self._bars(self.first.bars, MARGIN, right, low + 0.1, y - 0.2)
        self._tiles(WIDTH - MARGIN - _ASIDE, low + 0.1, y - 0.2)

    def _top(self, y: float) -> float:
        first = self.first
        self.type.put(MARGIN, y, f"{first.sign}  {first.word.upper()}", 12, colour=_DEEP[first.tone], weight="bold")
        moment = templating.moment(self.result.started_at)
        said = " · ".join(text for text in (formatting.plain(self.result.scenario, 60), moment) if text)
        self.type.put(WIDTH - MARGIN, y, self.type.cut(said, 8.5, 11), 11, colour=PALETTE.muted, align="right")
        return y - 0.3

    def _headline(self, y: float) -> float:
        tone = self.first.tone
        width = WIDTH - 2 * MARGIN - 0.5
        lines, size = self.type.fit(self.first.headline, width, _VERDICT_ROOM, _SIZES, weight="bold")
        leading = Type.leading(size)
        height = len(lines) * leading + 0.26
        self._box(MARGIN, y - height, WIDTH - 2 * MARGIN, height, _SOFT[tone])
        self.type.figure.add_artist(self._patch(MARGIN, y - height, 0.09, height, PALETTE.tones[tone]))
        for at, line in enumerate(lines):
            self.type.put(MARGIN + 0.28, y - 0.13 - at * leading, line, size, weight="bold")
        return y - height

    def _lines(self, y: float) -> float:
        """Write the lines below the headline, each cut to two lines of the page."""
        size, width = 11.5, WIDTH - 2 * MARGIN - 0.55
        leading = Type.leading(size)
        y -= 0.12
        for line in self.first.lines:
            text = f"{line.about}: {line.told}" if line.about else line.told
            wrapped = self.type.wrap(formatting.plain(text, 400), width, size)
            if len(wrapped) > 2:
                wrapped = [wrapped[0], self.type.cut(" ".join(wrapped[1:]), width, size)]
            if line.sign:
                self.type.put(MARGIN + 0.05, y, line.sign, size, colour=_DEEP[line.tone], weight="bold")
            for part in wrapped:
                self.type.put(MARGIN + 0.3, y, part, size)
                y -= leading
            y -= 0.04
        return y

    def _bars(self, chart: Bars, left: float, right: float, low: float, high: float) -> None:
        """Draw before and after of each row on the axis of the page's chart; fewer rows where room is short."""
        self.type.put(left, high, chart.title, 12, weight="bold")
        self._legend(chart, right, high)
        top, floor = high - 0.34, low + 0.26
        shown = chart.bars[: max(1, int((top - floor) / _LEAST_STEP))]
        step = min(_MOST_STEP, (top - floor) / len(shown))
        names, values, changes = 2.15, 1.5, 1.75
        x, end = left + names + 0.15, right - values - changes - 0.25
        floor = top - step * len(shown)
        for at, word in chart.ticks:
            place = x + at * (end - x)
            self._line(place, floor, place, top, PALETTE.muted if word == "as before" else PALETTE.grid)
            align: Any = "left" if not at else "right" if at > 0.97 else "center"
            self.type.put(place, floor - 0.05, word, 9, colour=PALETTE.muted, align=align)
        for at, bar in enumerate(shown):
            y = top - at * step
            self._bar(bar, x, end - x, y, step)
            middle = y - step / 2 + 0.075
            name = self._name(bar.name, names - (0.6 if bar.metric else 0.0))
            self.type.put(left, middle, name, 10.5, weight="bold")
            wide = self.type.width(name, 10.5, "bold")
            metric = self.type.cut(bar.metric, names - wide - 0.08, 9.5)
            self.type.put(left + wide + 0.08, middle, metric, 9.5, colour=PALETTE.muted)
            size = self.type.shrunk(bar.values, values, 10)
            self.type.put(end + 0.2 + values, middle, bar.values, size, colour=PALETTE.muted, align="right")
            change = bar.change if bar.sign == "+" else f"{bar.sign} {bar.change}".strip()
            size = self.type.shrunk(change, changes - 0.1, 10.5, weight="bold")
            self.type.put(end + 0.3 + values, middle, change, size, colour=_DEEP[bar.tone], weight="bold")
        left_out = chart.left_out + len(chart.bars) - len(shown)
        if left_out:
            told = f"and {formatting.count(left_out)} more in the report"
            self.type.put(left, floor - 0.05, self.type.cut(told, names, 9), 9, colour=PALETTE.muted)

    def _claims(self, low: float, high: float) -> None:
        """Write every claim, in columns where there are many; those that have no room at all are counted."""
        wide = WIDTH - 2 * MARGIN
        layout = laid_out(self.first.claims, wide, high - low, self.type.width)
        size, leading, one = layout.size, layout.leading, len(layout.columns) == 1 and layout.width == wide
        lowest = high
        for number, column in enumerate(layout.columns):
            x, y = MARGIN + number * (layout.width + GAP), high
            for at, entry in enumerate(column):
                tone = entry.line.tone
                if entry.heading:
                    y -= 0.2 * leading if at else 0.0
                    self.type.put(x, y, entry.heading, size * 0.95, colour=_DEEP[tone], weight="bold")
                    y -= (1.15 if at else 1.35) * leading
                elif at:
                    self._line(x, y + 0.16 * leading, x + layout.width, y + 0.16 * leading, PALETTE.grid)
                self._claim(layout, entry, x, y, one)
                y -= (entry.lines - (1.35 if entry.heading else 0.0)) * leading
            lowest = min(lowest, y)
        if layout.left_out:
            told = f"and {count_of(layout.left_out, 'more claim')} in the report"
            self.type.put(MARGIN, lowest, told, 9, colour=PALETTE.muted)

    def _claim(self, layout: Layout, entry: Entry, x: float, y: float, one: bool) -> None:
        """Write one claim from ``y`` downwards: sign and sentence, figures at the right, below why it is open."""
        size, leading, line, right = layout.size, layout.leading, entry.line, x + layout.width
        self.type.put(x, y, line.sign, size, colour=_DEEP[line.tone], weight="bold")
        for down, part in enumerate(entry.claim):
            self.type.put(x + layout.sign, y - down * leading, part, size, weight=entry.weight)
        small = size * 0.9
        if one:
            said = self.type.cut(line.by, BY - 0.15, small)
            self.type.put(right, y, said, small, colour=PALETTE.muted, align="right")
            self.type.put(right - BY - layout.told, y, entry.told, small)
        else:
            self.type.put(right, y, entry.told, small, colour=PALETTE.muted, align="right")
        if entry.below:
            under = y - len(entry.claim) * leading
            self.type.put(x + layout.sign, under, entry.below, small, colour=PALETTE.muted)

    def _name(self, text: str, room: float) -> str:
        """Return a name that fits, cut in its middle: what tells long ones apart is often their end."""
        for letters in range(len(text), 3, -1):
            shown = formatting.ends(text, letters)
            if self.type.width(shown, 10.5, "bold") <= room:
                return shown
        return self.type.cut(text, room, 10.5, "bold")

    def _bar(self, bar: Bar, x: float, wide: float, y: float, step: float) -> None:
        if bar.band is not None:
            across = max(0.02, (bar.band[1] - bar.band[0]) * wide)
            self._shape(x + bar.band[0] * wide, y - step, across, step, PALETTE.band, hatch=_HATCH, above=0.6)
            for place in bar.band:
                self._line(x + place * wide, y - step, x + place * wide, y, PALETTE.band_line, 1.0, 0.7)
        if bar.limit is not None:
            self._line(
                x + bar.limit * wide, y - 0.88 * step, x + bar.limit * wide, y - 0.08 * step, PALETTE.ink, 2.2, 2.0
            )
        if bar.before is not None:
            self._shape(x, y - 0.4 * step, bar.before * wide, 0.2 * step, PALETTE.paper, edge=PALETTE.muted)
        self._shape(x, y - 0.82 * step, max(0.015, bar.after * wide), 0.32 * step, PALETTE.tones[bar.tone])
        if bar.low is not None and bar.high is not None:
            middle, ends = y - 0.66 * step, (x + bar.low * wide, x + bar.high * wide)
            self._line(ends[0], middle, ends[1], middle, PALETTE.ink, 1.1, 2.0)
            for place in ends:
                self._line(place, middle - 0.12 * step, place, middle + 0.12 * step, PALETTE.ink, 1.1, 2.0)

    def _legend(self, chart: Bars, right: float, y: float) -> None:
        """Write what the marks mean, from right to left."""
        parts = [("band", chart.band)] if chart.band else []
        if not self.result.alone:
            parts += [("range", "sure range"), ("after", "after"), ("before", "before")]
        x = right
        for kind, text in parts:
            said = self.type.cut(text, 3.2, 9.5)
            self.type.put(x, y - 0.01, said, 9.5, align="right")
            x -= self.type.width(said, 9.5) + 0.32
            match kind:
                case "band":
                    self._shape(x, y - 0.15, 0.25, 0.14, PALETTE.band, edge=PALETTE.band_line, hatch=_HATCH)
                case "range":
                    self._line(x, y - 0.08, x + 0.25, y - 0.08, PALETTE.ink, 1.1, 2.0)
                    for place in (x, x + 0.25):
                        self._line(place, y - 0.13, place, y - 0.03, PALETTE.ink, 1.1, 2.0)
                case "after":
                    self._shape(x, y - 0.13, 0.25, 0.1, PALETTE.ink)
                case _:
                    self._shape(x, y - 0.13, 0.25, 0.1, PALETTE.paper, edge=PALETTE.muted)
            x -= 0.22

    def _tiles(self, x: float, low: float, high: float) -> None:
        """Write queries, memory and CPU in boxes below each other."""
        if not self.first.tiles:
            return
        gap = 0.1
        height = min(0.86, (high - low + gap) / len(self.first.tiles) - gap)
        scale = min(1.0, height / 0.86)
        inner = _ASIDE - 0.3
        for at, tile in enumerate(self.first.tiles):
            y = high - at * (height + gap)
            self._box(x, y - height, _ASIDE, height, _PANEL)
            told = tile.told if tile.sign == "+" else f"{tile.sign} {tile.told}".strip()
            for down, text, size, colour, weight in (
                (0.08, self.type.cut(tile.what, inner, 10.5 * scale), 10.5, PALETTE.muted, "normal"),
                (0.28, tile.figure, 17.0, PALETTE.ink, "bold"),
                (0.60, told, 10.5, _DEEP[tile.tone], "bold"),
            ):
                size = self.type.shrunk(text, inner, size * scale, weight=weight)
                self.type.put(x + 0.15, y - down * scale, text, size, colour=colour, weight=weight)

    def _meaning(self, low: float) -> float:
        """Write what it means per day, and how sure it is, from ``low`` upwards; return where it begins."""
        first, size = self.first, 11.5
        sure = f"How sure? {first.sureness.word}"
        sure += f": {', '.join(first.sureness.numbers)}" if first.sureness.numbers else ""
        texts = [f"{first.worth.over}: {', '.join(first.worth.told)}", sure] if first.worth else [sure]
        gap = 0.4
        width = (WIDTH - 2 * MARGIN - gap * (len(texts) - 1)) / len(texts)
        columns = [self.type.wrap(formatting.plain(text, 400), width, size)[:3] for text in texts]
        leading = Type.leading(size)
        high = low + max(map(len, columns)) * leading + 0.12
        self._line(MARGIN, high + 0.06, WIDTH - MARGIN, high + 0.06, PALETTE.grid)
        for column, lines in enumerate(columns):
            for at, line in enumerate(lines):
                self.type.put(MARGIN + column * (width + gap), high - 0.04 - at * leading, line, size)
        return high + 0.08

    def _causes(self, low: float, high: float) -> float:
        """Write the causes from ``low`` upwards, as many as leave room for the chart; return where they begin."""
        reasons, size = self.first.reasons, 11.5
        if reasons is None:
            return low
        leading, width = Type.leading(size), WIDTH - 2 * MARGIN - 0.7
        kept = max(_CHART_ROOM, _LEAST_CLAIM * (len(self.first.claims) + 1))
        room = max(1, int((high - low - kept) / leading))
        if reasons.lines:
            told = [
                self.type.cut(", ".join(part for part in (f"{what}: {text}", worth) if part), width, size)
                for what, text, worth in reasons.lines[:room]
            ]
            left_out = reasons.left_out + len(reasons.lines) - len(told)
            if left_out:
                told[-1] = self.type.cut(
                    f"{told[-1].rstrip()} and {formatting.count(left_out)} more in the report", width, size
                )
        else:
            told = self.type.wrap(formatting.plain(reasons.sentence, 600), width, size)[: min(room, 2)]
        top = low + len(told) * leading + 0.1
        self._line(MARGIN, top + 0.04, WIDTH - MARGIN, top + 0.04, PALETTE.grid)
        self.type.put(MARGIN, top - 0.05, "Why", size, weight="bold")
        for at, line in enumerate(told):
            self.type.put(MARGIN + 0.7, top - 0.05 - at * leading, line, size)
        return top + 0.06

    def _bottom(self, y: float) -> float:
        result = self.result
        rounds = f"{result.rounds} of {count_of(result.planned_rounds, 'round')}"
        parts = [] if result.kind == "checks" else [rounds]
        parts += [formatting.duration(result.seconds), *(formatting.plain(run, 80) for run in result.run_ids)]
        said = self.type.cut(" · ".join(parts), WIDTH - 2 * MARGIN - 2, 8.5)
        self.type.put(MARGIN, y, said, 8.5, colour=PALETTE.muted)
        self.type.put(WIDTH - MARGIN, y, "perfproof", 8.5, colour=PALETTE.muted, align="right", weight="bold")
        return y

    def _box(self, x: float, y: float, width: float, height: float, colour: str) -> None:
        self.type.figure.add_artist(
            FancyBboxPatch(
                (x / WIDTH, y / HEIGHT), width / WIDTH, height / HEIGHT, boxstyle="square,pad=0", linewidth=0,
                facecolor=colour, transform=self.type.figure.transFigure, zorder=-1,
            )
        )  # fmt: skip

    def _shape(
        self,
        x: float,
        y: float,
        width: float,
        height: float,
        colour: str,
        *,
        edge: str = "",
        hatch: str = "",
        above: float = 1.0,
    ) -> None:
        place = ((x / WIDTH, y / HEIGHT), width / WIDTH, height / HEIGHT)
        lines: dict[str, Any] = {
            "edgecolor": edge or (_BAND_EDGE if hatch else "none"),
            "linewidth": 0.9 if edge else 0.0,
        }
        lines["zorder"] = above
        shape = Rectangle(*place, facecolor=colour, hatch=hatch, transform=self.type.figure.transFigure, **lines)
        self.type.figure.add_artist(shape)

    def _line(
        self, x: float, y: float, x_end: float, y_end: float, colour: str, width: float = 0.8, above: float = 0.5
    ) -> None:
        ends = ((x / WIDTH, x_end / WIDTH), (y / HEIGHT, y_end / HEIGHT))
        line = Line2D(*ends, color=colour, linewidth=width, zorder=above, transform=self.type.figure.transFigure)
        self.type.figure.add_artist(line)

    def _patch(self, x: float, y: float, width: float, height: float, colour: str) -> Rectangle:
        place = ((x / WIDTH, y / HEIGHT), width / WIDTH, height / HEIGHT)
        return Rectangle(*place, facecolor=colour, linewidth=0, transform=self.type.figure.transFigure)
