"""What runs in a process decides which profilers are worth a try."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from perfproof.service.programs import fits


@contextmanager
def running(*command: str) -> Iterator[int]:
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        yield process.pid
    finally:
        process.kill()
        process.communicate()


def test_a_compiled_program_is_nothing_for_profilers_of_python() -> None:
    with running("sleep", "60") as pid:
        assert [engine for engine in ("agent", "py-spy", "node", "jfr", "perf") if fits(engine, [pid])] == ["perf"]
        with running(sys.executable, "-c", "input()") as python:
            assert fits("agent", [pid, python]), "one of its processes is enough"


def test_what_cannot_be_seen_is_worth_a_try() -> None:
    assert fits("agent", [])
    assert fits("py-spy", [2**22 + 1])


def test_an_interpreter_in_a_program_of_another_name_is_found(tmp_path: Path) -> None:
    own = tmp_path / "own"
    shutil.copy(Path(sys.executable).resolve(), own)
    environment = {**os.environ, "PYTHONHOME": sys.base_prefix}
    code = "import _ctypes, sys; print('up', flush=True); sys.stdin.read()"
    process = subprocess.Popen([own, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment)
    try:
        assert process.stdout is not None
        assert process.stdout.read(2) == b"up"
        assert fits("py-spy", [process.pid])
    finally:
        process.kill()
        process.communicate()
