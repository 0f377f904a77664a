from __future__ import annotations

import numpy as np

from perfproof.load.sample_files import WorkerPart, merge_parts
from perfproof.load.sample_recorder import Recorder

ROW = (0, 3, 1, 2, 1000, 1100, 0, 1300, 200, 5, 0, 0, 7)


def test_parts_are_joined_and_their_times_are_as_of_our_clock(tmp_path):
    import pyarrow.parquet as pq

    for place in range(2):
        recorder = Recorder(tmp_path)
        recorder.add(*ROW)
        recorder.add(1, *ROW[1:])
        recorder.write(tmp_path / f"{place}.parquet")
    parts = [
        WorkerPart(tmp_path / "0.parquet"),
        WorkerPart(tmp_path / "1.parquet", {(0, 3): 600, (1, 3): 0, (0, 4): 9}),
    ]
    assert merge_parts(tmp_path / "all.parquet", parts) == 4
    table = pq.read_table(tmp_path / "all.parquet")
    assert table["intended_ns"].to_pylist() == [1000, 1000, 400, 1000]
    assert table["done_ns"].to_pylist() == [1300, 1300, 700, 1300]
    assert table["first_byte_ns"].to_pylist() == [0, 0, 0, 0]
    assert table["intended_ns"].to_numpy().dtype == np.int64
