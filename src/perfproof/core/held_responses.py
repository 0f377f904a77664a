"""Responses whose last part the service's kernel holds back until the client has acknowledged the first.

A service that writes head and body apart, on a socket without TCP_NODELAY, makes Nagle's algorithm (RFC 896) keep the
second small packet back while the first is not acknowledged, and the client's kernel delays that acknowledgement
(RFC 1122, 4.2.3.2), on Linux by 40 ms. Every client on a kept connection waits so, whatever the handler takes.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

LEAST_NS, MOST_NS = 36_000_000, 56_000_000
"""Linux delays by 40 ms, its timer's coarseness and a busy machine's lateness added."""
SMALL = 32_768
"""Bytes of a body above which a pause in it may be its own."""
CURE = "set TCP_NODELAY, or send head and body in one write"


def held_back(between_ns: npt.NDArray[np.int64], wire: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """Tell which responses, of ``wire`` bytes each, ended so long after their first byte that they were held back."""
    return (between_ns >= LEAST_NS) & (between_ns <= MOST_NS) & (wire <= SMALL)
