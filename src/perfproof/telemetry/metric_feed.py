"""Takes the metrics that a service pushes over OTLP, on loopback, for as long as a run lasts.

Exports are only put aside as they come, so that nothing is decoded while a request is timed. Whoever wants to know what
the service tells takes them up between stretches of load, and waits for an export that was made after a moment: all
that happened until then is in it.
"""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from perfproof.telemetry.otlp import UnreadableError
from perfproof.telemetry.otlp_metrics import Totals, decode
from perfproof.telemetry.prometheus import Page
from perfproof.telemetry.receiver import serving

MOST_WAITING = 64 * 1024 * 1024
"""Bytes of exports that may wait to be read."""
_LATE = 5.0
"""Seconds beside an interval or two that an export may take on a busy machine."""


@dataclass(frozen=True)
class Export:
    """What the service had told once one export was taken in, which was made at ``time_ns`` of the wall clock."""

    time_ns: int
    page: Page


@dataclass
class MetricFeed:
    """What one version pushes. ``environment`` is what has it push here; ``interval`` the seconds between exports."""

    environment: Mapping[str, str]
    interval: float
    _waiting: deque[tuple[object, bytes, str]] = field(default_factory=deque)
    _size: int = 0
    _problems: Counter[str] = field(default_factory=Counter)
    _changed: threading.Condition = field(default_factory=threading.Condition)
    _open: dict[object, int] = field(default_factory=dict)
    _once: bool = True
    _last_ns: int = 0
    _silent: bool = False
    _totals: Totals = field(default_factory=Totals)

    @property
    def often(self) -> dict[str, str]:
        """Return ``environment`` with the interval: what has the service push often, while it is measured."""
        told = str(round(self.interval * 1000))
        # Some SDKs refuse to start where an export may take longer than the time between two.
        return {**self.environment, "OTEL_METRIC_EXPORT_INTERVAL": told, "OTEL_METRIC_EXPORT_TIMEOUT": told}

    def take(self, path: str, body: bytes, media: str, source: object) -> None:
        """Put one export aside; other signals than metrics are dropped. Called by the thread that received it."""
        if not path.rstrip("/").endswith("/metrics"):
            return
        with self._changed:
            self._size += len(body)
            while self._waiting and self._size > MOST_WAITING:
                self._size -= len(self._waiting.popleft()[1])
            self._waiting.append((source, body, media))
            self._changed.notify_all()

    def refuse(self, why: str) -> None:
        """Note something that could not be taken."""
        with self._changed:
            self._problems[why] += 1
            self._changed.notify_all()

    def gone(self, source: object) -> None:
        """Note that a connection was closed."""
        with self._changed:
            self._waiting.append((source, b"", ""))
            self._changed.notify_all()

    def begin(self, wanted: Iterable[str]) -> None:
        """Forget all that came: a service starts anew. From now on only what is ``wanted`` is kept, by name."""
        with self._changed:
            self._waiting.clear()
            self._size = 0
            self._problems.clear()
            self._open.clear()
            self._once, self._last_ns = True, 0
            self._totals = Totals(frozenset(wanted))

    def exports(self) -> list[Export]:
        """Return what the service told with each export that came since this was asked last."""
        found: list[Export] = []
        while True:
            with self._changed:
                if not self._waiting:
                    return found
                source, body, media = self._waiting.popleft()
                self._size -= len(body)
            if not media and not body:
                self._totals.forget(source)
                with self._changed:
                    self._open.pop(source, None)
                continue
            try:
                points = decode(body, media)
                self._totals.add(points, source)
            except UnreadableError as error:
                self._problems[str(error)] += 1
                continue
            made = max((point.time_ns for point in points), default=0)
            with self._changed:
                if source in self._open:
                    self._once = False
                self._open[source] = max(made, self._open.get(source, 0))
                self._last_ns = max(made, self._last_ns)
            found.append(Export(made, self._totals.page()))

    def since(self, moment_ns: int) -> tuple[list[Export], str]:
        """Return the exports that came, up to one made after ``moment_ns`` of the wall clock; else why there is none.

        Each process that keeps its connection open has exported since then. Where connections are not kept, who
        exports is not known: then so much time has passed that everybody must have. How long they may take is reckoned
        from ``moment_ns`` on, so that of several versions that push nothing all are waited for at once.
        """
        # Who has never pushed in a round is not waited for as long in the next.
        limit = 2 * self.interval + (0.2 if self._silent else _LATE)
        passed = (time.time_ns() - moment_ns) / 1e9
        deadline = time.monotonic() + limit - min(limit, max(0.0, passed))
        found: list[Export] = []
        while True:
            found += self.exports()
            if self._complete(moment_ns):
                return found, ""
            left = deadline - time.monotonic()
            if left <= 0:
                return found, self._why(limit)
            with self._changed:
                if not self._waiting:
                    self._changed.wait(min(left, 0.05 if self._once else self.interval))

    def _complete(self, moment_ns: int) -> bool:
        with self._changed:
            if self._last_ns < moment_ns:
                return False
            if self._open and not self._once:
                return all(made >= moment_ns for made in self._open.values())
        return time.time_ns() >= moment_ns + round(1.2 * self.interval * 1e9)

    def _why(self, seconds: float) -> str:
        if self._problems:
            return self._problems.most_common(1)[0][0]
        if not self._last_ns:
            self._silent = True
            return (
                f"no export of metrics came over OTLP within {seconds:.0f} s: have its exporter read "
                "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT and speak http/protobuf or http/json, "
                "and its reader OTEL_METRIC_EXPORT_INTERVAL"
            )
        return (
            f"no export of metrics came within {seconds:.0f} s after the load: "
            "have its reader take its interval from OTEL_METRIC_EXPORT_INTERVAL"
        )


@contextmanager
def feeding(interval: float) -> Iterator[MetricFeed]:
    """Lend a receiver of metrics on a free port of this machine."""
    with serving(lambda port: MetricFeed(_environment(port), interval)) as feed:
        yield feed


def _environment(port: int) -> dict[str, str]:
    """Return the variables that send metrics here. Traces and logs go where they always go: they are not asked for."""
    return {
        "OTEL_METRICS_EXPORTER": "otlp",
        "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": f"http://127.0.0.1:{port}/v1/metrics",
        "OTEL_EXPORTER_OTLP_METRICS_PROTOCOL": "http/protobuf",
        "OTEL_EXPORTER_OTLP_METRICS_HEADERS": "",
        "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE": "cumulative",  # an export that is lost costs nothing
        "NO_PROXY": "127.0.0.1,localhost",
    }
