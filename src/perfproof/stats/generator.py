"""How the load generator fared in some blocks, and from when on that voids them. Pure; of blocks alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from perfproof.model.recording import Block, Round

BUSY = 0.85
"""Share of the time in which the generator ran or waited for its CPU from which on it, not the service, may set the
pace."""
LATE_INVALID, LATE_DOUBT = 0.20, 0.05
"""Share of requests that it came to more than 1 ms after they were due."""
LAG_INVALID_MS, LAG_DOUBT_MS = 50.0, 10.0
"""Typical (median) longest stall of its loop within a block."""
WAITED_DOUBT = 0.05
"""Share of the time that it was ready to run and another program had its core."""
MOST_SICK = 0.25
"""Share of rounds that may be left out for the generator's sake; more void the measurement."""


@dataclass(frozen=True)
class GeneratorState:
    """Shares of the time that it ran and waited for a CPU, share of requests late, and its stall in ms."""

    busy: float
    waited: float
    late: float
    lag_ms: float

    @property
    def trouble(self) -> str:
        """Return what voids a measurement: ``saturated``, ``late``, ``stalled``, or nothing.

        Beside a busy neighbour a generator with more work than it can do uses half a core and waits for the other half.
        """
        if self.busy + self.waited > BUSY:
            return "saturated"
        if self.late > LATE_INVALID:
            return "late"
        return "stalled" if self.lag_ms > LAG_INVALID_MS else ""


def generator_state(blocks: Sequence[Block]) -> GeneratorState:
    """Return how the generator fared in all of ``blocks`` together."""
    lasted = busy = waited = late = intended = 0
    for block in blocks:
        lasted += block.ended_ns - block.started_ns
        busy += block.generator_cpu_ns
        waited += block.waited_ns
        late += block.late
        intended += block.intended
    seconds = max(1, lasted)
    return GeneratorState(
        busy=busy / seconds,
        waited=waited / seconds,
        late=late / max(1, intended),
        # The sums and NumPy's median of a few numbers took a third of an analysis, which asks this of every row.
        lag_ms=float(median(block.lag_max_ns for block in blocks)) / 1e6 if blocks else 0.0,
    )


def sound(rounds: Sequence[Round]) -> tuple[Round, ...]:
    """Return the rounds in which the generator was well; all of them if it was not in more than MOST_SICK.

    A round holds blocks of every arm, and what the generator went through says nothing of how the arms differ in it.
    """
    well = tuple(r for r in rounds if not generator_state(r.blocks).trouble)
    return well if len(well) >= (1 - MOST_SICK) * len(rounds) else tuple(rounds)
