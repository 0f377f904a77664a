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

from perfproof.analysis.why.kinds import Kind, calls_back, kind_of, package
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
    wanted = profile.places(request)
    rows = [np.asarray(profile.counts[at], dtype=float) for at in wanted if at < len(profile.counts)]
    length = max((len(row) for row in rows), default=0)
    counts = np.zeros(length)
    for row in rows:
        counts[: len(row)] += row
    if not counts.sum():
        return None
    chosen = set(wanted)
    folded = Folded(counts, max(1, profile.interval_ns), whole=np.zeros(length))
    known: dict[tuple[int, ...], _Shape] = {}
    for stack in profile.stacks:
        if stack.request in chosen and stack.frames and 0 <= stack.slice < length:
            shape = known.get(stack.frames)
            if shape is None:
                shape = known[stack.frames] = _shape([profile.frames[at] for at in stack.frames])
            _add(folded, stack, shape)
    return folded


@dataclass(frozen=True)
class _Shape:
    """What is booked for a stack whenever it was seen: its owner, the user's frames, the libraries below the owner."""

    owner: Frame
    on_stack: frozenset[Frame]
    below: frozenset[Frame]
    last: Frame | None
    kind: Kind


def _shape(frames: Sequence[Frame]) -> _Shape:
    owner, begin = owner_of(frames)
    below = frames[begin:]
    on_stack = frozenset({owner, *(each for each in frames if each.own)})
    kind = kind_of(below)
    if kind == "code" and begin >= 2 and calls_back(frames[begin - 2]):
        kind = "database"
    return _Shape(owner, on_stack, frozenset(below), below[-1] if below else None, kind)


def owner_of(frames: Sequence[Frame]) -> tuple[Frame, int]:
    """Return who owns a stack, and where its libraries begin."""
    for at in range(len(frames) - 1, -1, -1):
        if frames[at].own:
            return frames[at], at + 1
    return Frame(package(frames[-1].module), "", False), 0


def _add(folded: Folded, stack: Stack, shape: _Shape) -> None:
    """Book one stack on its owner, on everything it called, and on every frame of the user's it stood on."""
    length = len(folded.counts)
    at, ns = stack.slice, float(stack.ns)
    folded.whole[at] += ns
    for frame in shape.on_stack:
        _times(folded.functions, frame, length).total[at] += ns
    folded.functions[shape.owner].own[at] += ns
    _array(folded.kinds.setdefault(shape.owner, {}), shape.kind, length)[at] += ns
    held = folded.libraries.setdefault(shape.owner, {})
    for frame in shape.below:
        _times(held, frame, length).total[at] += ns
    if shape.last is not None:
        held[shape.last].own[at] += ns
        if shape.kind == "code":
            name = package(shape.last.module)
            _array(folded.packages.setdefault(shape.owner, {}), name, length)[at] += ns


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
