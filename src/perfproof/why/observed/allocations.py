"""Allocations by line from the agent in a service, a window at a time (``perfproof_agent/memory.py`` tells how)."""

from __future__ import annotations

import json
import time
from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from perfproof.agent import injected

ON_WITHIN, WRITTEN_WITHIN = 5.0, 60.0
"""Seconds that the service's processes may take to begin a window, and to work off what they recorded in it."""
_POLL = 0.01
Engine = Literal["memray", "tracemalloc", "none"]


@dataclass
class Window:
    """What was allocated in one window: bytes and blocks by line and whether it is the user's."""

    engine: Engine = "none"
    lines: dict[tuple[str, bool], tuple[float, float]] = field(default_factory=dict)
    processes: int = 0
    problem: str | None = None


class Allocations:
    """The agent of one arm that watches memory; ``directory`` is private and made here."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._number = 0
        self._open = False
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)

    def environment(self, environment: Mapping[str, str]) -> dict[str, str]:
        """Return the service's environment with the agent switched on."""
        return injected(environment, self._directory, "memory")

    def loaded(self) -> set[int]:
        """Return the processes that have loaded the agent so far."""
        return {int(file.name.split("-")[1]) for file in self._directory.glob("agent-*.jsonl")}

    def begin(self, pids: Collection[int]) -> None:
        """Begin a window and wait until every one of ``pids`` that has loaded the agent is in it."""
        self._number += 1
        self._tell(self._number)
        expected = self.loaded() & set(pids)
        deadline = time.monotonic() + ON_WITHIN
        while not expected <= self._started() and time.monotonic() < deadline:
            time.sleep(_POLL)

    def end(self) -> Window:
        """End the window and return what was seen in it, of all processes together."""
        self._tell(0)
        deadline = time.monotonic() + WRITTEN_WITHIN
        started = self._started()
        while time.monotonic() < deadline and any(self._pending(pid) for pid in started):
            time.sleep(_POLL)
        window = Window(processes=len(started))
        totals: dict[tuple[str, bool], list[float]] = defaultdict(lambda: [0.0, 0.0])
        for file in self._directory.glob(f"memory-*-{self._number}.json"):
            found = json.loads(file.read_text(encoding="utf-8"))
            window.engine = found["engine"]
            for line, own, size, blocks in found["rows"]:
                totals[line, own][0] += size
                totals[line, own][1] += blocks
        window.lines = {place: (size, blocks) for place, (size, blocks) in totals.items()}
        if not started:
            window.problem = (
                "no process of the service could be watched: it is not Python, or is started with -I, -E or -S"
            )
        elif window.engine == "none":
            window.problem = f"no process of the service reported what it allocated within {WRITTEN_WITHIN:.0f} s"
        return window

    def _pending(self, pid: int) -> bool:
        alive = Path(f"/proc/{pid}").exists()
        return alive and not (self._directory / f"memory-{pid}-{self._number}.json").exists()

    def _started(self) -> set[int]:
        return {int(file.name.split("-")[1]) for file in self._directory.glob(f"memory-*-{self._number}.on")}

    def _tell(self, number: int) -> None:
        partial = self._directory / "memory.partial"
        partial.write_text(str(number))
        partial.replace(self._directory / "memory")
