"""Is a load generator that cannot keep up always told from one that can? Counts over 20 tries each.

    python benchmarks/saturation.py [--tries 20]

Planted, with real processes: busy neighbours on the generator's core, a rate that no core can send, users without think
time, and a generator that is stopped (SIGSTOP) for a moment. Calm: the same service under rates and users that the
generator has time for. Each try is a block through the real load process against nginx, judged as a run judges it. A
calm try in which other programs took the generator's core for more than 5 % of the time was none and is made again.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from generator import nginx, scenario

from perfproof.load.load_client import LoadProcess
from perfproof.load.plan import BlockReport
from perfproof.model.recording import Block
from perfproof.model.scenario import Limits, Load
from perfproof.stats.generator import WAITED_DOUBT, GeneratorState, generator_state

SECONDS = 0.5
MOST_ATTEMPTS = 10


@dataclass(frozen=True)
class Case:
    """A load, what is planted beside it, and whether it must be flagged."""

    name: str
    load: Load
    flagged: bool
    neighbours: int = 0
    stopped: float = 0.0


CASES = (
    Case("3 busy neighbours, 60,000/s", Load(rate=60_000.0), True, neighbours=3),
    Case("400,000/s asked for", Load(rate=400_000.0, limits=Limits(rate=1e6, consecutive_errors=10**9)), True),
    Case("16 users without think time", Load(model="closed", users=16, connections=16), True),
    Case("stopped for 100 ms, 500/s", Load(rate=500.0), True, stopped=0.1),
    Case("calm: 200/s, Poisson", Load(rate=200.0), False),
    Case("calm: 2,000/s, even", Load(rate=2_000.0, arrivals="constant"), False),
    Case("calm: 10,000/s, even", Load(rate=10_000.0, arrivals="constant"), False),
    Case("calm: 8 users, 5 ms think time", Load(model="closed", users=8, think_time=0.005), False),
)


@contextmanager
def neighbours(count: int, core: int) -> Iterator[None]:
    """Keep ``core`` busy with so many programs."""
    loop = ["taskset", "-c", str(core), sys.executable, "-c", "while True: pass"]
    busy = [subprocess.Popen(loop) for _ in range(count)]
    try:
        if busy:
            time.sleep(0.3)
        yield
    finally:
        for each in busy:
            each.kill()
            each.wait()


def stop_for(pid: int, seconds: float) -> None:
    """Stop a process for a while, in the middle of a block."""
    time.sleep(SECONDS / 3)
    os.kill(pid, signal.SIGSTOP)
    time.sleep(seconds)
    os.kill(pid, signal.SIGCONT)


def judged(report: BlockReport) -> GeneratorState:
    """Return how a run would see the generator in this block."""
    shared = set(Block.__dataclass_fields__) & set(BlockReport.__dataclass_fields__)
    figures = {name: getattr(report, name) for name in shared}
    return generator_state([Block(arm=0, pair=0, position=0, service_cpu_ns=None, **figures)])


def attempt(case: Case, process: LoadProcess, seed: int) -> GeneratorState:
    """Send one block and judge it."""
    stopper = threading.Thread(target=stop_for, args=(process.pid, case.stopped))
    if case.stopped:
        stopper.start()
    report = process.block(0, 0, 0, SECONDS, seed)
    if case.stopped:
        stopper.join()
    process.discard()
    return judged(report)


def tried(case: Case, url: str, core: int, tries: int, folder: Path) -> tuple[Counter[str], list[GeneratorState], int]:
    """Return what the tries were judged as, how they fared, and how many were not calm and made again."""
    found: Counter[str] = Counter()
    all_fared: list[GeneratorState] = []
    again = 0
    with ExitStack() as stack:
        process = LoadProcess.start(scenario(case.load, url), log=folder / "load.log", cpus=[core])
        stack.callback(process.stop)
        process.open(0, url)
        process.warm(0, 0.2)
        stack.enter_context(neighbours(case.neighbours, core))
        while len(all_fared) < tries and again < MOST_ATTEMPTS * tries:
            how = attempt(case, process, len(all_fared) + 1)
            if not case.flagged and how.waited > WAITED_DOUBT:
                again += 1
                continue
            found[how.trouble or "well"] += 1
            all_fared.append(how)
    return found, all_fared, again


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tries", type=int, default=20)
    options = parser.parse_args()
    cores = sorted(os.sched_getaffinity(0))
    missed = 0
    print(f"{'case':<32}{'flagged':>10}  busy   waited  late   stall  judged as", flush=True)
    with nginx(cores[-1]) as url, tempfile.TemporaryDirectory() as name:
        for case in CASES:
            found, how, again = tried(case, url, cores[0], options.tries, Path(name))
            flagged = len(how) - found["well"]
            held = flagged == (len(how) if case.flagged else 0) and len(how) == options.tries
            missed += not held
            middle = [
                sorted(getattr(each, key) for each in how)[len(how) // 2] for key in GeneratorState.__dataclass_fields__
            ]
            shares = "".join(f"{share:>6.0%} " for share in middle[:3]) if how else ""
            told = ", ".join(f"{word} {count}" for word, count in found.most_common())
            more = f"; {again} not calm, made again" if again else ""
            print(
                f"{case.name:<32}{flagged:>4} of {len(how):<3}{shares}{middle[3]:>6.1f} ms  {told}{more}"
                f"{'' if held else '  MISSED'}",
                flush=True,
            )
    sys.exit(1 if missed else 0)


if __name__ == "__main__":
    main()
