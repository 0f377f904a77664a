"""Whether pauses between tries grow: what tells a back-off from tries at a fixed interval. Pure."""

from __future__ import annotations

from collections.abc import Sequence

ENOUGH = 4
"""Pauses after which tries that are spaced alike are no chance. Good back-off is drawn at random around a growing mean:
with pauses of 0.5 to 1.5 times a mean that grows by half, two of them are alike in 21 of 100 cases, three in 2 of 100,
four in 1 of 10,000 (a million draws of each). Two were called "no back-off" once."""
_ALIKE = 1.2
"""How many times the shortest the longest of pauses that are alike may be."""
_AT_ONCE = 0.1
"""Seconds below which a pause is none, whatever it is beside the others."""


def alike(pauses: Sequence[float]) -> bool:
    """Tell whether these pauses (seconds) may be those of a fixed interval, or of tries without any pause."""
    return not pauses or max(pauses) < max(_AT_ONCE, _ALIKE * min(pauses))
