"""Comparing and reporting two runs of 1,000,000 samples each: at most 10 s and 500 MB, and a report of at most 1 MB.

Once as recorded (50 request names, 1 % of the requests failing with every status there is), and once with a million
different error texts put into the result, which today's load process cannot make but the reports must bear.

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

from perfproof.evidence.directory import RunDirectory, new_id
from perfproof.machine.environment import fingerprint
from perfproof.model.recording import SAMPLE_COLUMNS, ArmRound, Block, Outcome, Round, RunInfo, Samples

ROUNDS, PAIRS, REQUESTS, BLOCK_NS = 12, 8, 50, 1_000_000_000
LIMIT_SECONDS, LIMIT_MB, LIMIT_BYTES = 10.0, 500.0, 1_000_000
ERRORS = 1_000_000


def make_round(number: int, samples: int, speed: float, rng: np.random.Generator) -> Round:
    """Return a round of one arm with ``samples`` samples of log-normal latency scaled by ``speed``."""
    per_block = samples // PAIRS
    count = per_block * PAIRS
    pair = np.repeat(np.arange(PAIRS), per_block)
    start = number * 100 * BLOCK_NS + pair * 2 * BLOCK_NS
    intended = start + np.tile(np.sort(rng.integers(0, BLOCK_NS, per_block)), PAIRS)
    request = rng.integers(0, REQUESTS, count)
    failed = rng.random(count) < 0.009
    took = (speed * 1e6 * (2 + request / 5) * rng.lognormal(0, 0.3, count)).astype(np.int64)
    values = {
        "pair": pair,
        "request": request,
        "intended_ns": intended,
        "sent_ns": intended + 20_000,
        "first_byte_ns": intended + took - 10_000,
        "done_ns": intended + took,
        "status": np.where(failed, rng.integers(400, 600, count), 200),
        "outcome": np.where(failed, int(Outcome.BAD_STATUS), int(Outcome.OK)),
        "bytes": np.full(count, 512),
        "id": np.arange(count) + number * count,
    }
    zero = np.zeros(count)
    columns = {name: values.get(name, zero).astype(kind) for name, kind in SAMPLE_COLUMNS.items()}
    blocks = tuple(
        Block(arm=0, pair=p, position=0, started_ns=begin, ended_ns=begin + BLOCK_NS,
              intended=per_block, sent=per_block, completed=per_block, failed=0, dropped=0, late=0,
              service_cpu_ns=int(speed * 5e8), generator_cpu_ns=200_000_000, lag_max_ns=500_000, steal_ns=0)
        for p, begin in ((p, (number * 100 + p * 2) * BLOCK_NS) for p in range(PAIRS))
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
        requests=tuple(f"GET /api/v2/organisations/{{organisation}}/things/{n}?sort=created" for n in range(REQUESTS)),
        variants=(("",),) * REQUESTS,
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


def report_of_errors(before: str, after: str, page: str) -> None:
    """Compare two runs and report them with a million different errors among the details, in three formats."""
    from perfproof.evidence.reader import read
    from perfproof.judge import compare
    from perfproof.report import write

    result = compare(read(Path(before)), read(Path(after)))
    share = ERRORS // len(result.details)
    details = tuple(
        replace(each, errors={"candidate": {f"KeyError: order {at * share + n} is gone": 1 for n in range(share)}})
        for at, each in enumerate(result.details)
    )
    for ending in (".html", ".md", ".pdf"):
        write(replace(result, details=details), Path(page).with_suffix(ending))


def measured(command: list[str], what: str, page: Path) -> bool:
    """Run a command and print what it took; tell whether it kept to the bars."""
    began = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    seconds, megabytes = time.monotonic() - began, usage.ru_maxrss / 1024
    size = page.stat().st_size
    cpu = usage.ru_utime + usage.ru_stime
    print(f"{what}: {seconds:.1f} s, of which {cpu:.1f} s of CPU (bar {LIMIT_SECONDS:g} s)")
    print(f"  peak memory {megabytes:.0f} MB (bar {LIMIT_MB:g} MB), report {size:,} bytes (bar {LIMIT_BYTES:,})")
    return not status and seconds <= LIMIT_SECONDS and megabytes <= LIMIT_MB and size <= LIMIT_BYTES


def main() -> int:
    if sys.argv[1:2] == ["--errors"]:
        report_of_errors(*sys.argv[2:])
        return 0
    samples = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    with tempfile.TemporaryDirectory() as folder:
        results = Path(folder)
        runs = [str(make_run(results, label, samples, speed)) for label, speed in (("before", 1.0), ("after", 0.75))]
        page = results / "report.html"
        command = [sys.executable, "-m", "perfproof", "report", *runs, "-o", str(page), "--results", folder]
        kept = measured(command, f"two runs of {samples:,} samples and {REQUESTS} names compared and reported", page)
        halves = [(label, samples // 2, speed) for label, speed in (("first half", 1.0), ("second half", 0.75))]
        runs = [str(make_run(results, *each)) for each in halves]
        page = results / "errors.html"
        command = [sys.executable, __file__, "--errors", *runs, str(page)]
        kept &= measured(
            command, f"{samples:,} samples in all and {ERRORS:,} different errors, as HTML, Markdown and PDF", page
        )
    return int(not kept)


if __name__ == "__main__":
    sys.exit(main())
