"""The before/after flame graph as inline SVG: width is one arm's time, colour and sign are the change.

Drawn with the callers on top. Places and widths are per cent and every node is a viewport of its own, so text is cut at
its node's edge whatever the width of the page, and zooming only sets other per cents (``templates/flame.js``).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from markupsafe import Markup, escape

from perfproof.model import formatting
from perfproof.model.why import FlameNode, Unit
from perfproof.why import report

Side = Literal["baseline", "candidate"]
ROW = 20
NARROWEST = 0.25
"""Per cent of the width below which nothing could be seen or clicked."""
STEPS = (0.02, 0.1, 0.25)
"""Shares of the whole request from which a change gets a deeper colour."""
OF_ITSELF = 0.1
"""A change of less than this share of the node's own time is within what a start does to all."""


@dataclass(frozen=True)
class _Box:
    node: FlameNode
    x: float
    width: float
    depth: int


def flame_svg(root: FlameNode, side: Side, title: str, *, one_arm: bool = False, unit: Unit = "ms") -> Markup:
    """Return the graph of one side; ``one_arm`` leaves out what compares, ``unit`` is what widths are in."""
    whole = getattr(root, side)
    boxes = list(_boxes(root, side, 0.0, 100.0, 0)) if whole > 0 else []
    depth = max((box.depth for box in boxes), default=0) + 1
    largest = max(root.baseline, root.candidate)
    nodes = "".join(_node(box, largest, one_arm, unit) for box in boxes)
    size = f'width="100%" height="{depth * ROW}"'
    drawing = f'<svg class="flame" {size} role="group" aria-label="{escape(title)}">{nodes}</svg>'
    return Markup(drawing)  # noqa: S704 - every text in it is escaped here and below


def tone(node: FlameNode, whole: float) -> str:
    """Return the class of a node: ``same``, or ``grown``/``shrunk`` in three steps, ``new`` or ``gone``."""
    change = node.candidate - node.baseline
    own = max(node.baseline, node.candidate)
    share = abs(change) / whole if whole else 0.0
    step = sum(share >= each for each in STEPS)
    if not step or abs(change) < OF_ITSELF * own:
        return "same"
    kind = "grown" if change > 0 else "shrunk"
    edge = " new" if node.baseline <= 0 else " gone" if node.candidate <= 0 else ""
    return f"{kind}{step}{edge}"


def words(node: FlameNode, whole: float, *, one_arm: bool = False, unit: Unit = "ms") -> str:
    """Return what the node says: name, time on both arms, what became of it."""
    name = formatting.plain(node.name, 120)
    if one_arm:
        return f"{name}: {report.time(node.candidate, unit)} per request"
    become = tone(node, whole)
    word = "same" if become == "same" else become.split(" ")[-1].rstrip("123")
    times = f"{report.time(node.baseline, unit)} → {report.time(node.candidate, unit)}"
    return f"{name}: {times} per request ({report.signed(node.candidate - node.baseline, unit)}, {word})"


def _boxes(node: FlameNode, side: Side, x: float, width: float, depth: int) -> Iterator[_Box]:
    yield _Box(node, x, width, depth)
    whole, at = getattr(node, side), x
    for child in node.children:
        share = width * getattr(child, side) / whole if whole else 0.0
        if share >= NARROWEST:
            yield from _boxes(child, side, at, share, depth + 1)
        at += share


def _node(box: _Box, whole: float, one_arm: bool, unit: Unit) -> str:
    become = "same" if one_arm else tone(box.node, whole)
    sign = "▲ " if become.startswith("grown") else "▼ " if become.startswith("shrunk") else ""
    kind = become if box.node.own else f"{become} library"
    told = escape(words(box.node, whole, one_arm=one_arm, unit=unit))
    label = escape(sign + _short(box.node.name))
    return (
        f'<svg class="{kind}" x="{box.x:.2f}%" y="{box.depth * ROW}" width="{box.width:.2f}%" height="{ROW - 1}">'
        f'<title>{told}</title><rect width="100%" height="100%" rx="2"/><text x="4" y="14">{label}</text></svg>'
    )


def _short(name: str) -> str:
    """Return the last two parts of a dotted name: what fits is the function and where it belongs."""
    parts = [part for part in name.split(".") if part != "<locals>"]
    return formatting.plain(".".join(parts[-2:]), 60)
