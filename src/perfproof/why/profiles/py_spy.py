"""py-spy: Python services from outside, where nothing can or shall be put into them.

It sees which threads run, not which request they work on: the profile is one of all requests. Loading one request name
after the other instead would tell them apart and measure another service, without the mix that fills its caches.
"""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from perfproof.model.profile import Engine, Folded, Frame
from perfproof.why.profiles.engine import FromOutside, ProfileRecorder, UnavailableError, root, says

FASTEST = 0.002
"""Seconds between samples at least: it halts the service for each one."""
_FRAME = re.compile(r"(?P<function>.*) \((?P<file>.*?)(?::\d+)?\)")
_WAITING = re.compile(r"(?:^|\.)(?:select|poll|wait|accept|wait_for_signals|get_request) \(")
"""Functions in which a thread waits for work; on a busy machine py-spy takes some of these for running."""
_HINT = "let perfproof trace it: `sudo sysctl kernel.yama.ptrace_scope=0`, or in a container `--cap-add SYS_PTRACE`"


class PySpy(FromOutside):
    """A Profiler that runs py-spy for each slice."""

    engine: Engine = "py-spy"

    def __init__(self, directory: Path, interval: float, service_directory: Path) -> None:
        super().__init__(directory, max(1, round(1 / max(interval, FASTEST))), service_directory)
        self._pid = 0

    def ready(self, pids: Sequence[int]) -> None:
        """Raise UnavailableError if py-spy is not there or may not look into the service."""
        self._pid = root(pids)
        self.begin(0)
        self.end(0)
        self._folded = Folded()

    def begin(self, slice_: int, request: int = 0) -> None:
        """Start py-spy and wait until it samples."""
        del request  # starting takes too long for one name at a time
        self._slice = slice_
        raw = self._directory / "raw.folded"
        raw.unlink(missing_ok=True)
        command = [
            _program(), "record", "--pid", str(self._pid), "--subprocesses", "--format", "raw", "--function",
            "--full-filenames", "--rate", str(self._rate), "--duration", "3600", "--output", str(raw),
        ]  # fmt: skip
        recorder = self._recorder = ProfileRecorder(command, self._directory / "py-spy.log")
        try:
            recorder.wait_until(lambda: "Sampling process" in recorder.output())
        except UnavailableError as error:
            denied = says(error, "ermission", "EPERM", "not permitted")
            raise UnavailableError(
                "py-spy may not look into the service" if denied else error.what,
                why=None if denied else error.why,
                hint=_HINT if denied else None,
            ) from error

    def end(self, cpu_ns: int) -> None:
        """Stop py-spy and share the CPU time among what it saw: it takes a thread that waits for a core for running."""
        if not self._stopped():
            return
        raw = self._directory / "raw.folded"
        if not raw.exists():
            return
        lines = raw.read_text(encoding="utf-8", errors="replace").splitlines()
        counted = [(stack, count) for stack, _, count in (line.rpartition(" ") for line in lines) if count.isdigit()]
        stacks = [(stack.split(";"), int(count)) for stack, count in counted]
        stacks = [(stack, count) for stack, count in stacks if not _WAITING.search(stack[-1])]
        total = sum(count for _, count in stacks)
        for stack, count in stacks:
            frames = [self._frame(text) for text in stack if not text.startswith("process ")]
            if frames:
                self._folded.add(0, self._slice, frames, cpu_ns * count // total)

    def result(self) -> Folded:
        """Return what was seen."""
        if not self._folded.total_ns:
            raise UnavailableError("py-spy saw no Python code run")
        return self._folded

    def notes(self) -> tuple[str, ...]:
        """Return what it cannot tell."""
        return ("py-spy sees only running threads, and not which request they work on",)

    def _frame(self, text: str) -> Frame:
        found = _FRAME.fullmatch(text)
        if found is None:
            return Frame("?", text, own=False)
        return python_frame(found["function"], found["file"], self._service_directory)


def _program() -> str:
    beside = Path(sys.executable).with_name("py-spy")
    found = str(beside) if beside.exists() else shutil.which("py-spy")
    if found is None:
        raise UnavailableError("py-spy is not installed", hint="pip install py-spy")
    return found


_PACKAGES = re.compile(r".*/(?:site|dist)-packages/")
_STDLIB = re.compile(r".*/lib(?:64)?/(?:python3\.\d+|pypy3\.\d+)/")


@cache
def python_frame(function: str, file: str, directory: Path) -> Frame:
    """Return the frame of a function in a source file of a service that runs in ``directory``."""
    if file.startswith("<frozen "):
        return Frame(file[8:-1], function, own=False)
    if not file.endswith(".py"):
        return Frame(file.strip("<>").rpartition("/")[2] or "?", function, own=False)
    for pattern in (_PACKAGES, _STDLIB):
        inside = pattern.match(file)
        if inside:
            return Frame(_dotted(file[inside.end() :]), function, own=False)
    here = f"{directory.absolute()}/"
    inside_here = file[len(here) :] if file.startswith(here) else file.rpartition("/src/")[2]
    return Frame(_dotted(inside_here) if len(inside_here) < len(file) else Path(file).stem, function, own=True)


def _dotted(path: str) -> str:
    name = path.removesuffix(".py").removesuffix("/__init__").removeprefix("src/")
    return name.replace("/", ".")
