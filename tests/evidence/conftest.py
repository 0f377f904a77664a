"""A run and rounds to record."""

import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))  # importlib mode adds nothing

from evidence_helpers import facts, sample_columns

from perfproof.evidence.directory import RunDirectory, new_id
from perfproof.evidence.tables import write_table
from perfproof.model.recording import SAMPLE_COLUMNS, Environment, RunInfo
from perfproof.model.rules import Rules
from perfproof.model.scenario import Budget, Goal


@pytest.fixture
def info() -> RunInfo:
    """The identity of a run that is about to start."""
    return RunInfo(
        id=new_id("projects", datetime(2026, 11, 23, 6, 15, 2, tzinfo=UTC)),
        kind="ab",
        label="é 🙂",
        scenario_name="projects",
        scenario_hash="5ce7a210",
        arms=("baseline", "candidate"),
        arm_details=({"env EAGER": "0"}, {"env EAGER": "1"}),
        requests=("list projects",),
        variants=(("limit=20", "limit=50"),),
        settings={"load": {"model": "open", "rate": 100.0}, "cpus": None},
        environment=Environment({"cores": "2"}, "e417"),
        started_at="2026-11-23T06:15:02+00:00",
        rules=Rules(goals=(Goal("latency_p95", 0.2, 0.3),), budgets=(Budget("error_rate", 0.01, ("list projects",)),)),
    )


@pytest.fixture
def directory(tmp_path: Path, info: RunInfo) -> RunDirectory:
    """A run directory that was just created."""
    return RunDirectory.create(tmp_path / "results", info, "name: projects\n")


@pytest.fixture
def record() -> Callable[..., dict[str, np.ndarray]]:
    """A function that measures and seals a round and returns the samples it wrote."""

    def measure(directory: RunDirectory, number: int, count: int = 1000) -> dict[str, np.ndarray]:
        partial = directory.begin_round(number)
        columns = sample_columns(count, seed=number)
        write_table(partial.samples_path, columns, SAMPLE_COLUMNS)
        directory.seal(partial, facts(number, columns), {}, str)
        return columns

    return measure
