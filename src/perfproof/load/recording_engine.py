"""What both engines do alike: keep samples until their round is sealed, watch the generator, and end for good."""

from __future__ import annotations

import secrets as randomness
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from time import monotonic_ns
from typing import Any

from gevent import get_hub

from perfproof.core.redaction import Redactor
from perfproof.errors import LoadError
from perfproof.http.found_secrets import FoundSecrets
from perfproof.load.generator_health import Lag, RunQueue, Usage
from perfproof.load.histogram_recorder import HistogramRecorder
from perfproof.load.limits import LoadGuard
from perfproof.load.plan import LoadPlan
from perfproof.load.sample_files import writing
from perfproof.load.sample_recorder import Recorder
from perfproof.load.timer import Timer

TICK_NS = 10_000_000
"""How often an engine looks at its limits, its lag and its deadlines while load runs."""
WARM_LIMIT_NS = 60_000_000_000
"""Longest that requests which a warm-up lacks are sent."""


class RecordingEngine(ABC):
    """The samples, the limits and the end of an engine; what sends is its own.

    A base class and not an object beside it: each of the commands below is a command of the engine.
    """

    def __init__(self, plan: LoadPlan, variants: Sequence[int] = ()) -> None:
        self._plan = plan
        self.found_secrets = FoundSecrets(Redactor(plan.secrets))
        folder = Path(plan.folder) if plan.folder else None
        self._recorder = HistogramRecorder(variants) if plan.load.samples == "histogram" else Recorder(folder)
        self._unrecorded = Recorder(folder)
        # Ids differ from those of any other run on the same service; 62 bits, so that they fit a signed column.
        self._next_id = count((randomness.randbits(30) << 32) + 1).__next__
        self._guards: dict[int, LoadGuard] = {}
        self._lag = Lag(TICK_NS)
        self._queue = RunQueue()
        self._aborted_at = 0
        self._stopped_for: LoadError | None = None

    def seal(self, path: Path) -> int:
        """Write the samples since the last seal to ``path`` and forget them; LoadError (and they stay) if it fails."""
        rows = self.write(path)
        self._recorder.clear()
        return rows

    def write(self, path: Path) -> int:
        """Write the samples since the last seal to ``path`` and keep them; LoadError if it fails."""
        with writing(path.name):
            return self._recorder.write(path)

    def discard(self) -> None:
        """Forget the samples since the last seal."""
        self._recorder.clear()

    @abstractmethod
    def abort(self) -> None:
        """Stop sending now and for good; what is in flight may end within a second. Safe to call at any time."""

    def break_off(self, error: LoadError) -> None:
        """Stop as ``abort`` does; what is under way and whatever is asked for later is refused with ``error``."""
        self._stopped_for = self._stopped_for or error
        self.abort()

    def _refuse_if_aborted(self) -> None:
        if self._aborted_at:
            raise self._stopped_for or LoadError("the load was aborted")

    def _guard(self, guard: LoadGuard, began: int, sent: int, failures: int, failed_with: int = 0) -> None:
        """Stop the load if it is beyond a limit.

        ``sent`` requests since ``began``, of which the last ``failures`` have failed, the very last with a status.
        """
        if not self._aborted_at:
            self._stopped_for = guard.tripped(monotonic_ns() - began, sent, failures, failed_with)
            if self._stopped_for is not None:
                self.abort()

    @contextmanager
    def _ticking(self, tick: Callable[[int], None]) -> Iterator[None]:
        """Call ``tick`` with the time while the body runs, and measure how late each of these calls is."""

        def wake() -> None:
            now = monotonic_ns()
            tick(now)
            self._lag.tick(now)
            self._queue.tick(now)

        first = monotonic_ns() + TICK_NS
        self._lag.reset(first)
        self._queue.reset()
        ticker = Timer(get_hub().loop, wake)
        ticker.at(first, TICK_NS)
        try:
            yield
        finally:
            ticker.close()

    def _generator(self, used: Usage, idle_ns: int = 0) -> dict[str, Any]:
        """Return what a ``BlockReport`` says of the generator; ``idle_ns`` is CPU time that was no work."""
        return {
            "generator_cpu_ns": max(0, used.cpu_ns - idle_ns),
            "waited_ns": used.waited_ns,
            "steal_ns": used.steal_ns,
            "lag_max_ns": self._lag.worst,
            "run_queue": self._queue.mean,
            "aborted": bool(self._aborted_at),
        }
