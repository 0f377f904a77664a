"""Many connections and large responses: real sockets, a real limit of open files."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import psutil
import pytest

from perfproof.model.recording import Outcome
from perfproof.model.scenario import Load, Request

pytestmark = [pytest.mark.server, pytest.mark.quiet, pytest.mark.timeout(120)]


def test_two_thousand_connections_are_open_at_once_and_all_are_served(server, start_load, sealed):
    # Each answer takes a second, so at 2,500/s two thousand are under way together.
    load = start_load(Request("slow", "GET", "/slow/1.0"), load=Load(rate=2500, connections=2000, arrivals="constant"))
    load.open(0, server.url)
    report = load.block(0, 0, 0, 1.2, seed=1)
    assert (report.failed, report.dropped) == (0, 0)
    columns = sealed(load)
    assert set(columns["outcome"]) == {Outcome.OK}
    assert report.opened == 2000
    events = np.concatenate(
        [np.stack([columns["sent_ns"], np.ones(3000)]), np.stack([columns["done_ns"], -np.ones(3000)])], 1
    )
    assert np.cumsum(events[1][np.argsort(events[0], kind="stable")]).max() == 2000
    assert len([c for c in psutil.Process(load.pid).net_connections("tcp") if c.status == "ESTABLISHED"]) == 2000


FEW_FILES = """
import resource, sys
from pathlib import Path
from perfproof.errors import LoadError
from perfproof.load.load_client import LoadProcess
from perfproof.model.scenario import Arm, Load, Request, Scenario, Service

resource.setrlimit(resource.RLIMIT_NOFILE, (128, int(sys.argv[3])))
arms = (Arm("baseline", Service(url="u")),)
load = Load(rate=50, connections=300)
with LoadProcess.start(
    Scenario("t", Path("t"), arms, (Request("ok", "GET", "/ok"),), load=load), log=Path(sys.argv[1])
) as process:
    try:
        process.open(0, sys.argv[2])
    except LoadError as error:
        print(f"refused: {error.what}; {error.hint}")
    else:
        report = process.block(0, 0, 0, 0.2, seed=1)
        print("completed", report.completed, "failed", report.failed)
"""


@pytest.mark.parametrize(
    ("hard", "says"), [(512, "completed 10 failed 0"), (200, "refused: 300 connections are more than the 200")]
)
def test_the_limit_of_open_files_is_raised_where_it_can_be_and_named_where_it_cannot(hard, says, server, tmp_path):
    command = [sys.executable, "-c", FEW_FILES, str(tmp_path / "log"), server.url, str(hard)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert says in done.stdout, done.stderr
    assert ("ulimit -Hn" in done.stdout) == says.startswith("refused")
