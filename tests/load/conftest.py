from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from textwrap import dedent
from typing import Any, Literal

import numpy as np
import pytest

import warm
from perfproof.load.load_client import LoadProcess
from perfproof.model.recording import Trouble
from perfproof.model.scenario import Arm, Limits, Load, LocustFile, Request, Scenario, Service


class AwkwardServer:
    def __init__(self) -> None:
        script = Path(__file__).with_name("awkward_server.py")
        self.process = subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.url = f"http://127.0.0.1:{int(self.process.stdout.readline())}"

    def counts(self) -> dict[str, Any]:
        with urllib.request.urlopen(self.url + "/_counts", timeout=10) as reply:
            counts: dict[str, Any] = json.load(reply)
            return counts

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()


@pytest.fixture
def server() -> Iterator[AwkwardServer]:
    server = AwkwardServer()
    yield server
    server.stop()


StartLoad = Callable[..., LoadProcess]


@pytest.fixture
def warm_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have load processes and their workers forked from one that has imported what they need."""
    warm.lend_load_processes(monkeypatch.setattr)


@pytest.fixture
def cold_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have interpreters of their own as load process and workers, which are children and have command lines."""
    monkeypatch.setenv("PYTHON_COLD", "1")  # what begins with PYTHON is for an interpreter that starts


@pytest.fixture
def start_load(tmp_path: Path, warm_start: None) -> Iterator[StartLoad]:
    """Start load processes for a scenario of the given requests; all are stopped at the end."""
    started: list[LoadProcess] = []

    def start(*requests: Request, load: Load | None = None, arms: int = 2, **rest: Any) -> LoadProcess:
        names = ("baseline", "candidate", *(f"candidate-{n}" for n in range(2, arms)))
        versions = tuple(Arm(name, Service(url="u")) for name in names[:arms])
        scenario = Scenario("test", Path("test.yaml"), versions, requests, load=load or Load(), **rest)
        started.append(LoadProcess.start(scenario, log=tmp_path / "load.log"))
        return started[-1]

    yield start
    for process in started:
        process.stop()


@pytest.fixture
def sealed(tmp_path: Path) -> Callable[[LoadProcess], dict[str, np.ndarray]]:
    """Seal what a load process has recorded and read it back as columns."""

    def seal(process: LoadProcess) -> dict[str, np.ndarray]:
        import pyarrow.parquet as pq

        path = tmp_path / "samples.parquet"
        rows = process.seal(path)
        table = pq.read_table(path)
        assert table.num_rows == rows
        return {name: table[name].to_numpy() for name in table.column_names}

    return seal


HEAD = """
import random, socket, time
import locust
from locust import FastHttpUser, HttpUser, SequentialTaskSet, TaskSet, User, between, constant, events, tag, task
from locust import constant_pacing

"""


@pytest.fixture
def start(tmp_path: Path, warm_start: None) -> Iterator[StartLoad]:
    """Start load processes for the text of a Locust file; all are stopped at the end."""
    started: list[LoadProcess] = []

    def begin(
        text: str,
        users: int = 2,
        limits: Limits | None = None,
        secrets: Sequence[str] = (),
        named: LocustFile | None = None,
        samples: Literal["raw", "histogram"] = "raw",
    ) -> LoadProcess:
        file = tmp_path / "load.py"
        file.write_text(HEAD + dedent(text))
        arms = (Arm("baseline", Service(url="u")), Arm("candidate", Service(url="u")))
        load = Load(model="closed", users=users, limits=limits or Limits(), samples=samples)
        scenario = Scenario(
            "test",
            Path("test.yaml"),
            arms,
            (),
            load=load,
            locustfile=replace(named or LocustFile(file), file=file),
            secrets=frozenset(secrets),
        )
        started.append(LoadProcess.start(scenario, log=tmp_path / "load.log"))
        return started[-1]

    yield begin
    for process in started:
        process.stop()


def troubles(load: LoadProcess) -> dict[str, list[Trouble]]:
    found: dict[str, list[Trouble]] = {}
    for each in load.learned().troubles:
        found.setdefault(each.kind, []).append(each)
    return found
