from __future__ import annotations

import csv
from pathlib import Path

import builders
import pyarrow.parquet as pq
import pytest

from perfproof.model.result import Result
from perfproof.report.tables import columns, write_csv, write_parquet

RESULTS = [
    builders.make_result(),
    builders.make_run(),
    builders.make_invalid(),
    builders.make_empty(),
    builders.make_hostile(),
]


@pytest.mark.parametrize("result", RESULTS)
def test_csv_and_parquet_hold_the_same_rows(result: Result, tmp_path: Path) -> None:
    write_csv(result, tmp_path / "t.csv")
    write_parquet(result, tmp_path / "t.parquet")
    with (tmp_path / "t.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    table = pq.read_table(tmp_path / "t.parquet")
    assert tuple(table.column_names) == columns(result)
    assert len(rows) == table.num_rows == len(result.levels if result.kind == "run" else result.comparisons)
    for row, other in zip(rows, table.to_pylist(), strict=True):
        assert row["metric"] == other["metric"]
        assert row["request"] == other["request"]
        number = "value" if result.kind == "run" else "change"
        assert (float(row[number]) if row[number] else None) == other[number]


def test_column_types_do_not_depend_on_the_rows(tmp_path: Path) -> None:
    write_parquet(RESULTS[0], tmp_path / "full.parquet")
    write_parquet(RESULTS[3], tmp_path / "empty.parquet")
    assert pq.read_schema(tmp_path / "full.parquet") == pq.read_schema(tmp_path / "empty.parquet")


def test_a_goal_and_its_stretch_are_two_columns(tmp_path: Path) -> None:
    write_parquet(RESULTS[0], tmp_path / "t.parquet")
    row = pq.read_table(tmp_path / "t.parquet").to_pylist()[1]
    assert (row["goal"], row["stretch"], row["verdict"], row["run_id"]) == (
        0.2,
        0.3,
        "met",
        "20261123-061502-projects-9f3a",
    )
