"""A trend in words and lines of text: what a point says, what a change of level points to, and the sparkline."""

from __future__ import annotations

from itertools import pairwise

from perfproof.core.numbers import count_of
from perfproof.model import formatting
from perfproof.model.history import ChangePoint, Point, Stretch, Trend

BARS = "▁▂▃▄▅▆▇█"
BREAK = "┆"
MARKS = "●■▲"
"""The marks of the chart, by stretch (see ``trend_svg``)."""


def sparkline(trend: Trend, width: int = 60) -> str:
    """Return the newest ``width`` runs as a line of bars, lowest to highest; ``┆`` where the stretch changes.

    The bars of all stretches share one scale. A break stands between neighbouring runs that must not be held against
    each other, so that a step across it is not read as one of the code.
    """
    home = {point.run: at for at, stretch in enumerate(trend.stretches) for point in stretch.points}
    points = trend.points[-width:]
    values = [point.estimate.value for point in points]
    low, high = min(values, default=0.0), max(values, default=0.0)
    line = ""
    for at, point in enumerate(points):
        if at and home[point.run] != home[points[at - 1].run]:
            line += BREAK
        share = (point.estimate.value - low) / (high - low) if high > low else 0.5
        line += BARS[min(int(share * len(BARS)), len(BARS) - 1)]
    return line


def legend(trend: Trend) -> list[str]:
    """Return what each mark of the chart stands for; nothing where there is only one kind."""
    if len(trend.stretches) < 2:
        return []
    return [
        f"{MARKS[at % len(MARKS)]} {_where(each)}, "
        f"scenario {formatting.plain(each.scenario_hash, 12)}: {count_of(len(each.points), 'run')}"
        for at, each in enumerate(trend.stretches)
    ]


def _where(stretch: Stretch) -> str:
    """Return what joins the runs of a stretch: one machine, or what their counts rest on."""
    if not stretch.basis:
        return f"machine {formatting.plain(stretch.environment_hash, 12)}"
    on = "" if len(stretch.machines) == 1 else f", {count_of(len(stretch.machines), 'machine')}"
    return ", ".join(formatting.plain(text, 60) for text in stretch.basis.values()) + on


def unlike(before: Stretch, after: Stretch) -> str:
    """Return in what two stretches differ: "other machine", "other C library: glibc 2.36 → glibc 2.41"."""
    if before.scenario_hash != after.scenario_hash:
        return "other scenario"
    if before.basis and after.basis:
        names = [name for name, text in after.basis.items() if before.basis.get(name) != text]
        return "; ".join(
            f"other {name}: {formatting.plain(before.basis.get(name, '?'), 60)}"
            f" → {formatting.plain(after.basis[name], 60)}"
            for name in names
        )
    if before.basis or after.basis:
        return "what it was counted on is known of one side only"
    return "other machine"


def endings(trend: Trend) -> list[str]:
    """Return where counts can be followed no further, and why, a sentence for each; for other metrics nothing.

    They are joined across machines, so that an end is news: it is a fact of its own that changed.
    """
    home = {point.run: stretch for stretch in trend.stretches for point in stretch.points}
    points = trend.points
    told: dict[tuple[int, int], str] = {}
    for last, first in pairwise(points):
        before, after = home[last.run], home[first.run]
        if before is not after and (before.basis or after.basis):
            told.setdefault(
                (id(before), id(after)),
                f"{first.started_at[:10]}: the comparison ends here ({unlike(before, after)}). Runs from "
                f"{formatting.plain(first.run, 100)} on are not held against those before.",
            )
    return list(told.values())


def describe(trend: Trend) -> str:
    """Return a trend in a sentence, for those who do not see the chart."""
    points = trend.points
    if not points:
        return "Nothing was recorded."
    last = formatting.value(points[-1].estimate.value, trend.unit)
    parts = [f"{count_of(len(points), 'run')}, the last at {last}"]
    if len(trend.stretches) > 1:
        parts.append(f"{len(trend.stretches)} stretches that must not be held against each other")
    changes = sum(len(stretch.changes) for stretch in trend.stretches)
    parts.append(count_of(changes, "change of level", "changes of level") if changes else "no change of level")
    if any(point.promised for point in points):
        parts.append("shaded is what the goal of each run asked for")
    return "; ".join(parts) + "."


def point(at: Point, unit: str) -> str:
    """Return what a point says when asked: value, interval, commit, run."""
    estimate = at.estimate
    parts = [formatting.value(estimate.value, unit)]
    if formatting.known(estimate.low) and formatting.known(estimate.high):
        parts.append(formatting.value_range(estimate.low, estimate.high, unit))
    if at.revision:
        parts.append(revision(at))
    return ", ".join([*parts, formatting.plain(at.run, 100)])


def revision(at: Point) -> str:
    """Return the branch and the short commit of a point: "main 1a2b3c4", with a star when files were changed."""
    if at.revision is None:
        return ""
    commit = at.revision.commit[:7] + ("*" if at.revision.dirty else "")
    return f"{formatting.plain(at.revision.branch, 40)} {commit}" if at.revision.branch else commit


def commits_between(stretch: Stretch, change: ChangePoint) -> str:
    """Return the range of commits a change of level points to: "1a2b3c4..5d6e7f8"; nothing where git is not known."""
    ends = [stretch.points[at].revision for at in (change.index - 1, change.index)]
    if not (ends[0] and ends[1]):
        return ""
    if ends[0].commit == ends[1].commit:
        return f"within {ends[0].commit[:7]}"  # the code is the same: the machine or the data changed
    return f"{ends[0].commit[:7]}..{ends[1].commit[:7]}"


def change(trend: Trend, stretch: Stretch, found: ChangePoint) -> str:
    """Return a change of level in a sentence: when, from what to what, and the commits it points to."""
    first = stretch.points[found.index]
    before, after = formatting.value(found.before, trend.unit), formatting.value(found.after, trend.unit)
    commits = commits_between(stretch, found)
    text = f"{first.started_at[:10]}: {before} → {after}"
    if found.change is not None:
        text += f" ({formatting.change(found.change)})"
    return f"{text}, from run {formatting.plain(first.run, 100)} on" + (f", commits {commits}" if commits else "")
