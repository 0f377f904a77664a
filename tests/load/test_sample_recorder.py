from __future__ import annotations

import numpy as np
import pytest

from perfproof.load.sample_recorder import Recorder
from perfproof.model.recording import SAMPLE_COLUMNS

ROW = (1, -1, 3, 70_000, 2**62, 6, 7, 8, 599, 10**12, 7, 1, 2**62 + 5)


def test_rows_over_several_chunks_are_kept_in_their_order():
    recorder = Recorder()
    for number in range(140_000):
        recorder.add(*ROW[:-1], number)
    assert len(recorder) == 140_000
    assert (recorder.rows()["id"] == np.arange(140_000)).all()
    assert recorder.rows(start=100_000)["id"][0] == 100_000
    assert len(recorder.rows(start=140_000)) == 0
    recorder.clear()
    assert len(recorder) == len(recorder.rows()) == 0


def test_a_file_holds_exactly_the_columns_of_a_sample_with_their_types(tmp_path):
    import pyarrow.parquet as pq

    recorder = Recorder()
    recorder.add(*ROW)
    assert recorder.write(tmp_path / "s.parquet") == 1
    table = pq.read_table(tmp_path / "s.parquet")
    assert {field.name: str(field.type) for field in table.schema} == SAMPLE_COLUMNS
    assert tuple(table.to_pylist()[0].values()) == ROW
    assert [path.name for path in tmp_path.iterdir()] == ["s.parquet"]


def test_a_file_without_samples_can_be_written(tmp_path):
    import pyarrow.parquet as pq

    assert Recorder().write(tmp_path / "s.parquet") == 0
    assert pq.read_table(tmp_path / "s.parquet").column_names == list(SAMPLE_COLUMNS)


def test_a_failed_write_leaves_no_file_behind(tmp_path):
    (tmp_path / "s.parquet").mkdir()  # cannot be replaced by a file
    recorder = Recorder()
    recorder.add(*ROW)
    with pytest.raises(OSError, match="directory"):
        recorder.write(tmp_path / "s.parquet")
    assert [path.name for path in tmp_path.iterdir()] == ["s.parquet"]
    assert len(recorder) == 1


def test_outcomes_are_counted_from_any_row_on():
    recorder = Recorder()
    for number in range(70_000):
        recorder.add(*ROW[:10], number % 8, *ROW[11:])
    assert recorder.outcomes().tolist()[:8] == [8750] * 8
    assert recorder.outcomes(69_998).tolist()[:8] == [0, 0, 0, 0, 0, 0, 1, 1]


def test_a_recording_of_several_chunks_is_written_whole(tmp_path):
    import pyarrow.parquet as pq

    recorder = Recorder(tmp_path)
    for number in range(140_000):
        recorder.add(*ROW[:-1], number)
    assert recorder.write(tmp_path / "s.parquet") == 140_000
    table = pq.read_table(tmp_path / "s.parquet")
    assert (table["id"].to_numpy() == np.arange(140_000)).all()
    assert [path.name for path in tmp_path.iterdir()] == ["s.parquet"]
