"""What the figures of the arms show: measures, and findings about what is new or gone. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from statistics import geometric_mean
from typing import Any

from perfproof.checks.building.wanted import CODE, METRICS_OF_BUILD, own_of
from perfproof.model.checks import Compared, Facts, Measure
from perfproof.model.metrics import METRICS
from perfproof.model.result import Finding

_SHOWN = ("lines_of_code", "dependencies", "binary_size", "image_size")
"""What grows with what a version can do: shown, unless a goal or a budget names it."""
_MOST_SHOWN = 12


def compare(before: Facts | None, after: Facts, settings: Mapping[str, Any]) -> Compared:
    """Return the measures and findings of two arms, or of one."""
    measures, findings, notes = [], [], []
    for name in METRICS_OF_BUILD:
        if own_of(settings, name) is None:
            why = f"nothing says how to measure it: set `checks: {{build: {{{name}: ...}}}}`"
            measures.append(Measure(name, None, why=why, shown=True))
            continue
        sides = [side["metrics"][name] if side is not None else None for side in (before, after)]
        last = sides[1]
        assert last is not None  # noqa: S101 - the second side is always there
        measures.append(_measure(name, sides[0], last))
        if cut := last.get("cut"):
            notes.append(f"{METRICS[name].title}: timed {len(last['values'])} times, not {cut}: the time was used up.")
        findings += _findings(name, sides[0], last)
    return Compared(tuple(measures), tuple(findings), tuple(notes))


def _measure(name: str, before: Mapping[str, Any] | None, after: Mapping[str, Any]) -> Measure:
    sides = [side for side in (before, after) if side is not None]
    problems = [side["problem"] for side in sides if side["problem"]]
    repeats = tuple(tuple(map(float, side["values"])) for side in sides)
    timed = METRICS_OF_BUILD[name] == "time" and len(repeats) == 2 and not problems
    return Measure(
        name,
        _value(name, after),
        _value(name, before) if before is not None else None,
        why="; ".join(dict.fromkeys(problems)) or "the check did not come to it",
        shown=name in _SHOWN,
        repeats=repeats if timed else (),
    )


def _value(name: str, side: Mapping[str, Any]) -> float | None:
    """Return the figure of one arm, of several times their geometric mean; None where there is none."""
    values = [float(each) for each in side["values"]]
    if side["problem"] or not values:
        return None
    if METRICS_OF_BUILD[name] == "time" and min(values) > 0:
        return geometric_mean(values)  # as the interval of their ratio is made
    return values[-1]


def _findings(name: str, before: Mapping[str, Any] | None, after: Mapping[str, Any]) -> list[Finding]:
    """Return what is there of what should not be, or how lines are shared out."""
    title = METRICS[name].title
    seen = [str(each) for each in after["seen"]]
    if name == CODE:
        first = f"{_listed(before['seen'])} before, " if before is not None and before["seen"] else ""
        text = f"{title}: {first}{_listed(seen)}"
        return [Finding(name, "all", "info", text, {"all": seen[:_MOST_SHOWN]})] if seen else []
    if name == "dependencies":
        return []
    earlier = [str(each) for each in before["seen"]] if before is not None else []
    left, new = Counter(seen), Counter(seen) - Counter(earlier)
    gone = list((Counter(earlier) - left).elements())
    found = []
    if left:
        what = list(new.elements()) if before is not None else seen
        told = f"new is {_listed(what)}" if what and before is not None else _listed(seen)
        evidence = {"new": what[:_MOST_SHOWN], "all": seen[:_MOST_SHOWN]}
        found.append(Finding(name, "all", "warning" if what else "info", f"{title} on candidate: {told}", evidence))
    if gone:
        found.append(Finding(name, "all", "info", f"{title}: gone is {_listed(gone)}", {"gone": gone[:_MOST_SHOWN]}))
    return found


def _listed(texts: Sequence[str], most: int = 4) -> str:
    more = f" and {len(texts) - most} more" if len(texts) > most else ""
    return f"{', '.join(texts[:most])}{more}"
