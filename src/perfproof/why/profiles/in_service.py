"""A sampler inside a Python service, brought there by the agent (``perfproof_agent/profiling.py`` tells how).

The agent is told through a file of eight bytes, which every process of the service maps, which slice is under way.
"""

from __future__ import annotations

import json
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from perfproof.agent import INTERVAL_VARIABLE, SAMPLER_VARIABLE, injected
from perfproof.databases.agent import complaints
from perfproof.model.profile import Clock, Engine, Folded, Frame
from perfproof.why.profiles.engine import UnavailableError

HANDED_ON_WITHIN = 5.0
"""Seconds that the service's processes may take to write what they sampled, once a slice is over."""
_POLL = 0.02
_SEEN_WITHIN = 0.05
"""Seconds after which the agent, which looks every 0.02 s, has seen that a slice began."""


class InService:
    """A Profiler that works in every Python process of a service; pyinstrument where it can be imported there."""

    clock: Clock = "wall"
    by_request = True
    alone = False

    def __init__(self, engine: Engine, directory: Path, interval_ns: int) -> None:
        self.engine = engine
        self._directory = directory
        self.interval_ns = interval_ns
        self._lines: dict[str, list[dict[str, Any]]] = defaultdict(list)
        self._offsets: dict[str, int] = defaultdict(int)
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._slice = directory / "slice"
        self._tell(0)

    def environment(self, environment: Mapping[str, str]) -> dict[str, str]:
        """Return the service's environment with the agent switched on."""
        sampler = "pyinstrument" if self.engine == "pyinstrument" else ""
        asked = {INTERVAL_VARIABLE: str(self.interval_ns), SAMPLER_VARIABLE: sampler}
        return {**injected(environment, self._directory, "profile"), **asked}

    def ready(self, pids: Sequence[int]) -> None:
        """Raise UnavailableError if the processes of the service, which have answered requests, saw none."""
        del pids  # they have come to the agent's directory by themselves
        self._read()
        lines = [line for each in self._lines.values() for line in each]
        if any(line["k"] == "sampling" for line in lines):
            return
        whys = [str(line["why"]) for line in lines if line["k"] == "unable"]
        if whys:
            raise UnavailableError(whys[0], hint="install it beside the service, or leave `why.profile` to `auto`")
        if not lines:
            raise UnavailableError("no process has loaded the agent: it is not Python, or started with -I, -E or -S")
        raise UnavailableError("the agent saw no request: the service uses a server or framework that it does not know")

    def begin(self, slice_: int, request: int = 0) -> None:
        """Record what begins from now on, once every process has seen it."""
        del request  # it tells them apart itself
        self._tell(slice_ + 1)
        time.sleep(_SEEN_WITHIN)

    def end(self, cpu_ns: int) -> None:
        """Stop recording, and wait until every process has written what it has."""
        del cpu_ns  # each process knows its own
        ended = int.from_bytes(self._slice.read_bytes(), "little")
        self._tell(0)
        deadline = time.monotonic() + HANDED_ON_WITHIN
        while time.monotonic() < deadline:
            self._read()
            if all(_done(lines, ended) for lines in self._lines.values()):
                return
            time.sleep(_POLL)

    def result(self) -> Folded:
        """Return what was sampled in all processes."""
        self._read()
        folded = Folded()
        for lines in self._lines.values():
            frames = {line["i"]: Frame(line["m"], line["f"], line["o"]) for line in lines if line["k"] == "f"}
            for line in lines:
                if line["k"] == "t":
                    stack = [frames[number] for number in line["f"] if number in frames]
                    folded.add(line["n"], line["s"] - 1, stack, line["t"])
        if not folded.total_ns:
            raise UnavailableError("no sample fell into a request", hint="raise `why.seconds` or the rate")
        return folded

    def notes(self) -> tuple[str, ...]:
        """Return where the agent failed."""
        return complaints(line for each in self._lines.values() for line in each)

    def close(self) -> None:
        """Remove what the agent wrote."""
        for file in self._directory.glob("*"):
            file.unlink(missing_ok=True)

    def _tell(self, number: int) -> None:
        with self._slice.open("r+b" if self._slice.exists() else "w+b") as file:
            file.write(number.to_bytes(8, "little"))

    def _read(self) -> None:
        for file in sorted(self._directory.glob("agent-*.jsonl")):
            with file.open("rb") as stream:
                stream.seek(self._offsets[file.name])
                data = stream.read()
            complete = data[: data.rfind(b"\n") + 1]
            self._offsets[file.name] += len(complete)
            self._lines[file.name].extend(json.loads(line) for line in complete.splitlines())


def _done(lines: list[dict[str, Any]], slice_: int) -> bool:
    """Tell whether a process has written all of a slice, never sampled, or is no more."""
    pid = next((line["pid"] for line in lines if line["k"] == "sampling"), None)
    if pid is None or any(line["k"] == "flushed" and line["s"] == slice_ for line in reversed(lines)):
        return True
    return not Path(f"/proc/{pid}").exists()
