"""Databases, runs and results to put into them."""

import itertools
from collections.abc import Callable
from pathlib import Path

import pytest

from perfproof.model.recording import Environment, RunInfo
from perfproof.model.result import Comparability, Comparison, Estimate, Level, Result, Verdict
from perfproof.model.scenario import Goal

_counter = itertools.count()


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.database)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database, once on each backend."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/results/perfproof.db"
    return request.getfixturevalue("postgresql")()


@pytest.fixture
def make_info() -> Callable[..., RunInfo]:
    """A function that returns a new run's identity, each a second after the one before."""

    def make(**changes: object) -> RunInfo:
        second = next(_counter)
        time = f"{second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}"
        given = {
            "id": f"20261123-{time.replace(':', '')}-projects-{second:04x}",
            "kind": "ab",
            "label": None,
            "scenario_name": "projects",
            "scenario_hash": "5ce7a210",
            "arms": ("baseline", "candidate"),
            "arm_details": ({"command": "serve", "env EAGER": "0"}, {"command": "serve", "env EAGER": "1"}),
            "requests": ("list projects",),
            "variants": (("limit=20", "limit=50"),),
            "settings": {},
            "environment": Environment({"cores": "2"}, "e417"),
            "started_at": f"2026-11-23T{time}+00:00",
        }
        return RunInfo(**(given | changes))

    return make


@pytest.fixture
def make_result() -> Callable[..., Result]:
    """A function that returns a result with two comparisons and a level."""

    def make(**changes: object) -> Result:
        p95 = Comparison(
            "latency_p95", "list projects", "ms", 41.5, 31.25, -0.247, -0.27, -0.21, 0.95, Verdict.MET, "goal", 8,
            Goal("latency_p95", 0.2, 0.3, ("list projects",)), False, (-0.25, -0.24), 12.5, ("few samples",),
        )  # fmt: skip
        errors = Comparison(
            "error_rate", "all", "ratio", 0.0, 0.0, None, None, None, None, Verdict.EQUIVALENT, "gate", 8
        )
        given = {
            "kind": "ab",
            "scenario": "projects",
            "run_ids": (),
            "arms": ("baseline", "candidate"),
            "verdict": Verdict.MET,
            "sentence": "Goal met: p95 of list projects fell by 24.7 % (95 % CI 21-27).",
            "exit_code": 0,
            "rounds": 8,
            "planned_rounds": 12,
            "seconds": 80.0,
            "comparisons": (p95, errors),
            "levels": (Level("latency_p95", "all", "baseline", "ms", Estimate(41.5, 40.0, None, 0.95, 8)),),
            "budgets": (),
            "findings": (),
            "comparability": Comparability(()),
        }
        return Result(**(given | changes))

    return make
