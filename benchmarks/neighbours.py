"""Noise that is planted, not hoped for: neighbours on the service's core. Used by the benchmarks of verdicts.

Each is a process of its own, pinned to the cores that `perfproof` gives the service, and ends with its `with`.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from perfproof.machine.cores import split_cpus

BURSTS = """
import random, time
while True:
    span = random.uniform(0.005, 0.5)
    end = time.monotonic() + span
    while time.monotonic() < end:
        pass
    time.sleep(span * 7 / 3)
"""
MEMORY = """
import numpy, random, time
room = numpy.zeros(64 << 20, dtype=numpy.uint8)
while True:
    for _ in range(random.randint(1, 20)):
        room[::64] += 1
    time.sleep(random.uniform(0.01, 0.2))
"""
DISK = """
import os, random, sys, time
file = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT)
while True:
    os.pwrite(file, os.urandom(1 << 20), 0)
    os.fsync(file)
    time.sleep(random.uniform(0.005, 0.05))
"""
NEIGHBOURS = {"none": "", "bursts": BURSTS, "memory": MEMORY, "disk": DISK}
"""By name: nothing; a neighbour that burns for 5 to 500 ms, 30 % of the time; one that thrashes memory; one that writes
and calls fsync."""


@contextmanager
def neighbour(name: str) -> Iterator[None]:
    """Have a neighbour of this kind on the service's cores for as long as the block takes."""
    program = NEIGHBOURS[name]
    if not program:
        yield
        return
    cores = split_cpus().service
    with tempfile.TemporaryDirectory() as folder:
        process = subprocess.Popen(
            [sys.executable, "-c", program, os.path.join(folder, "written")],  # noqa: PTH118
            preexec_fn=(lambda: os.sched_setaffinity(0, cores)) if cores else None,
        )
        try:
            yield
        finally:
            process.kill()
            process.wait()
