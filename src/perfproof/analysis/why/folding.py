"""From folded stacks to the time of each function, per slice: library frames folded under the user's that called them.

Each stack has one owner, the innermost frame of the user's code, so that the owners' times add up to the request. A
stack without such a frame is owned by the package that ran.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from perfproof.analysis.why.kinds import Kind, kind_of, package
from perfproof.model.metrics import ALL
from perfproof.model.profile import ArmProfile, Frame, Stack

Floats = NDArray[np.float64]


@dataclass
class Times:
    """Nanoseconds of one owner or library function in each slice: while it ran, and while it was on the stack."""

    own: Floats
    total: Floats


@dataclass
class Folded:
    """The profile of one request name on one arm, in nanoseconds by slice.

    ``counts`` are completed requests; ``functions`` the owners; ``libraries[owner]`` what was folded under each;
    ``kinds[owner]`` its time by what it was for, ``packages[owner]`` that of the kind ``code`` by library package.
    """

    counts: Floats
    interval_ns: int
    functions: dict[Frame, Times] = field(default_factory=dict)
    libraries: dict[Frame, dict[Frame, Times]] = field(default_factory=dict)
    kinds: dict[Frame, dict[Kind, Floats]] = field(default_factory=dict)
    packages: dict[Frame, dict[str, Floats]] = field(default_factory=dict)
    whole: Floats = field(default_factory=lambda: np.zeros(0))


def fold(profile: ArmProfile, request: str) -> Folded | None:
    """Return the times of ``request`` (or of all), or None where the arm answered none of them while sampled."""
    wanted = range(len(profile.requests)) if request == ALL else _positions(profile, request)
    rows = [np.asarray(profile.counts[at], dtype=float) for at in wanted if at < len(profile.counts)]
    length = max((len(row) for row in rows), default=0)
    counts = np.zeros(length)
    for row in rows:
        counts[: len(row)] += row
    if not counts.sum():
        return None
    chosen = set(wanted)
    folded = Folded(counts, max(1, profile.interval_ns), whole=np.zeros(length))
    for stack in profile.stacks:
        if stack.request in chosen and stack.frames and 0 <= stack.slice < length:
            _add(folded, stack, [profile.frames[at] for at in stack.frames])
    return folded


def owner_of(frames: Sequence[Frame]) -> tuple[Frame, int]:
    """Return who owns a stack, and where its libraries begin."""
    for at in range(len(frames) - 1, -1, -1):
        if frames[at].own:
            return frames[at], at + 1
    return Frame(package(frames[-1].module), "", False), 0


def _positions(profile: ArmProfile, request: str) -> list[int]:
    return [at for at, name in enumerate(profile.requests) if name == request]


def _add(folded: Folded, stack: Stack, frames: Sequence[Frame]) -> None:
    """Book one stack on its owner, on everything it called, and on every frame of the user's it stood on."""
    length = len(folded.counts)
    owner, begin = owner_of(frames)
    below, at, ns = frames[begin:], stack.slice, float(stack.ns)
    folded.whole[at] += ns
    for frame in {owner, *(each for each in frames if each.own)}:
        times = _times(folded.functions, frame, length)
        times.total[at] += ns
        if frame == owner:
            times.own[at] += ns
    held = folded.libraries.setdefault(owner, {})
    for frame in set(below):
        times = _times(held, frame, length)
        times.total[at] += ns
        if frame == below[-1]:
            times.own[at] += ns
    kind = kind_of(below)
    _array(folded.kinds.setdefault(owner, {}), kind, length)[at] += ns
    if kind == "code" and below:
        _array(folded.packages.setdefault(owner, {}), package(below[-1].module), length)[at] += ns


def _times(held: dict[Frame, Times], frame: Frame, length: int) -> Times:
    if frame not in held:
        held[frame] = Times(np.zeros(length), np.zeros(length))
    return held[frame]


def _array(held: dict[Kind, Floats] | dict[str, Floats], name: str, length: int) -> Floats:
    return held.setdefault(name, np.zeros(length))  # type: ignore[arg-type]


def kind_times(folded: Folded, kind: Kind) -> Floats:
    """Return the time of one kind over all owners, by slice."""
    return _summed((kinds[kind] for kinds in folded.kinds.values() if kind in kinds), len(folded.counts))


def package_times(folded: Folded) -> dict[str, Floats]:
    """Return the time of each library package (of the kind ``code``) over all owners, by slice."""
    found: dict[str, Floats] = defaultdict(lambda: np.zeros(len(folded.counts)))
    for packages in folded.packages.values():
        for name, times in packages.items():
            found[name] = found[name] + times
    return dict(found)


def _summed(arrays: Iterable[Floats], length: int) -> Floats:
    total = np.zeros(length)
    for each in arrays:
        total = total + each
    return total
