"""perf: native services (C, C++, Rust, Go ...) where the kernel allows, by its CPU clock and frame pointers."""

from __future__ import annotations

import os
import re
import select
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from perfproof.core.numbers import percent
from perfproof.model.profile import NAMELESS, Engine, Folded, Frame
from perfproof.service.go_functions import GoFunctions, go_functions
from perfproof.service.programs import INTERPRETED, name_of, program_of
from perfproof.why.profiles.engine import FromOutside, ProfileRecorder, UnavailableError, says

SLOWEST = 50
FASTEST = 2000
_HINT = "allow it: `sudo sysctl kernel.perf_event_paranoid=1`, or in a container `--cap-add PERFMON`"
_FRAME = re.compile(r"\s+(?P<address>[0-9a-f]+) (?P<function>.*) \((?P<object>[^()]*(?:\([^()]*\))?)\)")


class Perf(FromOutside):
    """A Profiler that runs ``perf record`` for each slice."""

    engine: Engine = "perf"

    def __init__(self, directory: Path, interval: float, service_directory: Path) -> None:
        super().__init__(directory, min(max(round(1 / interval), SLOWEST), FASTEST), service_directory)
        self._pids: Sequence[int] = ()
        self._own: frozenset[str] = frozenset()
        self._pipes: list[int] = []
        self._go: dict[str, GoFunctions] = {}

    def ready(self, pids: Sequence[int]) -> None:
        """Raise UnavailableError if the service is not native, perf is not there, or the kernel does not allow it."""
        programs = {pid: program_of(pid) for pid in pids}
        names = {name_of(pid) for pid in pids} - {""}
        for name in sorted(names):
            if name in INTERPRETED:
                raise UnavailableError(f"code of {name} has no names that perf could show")
        if not names:
            raise UnavailableError("the service has no process on this machine")
        if shutil.which("perf") is None:
            raise UnavailableError("perf is not installed", hint="install your system's package linux-perf")
        self._pids = pids
        self._own = frozenset(program for program in programs.values() if program)
        self._go = {program: found for program in self._own if (found := go_functions(Path(program))) is not None}
        self.begin(0)
        self.end(0)
        self._folded = Folded()

    def begin(self, slice_: int, request: int = 0) -> None:
        """Start perf and wait until it records."""
        del request  # starting takes too long for one name at a time
        self._slice = slice_
        data = self._directory / "perf.data"
        data.unlink(missing_ok=True)
        (told, tell), (answer, answered) = os.pipe(), os.pipe()
        command = [
            "perf", "record", "--quiet", "-e", "cpu-clock", "-F", str(self._rate), "-g",
            "-p", ",".join(map(str, self._pids)), "-o", str(data), "-D", "-1", "--control", f"fd:{told},{answered}",
        ]  # fmt: skip
        try:
            self._recorder = ProfileRecorder(command, self._directory / "perf.log", lent=(told, answered))
            # It is started switched off, and answers once it is on: it looks at the whole machine first.
            os.write(tell, b"enable\n")
            self._recorder.wait_until(lambda: bool(select.select([answer], [], [], 0)[0]))
        except UnavailableError as error:
            denied = says(error, "ermission", "ermitted", "paranoid")
            raise UnavailableError(
                "the kernel does not let perf record" if denied else "perf cannot record",
                why=None if denied else error.why or error.what,
                hint=_HINT if denied else None,
            ) from error
        finally:
            os.close(told)
            os.close(answered)
            self._pipes = [tell, answer]  # perf stops when they are closed

    def end(self, cpu_ns: int) -> None:
        """Stop perf and fold what it recorded."""
        del cpu_ns  # its clock is that of the CPU
        if not self._stopped():
            return
        self._hang_up()
        data = self._directory / "perf.data"
        if not data.exists():
            return
        script = ["perf", "script", "-i", str(data), "-F", "ip,sym,dso", "--no-inline"]
        done = subprocess.run(script, capture_output=True, text=True, errors="replace", timeout=120, check=False)
        stacks = list(_stacks(done.stdout))
        go = {object_: functions for object_, functions in self._go.items() if _in_file(stacks, object_, functions)}
        for stack in stacks:
            named = [(_name(each, go), each.object_) for each in stack]
            frames = [self._frame(*each) for each in reversed(named)]
            self._folded.add(0, self._slice, frames, self.interval_ns, unresolved=named[0][0] == NAMELESS)

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
                f"{percent(share, signed=False)} of the time is in functions without a name: build the service with "
                "frame pointers and symbols, and install those of its libraries"
            )
        return tuple(notes)

    def close(self) -> None:
        """End perf if it still runs."""
        super().close()
        self._hang_up()

    def _hang_up(self) -> None:
        while self._pipes:
            os.close(self._pipes.pop())

    def _frame(self, function: str, object_: str) -> Frame:
        name = re.sub(r"\+0x[0-9a-f]+$", "", function)
        own = object_ in self._own or object_.startswith(f"{self._service_directory.absolute()}/")
        return Frame(Path(object_).name or "?", name, own=own)


@dataclass(frozen=True)
class Called:
    """One line of a stack. ``place`` is the address or, of what has no name, where it lies in the object's file."""

    function: str
    object_: str
    place: int


def _name(called: Called, go: Mapping[str, GoFunctions]) -> str:
    """Return a function's name; Go's have theirs without symbols."""
    if called.function != NAMELESS or called.object_ not in go:
        return called.function
    return go[called.object_].name_in_file(called.place) or called.function


def _in_file(stacks: Sequence[Sequence[Called]], object_: str, functions: GoFunctions) -> bool:
    """Tell whether places are those of the file, as of perf 6: what is outermost is then Go's own runtime.

    Earlier ones tell the address in the process, which would give other names.
    """
    outermost = [
        functions.name_in_file(mine[-1].place)
        for stack in stacks
        if (mine := [each for each in stack if each.object_ == object_ and each.function == NAMELESS])
    ]
    return sum(name.startswith("runtime.") for name in outermost) > len(outermost) / 2


def _stacks(text: str) -> Iterator[list[Called]]:
    """Yield the stacks that ``perf script`` prints, innermost function first."""
    stack: list[Called] = []
    for line in (*text.splitlines(), ""):
        found = _FRAME.fullmatch(line)
        if found is not None:
            stack.append(Called(found["function"], found["object"], int(found["address"], 16)))
        elif not line.strip() and stack:
            yield stack
            stack = []
