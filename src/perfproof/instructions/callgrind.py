"""Valgrind's callgrind: counts in any program that runs under it, on any machine, many times slower.

The service starts with instrumentation switched off and is merely translated (about four times slower); it is
switched on once the service is warm. ``callgrind_control`` does the same by the same program (``vgdb``), but that
needs Perl.
"""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from perfproof.instructions.functions import Graph, read
from perfproof.instructions.source import Processes, UncountableError
from perfproof.model.instructions import Source
from perfproof.model.scenario import Arm

ANSWERS_WITHIN = 60.0
"""Seconds within which a process takes a command; it may be in the middle of a long stretch of its own code."""
LOOK_SECONDS = 0.5
"""How often it is looked whether a process that does not answer has ended."""
ENDS_WITHIN = 5.0
"""Seconds that a process takes at most from putting away its first pipe until it has ended."""
WAKES_AFTER_MS = 10
"""Milliseconds after which a process that only waits is woken by tracing it. When it is looked at it has mostly
answered its last request, so Valgrind's own 100 would be lost at every look, of which a start has hundreds."""
STARTS_SLOWER = 12.0
_TOTALS = re.compile(rb"^totals: (\d+)", re.MULTILINE)
_DUMP = re.compile(r"out\.(?P<pid>\d+)(?:\.(?P<part>\d+))?")


class Callgrind:
    """A Counter that runs the service under Valgrind; its files live in ``directory``."""

    name: Source = "callgrind"
    slowdown = 60.0

    def __init__(self, directory: Path, programs: tuple[str, str]) -> None:
        self.directory = directory
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._valgrind, self._vgdb = programs
        self._processes: Processes = list
        self._read: set[Path] = set()
        self._met: set[int] = set()
        self.taken: list[Path] = []
        self.missed = 0
        self.forked = 0

    @classmethod
    def made(cls) -> Callable[[Path], Callgrind]:
        """Return how to make one, given its directory; UncountableError where Valgrind is not installed."""
        programs = _programs()
        return lambda directory: cls(directory, programs)

    def arm(self, arm: Arm) -> Arm:
        """Return the arm with Valgrind in front of its command."""
        service = arm.service
        line = service.command or ""
        words = ["/bin/sh", "-c", line] if service.shell else shlex.split(line)
        options = [
            self._valgrind, "--tool=callgrind", "--quiet", "--instr-atstart=no", "--trace-children=yes",
            f"--callgrind-out-file={self.directory}/out.%p", f"--vgdb-prefix={self.directory}/vgdb",
            # Code made while the program runs (V8, the JVM, a JIT of Python) may be made again in the same place.
            "--smc-check=all-non-file", "--dump-line=no",
        ]  # fmt: skip
        timeout = service.start_timeout * STARTS_SLOWER
        command = shlex.join([*options, *words])
        # Go interrupts its threads by signals at any instruction, which callgrind (3.19) does not survive.
        preempt = ",".join(filter(None, (service.environment.get("GODEBUG"), "asyncpreemptoff=1")))
        environment = {**service.environment, "GODEBUG": preempt}
        return replace(
            arm,
            service=replace(service, command=command, shell=False, start_timeout=timeout, environment=environment),
        )

    def begin(self, processes: Processes) -> None:
        """Switch instrumentation on everywhere, and forget what switching it on has cost."""
        self._processes = processes
        if not self._listening():
            raise UncountableError(
                "the service does not run under Valgrind",
                why="none of its processes answers to it",
                hint="does its command start it through a setuid program, a container or another service?",
            )
        self._tell("instrumentation on")
        self._met.update(self._listening())
        self.take()
        self.missed = self.forked = 0  # what was started and ended before is none of what requests do

    def take(self) -> int:
        """Have every process write what it counted; those that have ended have done so by themselves."""
        self._tell("dump")
        total = 0
        self.taken = []
        for file in self._dumps():
            found = _TOTALS.findall(_end_of(file))
            if found:
                self._read.add(file)
                self.taken.append(file)
                total += int(found[-1])
                self._meet(file, int(found[-1]))
        return total

    def _meet(self, file: Path, total: int) -> None:
        """Note a process that is met for the first time.

        One that was executed anew counts nothing; a forked one goes on from what its parent had counted by then, which
        callgrind does not tell apart from its own.
        """
        name = _DUMP.fullmatch(file.name)
        if name is not None and (pid := int(name["pid"])) not in self._met:
            self._met.add(pid)
            self.missed += total == 0
            self.forked += total > 0

    def graph(self) -> Graph:
        """Return what each function executed in the last ``take``."""
        return read(self.taken)

    def close(self) -> None:
        """Remove what was written: dumps are large."""
        shutil.rmtree(self.directory, ignore_errors=True)

    def _dumps(self) -> Iterator[Path]:
        for file in sorted(self.directory.glob("out.*")):
            if file not in self._read and _DUMP.fullmatch(file.name):
                yield file

    def _listening(self) -> list[int]:
        return [pid for pid in self._processes() if any(self.directory.glob(f"vgdb-to-vgdb-from-{pid}-by-*"))]

    def _tell(self, command: str) -> None:
        pids = self._listening()
        with ThreadPoolExecutor(max(1, len(pids))) as pool:
            list(pool.map(lambda pid: self._tell_one(pid, command), pids))

    def _tell_one(self, pid: int, command: str) -> None:
        options = [f"--vgdb-prefix={self.directory}/vgdb", f"--max-invoke-ms={WAKES_AFTER_MS}", f"--pid={pid}"]
        line = [self._vgdb, *options, *command.split()]
        deadline = time.monotonic() + ANSWERS_WITHIN
        with subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as asking:
            while True:
                try:
                    _, problem = asking.communicate(timeout=LOOK_SECONDS)
                    break
                except subprocess.TimeoutExpired:
                    # One that ends at this very moment takes no command any more, and vgdb would wait for good.
                    ended = _has_ended(pid)
                    if not ended and time.monotonic() < deadline:
                        continue
                    asking.kill()
                    if ended:
                        return
                    raise UncountableError(
                        f"a process of the service did not answer Valgrind within {ANSWERS_WITHIN:.0f} s",
                        hint="it may have to be woken: allow tracing (`--cap-add SYS_PTRACE` in a container)",
                    ) from None
        # One that ends wrote its counts by itself; it is still among the processes for a moment, and takes away one of
        # its pipes after the other.
        ending = time.monotonic() + ENDS_WITHIN
        while asking.returncode != 0 and pid in self._listening() and not _has_ended(pid):
            if time.monotonic() < ending:
                time.sleep(LOOK_SECONDS / 10)
                continue
            told = (problem.strip().splitlines() or ["no reason given"])[-1]
            raise UncountableError("a process of the service cannot be reached under Valgrind", why=told)


def _has_ended(pid: int) -> bool:
    """Tell whether a process is gone, or only waits for its parent to notice that it has ended."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return True
    return stat.rpartition(")")[2].split()[:1] in (["Z"], ["X"])


def _programs() -> tuple[str, str]:
    found = {name: shutil.which(name) for name in ("valgrind", "vgdb")}
    valgrind, vgdb = found["valgrind"], found["vgdb"]
    if valgrind is None or vgdb is None:
        raise UncountableError("Valgrind is not installed", hint="install your system's package valgrind")
    return valgrind, vgdb


def _end_of(file: Path) -> bytes:
    """Return the last lines of a file: totals are told at its end."""
    with file.open("rb") as stream:
        stream.seek(0, 2)
        stream.seek(max(0, stream.tell() - 4096))
        return stream.read()
