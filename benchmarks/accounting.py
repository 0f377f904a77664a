"""Every request is accounted for: intended = sent + dropped, sent = completed + failed = counted by the server.

    python benchmarks/accounting.py [--runs 100]

Half of the runs are made by one process and half by four workers, against a server that answers, refuses, closes, is
slow and hangs (that of the tests). Each run is a block that is sealed and read back; every tenth starts its processes
anew. One sample too few or too many, and the benchmark fails.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow.parquet as pq

from perfproof.load.load_client import LoadProcess
from perfproof.model.recording import Outcome
from perfproof.model.scenario import Arm, Load, Request, Scenario, Service

SERVER = Path(__file__).parent.parent / "tests" / "load" / "awkward_server.py"
REQUESTS = (
    Request("ok", "GET", "/ok", weight=20),
    Request("refused", "GET", "/status/503"),
    Request("closed", "GET", "/close"),
    Request("late", "GET", "/slow/0.1", timeout=0.05),
)
SECONDS = 0.5
# A rate that eight connections cannot serve while some answers are slow: so requests are dropped as well.
RATE = 600.0


class Server:
    """The awkward server for one stretch of runs; it ends itself after two minutes."""

    def __init__(self) -> None:
        self.process = subprocess.Popen([sys.executable, str(SERVER)], stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.url = f"http://127.0.0.1:{int(self.process.stdout.readline())}"
        self._before: Counter[str] = Counter()

    def asked(self) -> int:
        """Return how many requests came since the last question."""
        with urllib.request.urlopen(self.url + "/_counts", timeout=10) as reply:
            now = Counter(json.load(reply)["asked"])
        now.pop("_counts", None)
        new = now - self._before
        self._before = now
        return new.total()


@contextmanager
def stretch(workers: int, folder: Path) -> Iterator[tuple[LoadProcess, Server]]:
    """Lend a fresh server and fresh processes."""
    server = Server()
    arms = (Arm("baseline", Service(url=server.url)),)
    load = Load(rate=RATE, connections=8, workers=workers)
    try:
        scenario = Scenario("accounting", Path("accounting.yaml"), arms, REQUESTS, load=load)
        with LoadProcess.start(scenario, log=folder / "load.log") as process:
            process.open(0, server.url)
            yield process, server
    finally:
        server.process.kill()
        server.process.wait()


def run(process: LoadProcess, server: Server, seed: int, folder: Path) -> tuple[Counter[str], list[str]]:
    """Make one run; return what came of its requests, and what does not add up."""
    report = process.block(0, 0, 0, SECONDS, seed)
    rows = process.seal(folder / "samples.parquet")
    table = pq.read_table(folder / "samples.parquet")
    outcomes = Counter(Outcome(value).name for value in table["outcome"].to_pylist())
    sent = rows - outcomes["DROPPED"]
    counted = server.asked()
    checks = {
        "rows of the file and rows said": (table.num_rows, rows),
        "rows and intended": (rows, report.intended),
        "intended and the schedule": (report.intended, int(RATE * SECONDS)),
        "sent and completed + failed": (report.sent, report.completed + report.failed),
        "sent in the file and said": (sent, report.sent),
        "completed in the file and said": (outcomes["OK"], report.completed),
        "sent and counted by the server": (sent, counted),
        "ids and rows": (len(set(table["id"].to_pylist())), rows),
    }
    return outcomes, [f"{name}: {one} and {two}" for name, (one, two) in checks.items() if one != two]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=100)
    options = parser.parse_args()
    total: dict[int, Counter[str]] = {1: Counter(), 4: Counter()}
    wrong: list[str] = []
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as name:
        for first in range(0, options.runs, 10):
            workers = 1 if first // 10 % 2 == 0 else 4
            with stretch(workers, Path(name)) as (process, server):
                for number in range(first, min(first + 10, options.runs)):
                    outcomes, problems = run(process, server, number, Path(name))
                    total[workers] += outcomes
                    wrong += [f"run {number} with {workers}: {problem}" for problem in problems]
    for workers, outcomes in total.items():
        kinds = ", ".join(f"{count:,} {kind.lower()}" for kind, count in outcomes.most_common())
        print(f"{workers} worker{'s' if workers > 1 else ' '}  {outcomes.total():>8,} requests: {kinds}")
    print("\n".join(wrong) or f"{options.runs} runs in {time.monotonic() - began:.0f} s: every request accounted for")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
