"""py-spy: Python services from outside, where nothing can or shall be put into them.

It sees which threads run, not which request they work on: the profile is one of all requests. Loading one request name
after the other instead would tell them apart and measure another service, without the mix that fills its caches.
"""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from perfproof.collectors.profiles.command import Recorder, root
from perfproof.collectors.profiles.engine import UnavailableError
from perfproof.collectors.profiles.folding import Folded
from perfproof.collectors.profiles.places import python_frame
from perfproof.model.profile import Clock, Engine, Frame

FASTEST = 0.002
"""Seconds between samples at least: it halts the service for each one."""
_FRAME = re.compile(r"(?P<function>.*) \((?P<file>.*?)(?::\d+)?\)")
_HINT = "let perfproof trace it: `sudo sysctl kernel.yama.ptrace_scope=0`, or in a container `--cap-add SYS_PTRACE`"


class PySpy:
    """A Profiler that runs py-spy for each slice."""

    engine: Engine = "py-spy"
    clock: Clock = "cpu"
    by_request = False

    def __init__(self, directory: Path, interval: float, service_directory: Path) -> None:
        self._directory = directory
        self._rate = max(1, round(1 / max(interval, FASTEST)))
        self._service_directory = service_directory
        self._pid = 0
        self._recorder: Recorder | None = None
        self._folded = Folded()
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)

    @property
    def interval_ns(self) -> int:
        """Return the interval it samples at."""
        return 1_000_000_000 // self._rate

    def environment(self, environment: Mapping[str, str]) -> dict[str, str]:
        """Return the environment as it is: nothing is put into the service."""
        return dict(environment)

    def ready(self, pids: Sequence[int]) -> None:
        """Raise UnavailableError if py-spy is not there or may not look into the service."""
        self._pid = root(pids)
        self.begin(0)
        self.end()
        self._folded = Folded()

    def begin(self, slice_: int) -> None:
        """Start py-spy and wait until it samples."""
        self._slice = slice_
        raw = self._directory / "raw.folded"
        raw.unlink(missing_ok=True)
        command = [
            _program(), "record", "--pid", str(self._pid), "--subprocesses", "--format", "raw", "--function",
            "--full-filenames", "--rate", str(self._rate), "--duration", "3600", "--output", str(raw),
        ]  # fmt: skip
        self._recorder = Recorder(command, self._directory / "py-spy.log", says="Sampling process")
        try:
            self._recorder.wait_until_recording()
        except UnavailableError as error:
            told = f"{error.why or ''}"
            denied = "ermission" in told or "EPERM" in told or "not permitted" in told
            raise UnavailableError(
                "py-spy may not look into the service" if denied else error.what,
                why=None if denied else error.why,
                hint=_HINT if denied else None,
            ) from error

    def end(self) -> None:
        """Stop py-spy and read what it wrote."""
        if self._recorder is None:
            return
        self._recorder.stop()
        self._recorder = None
        raw = self._directory / "raw.folded"
        if raw.exists():
            for line in raw.read_text(encoding="utf-8", errors="replace").splitlines():
                stack, _, count = line.rpartition(" ")
                frames = [self._frame(text) for text in stack.split(";") if not text.startswith("process ")]
                if frames:
                    self._folded.add(0, self._slice, frames, int(count) * self.interval_ns)

    def result(self) -> Folded:
        """Return what was seen."""
        if not self._folded.total_ns:
            raise UnavailableError("py-spy saw no Python code run")
        return self._folded

    def notes(self) -> tuple[str, ...]:
        """Return what it cannot tell."""
        return ("py-spy sees only running threads, and not which request they work on",)

    def close(self) -> None:
        """End py-spy if it still runs."""
        if self._recorder is not None:
            self._recorder.kill()

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
