"""Run directories and archives of others: what would fill the memory, hang or mislead is refused, with a reason."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from perfproof.errors import EvidenceError
from perfproof.evidence.archive import pack, unpack
from perfproof.evidence.limits import read_result
from perfproof.evidence.reader import read
from perfproof.model.recording import SAMPLE_COLUMNS

READ = """
import resource, sys
from pathlib import Path
from perfproof.errors import EvidenceError
from perfproof.evidence.reader import read
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    read(Path(sys.argv[1]))
except EvidenceError as error:
    print(error.why)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


@pytest.fixture
def run(directory, record):
    record(directory, 1, 100)
    return directory.path


def read_apart(run) -> tuple[str, int]:
    """Read a run in a process of its own; return why it was refused, and the memory that took in MB."""
    done = subprocess.run(
        [sys.executable, "-c", READ, str(run)], capture_output=True, text=True, check=True, timeout=60
    )
    why, memory = done.stdout.splitlines()
    return why, int(memory)


def bomb_of_blanks(run):
    (run / "causes.json.gz").write_bytes(gzip.compress(b'{"format": 1, "a": "' + b" " * 100_000_000 + b'"}', 1))


def bomb_of_lists(run):
    (run / "causes.json.gz").write_bytes(gzip.compress(b"[" + b"[]," * 6_000_000 + b"[]]", 1))


def bomb_of_depth(run):
    (run / "causes.json.gz").write_bytes(gzip.compress(b"[" * 2_000_000))


def bomb_of_rows(run):
    columns = {name: pa.array(np.zeros(3_000_000, kind)) for name, kind in SAMPLE_COLUMNS.items()}
    pq.write_table(pa.table(columns), run / "rounds" / "001" / "samples.parquet", compression="zstd")


@pytest.mark.parametrize(
    ("bomb", "said"),
    [
        (bomb_of_blanks, "larger than 64 MiB"),
        (bomb_of_lists, "more than 3,000,000 values"),
        (bomb_of_depth, "nested too deeply"),
        (bomb_of_rows, "3,000,000 rows would take more than"),
    ],
)
def test_a_small_file_that_stands_for_gigabytes_is_refused_before_it_takes_memory(run, bomb, said):
    bomb(run)
    why, memory = read_apart(run)
    assert said in why
    assert memory < 250


def change(file, **values):
    document = json.loads(file.read_text())
    for key, value in values.items():
        document[key] = value
    file.write_text(json.dumps(document))


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"arms": []}, "no arm"),
        ({"arms": ["a", "a"]}, "an arm twice"),
        ({"requests": []}, "request"),
        ({"requests": ["x", "x"]}, "a request twice"),
        ({"arms": ["only"], "arm_details": [{}]}, "the run has 1|is not among the 1"),
        ({"arm_details": [{}, {}, {}]}, "details of 3"),
        ({"variants": [[], [], []]}, "variants of 3"),
        ({"settings": {"load": {"users": "many"}}}, "settings.load.users"),
        ({"settings": {"load": 3}}, "settings.load should be an object"),
        ({"started_at": 10**30}, "started_at should be a text"),
    ],
)
def test_a_run_that_does_not_name_what_it_refers_to_is_damaged(run, values, said):
    change(run / "run.json", **values)
    with pytest.raises(EvidenceError) as caught:
        read(run)
    assert any(each in str(caught.value) for each in said.split("|")), str(caught.value)


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("number", 7, "it says that it is round 7"),
        ("arm", 5, "it speaks of arm 5"),
        ("completed", -1, "negative count"),
        ("ended_ns", 0, "ends before it begins"),
        ("sent", 10**19, "a number of 64 bits"),
    ],
)
def test_a_round_whose_blocks_contradict_themselves_is_damaged(run, key, value, said):
    file = run / "rounds" / "001" / "round.json"
    document = json.loads(file.read_text())
    (document if key in document else document["blocks"][0])[key] = value
    file.write_text(json.dumps(document))
    with pytest.raises(EvidenceError, match=said):
        read(run)


@pytest.mark.parametrize(
    ("name", "value"), [("arm", 2), ("arm", -1), ("request", 1), ("outcome", 99), ("pair", 2), ("done_ns", -5)]
)
def test_samples_of_what_is_not_there_are_damage(run, name, value):
    file = run / "rounds" / "001" / "samples.parquet"
    table = pq.read_table(file)
    column = table.column(name).to_numpy().copy()
    column[3] = value
    pq.write_table(table.set_column(table.schema.get_field_index(name), name, pa.array(column)), file)
    with pytest.raises(EvidenceError, match=r"samples\.parquet is damaged"):
        read(run)


@pytest.mark.parametrize("name", ["run.json", "rounds/001/round.json", "rounds/001/samples.parquet", "causes.json.gz"])
@pytest.mark.parametrize("kind", ["pipe", "device", "folder"])
def test_what_is_no_ordinary_file_is_not_waited_for(run, name, kind):
    file = run / name
    file.unlink(missing_ok=True)
    if kind == "pipe":
        os.mkfifo(file)
    elif kind == "device":
        file.symlink_to("/dev/zero")
    else:
        file.mkdir()
    began = time.monotonic()
    with pytest.raises(EvidenceError):
        read(run)
    assert time.monotonic() - began < 5


def test_half_of_a_character_becomes_one_that_can_be_printed(run):
    change(run / "run.json", label="\ud800x")
    label = read(run).info.label
    assert label == "?x"
    label.encode()


def test_half_of_a_character_in_a_result_becomes_one_that_can_be_kept(tmp_path):
    file = tmp_path / "result.json"
    file.write_bytes(rb'{"scenario": "\ud800x", "whole": "\ud83d\ude00"}')
    assert read_result(file) == {"scenario": "?x", "whole": "\N{GRINNING FACE}"}


def test_an_archive_of_a_run_that_makes_no_sense_or_of_a_refused_name_imports_nothing(run, tmp_path, directory):
    directory.finish(replace(read(run).info, status="complete"))
    file = tmp_path / "it.perfproof"
    pack([run], file, {run.name: ["last"]})

    def refuse(manifest):
        raise EvidenceError(f"{manifest.runs[0].names[0]} is no name")

    with pytest.raises(EvidenceError, match="last is no name"):
        unpack(file, tmp_path / "here", refuse)
    assert not (tmp_path / "here" / run.name).exists()
    change(run / "run.json", arms=["one"], arm_details=[{}])
    pack([run], file)
    with pytest.raises(EvidenceError):
        unpack(file, tmp_path / "here")
    assert list((tmp_path / "here").iterdir()) == []


def test_an_archive_that_unpacks_to_a_hundred_times_its_size_is_refused_before_it_fills_the_disk(
    run, tmp_path, directory
):
    directory.finish(replace(read(run).info, status="complete"))
    (run / "load.log").write_bytes(bytes(270 << 20))
    file = tmp_path / "it.perfproof"
    pack([run], file)
    assert file.stat().st_size < 2 << 20
    with pytest.raises(EvidenceError, match="larger than an archive may be"):
        unpack(file, tmp_path / "here")
    assert list((tmp_path / "here").iterdir() if (tmp_path / "here").exists() else ()) == []
