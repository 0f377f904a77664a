"""A histogram of durations whose quantiles are within 0.1 % of the raw samples, from 1 us to 1 h, in integer ns.

Buckets are laid out as in HdrHistogram with three significant digits and a lowest value of 1 (G. Tene,
hdrhistogram.org): values below 2048 have buckets of width 1; each doubling above has 1024 buckets of twice the width
of the ones before. So a bucket is never wider than 1/1024 of its values, and its middle is off by half of that.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

HIGHEST = 3_600_000_000_000
"""The highest duration kept apart, in ns (1 h); longer ones are counted as if they had taken this long."""

HALF_BITS = 10
"""Bits of a value that its bucket keeps, beside the highest one."""

_HALF = 1 << HALF_BITS


def bucket_of(values: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return the index of the bucket of each value (0 <= value <= HIGHEST)."""
    # frexp's exponent is the bit length; exact, for every value is far below 2**53.
    bits = np.frexp(values.astype(np.float64))[1].astype(np.int64)
    doubling = np.maximum(bits - (HALF_BITS + 1), 0)
    return (doubling << HALF_BITS) + (values >> doubling)


def bounds_of(index: npt.NDArray[np.int64]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return the lowest value and the width of each bucket."""
    doubling = np.maximum((index >> HALF_BITS) - 1, 0)
    return (index - (doubling << HALF_BITS)) << doubling, np.int64(1) << doubling


_BUCKETS = int(bucket_of(np.array([HIGHEST]))[0]) + 1


class Histogram:
    """Counts of integer durations in ns. ``count``, ``min``, ``max`` and ``mean`` are exact, quantiles within 0.1 %.

    Recording in parts and merging gives exactly the histogram of recording everything in one.
    """

    def __init__(self, values: npt.ArrayLike = ()) -> None:
        self._counts = np.zeros(_BUCKETS, dtype=np.int64)
        self.count = 0
        self.total = 0
        self._min = 0
        self._max = 0
        self.record(values)

    def record(self, values: npt.ArrayLike, times: npt.NDArray[np.int64] | None = None) -> None:
        """Count an array of durations (ns), each once or as often as ``times`` says.

        ValueError if one is negative or not whole.
        """
        array = np.atleast_1d(np.asarray(values))
        if not array.size:
            return
        if not np.issubdtype(array.dtype, np.integer):
            raise ValueError("durations are whole nanoseconds")
        array = array.astype(np.int64, copy=False).ravel()
        low, high = int(array.min()), int(array.max())
        if low < 0:
            raise ValueError(f"a duration of {low} ns is negative")
        buckets = bucket_of(np.minimum(array, HIGHEST))
        if times is None:
            self._counts += np.bincount(buckets, minlength=_BUCKETS)
            self._note(array.size, _exact_sum(array), low, high)
            return
        np.add.at(self._counts, buckets, times)
        total = sum(value * often for value, often in zip(array.tolist(), times.tolist(), strict=True))
        self._note(int(times.sum()), total, low, high)

    def merge(self, other: Histogram) -> None:
        """Add what ``other`` has counted."""
        if other.count:
            self._counts += other._counts
            self._note(other.count, other.total, other._min, other._max)

    @classmethod
    def merged(cls, parts: Iterable[Histogram]) -> Histogram:
        """Return a new histogram of everything that the parts have counted."""
        whole = cls()
        for part in parts:
            whole.merge(part)
        return whole

    @property
    def min(self) -> int | None:
        """Return the shortest duration in ns, exactly; None when nothing was recorded."""
        return self._min if self.count else None

    @property
    def max(self) -> int | None:
        """Return the longest duration in ns, exactly; None when nothing was recorded."""
        return self._max if self.count else None

    @property
    def mean(self) -> float | None:
        """Return the mean in ns, from the exact sum; None when nothing was recorded."""
        return self.total / self.count if self.count else None

    def quantile(self, q: float) -> int:
        """Return, in ns and within 0.1 %, the smallest duration that at least the share ``q`` did not exceed.

        The inverse of the empirical distribution (definition 1 of Hyndman & Fan 1996, NumPy's ``inverted_cdf``): an
        observed duration, not one interpolated between two. ValueError if nothing was recorded or q is not in [0, 1].
        """
        if not 0 <= q <= 1:
            raise ValueError(f"{q} is not a share between 0 and 1")
        if not self.count:
            raise ValueError("nothing was recorded")
        rank = max(1, int(np.ceil(q * self.count)))
        index = np.searchsorted(np.cumsum(self._counts), rank)
        lowest, width = bounds_of(np.asarray(index, dtype=np.int64))
        return min(max(int(lowest) + int(width) // 2, self._min), self._max)

    def buckets(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Return lowest value, width and count of each bucket that is not empty, in rising order."""
        filled = np.flatnonzero(self._counts)
        lowest, width = bounds_of(filled)
        return lowest, width, self._counts[filled]

    def __eq__(self, other: object) -> bool:
        """Tell whether two histograms have counted alike."""
        return (
            isinstance(other, Histogram)
            and (self.count, self.total, self._min, self._max) == (other.count, other.total, other._min, other._max)
            and np.array_equal(self._counts, other._counts)
        )

    __hash__ = None  # type: ignore[assignment] # it changes while it records

    def __repr__(self) -> str:
        """Return a short description."""
        return f"Histogram(count={self.count}, min={self.min}, max={self.max})"

    def _note(self, count: int, total: int, low: int, high: int) -> None:
        self._min = min(self._min, low) if self.count else low
        self._max = max(self._max, high)
        self.count += count
        self.total += total


def _exact_sum(values: npt.NDArray[np.int64]) -> int:
    """Return the sum as a Python integer: ten million durations of an hour would overflow 64 bits."""
    return (int((values >> 20).sum()) << 20) + int((values & ((1 << 20) - 1)).sum())
