"""What observing a service costs: the collectors' own CPU time, for two arms of one process and of nine.

The same looks as in a measurement: RSS and CPU five times a second, the CPU clocks around half-second blocks, PSS once
a second between blocks. The bar is 0.5 % of a core. Run as ``python benchmarks/collectors.py``.
"""

from __future__ import annotations

import subprocess
import sys
import time
from contextlib import ExitStack

from perfproof.service.processes import ProcessTree, Sampler
from perfproof.service.tree import Descendants

SECONDS = 8
BLOCK = 0.5
MEGABYTES = 60
SERVICE = f"""
import os, sys, threading, time
memory = bytearray({MEGABYTES} << 20)
for _ in range(int(sys.argv[1])):
    if os.fork() == 0:
        break
for _ in range(4):
    threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
time.sleep(60)
"""


def measure(workers: int, churn: bool) -> None:
    with ExitStack() as stack:
        trees = []
        for arm in range(2):
            process = subprocess.Popen([sys.executable, "-c", SERVICE, str(workers)])
            tree = Descendants((process.pid,), include_roots=True)
            stack.callback(end, process, tree)
            trees.append(ProcessTree(arm, tree.pids))
        time.sleep(1.5)
        for tree in trees:
            tree.look(full=True)
        began, used = time.monotonic(), time.thread_time()
        full_seconds = 0.0
        with Sampler(trees) as sampler:
            for block in range(int(SECONDS / BLOCK)):
                tree = trees[block % 2]
                tree.cpu_ns()
                time.sleep(BLOCK)
                tree.cpu_ns()
                if churn:
                    subprocess.run(["true"], check=True)
                if block % 2:
                    full = time.thread_time()
                    for tree in trees:
                        tree.look(full=True)
                    full_seconds += time.thread_time() - full
        seconds = time.monotonic() - began
        blocks_seconds = time.thread_time() - used - full_seconds
        during, between = sampler.cpu_seconds / seconds, full_seconds / seconds
        processes = trees[0].columns()["processes"].max()
        print(
            f"two arms of {processes} process{'es' if processes > 1 else ''}"
            f"{', others start processes' if churn else ''}: sampler {during:.3%} of a core,"
            f" clocks around blocks {blocks_seconds / seconds:.3%}, PSS between blocks {between:.3%},"
            f" together {during + between + blocks_seconds / seconds:.3%} (bar 0.5 %)"
        )


def end(process: subprocess.Popen[bytes], tree: Descendants) -> None:
    for pid in tree.pids()[1:]:
        subprocess.run(["kill", "-9", str(pid)], check=False)
    process.kill()
    process.wait()


if __name__ == "__main__":
    for workers in (0, 8):
        measure(workers, churn=False)
    measure(8, churn=True)
