"""Keeps histograms instead of requests: memory and disk stay the same however many there are.

Each request is counted at once, in a dictionary of the buckets its block has filled so far. Rejected: keeping rows and
folding them with NumPy now and then, which holds the event loop up for milliseconds in the middle of a block.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from perfproof.load.sample_files import Columns, write_histograms
from perfproof.model.histogram import HALF_BITS, HIGHEST
from perfproof.model.recording import HISTOGRAM_COLUMNS, LATE_NS, MOST_VARIANTS, Outcome, settle_ns

_OK = int(Outcome.OK)
_BITS = {"variant": 6, "outcome": 4, "status": 10, "settled": 1, "since": 1, "bucket": 16}
"""How many bits of a key each column takes, the last ones lowest; the request has the rest."""


class HistogramRecorder:
    """Counts of one process, with the methods of a ``Recorder`` that the engine uses.

    ``variants`` is the number of variants of each request (none where there are none, as in a Locust file); those of
    one with more than MOST_VARIANTS are not told apart.
    """

    def __init__(self, variants: Sequence[int] = ()) -> None:
        self._masks = [MOST_VARIANTS - 1 if count <= MOST_VARIANTS else 0 for count in variants]
        self._entries: dict[int, list[int]] = {}
        self._outcomes = [0] * len(Outcome)
        self._before = list(self._outcomes)
        self._place = (0, 0)
        self._settled_from = 0
        self._pieces: list[Columns] = []

    def begin(self, arm: int, pair: int, started_ns: int, block_ns: int) -> None:
        """Start counting for a block; what is meant for its first moments is counted apart."""
        self._fold()
        self._place = (arm, pair)
        self._settled_from = started_ns + settle_ns(block_ns)
        self._before = list(self._outcomes)

    def add(
        self,
        arm: int,  # noqa: ARG002 - that of the block
        pair: int,  # noqa: ARG002
        request: int,
        variant: int,
        intended: int,
        sent: int,
        first_byte: int,  # noqa: ARG002 - histograms are of latency and of service time
        done: int,
        status: int,
        size: int,
        outcome: int,
        reconnected: int,  # noqa: ARG002
        serial: int,  # noqa: ARG002
    ) -> None:
        """Count one request; the values are those of SAMPLE_COLUMNS, in their order."""
        self._outcomes[outcome] += 1
        took = done - intended
        if took > HIGHEST:
            took = HIGHEST
        doubling = took.bit_length() - 11
        if doubling < 0:
            doubling = 0
        if variant:
            variant &= self._masks[request]
        key = ((request << 6 | variant) << 4 | outcome) << 10 | (status & 1023)
        key = (key << 1 | (intended >= self._settled_from)) << 17
        late = sent - intended > LATE_NS
        entries = self._entries
        entry = entries.get(place := key | (doubling << 10) + (took >> doubling))
        if entry is None:
            entries[place] = [1, took, size, late]
        else:
            entry[0] += 1
            entry[1] += took
            entry[2] += size
            if late:
                entry[3] += 1
        if outcome != _OK:
            return
        took = done - sent
        if took > HIGHEST:
            took = HIGHEST
        doubling = took.bit_length() - 11
        if doubling < 0:
            doubling = 0
        entry = entries.get(place := key | 0x10000 | (doubling << 10) + (took >> doubling))
        if entry is None:
            entries[place] = [1, took, 0, 0]
        else:
            entry[0] += 1
            entry[1] += took

    def __len__(self) -> int:
        """Return the number of requests counted."""
        return sum(self._outcomes)

    def outcomes(self, start: int = 0) -> npt.NDArray[np.int64]:  # noqa: ARG002 - the block's, see ``begin``
        """Return how many requests of the block had each ``Outcome``."""
        return np.array(self._outcomes, dtype=np.int64) - np.array(self._before, dtype=np.int64)

    def clear(self) -> None:
        """Forget everything."""
        self._entries = {}
        self._pieces = []
        self._outcomes = [0] * len(Outcome)
        self._before = list(self._outcomes)

    def write(self, path: Path) -> int:
        """Write all histograms to ``path`` as Parquet, whole or not at all; return the number of requests in them."""
        self._fold()
        return write_histograms(path, self._pieces)

    def _fold(self) -> None:
        """Turn the dictionary of a block into columns: a tenth of the memory."""
        if not self._entries:
            return
        keys = np.fromiter(self._entries.keys(), dtype=np.int64, count=len(self._entries))
        values = np.array(list(self._entries.values()), dtype=np.int64)
        self._entries = {}
        found: dict[str, npt.NDArray[np.int64]] = {}
        for name, bits in reversed(_BITS.items()):
            found[name] = keys & ((1 << bits) - 1)
            keys = keys >> bits
        found |= {"request": keys, **dict(zip(("count", "total_ns", "bytes", "late"), values.T, strict=True))}
        arm, pair = self._place
        found |= {"arm": np.full(len(keys), arm), "pair": np.full(len(keys), pair)}
        self._pieces.append({name: found[name].astype(kind) for name, kind in HISTOGRAM_COLUMNS.items()})


assert HALF_BITS == 10  # noqa: S101 - the arithmetic of ``add`` is that of model/histogram.py, written out for speed
