"""Node services: V8's own CPU profiler, which a script put in by NODE_OPTIONS drives inside the process.

``agent/inject_node`` tells how. V8 samples one thread that runs JavaScript; requests are interleaved on it and no
sample tells which one it was. They are told apart by sending one name at a time beside the load of all.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from perfproof.agent import NODE_SCRIPT, injected_into_node
from perfproof.model.profile import Clock, Engine, Folded, Frame
from perfproof.why.profiles.engine import UnavailableError
from perfproof.why.profiles.stretches import Stretches, cpu_of

ANSWERS_WITHIN = 10.0
"""Seconds for every process to begin recording: it does so between two requests."""
WRITES_WITHIN = 30.0
_POLL = 0.02
_MODULE = re.compile(r".*/node_modules/(?P<package>@[^/]+/[^/]+|[^/]+)/?(?P<inside>.*)")
_SUFFIX = re.compile(r"\.(?:[cm]?[jt]sx?)$")


class NodeProfiler:
    """A Profiler of every Node process of a service that perfproof starts."""

    engine: Engine = "node"
    clock: Clock = "cpu"
    by_request = False
    alone = True

    def __init__(self, directory: Path, interval_ns: int, service_directory: Path) -> None:
        self._directory = directory
        self._service_directory = service_directory
        self.interval_ns = interval_ns
        self._stretches = Stretches()
        self._recording: set[str] = set()
        self._cpu_before = 0
        self._silent = 0
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)

    def environment(self, environment: Mapping[str, str]) -> dict[str, str]:
        """Return the environment in which Node loads the script."""
        return injected_into_node(environment, self._directory, self.interval_ns)

    def ready(self, pids: Sequence[int]) -> None:
        """Let every Node process record; UnavailableError if there is none, or none can."""
        here = self._told("here", pids)
        if not here:
            raise UnavailableError(
                "no process of the service has loaded V8's profiler: it is not Node, or drops NODE_OPTIONS"
            )
        self._order("record")
        deadline = time.monotonic() + ANSWERS_WITHIN
        while time.monotonic() < deadline:
            unable = self._told("unable", pids)
            self._recording = self._told("recording", pids)
            if here <= self._recording | unable:
                break
            time.sleep(_POLL)
        if not self._recording:
            whys = [file.read_text(errors="replace")[:200] for file in self._directory.glob("unable-*")]
            raise UnavailableError("V8's profiler did not start in the service", why=whys[0] if whys else None)

    def begin(self, slice_: int, request: int = 0) -> None:
        """Take down that a stretch begins."""
        self._cpu_before = cpu_of(self._pids())
        self._stretches.begin(request, slice_, time.monotonic_ns())

    def end(self, cpu_ns: int) -> None:
        """Take down that it ended, and what Node used of the CPU."""
        del cpu_ns  # that of the whole tree: a package manager or a helper that runs beside Node is none of it
        now = time.monotonic_ns()
        self._stretches.end(now, cpu_of(self._pids()) - self._cpu_before)

    def result(self) -> Folded:
        """Let every process write what it has, and return it."""
        self._order("write")
        deadline = time.monotonic() + WRITES_WITHIN
        wanted = {id_ for id_ in self._recording if Path(f"/proc/{_pid(id_)}").exists()}
        while time.monotonic() < deadline:
            written = {id_ for id_ in wanted if (self._directory / f"profile-{id_}.json").exists()}
            if written == wanted:
                break
            time.sleep(_POLL)
        self._silent = len(self._recording - written)
        for id_ in sorted(written):
            profile = json.loads((self._directory / f"profile-{id_}.json").read_bytes())
            for at, frames, weight in samples_of(profile, self._service_directory):
                self._stretches.add(at, frames, weight)
        folded = self._stretches.folded()
        if not folded.total_ns:
            raise UnavailableError("V8's profiler saw no JavaScript run", hint="raise `why.seconds` or the rate")
        return folded

    def notes(self) -> tuple[str, ...]:
        """Return what it cannot tell."""
        notes = ["V8's profiler sees running code, not waiting; what JSON does is time of the function that calls it"]
        if self._silent:
            notes.append(
                f"{self._silent} of {len(self._recording)} Node processes ended before they reported what they ran"
            )
        return tuple(notes)

    def close(self) -> None:
        """Remove what was written."""
        for file in self._directory.glob("*"):
            file.unlink(missing_ok=True)

    def _order(self, order: str) -> None:
        partial = self._directory / "orders.partial"
        partial.write_text(order)
        partial.rename(self._directory / "orders")

    def _told(self, kind: str, pids: Collection[int]) -> set[str]:
        """Return which threads (PID-NUMBER) of ``pids`` left an answer of this kind."""
        found = {file.name.partition("-")[2] for file in self._directory.glob(f"{kind}-*") if file.suffix != ".partial"}
        return {id_ for id_ in found if _pid(id_) in pids}

    def _pids(self) -> set[int]:
        return {_pid(id_) for id_ in self._recording}


def _pid(id_: str) -> int:
    return int(id_.partition("-")[0])


def samples_of(profile: Mapping[str, Any], directory: Path) -> Iterator[tuple[int, tuple[Frame, ...], int]]:
    """Yield the samples of one V8 profile: monotonic nanoseconds, the stack, and nanoseconds until the next.

    Its own script and idle time are left out.
    """
    stacks = _stacks(profile["nodes"], directory)
    at = int(profile["startTime"])
    deltas = profile["timeDeltas"]
    times = []
    for delta in deltas:
        at += int(delta)
        times.append(at)
    for place, node in enumerate(profile["samples"]):
        stack = stacks.get(node)
        # A sample stands for the time up to the next one: it says what ran from then on.
        weight = times[place + 1] - times[place] if place + 1 < len(times) else 0
        if stack and weight > 0:
            yield times[place] * 1000, stack, weight * 1000


def _stacks(nodes: Sequence[Mapping[str, Any]], directory: Path) -> dict[int, tuple[Frame, ...] | None]:
    """Return the stack of every node of the call tree, None for what is not the service's time."""
    found: dict[int, tuple[Frame, ...] | None] = {}
    by_id = {node["id"]: node for node in nodes}
    waiting: list[tuple[int, tuple[Frame, ...] | None]] = [(nodes[0]["id"], ())] if nodes else []
    while waiting:
        number, above = waiting.pop()
        node = by_id[number]
        frame = _frame(node["callFrame"]["functionName"], node["callFrame"]["url"], directory)
        stack = above
        if frame is None:
            stack = None
        elif above is not None and frame.function != "(root)":
            stack = (*above, frame)
        found[number] = stack
        waiting += [(child, stack) for child in node.get("children", ())]
    return found


@cache
def _frame(function: str, url: str, directory: Path) -> Frame | None:
    """Return the frame of a function, None where the time is not the service's."""
    if function == "(idle)" or url.endswith(NODE_SCRIPT.name):
        return None
    if not url:
        named = {"(program)": "native code", "(garbage collector)": "garbage collection"}
        return Frame("V8", named.get(function, function or "(anonymous)"), own=False)
    name = function or "(anonymous)"
    file = unquote(url.removeprefix("file://"))
    if not file.startswith("/"):  # node:fs; older Node writes its own modules without `node:`
        return Frame(_dotted(f"node/{url.removeprefix('node:')}"), name, own=False)
    library = _MODULE.fullmatch(file)
    if library:
        package = library["package"].replace(".", "_")  # socket.io is one package, not `io` of `socket`
        return Frame(f"{package}.{_dotted(library['inside'])}".rstrip("."), name, own=False)
    here = f"{directory.absolute()}/"
    inside = file[len(here) :] if file.startswith(here) else file.rpartition("/")[2]
    return Frame(_dotted(inside), name, own=True)


def _dotted(path: str) -> str:
    return _SUFFIX.sub("", path).replace(".", "_").strip("/").replace("/", ".").removesuffix(".index")
