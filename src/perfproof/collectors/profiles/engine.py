"""What every profiling engine can do, so that the pass need not know which one it drives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from perfproof.collectors.profiles.folding import Folded
from perfproof.errors import PerfproofError
from perfproof.model.profile import Clock, Engine


class UnavailableError(PerfproofError):
    """An engine cannot be used on a service: why, and what to install or grant. It becomes a note, never an exit."""


class Profiler(Protocol):
    """Samples one arm, slice by slice. ``by_request`` says whether it can tell requests apart.

    One that cannot, but is ``alone``, switches so quickly that it is also worth sending one name at a time: then
    ``begin`` says which ``request`` it is, by its place in the scenario from 1, and 0 is all of them together.
    """

    engine: Engine
    clock: Clock
    by_request: bool
    alone: bool

    @property
    def interval_ns(self) -> int:
        """Return the interval it samples at, in nanoseconds."""

    def environment(self, environment: Mapping[str, str]) -> dict[str, str]:
        """Return the environment to start the service with."""

    def ready(self, pids: Sequence[int]) -> None:
        """Raise UnavailableError if the processes of a service that has answered requests cannot be sampled."""

    def begin(self, slice_: int, request: int = 0) -> None:
        """Record from now on; slices count from 0."""

    def end(self, cpu_ns: int) -> None:
        """Stop recording; ``cpu_ns`` is what the service's processes used meanwhile."""

    def result(self) -> Folded:
        """Return what was seen. Raises UnavailableError if nothing can have been."""

    def notes(self) -> tuple[str, ...]:
        """Return what the reader should know beside the figures."""

    def close(self) -> None:
        """Leave nothing behind; called while the service still runs, and again when it is gone."""
