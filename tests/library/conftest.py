"""Recordings on disk, as the library opens them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from perfproof.model.recording import Recording
from recording_builders import make_recording
from recordings import keep


@pytest.fixture(scope="session")
def faster() -> Recording:
    """A comparison whose candidate is 20 % faster, with failures, variants and memory that was not always read."""
    made = make_recording(effect=-0.2, rounds=6, errors=(0.0, 0.005), variants=([1.0, 2.0], [1.0]))
    first = made.rounds[0]
    looks = {name: column.copy() for name, column in first.processes.items()}
    looks["pss"][0] = -1
    return replace(made, rounds=(replace(first, processes=looks), *made.rounds[1:]))


@pytest.fixture
def kept(tmp_path: Path) -> Callable[[Recording], Path]:
    """A function that keeps a recording in the ``results`` of a fresh folder."""
    return lambda recording: keep(recording, tmp_path / "results")
