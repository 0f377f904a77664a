"""A process that does on request what services do: burn CPU in threads and children, take memory, give it back."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

PROGRAM = '''
import os, resource, signal, sys, threading, time
kept = {}

def burn(seconds):
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass

def threads(count, seconds):
    running = [threading.Thread(target=burn, args=(float(seconds),)) for _ in range(int(count))]
    [thread.start() for thread in running]
    [thread.join() for thread in running]

def child(seconds, then="exit"):
    """Fork; the child burns CPU, then exits, or stays until told to go."""
    pid = os.fork()
    if pid == 0:
        burn(float(seconds))
        while then == "stay":
            time.sleep(0.01)
        os._exit(0)
    kept["child"] = pid
    if then == "exit":
        os.waitpid(pid, 0)

def end_child():
    os.kill(kept["child"], signal.SIGKILL)
    os.waitpid(kept["child"], 0)

def hold(megabytes):
    kept["memory"] = bytearray(int(megabytes) << 20)
    kept["memory"][::4096] = b"x" * len(kept["memory"][::4096])

def release():
    del kept["memory"]

def pid_of_child():
    return kept["child"]

for line in sys.stdin:
    name, *arguments = line.split()
    answer = globals()[name](*arguments)
    own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    print(answer if answer is not None else sum(r.ru_utime + r.ru_stime for r in (own, children)), flush=True)
'''


class Subject:
    """The process and what it answers: by default the CPU seconds it and its reaped children have used."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.pid = self.process.pid
        self.do("threads 0 0")

    def do(self, line: str) -> float:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        print(line, file=self.process.stdin, flush=True)
        return float(self.process.stdout.readline())

    def pids(self) -> list[int]:
        """Return the process and its children."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text()
        return [self.pid, *map(int, children.split())]

    def end(self) -> None:
        if self.process.poll() is None:
            for pid in reversed(self.pids()):
                os.kill(pid, signal.SIGKILL)
            self.process.communicate()


@pytest.fixture
def subject() -> Iterator[Subject]:
    process = Subject()
    yield process
    process.end()


@pytest.fixture
def subjects() -> Iterator[Callable[[], Subject]]:
    made: list[Subject] = []

    def make() -> Subject:
        made.append(Subject())
        return made[-1]

    yield make
    for process in made:
        process.end()
