"""What was sealed is read back exactly; what is damaged is named with its file."""

import json
import shutil
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from evidence_helpers import facts, sample_columns

from perfproof.errors import EvidenceError
from perfproof.evidence.directory import RunDirectory
from perfproof.evidence.reader import read, read_info, read_round, sealed_rounds
from perfproof.model.recording import PROCESS_COLUMNS, SAMPLE_COLUMNS

Record = Callable[..., dict[str, np.ndarray]]


@pytest.fixture
def run(directory: RunDirectory, record: Record) -> Path:
    """A run of two rounds."""
    record(directory, 1)
    record(directory, 2)
    return directory.path


def test_rounds_come_back_in_order_with_every_sample(directory: RunDirectory, record: Record) -> None:
    written = {number: record(directory, number) for number in (2, 1, 11, 1000)}
    recording = read(directory.path)
    assert [round_.number for round_ in recording.rounds] == [1, 2, 11, 1000]
    for round_ in recording.rounds:
        expected = facts(round_.number, written[round_.number])
        assert (round_.arms, round_.blocks, round_.complete) == (expected.arms, expected.blocks, True)
        for name, kind in SAMPLE_COLUMNS.items():
            assert round_.samples[name].dtype == kind
            np.testing.assert_array_equal(round_.samples[name], written[round_.number][name])
        for name, kind in PROCESS_COLUMNS.items():
            assert round_.processes[name].dtype == kind
            np.testing.assert_array_equal(round_.processes[name], expected.processes[name])


def test_partial_rounds_and_stray_files_are_ignored(directory: RunDirectory, run: Path) -> None:
    directory.begin_round(3)
    (run / "rounds" / ".DS_Store").touch()
    (run / "rounds" / "notes").mkdir()
    (run / "rounds" / "3 copy").mkdir()
    assert sealed_rounds(run) == (1, 2)
    assert len(read(run).rounds) == 2


def test_one_round_can_be_read_alone(run: Path) -> None:
    assert read_round(run, 2).number == 2


def test_samples_in_several_row_groups_and_wider_types_are_read(run: Path) -> None:
    columns = sample_columns(10_000)
    table = pa.table(
        {name: pa.array(column.astype("int64")) for name, column in columns.items()} | {"more": ["x"] * 10_000}
    )
    pq.write_table(table, run / "rounds" / "001" / "samples.parquet", row_group_size=999)
    samples = read_round(run, 1).samples
    assert set(samples.columns) == set(SAMPLE_COLUMNS)
    for name, kind in SAMPLE_COLUMNS.items():
        assert samples[name].dtype == kind
        np.testing.assert_array_equal(samples[name], columns[name])


def test_samples_cannot_be_changed_by_accident(run: Path) -> None:
    with pytest.raises(ValueError, match="read-only"):
        read(run).rounds[0].samples["status"][0] = 1


def test_a_folder_that_is_no_run_is_told_apart_from_one_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(EvidenceError, match="no such run directory"):
        read(tmp_path / "nowhere")
    with pytest.raises(EvidenceError, match=r"run\.json is missing"):
        read_info(tmp_path)


JSON_DAMAGE = {
    "empty": lambda content: b"",
    "cut": lambda content: content[: len(content) // 2],
    "binary": lambda content: b"\xff\x00" * 20,
    "array": lambda content: b"[1]",
    "no format": lambda content: content.replace(b'"format"', b'"former"'),
}


@pytest.mark.parametrize("damage", JSON_DAMAGE)
@pytest.mark.parametrize("name", ["run.json", "rounds/002/round.json"])
def test_a_damaged_json_file_is_named_with_what_to_do(run: Path, name: str, damage: str) -> None:
    file = run / name
    file.write_bytes(JSON_DAMAGE[damage](file.read_bytes()))
    with pytest.raises(EvidenceError, match=f"{file.name} is damaged") as caught:
        read(run)
    assert caught.value.where == str(file)
    assert "measure again" in str(caught.value.hint)


@pytest.mark.parametrize(("name", "key"), [("run.json", "environment"), ("rounds/001/round.json", "blocks")])
def test_a_missing_key_is_named(run: Path, name: str, key: str) -> None:
    document = json.loads((run / name).read_text())
    del document[key]
    (run / name).write_text(json.dumps(document))
    with pytest.raises(EvidenceError, match=f"{key} is missing"):
        read(run)


@pytest.mark.parametrize("name", ["run.json", "rounds/002/round.json"])
def test_a_run_of_a_newer_version_is_refused_by_name(run: Path, name: str) -> None:
    document = json.loads((run / name).read_text())
    (run / name).write_text(json.dumps(document | {"format": 2, "written_by": "3.0.0"}))
    with pytest.raises(EvidenceError, match="is of format 2") as caught:
        read(run)
    assert caught.value.hint == "upgrade perfproof to 3.0.0 or newer"


@pytest.mark.parametrize("name", ["samples.parquet", "processes.parquet"])
@pytest.mark.parametrize("keep", [0.0, 0.3, 0.99])
def test_a_truncated_table_is_named_with_what_to_do(run: Path, name: str, keep: float) -> None:
    file = run / "rounds" / "002" / name
    content = file.read_bytes()
    file.write_bytes(content[: int(len(content) * keep)])
    with pytest.raises(EvidenceError, match=f"{name} is damaged") as caught:
        read(run)
    assert f"remove {file.parent}" in str(caught.value.hint)
    shutil.rmtree(file.parent)
    assert [round_.number for round_ in read(run).rounds] == [1]


@pytest.mark.parametrize("place", [0.1, 0.3, 0.5, 0.7, 0.9])
def test_a_single_flipped_bit_is_noticed(run: Path, place: float) -> None:
    file = run / "rounds" / "001" / "samples.parquet"
    content = bytearray(file.read_bytes())
    content[int(len(content) * place)] ^= 0x10
    file.write_bytes(content)
    with pytest.raises(EvidenceError, match=r"samples\.parquet is damaged"):
        read(run)


@pytest.mark.parametrize("name", ["samples.parquet", "processes.parquet", "round.json"])
def test_a_missing_file_of_a_round_is_named(run: Path, name: str) -> None:
    (run / "rounds" / "001" / name).unlink()
    with pytest.raises(EvidenceError, match="missing") as caught:
        read(run)
    assert name in str(caught.value)


def test_a_missing_column_a_text_column_and_an_empty_cell_are_damage(run: Path) -> None:
    file = run / "rounds" / "001" / "samples.parquet"
    table = pq.read_table(file)
    count = len(table)
    position = table.schema.get_field_index("status")
    for changed, why in (
        (table.drop_columns(["done_ns", "status"]), "no column status, done_ns|no column done_ns, status"),
        (table.set_column(position, "status", pa.array(["x"] * count)), "column status should be int16"),
        (table.set_column(position, "status", pa.array([None] * count, pa.int16())), "column status has empty cells"),
        (table.set_column(position, "status", pa.array([2**40] * count)), "column status should be int16"),
    ):
        pq.write_table(changed, file)
        with pytest.raises(EvidenceError, match=why):
            read(run)


def test_a_million_samples_are_read_quickly_and_without_copies(directory: RunDirectory, record: Record) -> None:
    for number in range(1, 11):
        record(directory, number, 100_000)
    pa.default_memory_pool().release_unused()
    began, held = time.process_time(), pa.total_allocated_bytes()
    tracemalloc.start()
    recording = read(directory.path)
    cpu_seconds = time.process_time() - began
    python_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    width = sum(np.dtype(kind).itemsize for kind in SAMPLE_COLUMNS.values())
    assert sum(len(round_.samples) for round_ in recording.rounds) == 1_000_000
    assert pa.total_allocated_bytes() - held < 1.3 * width * 1_000_000  # the arrays look into Arrow's memory ...
    assert python_bytes < 5_000_000  # ... and NumPy holds no second copy
    assert cpu_seconds < 5  # measured 0.5 s; the bound only catches reading row by row
