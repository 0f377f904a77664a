"""How much memory the load process needs for ten million requests in one round: at most 300 MB.

    python benchmarks/memory.py [--requests 10000000] [--samples histogram]

nginx answers; every request is recorded, nothing is sealed before the end. The figure is the highest resident memory
(VmHWM) of the load process, after the samples (or histograms) have been sealed to Parquet.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import tempfile
import time
from pathlib import Path

import pyarrow.parquet as pq
from generator import CONNECTIONS, nginx, scenario

from perfproof.load.load_client import LoadProcess
from perfproof.model.scenario import Load

LIMIT_MB = 300.0


def peak_mb(pid: int) -> float:
    """Return the highest resident memory of a process so far."""
    status = Path(f"/proc/{pid}/status").read_text()
    match = re.search(r"VmHWM:\s+(\d+) kB", status)
    assert match is not None
    return int(match.group(1)) / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=10_000_000)
    parser.add_argument("--block", type=float, default=20.0, help="seconds of one block")
    parser.add_argument("--samples", choices=("raw", "histogram"), default="raw")
    options = parser.parse_args()
    cores = sorted(os.sched_getaffinity(0))
    load = Load(model="closed", users=CONNECTIONS, connections=CONNECTIONS, samples=options.samples)
    with nginx(cores[-1]) as url, tempfile.TemporaryDirectory(dir=".") as name:
        folder = Path(name)
        process = LoadProcess.start(scenario(load, url), log=folder / "load.log", cpus=[cores[0]])
        try:
            process.open(0, url)
            print(f"{'requests':>12}{'peak MB':>10}{'requests/s':>12}", flush=True)
            sent = pair = 0
            while sent < options.requests:
                report = process.block(0, pair, 0, options.block, seed=pair)
                sent, pair = sent + report.intended, pair + 1
                rate = report.completed / (report.drained_ns - report.started_ns) * 1e9
                print(f"{sent:>12,}{peak_mb(process.pid):>10.0f}{rate:>12,.0f}", flush=True)
            began = time.monotonic()
            rows = process.seal(folder / "samples.parquet")
            seconds, peak = time.monotonic() - began, peak_mb(process.pid)
        finally:
            process.stop()
        size = (folder / "samples.parquet").stat().st_size
        readable = pq.read_metadata(folder / "samples.parquet").num_rows
    if options.samples == "histogram":
        print(f"{readable:,} buckets hold {rows:,} requests in {size / 1e6:.2f} MB;", end=" ")
        readable = rows
    print(f"sealed {rows:,} requests in {seconds:.1f} s ({size / rows:.1f} bytes each); peak {peak:.0f} MB", end=" ")
    held = peak <= LIMIT_MB and rows == readable == sent
    print(f"(bar {LIMIT_MB:.0f} MB: {'held' if held else 'MISSED'})")
    sys.exit(0 if held else 1)


if __name__ == "__main__":
    main()
