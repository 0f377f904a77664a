"""Two runs with differing request names, reduced to those they share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from perfproof.analysis.columns import Side
from perfproof.model.recording import Recording, Samples


def common(sides: Sequence[Side]) -> Sequence[Side]:
    """Return the sides as they are when their request names agree, else both reduced to the names they share."""
    if all(side.requests == sides[0].requests for side in sides):
        return sides
    names = tuple(name for name in sides[0].requests if all(name in side.requests for side in sides))
    return [Side(_renamed(side.recording, names), side.arm) for side in sides]


def _renamed(recording: Recording, names: tuple[str, ...]) -> Recording:
    """Return the recording with only the samples of ``names``, numbered in that order."""
    old = recording.info.requests
    table = np.array([names.index(name) if name in names else -1 for name in old], dtype=np.int16)
    rounds = []
    for a_round in recording.rounds:
        samples = _renumbered(a_round.samples, table)
        service = None if a_round.service is None else _renumbered(a_round.service, table)
        rounds.append(replace(a_round, samples=samples, service=service))
    return Recording(replace(recording.info, requests=names, variants=()), tuple(rounds))


def _renumbered(samples: Samples, table: npt.NDArray[np.int16]) -> Samples:
    number = table[samples["request"]]
    kept = samples.select(number >= 0)
    return replace(kept, columns=dict(kept.columns) | {"request": number[number >= 0]})
