"""Looking for causes keeps to its time, also on a service that starts slowly, and says what it left out."""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from perfproof.model.levers import Causes
from perfproof.model.profile import ArmProfile
from perfproof.rounds.single_start import PassContext
from perfproof.why.passes.run import find_causes
from profiling_pass import APPS, profiled

pytestmark = pytest.mark.server


def looked(folder: Path, seconds: float, starts_in: float) -> tuple[Causes, float]:
    """Return what is found out within ``seconds`` about a service that takes ``starts_in`` to start, and the time."""
    found: list[tuple[Causes, float]] = []

    def look(phase: PassContext) -> tuple[ArmProfile, ...]:
        explain = replace(phase.scenario.explain, levers=True)
        phase.load.seal(folder / "round.parquet")  # as rounds do before it: the first time loads what writes tables
        began = time.monotonic()
        causes = find_causes(replace(phase, scenario=replace(phase.scenario, explain=explain)), None, seconds)
        assert causes is not None
        found.append((causes, time.monotonic() - began))
        return causes.profiles

    slow = f"sh -c 'sleep {starts_in}; exec {sys.executable} {APPS}/plain.py {{port}}'"
    profiled(folder, slow, "", "/one", python="", seconds=60, act=look)
    return found[0]


@pytest.mark.quiet
def test_a_pass_is_shortened_to_its_time(tmp_path: Path) -> None:
    causes, took = looked(tmp_path, 30.0, 0.5)
    assert took < 30 + 5
    assert [each.engine for each in causes.profiles] == ["agent", "agent"], causes.profiles[0].notes
    assert 0.8 <= causes.profiles[0].seconds < 15  # of the 60 s that were asked for
    assert all(arm.http for arm in causes.levers)


def test_what_there_is_no_time_for_is_left_out_and_told(tmp_path: Path) -> None:
    causes, took = looked(tmp_path, 3.0, 4.0)
    assert took < 3 + 5
    assert [each.engine for each in causes.profiles] == ["none", "none"]
    assert "no time was left for profiles" in causes.profiles[0].notes[0]
    assert "give the command more `--time`" in causes.profiles[0].notes[0]
    assert not causes.levers[0].http
    assert "no time was left for looking at headers, connections and plans" in causes.levers[0].notes[0]
