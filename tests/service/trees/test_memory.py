from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from perfproof.model.recording import PROCESS_COLUMNS
from perfproof.service.processes import in_pss, summarise


def columns_of(rows: list[tuple[int, int]]) -> dict[str, np.ndarray]:
    """Return looks at one process with these (rss, pss), pss -1 where not read."""
    full = [(at, 0, 1, rss, pss, min(pss, 0) or pss // 2, 0) for at, (rss, pss) in enumerate(rows)]
    return {name: np.array([row[at] for row in full], kind) for at, (name, kind) in enumerate(PROCESS_COLUMNS.items())}


@given(st.lists(st.integers(1, 10**12), min_size=1, max_size=40), st.integers(0, 10**12))
def test_steady_memory_lies_between_the_extremes_and_below_the_peak(values, mark):
    summary = summarise(columns_of([(value, value) for value in values]), peak_rss=mark, restarts=0)
    assert summary.memory_start == values[0]
    assert summary.memory_steady is not None
    assert min(values) <= summary.memory_steady <= max(values)
    assert summary.memory_peak == max(*values, mark)


def test_rss_fills_the_gaps_between_readings_of_pss():
    columns = columns_of([(100, 80), (150, -1), (160, 120), (400, -1), (160, 120)])
    columns["processes"][3] = 2
    summary = summarise(columns, peak_rss=0, restarts=0)
    assert summary.memory_peak == 120
    assert in_pss(columns, columns["pss"] >= 0).tolist() == [80, 120, 120, 120]


def test_without_pss_the_figure_is_rss_and_says_so():
    summary = summarise(columns_of([(5, -1), (9, -1), (7, -1)]), peak_rss=0, restarts=2)
    assert (summary.memory_kind, summary.memory_start, summary.memory_peak) == ("rss", 5, 9)
    assert summary.restarts == 2


def test_the_mark_of_rss_is_reduced_by_what_is_shared():
    summary = summarise(columns_of([(100, 80), (100, -1), (110, 90)]), peak_rss=200, restarts=0)
    assert summary.memory_peak == 180
