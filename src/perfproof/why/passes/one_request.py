"""One name at a time: how requests are told apart where the profiler of a runtime sees them as one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median

from perfproof.errors import UnsendableError
from perfproof.model.scenario import Request, Scalar
from perfproof.rounds.single_start import PassContext

FIRST = 3
"""Requests of each name that tell how long one takes: the first alone may connect or compile."""
MOST = 200
"""Requests of one name in one slice."""
FEWEST_SLICES = 4
"""A name so slow that there is time for it in fewer slices is seen among all requests only."""


@dataclass
class Alone:
    """The names that are sent alone, their places in the scenario, and how often each was answered in each slice.

    ``took_ns`` is how long each takes on each arm, as it was last: what warms up is soon sent more often.
    """

    phase: PassContext
    slices: int
    requests: list[tuple[int, Request]] = field(default_factory=list)
    took_ns: list[list[int]] = field(default_factory=list)
    counts: list[list[list[int]]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def names(self) -> list[str]:
        """Return the names in the order of their counts."""
        return [request.name for _, request in self.requests]

    def planned(self, arm: int, slice_: int, seconds: float) -> list[tuple[int, int]]:
        """Return which names are sent in a slice, and how often, where each has ``seconds`` over all slices."""
        found = []
        for at, took in enumerate(self.took_ns[arm]):
            fitting = seconds * 1e9 / max(took, 1)
            # A slow name is sent once in some of the slices, evenly.
            due = fitting >= self.slices or int((slice_ + 1) * fitting / self.slices) > int(
                slice_ * fitting / self.slices
            )
            if due and fitting >= FEWEST_SLICES:
                found.append((at, int(min(max(fitting / self.slices, 1), MOST))))
        return found

    def too_slow(self, seconds: float) -> list[str]:
        """Return the names for which there is no time."""
        slowest = [max(took) for took in zip(*self.took_ns, strict=True)]
        return [self.names[at] for at, took in enumerate(slowest) if seconds * 1e9 < FEWEST_SLICES * took]

    def send(self, arm: int, at: int, slice_: int, times: int) -> None:
        """Send a name so often, and count what was answered as it should be."""
        place, request = self.requests[at]
        reply = self.phase.load.probe(arm, place, _values(request, slice_), times=times)
        sent = len(reply.each_ns) or 1
        self.counts[arm][at][slice_] += sent if reply.outcome == "ok" else sent - 1
        self.took_ns[arm][at] = int(median(reply.each_ns or (reply.took_ns,)))


def sent_alone(phase: PassContext, slices: int, *, wanted: bool) -> Alone:
    """Return which requests can be sent alone, none where that is not ``wanted``; each was sent to every arm."""
    found = Alone(phase, slices)
    requests = phase.scenario.requests
    found.took_ns = [[] for _ in phase.scenario.arms]
    if not wanted or phase.scenario.locustfile is not None or len(requests) < 2:
        return found
    for place, request in enumerate(requests):
        if not request.reads or request.flow or request.stream:
            why = "it is a stream" if request.stream else "it is a step of a flow" if request.flow else "it writes"
            found.notes.append(f"{request.name}: {why}, so its functions are seen among those of all requests only")
            continue
        try:
            arms = range(len(phase.scenario.arms))
            replies = [phase.load.probe(arm, place, _values(request, 0), times=FIRST) for arm in arms]
        except UnsendableError as error:
            found.notes.append(f"{error.what}: {error.why}")
            continue
        wrong = next((reply for reply in replies if reply.outcome != "ok"), None)
        if wrong is not None:
            found.notes.append(f"{request.name}: sent alone it was answered with status {wrong.status}")
            continue
        found.requests.append((place, request))
        for took, reply in zip(found.took_ns, replies, strict=True):
            took.append(min(reply.each_ns or (reply.took_ns,)))
    found.counts = [[[0] * slices for _ in found.requests] for _ in phase.scenario.arms]
    return found


def _values(request: Request, slice_: int) -> dict[str, Scalar]:
    """Return the choices of every value in turns, the same for both arms."""
    return {name: _of(choices, slice_) for name, choices in request.values.items()}


def _of(choices: Sequence[Scalar], slice_: int) -> Scalar:
    return choices[slice_ % len(choices)]
