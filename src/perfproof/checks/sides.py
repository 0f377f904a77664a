"""A measure of both arms from the facts of each."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from perfproof.model.checks import Facts, Measure


def both(
    metric: str,
    sides: Sequence[Facts | None],
    figure: Callable[[Facts], float | None],
    why: str,
    *,
    shown: bool = False,
) -> Measure:
    """Return what ``figure`` makes of the facts before (None: there is one arm) and after; ``why`` if it is nothing."""
    before, after = (None if side is None else figure(side) for side in sides)
    return Measure(metric, after, before, why=why, shown=shown)
