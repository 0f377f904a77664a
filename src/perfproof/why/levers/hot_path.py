"""The lever of the service's own code: functions whose work per request moved, in net."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from perfproof.core.numbers import digits, in_unit
from perfproof.model.metrics import ALL
from perfproof.model.profile import NAMELESS, Frame
from perfproof.model.why import Mechanism, Unit
from perfproof.why import compare
from perfproof.why.candidate_cause import WORK, CandidateCause, Sides, direction
from perfproof.why.difference import MOVED_SHARE, FunctionPairing, functions, summed
from perfproof.why.function_times import Floats, FunctionTimes, package_times

MILLION = 1e6
MOST_NAMED = 3
LEFT_SHARE = 0.5
"""Less than this share of a change, once everything new and gone is held against it, was mostly work moved about."""


@dataclass(frozen=True)
class Movement:
    """One function's net change in ms per request, without database, encoding and compression."""

    frame: Frame
    was: str
    baseline: float
    candidate: float
    change: float

    @property
    def name(self) -> str:
        """Return what the function is called in sentences."""
        return self.frame.name if self.frame.function else f"library {self.frame.module}"


def hot_path(sides: Sides) -> CandidateCause | None:
    """Suspect functions whose own work per request moved, in net: what moved from one to another is no cause."""
    if sides.profile is None:
        return None
    movements = settled(moved_functions(sides.profile), sides.profile.floor)
    change = sum(each.change for each in movements)
    if abs(change) < sides.profile.floor or not _surely(movements, sides.profile, change):
        return None
    towards = 1 if change > 0 else -1
    ours = [each for each in movements if each.change * towards > 0][:MOST_NAMED]
    counted = sides.profile.unit == "instructions"
    scale = MILLION if counted else 1.0
    mechanisms = [
        Mechanism(each.name, sides.profile.unit, each.baseline * scale, each.candidate * scale) for each in ours
    ]
    cpu = sides.outcomes.value(ALL, "cpu_per_request")
    if cpu is not None:
        mechanisms.append(Mechanism("CPU per request", "ms", cpu.baseline, cpu.candidate))
    first = ours[0]
    told = _of_function(first, sides.profile.unit)
    counterpart = max(
        (each for each in movements if each.change * towards < 0), key=lambda e: abs(e.change), default=None
    )
    if counterpart is not None:
        told += f"; {_of_function(counterpart, sides.profile.unit)}"
    return CandidateCause(
        "hot path", sides.request, towards, tuple(mechanisms), WORK, told, None if counted else change,
        evidence={"functions": [each.name for each in movements[: 2 * MOST_NAMED]]},
    )  # fmt: skip


def moved_functions(pairing: FunctionPairing) -> list[Movement]:
    """Return the functions whose own work surely changed, the largest first.

    Library time counts only as far as that package's time changed over the whole request: a function that is put
    between (a decorator, a middleware) inherits what it calls, and that is no change. What has no name is no function.
    """
    rows = [row for row in functions(pairing) if (row.own or not row.function) and row.function != NAMELESS]
    packages = _whole_packages(pairing)
    found: list[Movement] = []
    differences = []
    for row in rows:
        key = Frame(row.module, row.function, row.own)
        old = _frame_named(pairing.before, row.was) if row.was else key
        before, after = _code(pairing.before, old), _code(pairing.after, key)
        difference = pairing.compare(before, after)
        differences.append(difference)
        change = difference.change
        for name, held in _package_changes(pairing, old, key).items():
            # What the package did not change in all is taken out of this function's change again.
            change -= held - _within(held, packages.get(name, 0.0))
        found.append(Movement(key, row.was, difference.baseline, difference.candidate, change))
    sure = compare.changed(differences, pairing.floor)
    kept = [
        each
        for each, certain, whole in zip(found, sure, differences, strict=True)
        if certain and abs(each.change) >= pairing.floor and each.change * whole.change > 0
    ]
    return sorted(kept, key=lambda each: -abs(each.change))


def _surely(movements: list[Movement], pairing: FunctionPairing, change: float) -> bool:
    """Tell whether the functions that moved surely moved in all: what was split or merged comes to nothing.

    Functions that are new or gone count with them however small: one that was split into parts may be all that shows.
    """
    rows = [row for row in functions(pairing) if row.own and not row.was]
    single = {Frame(row.module, row.function, row.own) for row in rows}
    single = {key for key in single if (key in pairing.before.functions) != (key in pairing.after.functions)}
    old = {key for each in movements if (key := _old(each, pairing)) is not None}
    before = summed((_code(pairing.before, key) for key in old | single), pairing.before)
    after = summed((_code(pairing.after, key) for key in {each.frame for each in movements} | single), pairing.after)
    found = pairing.compare(before, after)
    left = found.change * change > 0 and abs(found.change) >= LEFT_SHARE * abs(change)
    return left and compare.changed([found], pairing.floor)[0]


def _old(each: Movement, pairing: FunctionPairing) -> Frame | None:
    return _frame_named(pairing.before, each.was) if each.was else each.frame


def settled(movements: list[Movement], floor: float) -> list[Movement]:
    """Take out pairs that cancel: what one function lost another of the same module, or a new one, has gained."""
    left = list(movements)
    for one in movements:
        if one not in left:
            continue
        for two in left:
            opposite = one.change * two.change < 0 and (one.baseline == 0 or two.baseline == 0 or _near(one, two))
            size = max(abs(one.change), abs(two.change))
            if opposite and abs(one.change + two.change) <= max(MOVED_SHARE * size, floor):
                left = [each for each in left if each is not one and each is not two]
                break
    return left


def _near(one: Movement, two: Movement) -> bool:
    return one.frame.module == two.frame.module


def _of_function(each: Movement, unit: Unit) -> str:
    before, after = _amount(each.baseline, unit), _amount(each.candidate, unit)
    if each.baseline == 0:
        return f"{each.name} is new with {after} {unit} per request"
    if each.candidate == 0:
        return f"{each.name} is gone with its {before} {unit} per request"
    return f"{each.name} {before} → {after} {unit} per request"


def _amount(value: float, unit: Unit) -> str:
    return digits(value) if unit == "ms" else in_unit(value * MILLION, unit).removesuffix(f" {unit}")


def _frame_named(folded: FunctionTimes, name: str) -> Frame | None:
    return next((key for key in folded.functions if key.name == name), None)


def _code(folded: FunctionTimes, key: Frame | None) -> Floats:
    """Return an owner's time that is neither database, encoding nor compression."""
    kinds = folded.kinds.get(key, {}) if key is not None else {}
    return summed([times for kind, times in kinds.items() if kind == "code"], folded)


def _package_changes(pairing: FunctionPairing, before: Frame | None, after: Frame | None) -> dict[str, float]:
    """Return the change in ms per request of each library package as far as it was called by one function."""
    return {
        name: each.change for name, each in _compared(pairing, _of(pairing.before, before), _of(pairing.after, after))
    }


def _whole_packages(pairing: FunctionPairing) -> dict[str, float]:
    """Return the change of each library package over the whole request, 0 where it is not sure."""
    found = _compared(pairing, package_times(pairing.before), package_times(pairing.after))
    return {name: each.change if compare.changed([each], pairing.floor)[0] else 0.0 for name, each in found}


def _compared(
    pairing: FunctionPairing, before: Mapping[str, Floats], after: Mapping[str, Floats]
) -> list[tuple[str, compare.TimeDifference]]:
    names = dict.fromkeys([*before, *after])
    return [(name, pairing.compare(before.get(name), after.get(name))) for name in names]


def _of(folded: FunctionTimes, key: Frame | None) -> Mapping[str, Floats]:
    return folded.packages.get(key, {}) if key is not None else {}


def _within(part: float, whole: float) -> float:
    """Return as much of ``part`` as goes the way of ``whole`` and is no larger."""
    if part * whole <= 0:
        return 0.0
    return part if abs(part) <= abs(whole) else whole


def cpu_follows(sides: Sides, towards: int) -> bool:
    """Tell whether CPU per request of all went the same way, or at least not surely the other."""
    row = sides.outcomes.value(ALL, "cpu_per_request")
    return row is None or direction(row) != -towards
