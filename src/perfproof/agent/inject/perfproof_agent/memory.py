"""Allocations by line while perfproof asks for it, in windows: by memray where it can be imported, else by tracemalloc.

perfproof writes the number of a window into the file ``memory`` of the agent's directory (0: none). A thread of each
process begins the window (``memory-<pid>-<n>.on`` says so) and ends it (``memory-<pid>-<n>.json`` is what was seen).
memray sees every allocation, also those that are freed at once. tracemalloc knows only what is alive: so the thread,
and every function of a request that returns, look how much that is, and the moment when it was most is kept.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from typing import Any, Iterable

from . import callers, calls, channel

POLL_S = 0.005
SWITCH_S = 0.0005  # a request of a millisecond would end before the looking thread had its turn
FRAMES = 40
GROWTH, STEP = 1.1, 10_000  # the next look is worth its time once this much more (and these bytes) are alive
_AGENT = os.path.dirname(os.path.abspath(__file__)) + os.sep


class Lines:
    """Bytes and blocks by line, folded to the innermost line of the user's code."""

    def __init__(self) -> None:
        self.found: dict[tuple[str, bool], list[float]] = {}
        self._places: dict[str, Any] = {}

    def add(self, place: tuple[str, bool] | None, size: float, blocks: float) -> None:
        """Book an allocation; those of the agent itself have no place."""
        if place is not None:
            entry = self.found.setdefault(place, [0.0, 0.0])
            entry[0] += size
            entry[1] += blocks

    def place(self, frames: Iterable[Any]) -> tuple[str, bool] | None:
        """Return the line for a stack (innermost frame first), and whether it is the user's."""
        library: str | None = None
        seen = False
        for function, file, number in frames:
            seen = True
            if file.startswith(_AGENT) and os.path.basename(file) == "memory.py":
                return None
            place = self._places.get(file)
            if place is None:
                place = self._places[file] = callers._place(file)
            if place.kind == "user":
                return ("%s:%d %s" % (place.path, number, function)).rstrip(), True
            if library is None and place.kind == "library":
                library = ("%s:%d %s" % (place.path, number, function)).rstrip()
        return (library or ("(Python itself)" if seen else "(outside of Python)")), False

    def rows(self) -> list[Any]:
        """Return what was found, the most bytes first."""
        ranked = sorted(self.found.items(), key=lambda item: -item[1][0])
        return [[line, own, size, blocks] for (line, own), (size, blocks) in ranked]


class Memray:
    """Every allocation, written to a file and read back when the window ends."""

    name = "memray"

    def __init__(self, stem: str) -> None:
        import memray  # type: ignore[import-not-found, unused-ignore] # of the service's interpreter

        self._module = memray
        self._file = stem + ".bin"
        self._tracker = memray.Tracker(self._file, trace_python_allocators=True)
        self._tracker.__enter__()

    def watch(self) -> None:
        """See nothing by looking: every allocation is written down anyway."""

    def end(self) -> Lines:
        """Stop and return what was allocated."""
        self._tracker.__exit__(None, None, None)
        kinds = self._module.AllocatorType
        freeing = {int(kinds[name]) for name in ("FREE", "PYMALLOC_FREE", "MUNMAP") if name in kinds.__members__}
        lines = Lines()
        places: dict[int, Any] = {}
        try:
            with self._module.FileReader(self._file) as reader:
                for record in reader.get_allocation_records():
                    if int(record.allocator) in freeing:
                        continue
                    key = record.stack_id
                    if key not in places:
                        places[key] = lines.place(record.stack_trace())
                    lines.add(places[key], record.size, record.n_allocations)
        finally:
            os.unlink(self._file)
        return lines


class Tracemalloc:
    """What is alive at the moment of each request when it is most, from the standard library."""

    name = "tracemalloc"

    def __init__(self, _stem: str) -> None:
        import tracemalloc

        self._module = tracemalloc
        self._lines = Lines()
        self._best: Any = None
        self._most = 0
        self._active = False
        self._interval = sys.getswitchinterval()
        self._lock = threading.Lock()
        sys.setswitchinterval(SWITCH_S)
        tracemalloc.start(FRAMES)

    def begin_request(self) -> None:
        """Forget what was there before."""
        with self._lock:
            self._module.clear_traces()
            self._best, self._most, self._active = None, 0, True
        if hasattr(threading, "setprofile_all_threads"):  # from Python 3.12 on: also threads that are there already
            threading.setprofile_all_threads(self._returned)
        elif sys.getprofile() is None:
            sys.setprofile(self._returned)

    def _returned(self, _frame: Any, event: str, _argument: Any) -> None:
        if event == "return" and self._active:  # what the function holds is still alive
            self.watch()

    def end_request(self) -> None:
        """Book what was alive when it was most."""
        if hasattr(threading, "setprofile_all_threads"):
            threading.setprofile_all_threads(None)
        elif sys.getprofile() == self._returned:
            sys.setprofile(None)
        with self._lock:
            self._active = False
            for trace in self._best.traces if self._best is not None else ():
                frames = [("", frame.filename, frame.lineno) for frame in reversed(trace.traceback)]
                self._lines.add(self._lines.place(frames), trace.size, 1)
            self._best = None

    def watch(self) -> None:
        """Look whether more is alive than at any earlier look."""
        alive = self._module.get_traced_memory()[0]
        if not self._active or alive < self._most * GROWTH + STEP or not self._lock.acquire(blocking=False):
            return
        try:
            self._most = alive
            self._best = self._module.take_snapshot()
        finally:
            self._lock.release()

    def end(self) -> Lines:
        """Stop and return what was alive."""
        self._module.stop()
        sys.setswitchinterval(self._interval)
        return self._lines


_state: dict[str, Any] = {"engine": None, "number": 0}


def install() -> None:
    """Follow the file from a thread, in forked children too, and tell tracemalloc of requests."""
    begin, end = calls.Request.begin, calls.Request.end

    def begins(self: Any) -> None:
        engine = _state["engine"]
        if isinstance(engine, Tracemalloc):
            calls.guarded(engine.begin_request)
        begin(self)

    def ends(self: Any) -> None:
        engine = _state["engine"]
        if isinstance(engine, Tracemalloc) and not self.done:
            calls.guarded(engine.end_request)
        end(self)

    calls.Request.begin = begins  # type: ignore[method-assign]
    calls.Request.end = ends  # type: ignore[method-assign]
    _follow()
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=_follow)


def _follow() -> None:
    _state.update(engine=None, number=0)
    threading.Thread(target=_run, name="perfproof-memory", daemon=True).start()


def _run() -> None:
    directory = os.environ["PERFPROOF_AGENT_DIR"]
    while True:
        wanted = _wanted(os.path.join(directory, "memory"))
        if wanted != _state["number"]:
            try:
                _change(directory, wanted)
            except Exception:  # noqa: BLE001 - never the service's problem
                channel.complain("memory")
                _state.update(engine=None, number=wanted)
        engine = _state["engine"]
        if engine is not None:
            calls.guarded(engine.watch)
        time.sleep(SWITCH_S if isinstance(engine, Tracemalloc) else POLL_S)


def _wanted(file: str) -> int:
    try:
        with open(file) as stream:
            return int(stream.read() or 0)
    except (OSError, ValueError):
        return 0


def _change(directory: str, wanted: int) -> None:
    """End the window that is open and begin the one that is wanted."""
    engine, number = _state["engine"], _state["number"]
    _state.update(engine=None, number=wanted)
    if engine is not None:
        rows = engine.end().rows()
        _write(_stem(directory, number) + ".json", json.dumps({"engine": engine.name, "rows": rows}))
    if wanted:
        _state["engine"] = _engine(_stem(directory, wanted))
        _write(_stem(directory, wanted) + ".on", "")


def _engine(stem: str) -> Any:
    try:
        return Memray(stem)
    except Exception:  # noqa: BLE001 - it is not installed there, or does not work with this interpreter
        return Tracemalloc(stem)


def _stem(directory: str, number: int) -> str:
    return os.path.join(directory, "memory-%d-%d" % (os.getpid(), number))


def _write(file: str, text: str) -> None:
    """Write a file that is there whole or not at all."""
    partial = file + ".partial"
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as stream:
        stream.write(text)
    os.rename(partial, file)
