"""`compare` at the command line: what runs of one version differed by before widens its intervals."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import warm
from perfproof.evidence.directory import RunDirectory
from perfproof.judge import analyse
from perfproof.model.revision import Revision
from perfproof.store.repository import Store
from recording_builders import make_recording

BEGAN = datetime(2026, 8, 1, 6, tzinfo=UTC)


def keep(store: Store, results: Path, number: int, level: float, commit: str, *, dirty: bool = False) -> str:
    """Record a run on the day ``number`` whose machine was slower by ``level``; return its id."""
    made = make_recording(
        kind="run", run_id=f"202608{number + 1:02d}-060000-tiny-{number:04x}", seed=number, rounds=8, pairs=3,
        rate=60.0, base_ms=[10.0 * (1 + level), 20.0 * (1 + level)], start_sd=0.005, block_sd=0.02, drift=0.0,
    )  # fmt: skip
    at = (BEGAN + timedelta(days=number)).isoformat()
    info = replace(made.info, started_at=at, revision=Revision(commit, "main", dirty), status="complete")
    directory = RunDirectory.create(results, info, "name: tiny\n")
    for each in made.rounds:
        directory.seal(directory.begin_round(each.number), each, {}, lambda text: text)
    directory.finish(info)
    store.add_run(info, directory.path)
    store.save_result(info.id, analyse(replace(made, info=info)))
    return info.id


def compared(results: Path, *runs: str) -> dict[str, Any]:
    done = warm.perfproof(
        "compare", *runs, "--results", str(results), "--json", "-", "--quiet",
        environ={**os.environ}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    out, err = done.communicate(timeout=100)
    assert done.returncode in (0, 1, 3), err
    return json.loads(out)


def p50(result: dict[str, Any]) -> dict[str, Any]:
    (row,) = [r for r in result["comparisons"] if (r["metric"], r["request"]) == ("latency_p50", "all")]
    return row


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("results")
    rng = np.random.default_rng(4)
    with Store.open(f"sqlite:///{folder}/perfproof.db", results=folder) as store:
        for day in range(6):
            keep(store, folder, day, float(rng.normal(0, 0.05)), "a" * 40)
        keep(store, folder, 20, 0.0, "b" * 40)
        keep(store, folder, 21, 0.10, "c" * 40)
    return folder


def test_what_days_differ_by_turns_a_regression_into_a_doubt(results: Path, tmp_path: Path) -> None:
    wide = compared(results, "20260821", "20260822")
    alone = tmp_path / "alone"
    for run in ("20260821", "20260822"):
        (found,) = results.glob(f"{run}-*")
        (alone / found.name).parent.mkdir(exist_ok=True)
        (alone / found.name).symlink_to(found)
    narrow = compared(alone, "20260821", "20260822")
    assert p50(narrow)["verdict"] == "regressed"
    assert p50(narrow)["change"] == pytest.approx(p50(wide)["change"])
    assert p50(wide)["ci_low"] < 0 < p50(narrow)["ci_low"]
    assert p50(wide)["verdict"] == "inconclusive"
    assert any("runs of one version differ by about" in note for note in p50(wide)["notes"])
    (told,) = [text for text in wide["comparability"]["warnings"] if "recorded at different times" in text]
    assert "the intervals allow for what runs of one version differ by here" in told
    assert "(5 repetitions)" in told
    (told,) = [text for text in narrow["comparability"]["warnings"] if "recorded at different times" in text]
    assert "is not known" in told


def test_runs_do_not_speak_for_themselves(results: Path) -> None:
    (told,) = [
        text
        for text in compared(results, "20260801", "20260806")["comparability"]["warnings"]
        if "recorded at different times" in text
    ]
    assert "(3 repetitions)" in told
