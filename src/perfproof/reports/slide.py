"""One page for a slide, 16:9, as PDF or PNG: verdict, key figures, changes against their goals, what was compared.

Laid out by hand, because nothing may be cut or overlap whatever the names are: every text is measured before it is
placed, the verdict shrinks until it fits, and lists end with how much more there is. What matplotlib lays out by itself
(``constrained``) knows axes, not paragraphs.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Sequence
from typing import Any, Literal

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch, Rectangle

from perfproof.model.metrics import ALL
from perfproof.model.result import Comparison, Level, Result
from perfproof.reports import figures, forests, pages, rows
from perfproof.reports.cards import Card, cards
from perfproof.reports.typesetting import Type, families_for

WIDTH, HEIGHT = 40 / 3, 7.5
"""Inches: what slide programs call 16:9."""
DPI = 144
MARGIN = 0.45
PALETTE = forests.Palette(
    ink="#16191d",
    muted="#525a64",
    grid="#e4e7eb",
    band="#cfe3f3",
    paper="#ffffff",
    tones={"good": "#009e73", "bad": "#d55e00", "warn": "#b87a00", "calm": "#0072b2", "void": "#b0578a"},
)
"""The light colours of the HTML report: a slide is shown on white and printed."""
_PANEL = "#f6f7f9"
_SOFT = {"good": "#e3f5ef", "bad": "#fdebdf", "warn": "#fdf3dc", "calm": "#e5f1f8", "void": "#f8eaf2"}
_DEEP = {"good": "#00543d", "bad": "#853a00", "warn": "#664600", "calm": "#004a75", "void": "#722c54"}
_SIZES = (22.0, 20.0, 18.0, 16.0, 14.0, 12.5, 11.0, 10.0, 9.0, 8.0, 7.0)
_VERDICT_ROOM = 1.75
_PLOT_LETTERS = 9.0
_ASIDE = 3.45
_LEVELS = ("latency_p50", "latency_p95", "latency_p99", "throughput", "error_rate")

Format = Literal["pdf", "png"]


def to_slide(result: Result, kind: Format) -> bytes:
    """Return the page as a file of the ``kind``; the same result gives the same bytes with the same fonts."""
    settings: dict[Any, Any] = {
        "font.family": families_for(_letters(result)),
        "font.size": _PLOT_LETTERS,
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
            about = {"Title": f"perfproof: {figures.plain(result.scenario)}", "Subject": _sentence(result)}
            about |= {"Creator": None, "Producer": None, "CreationDate": None}
        figure.savefig(buffer, format=kind, dpi=DPI, metadata=about)
        return buffer.getvalue()


def _sentence(result: Result) -> str:
    return figures.plain(result.sentence, 2000)


def _letters(result: Result) -> str:
    """Return every text of the user's that may be drawn."""
    texts = [result.scenario, result.sentence, result.advice or "", *result.comparability.warnings]
    texts += [row.request for row in result.comparisons] + [level.request for level in result.levels]
    texts += [text for fact in result.comparability.facts for text in (fact.name, fact.baseline, fact.candidate)]
    texts += [finding.summary for finding in result.findings] + [budget.request for budget in result.budgets]
    return "".join(figures.plain(text, 2000) for text in texts)


class _Slide:
    """Places the parts from top to bottom; ``y`` is measured in inches from the lower edge."""

    def __init__(self, type_: Type, result: Result) -> None:
        self.type = type_
        self.result = result

    def draw(self) -> None:
        y = self._verdict(self._top(HEIGHT - MARGIN))
        y = self._cards(y - 0.16)
        below = self._bottom(MARGIN - 0.1)
        self._changes(MARGIN, WIDTH - MARGIN - _ASIDE - 0.3, below + 0.1, y - 0.2)
        self._aside(WIDTH - MARGIN - _ASIDE, below + 0.1, y - 0.2)

    def _top(self, y: float) -> float:
        symbol, word, tone = rows.headline(self.result)
        self.type.put(MARGIN, y, f"{symbol}  {word.upper()}", 11, colour=_DEEP[tone], weight="bold")
        moment = pages.moment(self.result.started_at)
        said = " · ".join(text for text in (figures.plain(self.result.scenario, 60), moment) if text)
        self.type.put(WIDTH - MARGIN, y, self.type.cut(said, 9.5, 11), 11, colour=PALETTE.muted, align="right")
        return y - 0.3

    def _verdict(self, y: float) -> float:
        tone = rows.headline(self.result)[2]
        width = WIDTH - 2 * MARGIN - 0.5
        lines, size = self.type.fit(_sentence(self.result), width, _VERDICT_ROOM, _SIZES, weight="bold")
        leading = Type.leading(size)
        height = len(lines) * leading + 0.3
        self._box(MARGIN, y - height, WIDTH - 2 * MARGIN, height, _SOFT[tone])
        self.type.figure.add_artist(self._patch(MARGIN, y - height, 0.09, height, PALETTE.tones[tone]))
        for at, line in enumerate(lines):
            self.type.put(MARGIN + 0.28, y - 0.15 - at * leading, line, size, weight="bold")
        return y - height

    def _cards(self, y: float) -> float:
        shown = cards(self.result)
        if not shown:
            return y + 0.16
        gap, height = 0.15, 1.12
        width = (WIDTH - 2 * MARGIN - gap * (len(shown) - 1)) / max(len(shown), 4)
        for at, card in enumerate(shown):
            self._card(card, MARGIN + at * (width + gap), y, width, height)
        return y - height

    def _card(self, card: Card, x: float, y: float, width: float, height: float) -> None:
        self._box(x, y - height, width, height, _PANEL)
        inner = width - 0.24
        for down, text, size, colour, weight in (
            (0.09, card.title, 9.5, PALETTE.muted, "normal"),
            (0.27, card.big, 19.0, PALETTE.ink, "bold"),
            (
                0.60,
                "  ".join(text for text in (card.small, card.interval) if text.strip(figures.NOTHING)),
                8.5,
                PALETTE.muted,
                "normal",
            ),
            (0.83, card.word, 10.0, _DEEP[card.tone], "bold"),
        ):
            size = self.type.shrunk(text, inner, size, weight=weight)
            self.type.put(x + 0.12, y - down, text, size, colour=colour, weight=weight)

    def _changes(self, left: float, right: float, low: float, high: float) -> None:
        ordered = rows.by_impact(self.result.comparisons)
        drawable = [row for row in rows.gated(ordered) or ordered if figures.known(row.change)]
        if not drawable:
            if not self.result.comparisons:
                self._levels(left, right, low, high)
            return
        room = high - low - 0.2 - 0.35 - 0.35
        shown, lines = _fitting(drawable, max(2, int(room / 0.205)))
        scale = _PLOT_LETTERS / forests.SIZE
        x, x_end = left + forests.LEFT * scale, right - forests.RIGHT * scale
        self.type.put(left, high, self._plot_title(shown, len(drawable)), 9, colour=PALETTE.muted)
        height = len(lines) * 0.235 if len(lines) * 0.235 < room else room
        box = (x / WIDTH, (high - 0.5 - height) / HEIGHT, (x_end - x) / WIDTH, height / HEIGHT)
        axes = self.type.figure.add_axes(box)
        axes.set_facecolor("none")
        for side in ("top", "right", "left"):
            axes.spines[side].set_visible(False)
        forests.draw(axes, lines, PALETTE, _PLOT_LETTERS)

    def _plot_title(self, shown: Sequence[Comparison], all_of_them: int) -> str:
        goals = sorted({figures.goal(row.goal) for row in shown if row.goal})
        levels = sorted({row.confidence for row in shown if row.confidence is not None})
        sure = "–".join(figures.percent(level) for level in levels[:1] + levels[1:][-1:])
        parts = [f"Change of the candidate against the baseline{f', with {sure} interval' if sure else ''}"]
        if goals:
            parts.append(f"shaded: the goal of {', '.join(goals[:3])}")
        if all_of_them > len(shown):
            parts.append(f"{figures.count(all_of_them - len(shown))} more rows in the report")
        return "; ".join(parts)

    def _levels(self, left: float, right: float, low: float, high: float) -> None:
        """Write what a single run measured as a table: a line for each request."""
        by_request: dict[str, dict[str, Level]] = {}
        for level in rows.levels_in_order(self.result.levels):
            by_request.setdefault(level.request, {})[level.metric] = level
        metrics = [name for name in _LEVELS if any(name in found for found in by_request.values())]
        if not metrics:
            return
        step, ends = 0.235, [right - 0.95 * at for at in range(len(metrics))][::-1]
        names = ends[0] - 1.0 - left
        room = max(1, int((high - low) / step) - 2)
        for end, metric in zip(ends, metrics, strict=True):
            self.type.put(end, high, figures.title(metric, short=True), 9, colour=PALETTE.muted, align="right")
        for at, (request, found) in enumerate(list(by_request.items())[:room], 1):
            name = "all requests" if request == ALL else figures.plain(request)
            weight = "bold" if request == ALL else "normal"
            self.type.put(left, high - at * step, self.type.cut(name, names, 9.5, weight), 9.5, weight=weight)
            for end, metric in zip(ends, metrics, strict=True):
                known = found.get(metric)
                text = figures.value(known.estimate.value, known.unit) if known else figures.NOTHING
                self.type.put(end, high - at * step, text, 9.5, align="right", weight=weight)
        if len(by_request) > room:
            more = f"and {figures.count(len(by_request) - room)} more in the report"
            self.type.put(left, high - (room + 1) * step, more, 9, colour=PALETTE.muted)

    def _aside(self, x: float, low: float, high: float) -> None:
        """Write what was compared and what weakens the claim, as far down as there is room."""
        result, y = self.result, high
        facts = result.comparability.facts
        differing = [f"{fact.name}: {fact.baseline} → {fact.candidate}" for fact in facts if fact.differs]
        alike = [f"{fact.name}: {fact.candidate}" for fact in facts if not fact.differs]
        doubts = list(result.comparability.warnings)
        broken = [
            f"{figures.title(each.metric)} of {'all requests' if each.request == ALL else each.request}: "
            f"{figures.value(each.value, each.unit)}, limit {figures.value(each.limit, each.unit)}"
            for each in result.budgets
            if each.broken
        ]
        unknown = [
            f"{figures.title(each.metric)} of {'all requests' if each.request == ALL else each.request}: {each.why}"
            for each in result.budgets
            if each.open
        ]
        proven = [finding.summary for finding in result.findings if finding.severity != "info"]
        sections: list[tuple[str, Sequence[str], int, str]] = [("What weakens the claim", doubts, 3, _DEEP["warn"])]
        if result.kind == "run":
            sections.append(("What was measured", alike + differing, 6, PALETTE.ink))
        else:
            sections.append(("What differs", differing, 4, PALETTE.ink))
        sections += [("Budgets broken", broken, 3, _DEEP["bad"]), ("Budgets open", unknown, 2, _DEEP["warn"])]
        sections += [("Findings", proven, 3, PALETTE.ink)]
        if result.kind != "run":
            sections.append(("Alike on both sides", alike, 8, PALETTE.ink))
        for title, texts, most, colour in sections:
            y = self._section(title, texts, most, colour, x, y, low)

    def _section(
        self, title: str, texts: Sequence[str], most: int, colour: str, x: float, y: float, low: float
    ) -> float:
        size, leading = 8.5, Type.leading(8.5)
        if not texts or y - 3 * leading < low:
            return y
        self.type.put(x, y, title, 9, colour=colour, weight="bold")
        y -= leading * 1.15
        for at, text in enumerate(texts[:most]):
            lines = self.type.wrap(figures.plain(text, 400), _ASIDE, size)
            lines = [*lines[:2], self.type.cut(lines[2] + " …", _ASIDE, size)] if len(lines) > 3 else lines
            left = len(texts) - at
            needed = len(lines) + (left > 1)
            if y - needed * leading < low:
                self.type.put(x, y, f"and {figures.count(left)} more in the report", size, colour=PALETTE.muted)
                return y - 1.6 * leading
            for line in lines:
                self.type.put(x, y, line, size, colour=PALETTE.muted)
                y -= leading
        if len(texts) > most:
            more = f"and {figures.count(len(texts) - most)} more in the report"
            self.type.put(x, y, more, size, colour=PALETTE.muted)
            y -= leading
        return y - 0.6 * leading

    def _bottom(self, y: float) -> float:
        result = self.result
        rounds = f"{result.rounds} of {figures.plural(result.planned_rounds, 'round')}"
        parts = [] if result.kind == "checks" else [rounds]
        parts += [figures.duration(result.seconds), *(figures.plain(run, 80) for run in result.run_ids)]
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

    def _patch(self, x: float, y: float, width: float, height: float, colour: str) -> Rectangle:
        place = ((x / WIDTH, y / HEIGHT), width / WIDTH, height / HEIGHT)
        return Rectangle(*place, facecolor=colour, linewidth=0, transform=self.type.figure.transFigure)


def _fitting(drawable: Sequence[Comparison], most: int) -> tuple[list[Comparison], list[str | Comparison]]:
    """Return the most urgent rows that make at most ``most`` lines with the names of their requests."""
    for limit in range(min(len(drawable), most - 1), 0, -1):
        shown, _ = rows.most_urgent(drawable, limit)
        lines = forests.lines_of(shown)
        if len(lines) <= most:
            return shown, lines
    shown = list(drawable[:1])
    return shown, forests.lines_of(shown)
