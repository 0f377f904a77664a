"""Levers in the service's own work beside its code: encoding, and memory. They rest on profiles."""

from __future__ import annotations

from perfproof.core.numbers import digits
from perfproof.model.levers import HttpFacts
from perfproof.model.metrics import ALL
from perfproof.model.profile import MemoryProfile
from perfproof.model.why import AllocationChange, Mechanism
from perfproof.why import compare
from perfproof.why.candidate_cause import MEMORY, TIME, CandidateCause, Sides
from perfproof.why.function_times import FunctionTimes, kind_of, kind_times, package

ALLOCATED = 1024.0
ALLOCATED_SHARE = 0.1


def encoding(sides: Sides) -> CandidateCause | None:
    """Suspect serialization: milliseconds per request in encoder frames moved. CPU per row is told beside it."""
    if sides.profile is None:
        return None
    found = sides.profile.compare(
        kind_times(sides.profile.before, "encoding"), kind_times(sides.profile.after, "encoding")
    )
    if not compare.changed([found], sides.profile.floor)[0]:
        return None
    mechanisms = [Mechanism("time in encoders", "ms", found.baseline, found.candidate)]
    slopes = [_cpu_per_row(facts) for facts in sides.http]
    if None not in slopes:
        mechanisms.append(Mechanism("CPU per row", "ms/row", *slopes))
    towards = 1 if found.change > 0 else -1
    names = [_encoders(folded) for folded in (sides.profile.before, sides.profile.after)]
    told = f"time in encoders {digits(found.baseline)} → {digits(found.candidate)} ms per request"
    if names[0] != names[1] and min(found.baseline, found.candidate) >= sides.profile.floor:
        told += f" ({names[0]} → {names[1]})"
    return CandidateCause(
        "serialization", sides.request, towards, tuple(mechanisms), TIME, told, found.change,
        evidence={"encoders": names},
    )  # fmt: skip


def allocations(sides: Sides) -> CandidateCause | None:
    """Suspect memory: bytes allocated per request moved, by line, from ``--memory-profile``."""
    one, two = sides.memory
    if sides.request != ALL or one is None or two is None:
        return None
    changes = allocation_changes(one, two)
    before, after = (sum(getattr(each, side) for each in changes) for side in ("baseline", "candidate"))
    if abs(after - before) < max(ALLOCATED, ALLOCATED_SHARE * max(before, after)):
        return None
    towards = 1 if after > before else -1
    first = next((each for each in changes if (each.candidate - each.baseline) * towards > 0), changes[0])
    mechanisms = (
        Mechanism("allocated per request", "bytes", before, after),
        Mechanism(first.line, "bytes", first.baseline, first.candidate),
    )
    told = f"{'more' if towards > 0 else 'less'} is allocated per request, most of it at {first.line}"
    return CandidateCause("memory", ALL, towards, mechanisms, MEMORY, told)


def allocation_changes(one: MemoryProfile, two: MemoryProfile) -> tuple[AllocationChange, ...]:
    """Return every allocating line of both arms, the largest change first."""
    lines: dict[tuple[str, str, bool], list[float]] = {}
    for side, profile in enumerate((one, two)):
        for each in profile.allocations:
            lines.setdefault((each.request, each.line, each.own), [0.0, 0.0])[side] += each.bytes_per_request
    changes = [AllocationChange(*key, *values) for key, values in lines.items()]
    return tuple(sorted(changes, key=lambda each: -abs(each.candidate - each.baseline)))


def _encoders(folded: FunctionTimes) -> str:
    """Return the package that encodes most."""
    weights: dict[str, float] = {}
    for held in folded.libraries.values():
        for frame, times in held.items():
            if kind_of([frame]) == "encoding":
                name = package(frame.module)
                weights[name] = weights.get(name, 0.0) + float(times.own.sum())
    return max(weights, key=lambda name: weights[name], default="")


def _cpu_per_row(facts: HttpFacts | None) -> float | None:
    """Return milliseconds of CPU per row between the smallest and the largest size, or None."""
    known = sorted((each.rows, each.cpu_ns) for each in (facts.sizes if facts else ()) if each.rows is not None)
    if len(known) < 2 or known[-1][0] == known[0][0]:
        return None
    return (known[-1][1] - known[0][1]) / (known[-1][0] - known[0][0]) / 1e6
