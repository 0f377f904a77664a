"""One tree of both arms' stacks: ms per request before and after at each node, small enough to be drawn."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from perfproof.model.metrics import ALL
from perfproof.model.profile import ArmProfile, Frame
from perfproof.model.why import FlameNode
from perfproof.why.function_times import package

SMALLEST = 0.005
"""Share of the whole below which a node is left out."""
SERVER = "server and framework"
"""The node of everything that leads to the user's first function."""
MAX_NODES = 160
MAX_DEPTH = 28


@dataclass
class _Node:
    name: str
    own: bool
    ns: list[float] = field(default_factory=lambda: [0.0, 0.0])
    children: dict[tuple[str, bool], _Node] = field(default_factory=dict)


def flame_of(before: ArmProfile, after: ArmProfile, request: str) -> FlameNode | None:
    """Return the merged tree of ``request`` (or all), or None where an arm has no time of it."""
    counts = [_count(profile, request) for profile in (before, after)]
    if not all(counts):
        return None
    root = _Node("all requests" if request == ALL else request, False)
    for side, profile in enumerate((before, after)):
        steps, wanted = _Steps(profile), set(profile.places(request))
        for stack in profile.stacks:
            if stack.request not in wanted:
                continue
            share = stack.ns / counts[side] / 1e6
            node = root
            node.ns[side] += share
            for name, own in steps.of(stack.frames):
                node = node.children.setdefault((name, own), _Node(name, own))
                node.ns[side] += share
    kept = _heaviest(root)
    return _frozen(root, kept)


class _Steps:
    """The nodes that a stack passes: each frame of the user's, and stretches of library frames."""

    def __init__(self, profile: ArmProfile) -> None:
        self._frames = profile.frames
        self._known: dict[tuple[int, ...], tuple[tuple[str, bool], ...]] = {}

    def of(self, places: tuple[int, ...]) -> tuple[tuple[str, bool], ...]:
        if places not in self._known:
            self._known[places] = tuple(self._make([self._frames[at] for at in places]))[:MAX_DEPTH]
        return self._known[places]

    @staticmethod
    def _make(frames: Sequence[Frame]) -> list[tuple[str, bool]]:
        inner = max((at for at, frame in enumerate(frames) if frame.own), default=-1)
        outer = next((at for at, frame in enumerate(frames) if frame.own), len(frames))
        found: list[tuple[str, bool]] = []
        last: str | None = None
        for at, frame in enumerate(frames):
            # What leads to a function of the user's is one node, however many frameworks pass it on.
            within = None if frame.own else SERVER if at < min(outer, len(frames) - 1) else _stretch(frame, at < inner)
            if within == SERVER:
                if last != SERVER:
                    found.append((SERVER, False))
            elif within is None or within != last:
                found.append((frame.name, frame.own))
            last = within
        return found


def _stretch(frame: Frame, between: bool) -> str:
    """Return what joins neighbouring library frames: all of them between two of the user's, else their package."""
    return "(between)" if between else package(frame.module)


def _count(profile: ArmProfile, request: str) -> int:
    return sum(sum(profile.counts[at]) for at in profile.places(request))


def _heaviest(root: _Node) -> set[int]:
    """Return which nodes are drawn: those above the share, the heaviest first, never one without its parent."""
    least = SMALLEST * max(root.ns)
    found: list[_Node] = []
    waiting = deque([root])
    while waiting:
        node = waiting.popleft()
        found.append(node)
        waiting.extend(child for child in node.children.values() if max(child.ns) >= least)
    # A child is never heavier than its parent on either side, so cutting by weight keeps every parent.
    found.sort(key=lambda node: -max(node.ns))
    return {id(node) for node in found[:MAX_NODES]}


def _frozen(node: _Node, kept: set[int]) -> FlameNode:
    children = sorted((each for each in node.children.values() if id(each) in kept), key=lambda each: -max(each.ns))
    return FlameNode(node.name, node.own, node.ns[0], node.ns[1], tuple(_frozen(each, kept) for each in children))
