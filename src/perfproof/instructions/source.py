"""What every source of instruction counts can do, so that the pass need not know which one it reads."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from perfproof.errors import PerfproofError
from perfproof.instructions.functions import Graph
from perfproof.model.instructions import Source
from perfproof.model.scenario import Arm

Processes = Callable[[], list[int]]
"""The pids of the service's processes right now."""


class UncountableError(PerfproofError):
    """A source cannot be used here or on this service: why, and what to install or grant. It becomes a note."""


class InstructionCounter(Protocol):
    """Counts the instructions of one start of one arm. ``slowdown`` is how much slower the service runs meanwhile.

    ``missed`` are the programs that ran since ``begin`` and could not be counted, ``forked`` the processes forked since
    then whose counts hold part of their parents' too.
    """

    name: Source
    slowdown: float
    missed: int
    forked: int

    def arm(self, arm: Arm) -> Arm:
        """Return the arm to start: its command as it is, or under a tool."""

    def begin(self, processes: Processes) -> None:
        """Count from now on, in the processes that are there and in those they start."""

    def take(self) -> int:
        """Return the instructions executed since ``begin`` or the last ``take``."""

    def graph(self) -> Graph | None:
        """Return what each function executed in the last ``take``; None where the source cannot tell."""

    def close(self) -> None:
        """Leave nothing behind; the service has been stopped."""
