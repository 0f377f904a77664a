"""Why the arms differ, in words and cells that every report shares. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from perfproof.core.numbers import digits, upper_first
from perfproof.model import formatting
from perfproof.model.metrics import ALL
from perfproof.model.why import Cause, FlameNode, FunctionChange, Mechanism, ProfileDifference, Unit, Why

MAX_CAUSES = 12
MAX_FUNCTIONS = 15
ARROW = " → "
NOTHING_LEFT = 0.0005
"""Milliseconds below which a time is not worth a digit."""

STATUS_TONES = {
    "new": "bad",
    "grown": "bad",
    "gone": "good",
    "shrunk": "good",
    "same": "calm",
    "moved": "calm",
    "undecided": "warn",
}
STATUS_SIGNS = {
    "new": "▲ new",
    "grown": "▲ grown",
    "gone": "▼ gone",
    "shrunk": "▼ shrunk",
    "same": "≈ same",
    "moved": "↔ moved",
    "undecided": "? undecided",
}
"""What became of a function, with a sign, so that colour never carries it alone. ``moved`` are functions between which
work went to and fro, ``undecided`` those whose interval leaves open whether they changed."""


@dataclass(frozen=True)
class FunctionLine:
    """One function as cells; times are milliseconds per request."""

    name: str
    place: str
    own: bool
    status: str
    tone: str
    self_baseline: str
    self_candidate: str
    total_baseline: str
    total_candidate: str
    change: str
    interval: str
    was: str
    libraries: tuple[FunctionLine, ...] = ()


def request_name(request: str) -> str:
    """Return a request name as sentences have it."""
    return "all requests" if request == ALL else formatting.plain(request, 80)


def by_lever(causes: Sequence[Cause]) -> list[tuple[str, list[Cause]]]:
    """Return the causes of each lever, the lever first whose causes weigh most together."""
    held: dict[str, list[Cause]] = {}
    for cause in causes:
        held.setdefault(cause.lever, []).append(cause)
    return sorted(held.items(), key=lambda pair: -abs(sum(cause.impact for cause in pair[1])))


def saved(cause: Cause) -> str:
    """Return what a cause is worth: "saves 2.1 ms of work per request, 105 ms in each second of traffic"."""
    if cause.ms_per_request is None or abs(cause.ms_per_request) < NOTHING_LEFT:
        return ""
    verb = "saves" if cause.ms_per_request < 0 else "costs"
    told = f"{verb} {formatting.value(abs(cause.ms_per_request), 'ms')} of {cause.basis} per request"
    return f"{told}, {formatting.value(abs(cause.impact), 'ms')} in each second of traffic" if cause.impact else told


def worth(cause: Cause) -> str:
    """Return what a cause is worth in short: "saves 2.1 ms per request"; empty where it is not known."""
    if cause.ms_per_request is None or abs(cause.ms_per_request) < NOTHING_LEFT:
        return ""
    verb = "saves" if cause.ms_per_request < 0 else "costs"
    return f"{verb} {formatting.value(abs(cause.ms_per_request), 'ms')} per request"


def worse(cause: Cause) -> bool:
    """Tell whether a cause costs; where its time is not known, by the instructions of its first mechanism."""
    first = cause.mechanisms[0] if cause.mechanisms else None
    if cause.ms_per_request is None and first is not None and first.unit == "instructions":
        return (first.candidate or 0.0) > (first.baseline or 0.0)
    return (cause.ms_per_request or 0.0) > 0


def told(cause: Cause) -> str:
    """Return what happened in words, without lever, request and outcome, which stand beside it."""
    where = "" if cause.request == ALL else f" on {cause.request}"
    head = f"{upper_first(cause.lever)}{where}: "
    text = cause.sentence.removeprefix(head).partition("; with it ")[0].rstrip(".")
    first = text.split(" ", 1)[0]
    return f"{text}." if "." in first else f"{upper_first(text)}."  # the name of a function stays as it is


def mechanism(each: Mechanism) -> str:
    """Return one mechanism as ``queries per request 41 → 3``."""
    return f"{each.name} {amount(each.baseline, each.unit)}{ARROW}{amount(each.candidate, each.unit)}"


def amount(number: float | None, unit: str) -> str:
    """Return a mechanism's figure; units that are counts of things need no word beside their name."""
    if number is not None and number == 0:
        return "0 %" if unit == "ratio" else "0"
    if unit in ("ms", "bytes", "ratio", "queries", "rows", "instructions"):
        return formatting.value(number, unit)
    if unit == "ms/row":
        return f"{formatting.value(number, 'ms')}/row"
    return digits(number) if number is not None and abs(number) < 100 else formatting.value(number, "")


def function_lines(found: ProfileDifference, limit: int = MAX_FUNCTIONS) -> tuple[list[FunctionLine], int]:
    """Return the functions as cells, changed ones first, and how many are left out."""
    lines = [_line(each, found.unit) for each in found.functions[:limit]]
    return lines, max(0, len(found.functions) - limit) + found.left_out


def _line(each: FunctionChange, unit: Unit) -> FunctionLine:
    return FunctionLine(
        name=each.function.replace("<locals>.", "") or each.module,
        place=each.module if each.function else "not called by your code",
        own=each.own,
        status=STATUS_SIGNS[each.status],
        tone=STATUS_TONES[each.status],
        self_baseline=time(each.self_baseline, unit),
        self_candidate=time(each.self_candidate, unit),
        total_baseline=time(each.total_baseline, unit),
        total_candidate=time(each.total_candidate, unit),
        change=signed(each.change, unit),
        interval=_interval(each, unit),
        was=each.was,
        libraries=tuple(_line(library, unit) for library in each.libraries),
    )


def function_name(each: FunctionChange) -> str:
    """Return ``module.function``, or which library ran without any function of the user's."""
    if not each.function:
        return f"{each.module} (not called by your code)"
    return f"{each.module}.{each.function}" if each.module else each.function


def changed(found: ProfileDifference) -> list[FunctionChange]:
    """Return the functions that surely changed."""
    return [each for each in found.functions if each.sure]


def time(ms: float, unit: Unit = "ms") -> str:
    """Return milliseconds (or millions of instructions) per request; what was never seen is 0."""
    if unit == "instructions":
        return formatting.value(ms * 1e6, unit) if ms else "0"
    return "0" if ms < NOTHING_LEFT else formatting.value(ms, "ms")


def signed(ms: float, unit: Unit = "ms") -> str:
    """Return a difference of times, or of instructions, with its sign."""
    told = time(abs(ms), unit)
    return told if told == "0" else ("+" if ms > 0 else formatting.MINUS) + told


def _interval(each: FunctionChange, unit: Unit) -> str:
    if each.low is None or each.high is None:
        return formatting.NOTHING
    return f"[{signed(each.low, unit)}, {signed(each.high, unit)}]"


def engines(why: Why) -> list[str]:
    """Return how was profiled, once where both arms were profiled alike."""
    told = list(why.engines.items())
    if told and len({text for _, text in told}) == 1:
        return [f"Profiled by {told[0][1]}."] if told[0][1] != "not profiled" else ["Not profiled."]
    return [f"{arm}: {text}." for arm, text in told]


def gone(node: FlameNode, least: float) -> list[FlameNode]:
    """Return the topmost nodes that the candidate does not have at all, weightiest first."""
    if node.candidate <= 0:
        return [node] if node.baseline >= least else []
    found = [each for child in node.children for each in gone(child, least)]
    return sorted(found, key=lambda each: -each.baseline)


def top_functions(found: Sequence[ProfileDifference], limit: int) -> list[FunctionChange]:
    """Return the heaviest functions of all requests together, or of the first request there is."""
    whole = next((each for each in found if each.request == ALL), found[0] if found else None)
    ranked = sorted(whole.functions if whole else (), key=lambda each: -each.self_candidate)
    return ranked[:limit]


def unit_of(found: Sequence[ProfileDifference]) -> Unit:
    """Return what the figures of a profile are in."""
    return found[0].unit if found else "ms"
