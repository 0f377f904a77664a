"""End-to-end: the command line as a user runs it, on a real small service."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

import warm

SERVICES = Path(__file__).parent.parent / "services"

ON_UVICORN = "{python} -m uvicorn tiny:app --host 127.0.0.1 --port {port} --log-level warning --no-access-log"
ALONE = "{python} -S tiny.py {port}"
"""The same service, which starts and ends sooner: which server it is on matters to load alone."""
SCENARIO = f"""\
name: tiny
service:
  command: "{ON_UVICORN}"
  directory: DIRECTORY
  health: /health
  start_timeout: 20s
arms:
  baseline: {{environment: {{WORK_US: "3000"}}}}
  candidate: {{environment: {{WORK_US: "1000"}}}}
requests:
  - {{name: item, get: "/items/{{n}}", values: {{n: [1, 2, 3]}}}}
load: {{model: open, rate: 80/s}}
rounds: {{count: 2, warmup: 300ms, warmup_requests: 5, blocks: 4, block: 300ms}}
why: off
"""


@dataclass
class Ran:
    """What one call of the command line came to."""

    code: int
    out: str
    err: str


class Bench:
    """A folder with a scenario in it, and the ways to run perfproof there."""

    services = SERVICES
    quick = (ON_UVICORN, ALONE)
    """A change of the scenario by which the same service starts ten times as fast, without a framework."""
    cold = False
    """Whether commands are interpreters of their own, with their load process as their child (see ``warm``)."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environ = {**os.environ, "COLUMNS": "100", "NO_COLOR": "1", "PYTHONDONTWRITEBYTECODE": "1"}

    def scenario(
        self, *changes: tuple[str, str], text: str = SCENARIO, name: str = "tiny.yaml", uvicorn: bool = False
    ) -> Path:
        """Write a scenario; ``uvicorn`` says that it matters which server the service of ``SCENARIO`` is on.

        It does where causes are sought: the agent is loaded by what ``-S`` leaves out.
        """
        for old, new in changes:
            assert old in text, old
            text = text.replace(old, new)
        sought = "why: off" not in text and "PERFPROOF_TEST_ENGINE" not in self.environ
        text = text if uvicorn or sought else text.replace(ON_UVICORN, ALONE)
        path = self.folder / name
        path.write_text(text.replace("DIRECTORY", str(SERVICES)))
        return path

    def without_load(self) -> Bench:
        """Have every measurement here ask the engine that sends nothing (``fake_engine``): known figures at once."""
        self.environ["PERFPROOF_TEST_ENGINE"] = "fake_engine"
        return self

    def start(self, *args: str) -> subprocess.Popen[str]:
        return warm.perfproof(
            *args,
            environ=self.environ,
            cold=self.cold,
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def until(self, process: subprocess.Popen[str], said: str) -> str:
        """Read what a process started with ``-v`` logs until it has ``said`` that; return all of it so far."""
        assert process.stderr is not None
        lines = []
        for line in process.stderr:
            lines.append(line)
            if said in line:
                return "".join(lines)
        raise AssertionError(f"it ended with {process.wait()} and never said {said!r}\n{''.join(lines)}")

    def run(self, *args: str, timeout: float = 150) -> Ran:
        process = self.start(*args)
        try:
            out, err = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=30)
            raise AssertionError(f"perfproof {' '.join(args)} took longer than {timeout} s\n{out}\n{err}") from None
        return Ran(process.returncode, out, err)

    def measure(self, *args: str) -> Ran:
        """Run what puts real load on, again as it says where other tests have kept the load generator from its core."""
        for _ in range(4):
            ran = self.run(*args)
            if ran.code != 4 or "the load generator" not in ran.out:
                break
        return ran

    def catch_up(self) -> None:
        """Wait until what the engine without load has measured is past: its blocks end ahead of the clock."""
        rounds = [json.loads(file.read_text()) for file in self.runs[-1].glob("rounds/*/round.json")]
        last = max((block["ended_ns"] for each in rounds for block in each["blocks"]), default=0)
        time.sleep(max(0.0, (last - time.monotonic_ns()) / 1e9))

    def details(self) -> str:
        """Return everything that was found in the last run, on one line."""
        return " ".join(self.run("show", "last", "--findings").out.split())

    def json(self, name: str) -> dict[str, Any]:
        return json.loads((self.folder / name).read_text())

    @property
    def runs(self) -> list[Path]:
        return sorted(path.parent for path in (self.folder / "results").glob("*/run.json"))

    def leftovers(self) -> list[psutil.Process]:
        """Return processes of ours that still live: this folder's name is in their environment, or they are in it."""
        found = []
        for process in psutil.process_iter():
            try:
                mine = process.environ().get("PERFPROOF_BENCH") == str(self.folder) or process.cwd() == str(self.folder)
                if mine and process.pid != os.getpid():
                    found.append(process)
            except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
                continue
        return found


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    made = Bench(tmp_path)
    made.environ["PERFPROOF_BENCH"] = str(tmp_path)
    return made
