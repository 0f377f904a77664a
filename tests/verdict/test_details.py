"""Charts over time: what was measured, and nothing where nothing was."""

from __future__ import annotations

from math import isnan

import pytest

from perfproof.judge import analyse
from perfproof.model.metrics import ALL
from recording_builders import make_recording


@pytest.mark.parametrize("chart", ["latency_over_time", "cpu_over_time", "memory_over_time"])
def test_lines_over_time_are_not_joined_across_rounds(chart: str) -> None:
    recording = make_recording(rounds=5, pairs=4)
    (detail,) = [each for each in analyse(recording).details if each.request == ALL]
    for curve in detail.charts[chart]:
        gaps = [at for at, y in enumerate(curve.y) if isnan(y)]
        assert len(gaps) == 4, "one between two rounds"
        assert not isnan(curve.y[0])
        assert not isnan(curve.y[-1])
        assert list(curve.x) == sorted(curve.x)
