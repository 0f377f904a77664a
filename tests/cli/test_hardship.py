"""A few tries of ``benchmarks/kills.py`` and ``benchmarks/fuzz.py``, which make as many as are asked for."""

from __future__ import annotations

import importlib.util
import signal
import sys
from pathlib import Path
from types import ModuleType

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
# Moments are parts of the time that a whole run takes; time and memory are judged.
pytestmark = [pytest.mark.server, pytest.mark.quiet, pytest.mark.timeout(600)]


def benchmark(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, BENCHMARKS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def test_whenever_a_measurement_is_ended_nothing_is_lost_and_the_next_command_leaves_nothing(tmp_path):
    kills = benchmark("kills")
    ground = kills.Ground(tmp_path)
    seconds, wrong = kills.settle(ground)
    assert wrong == []
    for number, part in ((signal.SIGKILL, 0.5), (signal.SIGTERM, 0.8)):
        assert kills.attempt(ground, number, part * seconds) == []
    assert kills.settle(ground)[1] == []


def test_files_of_others_end_in_an_error_of_ours_within_time_and_memory(tmp_path):
    fuzz = benchmark("fuzz")
    said = []
    (tmp_path / "cases").mkdir()
    bad = fuzz.fuzz(24, 1, tmp_path / "cases", fuzz.measure(tmp_path / "model"), said.append)
    assert bad == 0, "\n".join(said)
