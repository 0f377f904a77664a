"""perf: native services (C, C++, Rust, Go ...) where the kernel allows, by its CPU clock and frame pointers."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from perfproof.collectors.profiles.command import Recorder
from perfproof.collectors.profiles.engine import UnavailableError
from perfproof.collectors.profiles.folding import Folded
from perfproof.model.profile import Clock, Engine, Frame

INTERPRETED = ("node", "nodejs", "deno", "bun", "java", "ruby", "php", "php-fpm", "dotnet", "beam.smp", "perl")
"""Programs of which perf shows the interpreter or code compiled while it runs, which has no names."""
SLOWEST = 50
FASTEST = 2000
_HINT = "allow it: `sudo sysctl kernel.perf_event_paranoid=1`, or in a container `--cap-add PERFMON`"
_FRAME = re.compile(r"\s+[0-9a-f]+ (?P<function>.*) \((?P<object>[^()]*(?:\([^()]*\))?)\)")
_UNKNOWN = "[unknown]"


class Perf:
    """A Profiler that runs ``perf record`` for each slice."""

    engine: Engine = "perf"
    clock: Clock = "cpu"
    by_request = False

    def __init__(self, directory: Path, interval: float, service_directory: Path) -> None:
        self._directory = directory
        self._rate = min(max(round(1 / interval), SLOWEST), FASTEST)
        self._service_directory = service_directory
        self._pids: Sequence[int] = ()
        self._own: frozenset[str] = frozenset()
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
        """Raise UnavailableError if the service is not native, perf is not there, or the kernel does not allow it."""
        programs = {pid: _program_of(pid) for pid in pids}
        names = {Path(program).name for program in programs.values() if program}
        for name in sorted(names):
            if re.sub(r"[\d.]+$", "", name) in INTERPRETED:
                raise UnavailableError(f"code of {name} has no names that perf could show")
        if not names:
            raise UnavailableError("the service has no process on this machine")
        if shutil.which("perf") is None:
            raise UnavailableError("perf is not installed", hint="install your system's package linux-perf")
        self._pids = pids
        self._own = frozenset(program for program in programs.values() if program)
        self.begin(0)
        self.end()
        self._folded = Folded()

    def begin(self, slice_: int) -> None:
        """Start perf and wait until it records."""
        self._slice = slice_
        data = self._directory / "perf.data"
        data.unlink(missing_ok=True)
        command = [
            "perf", "record", "--quiet", "-e", "cpu-clock:u", "-F", str(self._rate), "-g",
            "-p", ",".join(map(str, self._pids)), "-o", str(data),
        ]  # fmt: skip
        self._recorder = Recorder(command, self._directory / "perf.log", file=data)
        try:
            self._recorder.wait_until_recording()
        except UnavailableError as error:
            told = error.why or ""
            denied = "ermission" in told or "ermitted" in told or "paranoid" in told
            raise UnavailableError(
                "the kernel does not let perf record" if denied else "perf cannot record",
                why=None if denied else told or error.what,
                hint=_HINT if denied else None,
            ) from error

    def end(self) -> None:
        """Stop perf and fold what it recorded."""
        if self._recorder is None:
            return
        self._recorder.stop()
        self._recorder = None
        data = self._directory / "perf.data"
        if not data.exists():
            return
        script = ["perf", "script", "-i", str(data), "-F", "ip,sym,dso", "--no-inline"]
        done = subprocess.run(script, capture_output=True, text=True, errors="replace", timeout=120, check=False)
        for stack in _stacks(done.stdout):
            frames = [self._frame(*each) for each in reversed(stack)]
            self._folded.add(0, self._slice, frames, self.interval_ns, unresolved=stack[0][0] == _UNKNOWN)

    def result(self) -> Folded:
        """Return what was seen."""
        if not self._folded.total_ns:
            raise UnavailableError("perf saw the service run no code")
        return self._folded

    def notes(self) -> tuple[str, ...]:
        """Return what it cannot tell."""
        notes = ["perf sees only running threads, and not which request they work on"]
        share = self._folded.unresolved_ns / self._folded.total_ns if self._folded.total_ns else 0.0
        if share > 0.05:
            notes.append(
                f"{share:.0%} of the time is in functions without a name: build the service with frame pointers and "
                "symbols, and install those of its libraries"
            )
        return tuple(notes)

    def close(self) -> None:
        """End perf if it still runs."""
        if self._recorder is not None:
            self._recorder.kill()

    def _frame(self, function: str, object_: str) -> Frame:
        name = re.sub(r"\+0x[0-9a-f]+$", "", function)
        own = object_ in self._own or object_.startswith(f"{self._service_directory.absolute()}/")
        return Frame(Path(object_).name or "?", name, own=own)


def _stacks(text: str) -> Iterator[list[tuple[str, str]]]:
    """Yield the stacks that ``perf script`` prints, innermost function first, as (function, object)."""
    stack: list[tuple[str, str]] = []
    for line in (*text.splitlines(), ""):
        found = _FRAME.fullmatch(line)
        if found is not None:
            stack.append((found["function"], found["object"]))
        elif not line.strip() and stack:
            yield stack
            stack = []


def _program_of(pid: int) -> str:
    try:
        return str(Path(f"/proc/{pid}/exe").readlink())
    except OSError:
        return ""
