"""Says of a side whose responses are held back by the kernel that they are, and what to do."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from perfproof.core.held_responses import CURE, held_back
from perfproof.core.numbers import percent
from perfproof.model.recording import Outcome
from perfproof.stats.columns import Side

TELLING = 0.2
"""Share of a request's responses."""
NAMED = 3


def held_responses(side: Side) -> str:
    """Return a sentence if responses of a side were held back, else nothing; histograms cannot tell."""
    sent, held = _counts(side)
    found = np.flatnonzero(held > TELLING * sent)
    if not len(found):
        return ""
    names = [side.requests[at] for at in found]
    share = percent(float(held[found].sum() / sent[found].sum()), signed=False)
    return (
        f"{share} of responses of {side.name} ended 40 ms after their first byte ({', '.join(names[:NAMED])}"
        f"{', ...' if len(names) > NAMED else ''}): it writes head and body apart, and the second packet is held back "
        f"until the client's delayed acknowledgement. Its users wait as long: {CURE}."
    )


def _counts(side: Side) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return how many responses each request had, and how many of them were held back."""
    sent, held = (np.zeros(len(side.requests), dtype=np.int64) for _ in range(2))
    for samples in (a_round.samples for a_round in side.rounds if a_round.samples.counts is None):
        chosen = (samples["arm"] == side.arm) & (samples["outcome"] == int(Outcome.OK)) & (samples["first_byte_ns"] > 0)
        request = samples["request"][chosen]
        late = held_back((samples["done_ns"] - samples["first_byte_ns"])[chosen], samples["bytes"][chosen])
        sent += np.bincount(request, minlength=len(sent))
        held += np.bincount(request[late], minlength=len(sent))
    return sent, held
