"""Two thousand connections at once, and responses of 10 MB: what comes through, how fast, and what it costs.

    python benchmarks/connections.py [--connections 2000]

nginx answers on one core, the load process runs on another. Connections are those of closed-model users, each with one
of its own; every one must be opened and none may fail.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
from pathlib import Path

import pyarrow.parquet as pq
from generator import nginx, scenario
from memory import peak_mb

from perfproof.load.load_client import LoadProcess
from perfproof.model.scenario import Arm, Load, Request, Scenario, Service

LARGE = 10_000_000


def many(url: str, core: int, connections: int, folder: Path) -> bool:
    """Print how so many connections fare."""
    load = Load(model="closed", users=connections, connections=connections, think_time=0.2)
    with LoadProcess.start(scenario(load, url), log=folder / "load.log", cpus=[core]) as process:
        process.open(0, url)
        first = process.block(0, 0, 0, 1.0, seed=1)
        report = process.block(0, 1, 0, 3.0, seed=2)
        process.seal(folder / "samples.parquet")
        peak = peak_mb(process.pid)
    table = pq.read_table(folder / "samples.parquet").to_pydict()
    took = [d - s for d, s, pair in zip(table["done_ns"], table["sent_ns"], table["pair"], strict=True) if pair]
    cuts = statistics.quantiles(took, n=100)
    print(
        f"{connections:,} users: {first.opened:,} connections opened, {report.completed:,} completed, "
        f"{first.failed + report.failed} failed, {report.completed / 3.0:,.0f}/s, "
        f"p50 {cuts[49] / 1e6:.2f} ms, p99 {cuts[98] / 1e6:.2f} ms, load process {peak:.0f} MB"
    )
    return first.opened == connections and not first.failed + report.failed


def large(url: str, core: int, folder: Path) -> bool:
    """Print how large responses fare."""
    request = Request("large", "GET", "/large")
    load = Load(model="closed", users=4, connections=4)
    whole = Scenario("large", Path("b.yaml"), (Arm("baseline", Service(url=url)),), (request,), load=load)
    with LoadProcess.start(whole, log=folder / "load.log", cpus=[core]) as process:
        process.open(0, url)
        report = process.block(0, 0, 0, 3.0, seed=1)
        process.seal(folder / "samples.parquet")
        peak = peak_mb(process.pid)
    sizes = set(pq.read_table(folder / "samples.parquet")["bytes"].to_pylist())
    speed = report.completed * LARGE / (report.drained_ns - report.started_ns)
    print(
        f"responses of 10 MB: {report.completed} completed, {report.failed} failed, {speed:.2f} GB/s, "
        f"load process {peak:.0f} MB"
    )
    return not report.failed and sizes == {LARGE}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--connections", type=int, default=2000)
    options = parser.parse_args()
    cores = sorted(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)  # nginx drops root's rights
        (folder / "large").write_bytes(b"x" * LARGE)
        with nginx(cores[-1], folder) as url:
            held = many(url, cores[0], options.connections, folder)
            held &= large(url, cores[0], folder)
    sys.exit(0 if held else 1)


if __name__ == "__main__":
    main()
