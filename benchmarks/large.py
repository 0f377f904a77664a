"""Comparing and reporting two runs of 1,000,000 samples each: at most 10 s and 500 MB.

python benchmarks/large.py [SAMPLES]
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from perfproof.collectors.environment import fingerprint
from perfproof.evidence.directory import RunDirectory, new_id
from perfproof.model.recording import SAMPLE_COLUMNS, ArmRound, Block, Round, RunInfo, Samples

ROUNDS, PAIRS, REQUESTS, BLOCK_NS = 12, 8, 10, 1_000_000_000
LIMIT_SECONDS, LIMIT_MB = 10.0, 500.0


def make_round(number: int, samples: int, speed: float, rng: np.random.Generator) -> Round:
    """Return a round of one arm with ``samples`` samples of log-normal latency scaled by ``speed``."""
    per_block = samples // PAIRS
    count = per_block * PAIRS
    pair = np.repeat(np.arange(PAIRS), per_block)
    start = number * 100 * BLOCK_NS + pair * 2 * BLOCK_NS
    intended = start + np.tile(np.sort(rng.integers(0, BLOCK_NS, per_block)), PAIRS)
    request = rng.integers(0, REQUESTS, count)
    took = (speed * 1e6 * (2 + request) * rng.lognormal(0, 0.3, count)).astype(np.int64)
    values = {
        "pair": pair,
        "request": request,
        "intended_ns": intended,
        "sent_ns": intended + 20_000,
        "first_byte_ns": intended + took - 10_000,
        "done_ns": intended + took,
        "status": np.full(count, 200),
        "bytes": np.full(count, 512),
        "id": np.arange(count) + number * count,
    }
    zero = np.zeros(count)
    columns = {name: values.get(name, zero).astype(kind) for name, kind in SAMPLE_COLUMNS.items()}
    blocks = tuple(
        Block(0, p, 0, number * 100 * BLOCK_NS + p * 2 * BLOCK_NS, number * 100 * BLOCK_NS + (2 * p + 1) * BLOCK_NS,
              per_block, per_block, per_block, 0, 0, 0, int(speed * 5e8), 200_000_000, 500_000, 0)
        for p in range(PAIRS)
    )  # fmt: skip
    arm = ArmRound(0, 1.0, 1, 500, 2.0, steady=True, memory_start=80 << 20, memory_peak=100 << 20,
                   memory_steady=95 << 20, memory_kind="pss")  # fmt: skip
    return Round(number, (arm,), blocks, Samples(columns))


def make_run(results: Path, label: str, samples: int, speed: float) -> Path:
    """Write a run of ``samples`` samples and return its folder."""
    now = datetime.now(UTC)
    info = RunInfo(
        id=new_id("large", now), kind="run", label=label, scenario_name="large", scenario_hash="0" * 16,
        arms=("baseline",), arm_details=({"command": "made"},),
        requests=tuple(f"request {n}" for n in range(REQUESTS)), variants=(("",),) * REQUESTS,
        settings={"load": {"model": "open", "rate": 10_000.0}, "rounds": {"block": 1.0}, "cpus": "",
                  "weights": [1] * REQUESTS},
        environment=fingerprint({}), started_at=now.isoformat(),
    )  # fmt: skip
    directory = RunDirectory.create(results, info, "name: large\n")
    rng = np.random.default_rng(len(label))
    for number in range(1, ROUNDS + 1):
        partial = directory.begin_round(number)
        made = make_round(number, samples // ROUNDS, speed * rng.lognormal(0, 0.02), rng)
        directory.seal(partial, made, {}, lambda text: text)
    directory.finish(replace(info, status="complete"))
    return directory.path


def main() -> int:
    samples = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    with tempfile.TemporaryDirectory() as folder:
        results = Path(folder)
        before, after = make_run(results, "before", samples, 1.0), make_run(results, "after", samples, 0.75)
        page = results / "report.html"
        command = [sys.executable, "-m", "perfproof", "report", str(before), str(after), "-o", str(page)]
        began = time.monotonic()
        process = subprocess.Popen([*command, "--results", folder], stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        seconds, megabytes = time.monotonic() - began, usage.ru_maxrss / 1024
        size = page.stat().st_size / 1024
    print(f"two runs of {samples:,} samples: compared and reported in {seconds:.1f} s (bar {LIMIT_SECONDS:g} s)")
    print(f"peak memory {megabytes:.0f} MB (bar {LIMIT_MB:g} MB), report {size:.0f} KiB")
    return int(bool(status) or seconds > LIMIT_SECONDS or megabytes > LIMIT_MB)


if __name__ == "__main__":
    sys.exit(main())
