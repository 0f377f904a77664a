"""Allocations by line from inside a program: the injected line is found with its size, by memray and without it."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from perfproof.why.observed.allocations import Allocations

PROGRAM = """
import sys
from perfproof_agent import calls

def keep(size):
    return [bytes(1000) for _ in range(size)]

def answer():
    kept = keep(300)
    for _ in range(200):
        bytearray(5000)  # freed at once
    return sum(map(len, kept))

for line in sys.stdin:
    request = calls.Request(line.strip())
    token = calls.request.set(request)
    request.begin()
    answer()
    request.end()
    calls.request.reset(token)
    print("done", flush=True)
"""


@pytest.fixture
def lend(tmp_path):
    """Start the program with the agent in it and lend what sends a request to it."""
    running = []

    def start(watch, *, memray):
        (tmp_path / "program.py").write_text(PROGRAM)
        environment = dict(os.environ)
        if not memray:
            (tmp_path / "without").mkdir()
            (tmp_path / "without" / "memray.py").write_text("raise ImportError")
            environment["PYTHONPATH"] = str(tmp_path / "without")
        program = subprocess.Popen(
            [sys.executable, "program.py"],
            cwd=tmp_path,
            env=watch.environment(environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        running.append(program)

        def ask(times):
            for _ in range(times):
                program.stdin.write("x\n")
                program.stdin.flush()
                assert program.stdout.readline() == "done\n"

        ask(2)
        return program, ask

    yield start
    for program in running:
        program.kill()
        program.wait()


def at(window, text, path: Path):
    number = next(n for n, line in enumerate(PROGRAM.splitlines(), start=1) if text in line)
    found = [value for (line, own), value in window.lines.items() if line.startswith(f"program.py:{number}") and own]
    return found[0] if found else (0.0, 0.0)


@pytest.mark.parametrize("memray", [True, False])
def test_the_line_that_allocates_is_found_in_each_window_alone(memray, lend, tmp_path):
    watch = Allocations(tmp_path / "agent")
    program, ask = lend(watch, memray=memray)
    for _ in range(2):
        watch.begin([program.pid])
        ask(10)
        window = watch.end()
        assert window.engine == ("memray" if memray else "tracemalloc")
        assert window.problem is None
        size, blocks = at(window, "[bytes(1000)", tmp_path)
        assert size / 10 == pytest.approx(300 * 1033, rel=0.1)
        assert 300 <= blocks / 10 < 400  # the list itself grows, too
        freed, _ = at(window, "bytearray(5000)", tmp_path)
        if memray:
            assert freed / 10 == pytest.approx(200 * 5001, rel=0.1)
        else:
            assert freed / 10 < 6000
    ask(1)  # it goes on without being watched


def test_what_is_allocated_outside_of_the_window_is_not_seen(lend, tmp_path):
    watch = Allocations(tmp_path / "agent")
    program, ask = lend(watch, memray=True)
    watch.begin([program.pid])
    window = watch.end()
    ask(5)
    assert at(window, "[bytes(1000)", tmp_path) == (0.0, 0.0)


def test_a_service_that_is_not_python_is_told_at_once(tmp_path):
    watch = Allocations(tmp_path / "agent")
    began = time.monotonic()
    watch.begin([os.getpid()])
    window = watch.end()
    assert "it is not Python" in window.problem
    assert time.monotonic() - began < 1


def test_a_process_that_dies_in_the_window_holds_nobody_up(lend, tmp_path):
    watch = Allocations(tmp_path / "agent")
    program, _ = lend(watch, memray=True)
    watch.begin([program.pid])
    program.kill()
    program.wait()
    began = time.monotonic()
    assert watch.end().problem is not None
    assert time.monotonic() - began < 5
