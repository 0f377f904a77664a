"""Matching jobs that were started over the API: pending for a moment, then done. Kept in memory, the oldest forgotten.

They do no work: what they are for is a request that must be asked for again until it is done.
"""

from __future__ import annotations

import itertools
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

SECONDS = 0.15
"""How long a job is pending."""

MOST = 10_000


@dataclass(frozen=True)
class StartedJob:
    """A job, the project whose records it matches, and when it was started (seconds of a monotonic clock)."""

    id: int
    project_id: int
    started: float


class Jobs:
    """The jobs of this process."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._ids = itertools.count(1)
        self._kept: OrderedDict[int, StartedJob] = OrderedDict()

    def start(self, project_id: int) -> StartedJob:
        """Start a job."""
        job = StartedJob(next(self._ids), project_id, self._clock())
        self._kept[job.id] = job
        if len(self._kept) > MOST:
            self._kept.popitem(last=False)
        return job

    def find(self, job_id: int) -> StartedJob | None:
        """Return a job, or None if there is none of that id (any more)."""
        return self._kept.get(job_id)

    def status(self, job: StartedJob) -> str:
        """Return ``pending`` or ``done``."""
        return "done" if self._clock() - job.started >= SECONDS else "pending"
