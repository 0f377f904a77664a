"""Profilers and counters of this machine, tried on a program of our own: what is installed may still be forbidden."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from perfproof.doctor.context import Context
from perfproof.doctor.results import CheckResult, ok, warning
from perfproof.errors import PerfproofError
from perfproof.instructions.callgrind import Callgrind
from perfproof.instructions.counters import HardwareCounters
from perfproof.instructions.source import UncountableError
from perfproof.why.profiles.engine import Profiler, UnavailableError
from perfproof.why.profiles.perf import Perf
from perfproof.why.profiles.py_spy import PySpy

INTERVAL = 0.001
_FOR = {"py-spy": "Python services into which nothing can be put", "perf": "services in C, C++, Rust or Go"}
_OUTSIDE: tuple[Callable[[Path, float, Path], Profiler], ...] = (PySpy, Perf)
_LIVES = "import time\nwhile True: time.sleep(0.05)"


class Profilers:
    """Whether the profilers that look into a service from outside are here and allowed to."""

    about = "profilers"

    def run(self, context: Context) -> Iterator[CheckResult]:
        """Have each sample a program of ours for a moment."""
        working = ["the agent (Python)"]
        inside = {"node": "V8's (Node)", "java": "the Flight Recorder (JVM)"}
        working += [told for program, told in inside.items() if shutil.which(program)]
        failed = []
        with _program() as pid:
            for make in _OUTSIDE:
                profiler = make(context.private / "try", INTERVAL, context.private)
                try:
                    profiler.ready([pid])
                    working.append(profiler.engine)
                except UnavailableError as error:
                    told, fix = _parts(error)
                    failed.append(warning(self.about, f"{told}: no causes in {_FOR[profiler.engine]}", fix))
                finally:
                    profiler.close()
        yield ok(self.about, ", ".join(working))
        yield from failed


class InstructionCounters:
    """Whether instructions can be counted, and by what."""

    about = "counters"

    def run(self, context: Context) -> Iterator[CheckResult]:
        """Ask for one counter, then for Valgrind."""
        del context
        lacking: list[tuple[str, str]] = []
        try:
            HardwareCounters()
            yield ok(self.about, "the processor's own")
            return
        except UncountableError as error:
            lacking.append(_parts(error))
        try:
            Callgrind.made()
        except UncountableError as error:
            lacking.append(_parts(error))
            what = "no instructions can be counted (`perfproof count`)"
            fixes = [fix for _, fix in lacking if fix]
            yield warning(self.about, what, "; or ".join(fixes), "; ".join(told for told, _ in lacking))
            return
        yield ok(self.about, f"Valgrind ({lacking[0][0].partition(',')[0]})")


@contextmanager
def _program() -> Iterator[int]:
    """Lend a Python program that lives as long as it is lent."""
    running = subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", _LIVES], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, cwd=Path("/")
    )
    try:
        yield running.pid
    finally:
        running.kill()
        running.wait()


def _parts(error: PerfproofError) -> tuple[str, str]:
    """Return an error in one clause, and what to do."""
    return f"{error.what} ({error.why})" if error.why else error.what, error.hint or ""
