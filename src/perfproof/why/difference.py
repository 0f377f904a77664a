"""Two profiles of one request name, function by function: what is new, gone, grown, shrunk, or only renamed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from perfproof.model.metrics import ALL
from perfproof.model.profile import ArmProfile, Frame
from perfproof.model.why import FunctionChange, ProfileDifference, Unit
from perfproof.why import compare, function_times
from perfproof.why.compare import TimeDifference
from perfproof.why.flame import flame_of
from perfproof.why.function_times import Floats, FunctionTimes, Times

MAX_FUNCTIONS = 40
MAX_LIBRARIES = 8
LIGHTEST = 0.002
"""Share of the request below which a library function is not listed under its caller."""
SAME_TIME = 0.25
"""A function that is gone and one that is new are the same, renamed, where their times differ by less than this; and a
function whose interval lies within this share of its time is called the same, not undecided."""

MOVED_SHARE = 0.25
"""Time that left one function and came up in another, but for this share, has moved house and explains nothing."""

Status = Literal["new", "gone", "grown", "shrunk", "same", "moved", "undecided"]


@dataclass(frozen=True)
class FunctionPairing:
    """Both arms' profile of one request name, their whole time, and what it takes to be worth telling.

    With the unit ``instructions`` what is called milliseconds are millions of instructions.
    """

    request: str
    before: FunctionTimes
    after: FunctionTimes
    whole: TimeDifference
    floor: float
    unit: Unit = "ms"

    def compare(self, before: Floats | None, after: Floats | None) -> TimeDifference:
        """Return the difference of two series of this request; None is no time at all."""
        return compare.compare(
            _zero(before, self.before),
            self.before.counts,
            _zero(after, self.after),
            self.after.counts,
            max(self.before.interval_ns, self.after.interval_ns),
        )


def pair(before: ArmProfile, after: ArmProfile, request: str) -> FunctionPairing | None:
    """Return both arms' profile of ``request``, or None where one arm has none."""
    one, two = function_times.fold(before, request), function_times.fold(after, request)
    if one is None or two is None:
        return None
    tick = max(one.interval_ns, two.interval_ns)
    whole = compare.compare(one.whole, one.counts, two.whole, two.counts, tick)
    unit: Unit = "instructions" if after.clock == "instructions" else "ms"
    return FunctionPairing(request, one, two, whole, compare.floor_ms(whole, exact=unit == "instructions"), unit)


def names_of(before: ArmProfile, after: ArmProfile) -> tuple[str, ...]:
    """Return ``all`` and every request name that both profiles have, in the candidate's order."""
    return (ALL, *(name for name in after.requests if name in set(before.requests) and name != ALL))


def differ(
    before: ArmProfile, after: ArmProfile, pairings: Mapping[str, FunctionPairing] | None = None
) -> tuple[ProfileDifference, ...]:
    """Return the difference for each request name that both arms answered, and for all if there are several."""
    found = pairs(before, after) if pairings is None else pairings
    return tuple(replace(difference(each), flame=flame_of(before, after, name)) for name, each in found.items())


def pairs(before: ArmProfile, after: ArmProfile) -> dict[str, FunctionPairing]:
    """Return both arms' profiles by request name, with all first if there are several names."""
    names = names_of(before, after)
    together = len(names) > 2 or ALL in after.requests
    found = {name: pair(before, after, name) for name in (names if together else names[1:])}
    return {name: each for name, each in found.items() if each is not None}


def difference(pairing: FunctionPairing) -> ProfileDifference:
    """Return the functions of one request, the largest change first, those that did not change by weight after it."""
    found = functions(pairing)
    ordered = sorted(found, key=lambda each: (not each.sure, -abs(each.change) if each.sure else 0.0, -_weight(each)))
    kept = [each for at, each in enumerate(ordered) if at < MAX_FUNCTIONS or each.sure]
    return ProfileDifference(
        request=pairing.request,
        functions=tuple(kept),
        baseline=pairing.whole.baseline,
        candidate=pairing.whole.candidate,
        left_out=len(ordered) - len(kept),
        unit=pairing.unit,
    )


def functions(pairing: FunctionPairing) -> list[FunctionChange]:
    """Return every function; renamed ones are one."""
    before, after = pairing.before.functions, pairing.after.functions
    renamed = _renamed(pairing)
    taken = set(renamed.values())
    keys = [key for key in dict.fromkeys([*before, *after]) if key not in taken]
    old = {key: renamed.get(key, key) for key in keys}
    differences = [pairing.compare(_own(before, old[key]), _own(after, key)) for key in keys]
    sure = compare.changed(differences, pairing.floor)
    rows = [
        _row(pairing, key, old[key], each, certain) for key, each, certain in zip(keys, differences, sure, strict=True)
    ]
    return _without_moves(rows, pairing.floor)


def _without_moves(rows: list[FunctionChange], floor: float) -> list[FunctionChange]:
    """Mark functions between which work only moved: what one lost, others of its module or new ones have gained."""
    changed = sorted((row for row in rows if row.sure), key=lambda row: -abs(row.change))
    moved: set[int] = set()
    for one in changed:
        room = max(MOVED_SHARE * abs(one.change), floor)
        gained, others = 0.0, []
        for two in changed:
            fits = (
                one.change * two.change < 0
                and id(two) not in moved
                and abs(gained + two.change) <= abs(one.change) + room
            )
            if fits and (one.module == two.module or {one.status, two.status} & {"new", "gone"}):
                gained += two.change
                others.append(two)
        if id(one) not in moved and others and abs(one.change + gained) <= room:
            moved |= {id(each) for each in (one, *others)}
    return [replace(row, status="moved", sure=False) if id(row) in moved else row for row in rows]


def _row(pairing: FunctionPairing, key: Frame, was: Frame, found: TimeDifference, sure: bool) -> FunctionChange:
    before, after = pairing.before, pairing.after
    total = pairing.compare(_total(before.functions, was), _total(after.functions, key))
    held = _libraries(pairing, before.libraries.get(was, {}), after.libraries.get(key, {}))
    return FunctionChange(
        request=pairing.request,
        module=key.module,
        function=key.function,
        own=key.own,
        status=_status(found, sure, pairing.floor),
        self_baseline=found.baseline,
        self_candidate=found.candidate,
        total_baseline=total.baseline,
        total_candidate=total.candidate,
        change=found.change,
        low=found.low,
        high=found.high,
        sure=sure,
        libraries=held,
        was="" if was == key else was.name,
    )


def _libraries(
    pairing: FunctionPairing, before: Mapping[Frame, Times], after: Mapping[Frame, Times]
) -> tuple[FunctionChange, ...]:
    """Return the heaviest library functions under one owner."""
    least = LIGHTEST * max(pairing.whole.baseline, pairing.whole.candidate)
    compared = {key: pairing.compare(_own(before, key), _own(after, key)) for key in dict.fromkeys([*before, *after])}
    keys = [key for key, each in compared.items() if max(each.baseline, each.candidate) >= least]
    differences = [compared[key] for key in keys]
    sure = compare.changed(differences, pairing.floor)
    rows = []
    for key, found, certain in zip(keys, differences, sure, strict=True):
        total = pairing.compare(_total(before, key), _total(after, key))
        status = _status(found, certain, pairing.floor)
        rows.append(
            FunctionChange(
                pairing.request, key.module, key.function, False, status, found.baseline, found.candidate,
                total.baseline, total.candidate, found.change, found.low, found.high, certain,
            )
        )  # fmt: skip
    return tuple(sorted(rows, key=lambda row: (-max(abs(row.change), _weight(row) / 10), row.function))[:MAX_LIBRARIES])


def _renamed(pairing: FunctionPairing) -> dict[Frame, Frame]:
    """Return, for each function only the candidate has, the one only the baseline had that it plainly is.

    Plainly: the same qualified name elsewhere, or the same module, and nearly the same time in itself and in all.
    """
    before, after = pairing.before.functions, pairing.after.functions
    gone = {key for key in before if key.own and key not in after}
    new = {key for key in after if key.own and key not in before}
    found: dict[Frame, Frame] = {}
    heavy = {key for held in (before, after) for key, times in held.items() if _heavy(pairing, times)}
    scored = sorted(
        (
            (-alike, _gap(pairing, one, two), two.module, two.function, one, two)
            for one in gone
            for two in new
            if (alike := _alike(one, two)) >= 2 or (one in heavy and two in heavy)
        ),
        key=lambda each: (*each[:4], each[4].module, each[4].function),
    )
    for _, gap, _, _, one, two in scored:
        if two not in found and one in gone and gap <= SAME_TIME and _same(pairing, one, two):
            found[two] = one
            gone.remove(one)
    return found


def _heavy(pairing: FunctionPairing, times: Times) -> bool:
    """Tell whether a function takes enough time for its name to matter."""
    requests = float(min(pairing.before.counts.sum(), pairing.after.counts.sum()))
    return float(times.total.sum()) / requests / 1e6 >= pairing.floor


def _alike(one: Frame, two: Frame) -> int:
    """Return how much two names have in common: the whole qualified name, its end, the module."""
    if one.function == two.function:
        return 3
    return 2 * (one.function.split(".")[-1] == two.function.split(".")[-1]) + (one.module == two.module)


def _gap(pairing: FunctionPairing, one: Frame, two: Frame) -> float:
    """Return by what share the times of a gone and a new function differ, of self and of total the larger."""
    gaps = []
    for pick in (_own, _total):
        found = pairing.compare(pick(pairing.before.functions, one), pick(pairing.after.functions, two))
        size = max(found.baseline, found.candidate)
        gaps.append(0.0 if size < pairing.floor else abs(found.change) / size)
    return max(gaps)


def _same(pairing: FunctionPairing, one: Frame, two: Frame) -> bool:
    """Tell whether the two take the same time as far as can be seen."""
    found = pairing.compare(_own(pairing.before.functions, one), _own(pairing.after.functions, two))
    return not compare.changed([found], pairing.floor)[0]


def _status(found: TimeDifference, sure: bool, floor: float) -> Status:
    if not sure:
        near = SAME_TIME * max(found.baseline, found.candidate)
        return "same" if _within(found, max(floor, near)) else "undecided"
    if found.baseline == 0:
        return "new"
    if found.candidate == 0:
        return "gone"
    return "grown" if found.change > 0 else "shrunk"


def _within(found: TimeDifference, bound: float) -> bool:
    """Tell whether a difference is surely none to tell: its whole interval lies within ``bound``."""
    if found.change == 0 or max(found.baseline, found.candidate) < bound:
        return True
    return found.low is not None and found.high is not None and max(-found.low, found.high) <= bound


def _own(held: Mapping[Frame, Times], key: Frame) -> Floats | None:
    return held[key].own if key in held else None


def _total(held: Mapping[Frame, Times], key: Frame) -> Floats | None:
    return held[key].total if key in held else None


def _zero(series: Floats | None, folded: FunctionTimes) -> Floats:
    return np.zeros(len(folded.counts)) if series is None else series


def _weight(row: FunctionChange) -> float:
    return max(row.self_baseline, row.self_candidate)


def summed(arrays: Iterable[Floats], folded: FunctionTimes) -> Floats:
    """Return the sum of series of one arm."""
    total = np.zeros(len(folded.counts))
    for each in arrays:
        total = total + each
    return total
