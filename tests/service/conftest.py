"""Starts arms for a test, and checks that none of them is left behind."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from arms import all_end, mask
from perfproof.model.scenario import Arm
from perfproof.service.lifecycle import RunningService, start, stop_all


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    directory = tmp_path / "logs"
    directory.mkdir(mode=0o700)
    return directory


@pytest.fixture
def launch(logs: Path) -> Iterator[Callable[..., list[RunningService]]]:
    """Start arms; whatever the test does, they are stopped and nothing of them may be left."""
    services: list[RunningService] = []

    def launch(*arms: Arm) -> list[RunningService]:
        started = start(arms, logs=logs, redactor=mask, cpus=None)
        services.extend(started)
        return started

    yield launch
    pids = [pid for service in services if service.arm.service.command for pid in service.processes()]
    stop_all(services)
    assert all_end(pids, 5)
