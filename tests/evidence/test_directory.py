"""Run directories are written whole or not at all, and trouble with the disk is told plainly."""

import dataclasses
import json
import os
import resource
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from threading import Event

import pytest
from evidence_helpers import facts, sample_columns
from hypothesis import given
from hypothesis import strategies as st

from perfproof.core.owner import Owner
from perfproof.errors import EvidenceError
from perfproof.evidence.directory import IMPORTING, STARTING, RunDirectory, new_id, tidy
from perfproof.evidence.reader import read, read_info
from perfproof.evidence.tables import write_table
from perfproof.model.recording import SAMPLE_COLUMNS, RunInfo
from postgres import missing

Record = Callable[..., object]


def test_an_id_tells_the_utc_time_and_the_scenario() -> None:
    now = datetime(2026, 11, 23, 8, 15, 2, tzinfo=timezone(timedelta(hours=2)))
    assert new_id("Projects, all", now)[:-4] == "20261123-061502-projects-all-"
    assert new_id("projects", now) != new_id("projects", now)


@given(st.text(max_size=200))
def test_any_scenario_name_gives_an_id_that_is_a_plain_folder_name(name: str) -> None:
    made = new_id(name, datetime.now(UTC))
    assert set(made) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")
    assert len(made) <= 61


def test_a_new_run_can_be_read_at_once(directory: RunDirectory, info: RunInfo) -> None:
    assert read_info(directory.path) == info
    assert read(directory.path).rounds == ()
    assert (directory.path / "scenario.yaml").read_text() == "name: projects\n"
    assert json.loads((directory.path / "run.json").read_text())["format"] == 1


def test_a_run_of_the_same_id_is_not_overwritten(directory: RunDirectory, info: RunInfo) -> None:
    with pytest.raises(EvidenceError, match="a run of this id already"):
        RunDirectory.create(directory.path.parent, info, "other\n")
    assert (directory.path / "scenario.yaml").read_text() == "name: projects\n"


def test_finishing_rewrites_the_status_and_clears_what_is_partial(directory: RunDirectory, info: RunInfo) -> None:
    partial = directory.begin_round(1)
    directory.finish(dataclasses.replace(info, status="interrupted", problem="Ctrl-C"))
    assert read_info(directory.path).status == "interrupted"
    assert read_info(directory.path).problem == "Ctrl-C"
    assert not partial.path.exists()


def test_a_result_is_kept_beside_the_run_and_replaced(directory: RunDirectory) -> None:
    directory.save_result('{"verdict": "met"}')
    directory.save_result('{"verdict": "short"}')
    assert json.loads((directory.path / "result.json").read_text()) == {"verdict": "short"}


def test_a_sealed_round_holds_the_documented_files_and_nothing_else(
    directory: RunDirectory, record: Record, tmp_path: Path
) -> None:
    log = tmp_path / "raw.log"
    log.write_text("token hunter2\n")
    partial = directory.begin_round(1)
    write_table(partial.samples_path, sample_columns(10), SAMPLE_COLUMNS)
    logs = {"baseline": log, "candidate": tmp_path / "never-written.log"}
    directory.seal(partial, facts(1, sample_columns(10)), logs, lambda text: text.replace("hunter2", "***"))
    folder = directory.path / "rounds" / "001"
    names = {"samples.parquet", "processes.parquet", "round.json", "baseline.log"}
    assert {path.name for path in folder.iterdir()} == names
    assert (folder / "baseline.log").read_text() == "token ***\n"
    assert directory.sealed_rounds() == (1,)


def test_the_load_processs_log_is_kept_masked(directory: RunDirectory, tmp_path: Path) -> None:
    log = tmp_path / "load.log"
    log.write_text("token hunter2\n")
    directory.keep_log(log, lambda text: text.replace("hunter2", "***"))
    directory.keep_log(tmp_path / "absent.log", str)
    assert (directory.path / "load.log").read_text() == "token ***\n"
    assert not (directory.path / "absent.log").exists()


def test_a_round_that_was_begun_before_starts_empty(directory: RunDirectory) -> None:
    first = directory.begin_round(1)
    first.samples_path.write_text("half")
    assert list(directory.begin_round(1).path.iterdir()) == []


def test_a_discarded_round_leaves_nothing(directory: RunDirectory) -> None:
    directory.discard(directory.begin_round(1))
    assert list((directory.path / "rounds").iterdir()) == []


def test_a_round_cannot_be_sealed_under_another_number(directory: RunDirectory) -> None:
    with pytest.raises(ValueError, match="round 2 cannot be sealed as 1"):
        directory.seal(directory.begin_round(1), facts(2), {}, str)


def test_a_complete_round_without_its_samples_is_refused(directory: RunDirectory, record: Record) -> None:
    record(directory, 1)
    with pytest.raises(EvidenceError, match="samples of round 2 are missing"):
        directory.seal(directory.begin_round(2), facts(2), {}, str)
    assert directory.sealed_rounds() == (1,)


def test_a_round_that_broke_off_before_any_sample_is_still_evidence(directory: RunDirectory) -> None:
    broken = dataclasses.replace(facts(1), complete=False, problem="baseline died", processes={})
    directory.seal(directory.begin_round(1), broken, {}, str)
    (round_,) = read(directory.path).rounds
    assert (round_.complete, round_.problem) == (False, "baseline died")
    assert len(round_.samples) == 0
    assert len(round_.processes["t_ns"]) == 0


def test_samples_cut_short_by_a_crash_are_not_sealed(directory: RunDirectory, record: Record) -> None:
    record(directory, 1)
    partial = directory.begin_round(2)
    write_table(partial.samples_path, sample_columns(10), SAMPLE_COLUMNS)
    partial.samples_path.write_bytes(partial.samples_path.read_bytes()[:-20])
    with pytest.raises(EvidenceError, match=r"samples\.parquet is damaged"):
        directory.seal(partial, facts(2), {}, str)
    assert [round_.number for round_ in read(directory.path).rounds] == [1]
    assert not partial.path.exists()


def test_a_reader_never_sees_a_half_rewritten_run(directory: RunDirectory, info: RunInfo) -> None:
    problems = {letter: letter * 500_000 for letter in "ab"}
    reader = ThreadPoolExecutor(1)

    def watch() -> set[str]:
        seen = set()
        while not done.is_set():
            seen.add(read_info(directory.path).problem or "")
        return seen

    done = Event()
    watching = reader.submit(watch)
    for _ in range(15):
        for problem in problems.values():
            directory.finish(dataclasses.replace(info, problem=problem))
    done.set()
    assert watching.result() <= {"", *problems.values()}
    reader.shutdown()


def test_a_results_path_through_a_file_is_named(tmp_path: Path, info: RunInfo) -> None:
    (tmp_path / "results").touch()
    with pytest.raises(EvidenceError, match="cannot be written") as caught:
        RunDirectory.create(tmp_path / "results", info, "")
    assert "choose another results folder" in str(caught.value)


WITHOUT_PERMISSION = """
import os, sys
from pathlib import Path
from perfproof.evidence.directory import RunDirectory
from perfproof.errors import EvidenceError
if os.getuid() == 0:
    os.setgid(65534)
    os.setuid(65534)
try:
    RunDirectory(Path(sys.argv[1])).begin_round(1)
except EvidenceError as error:
    print(error)
"""


def test_a_folder_without_permission_is_named(tmp_path: Path) -> None:
    (tmp_path / "rounds").mkdir()
    (tmp_path / "rounds").chmod(stat.S_IRUSR | stat.S_IXUSR)
    run = [sys.executable, "-c", WITHOUT_PERMISSION, str(tmp_path)]
    told = subprocess.run(run, capture_output=True, text=True, check=True).stdout
    assert "permission is denied" in told
    assert str(tmp_path) in told


@contextmanager
def small_disk(path: Path, size: str) -> Iterator[Path]:
    """Mount a file system of ``size``."""
    if os.getuid() != 0:
        missing("only root may mount a small file system")
    path.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", path], capture_output=True)
    if mounted.returncode != 0:
        missing(f"a small file system cannot be mounted here: {mounted.stderr.decode().strip()}")
    try:
        yield path
    finally:
        subprocess.run(["umount", path], check=True)


def test_on_a_full_disk_finished_rounds_stay_and_the_status_is_still_written(
    tmp_path: Path, info: RunInfo, record: Record
) -> None:
    with small_disk(tmp_path / "disk", "512k") as disk:
        directory = RunDirectory.create(disk / "results", info, "name: projects\n")
        record(directory, 1, 2000)
        partial = directory.begin_round(2)
        write_table(partial.samples_path, sample_columns(2000), SAMPLE_COLUMNS)
        log = tmp_path / "log"
        log.write_text("x" * 500_000)
        with pytest.raises(EvidenceError) as caught:
            directory.seal(partial, facts(2), {"baseline": log}, str)
        directory.finish(dataclasses.replace(info, status="failed", problem=str(caught.value)))
        recording = read(directory.path)
    assert caught.value.why == "the disk is full"
    assert "rounds that were finished are kept" in str(caught.value)
    assert [len(round_.samples) for round_ in recording.rounds] == [2000]
    assert recording.info.status == "failed"


def test_a_disk_that_is_full_from_the_start_is_told(tmp_path: Path, info: RunInfo) -> None:
    with small_disk(tmp_path / "disk", "64k") as disk:
        (disk / "other").write_bytes(b"x" * 64 * 1024)
        with pytest.raises(EvidenceError, match="cannot be written") as caught:
            RunDirectory.create(disk / "results", info, "name: projects\n")
    assert caught.value.why == "the disk is full"


def test_a_file_size_limit_is_told_and_leaves_no_half_file(directory: RunDirectory, info: RunInfo) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))
    try:
        with pytest.raises(EvidenceError, match="cannot be written") as caught:
            directory.save_result("x" * 100_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert caught.value.why == "a file would exceed the size limit"
    assert {path.name for path in directory.path.iterdir()} == {"run.json", "scenario.yaml", "rounds"}


MEASURE_UNTIL_KILLED = """
import sys
from pathlib import Path
sys.path[:0] = [sys.argv[2], sys.argv[2] + "/.."]
from evidence_helpers import facts, sample_columns
from perfproof.evidence.directory import RunDirectory
from perfproof.evidence.tables import write_table
from perfproof.model.recording import SAMPLE_COLUMNS
directory = RunDirectory(Path(sys.argv[1]))
columns = sample_columns(2000)
for number in range(1, 100000):
    partial = directory.begin_round(number)
    write_table(partial.samples_path, columns, SAMPLE_COLUMNS)
    directory.seal(partial, facts(number, columns), {}, str)
    print(number, flush=True)
"""


@pytest.mark.parametrize("milliseconds", [3, 11, 29])
def test_a_kill_at_any_moment_leaves_only_whole_rounds(directory: RunDirectory, milliseconds: int) -> None:
    command = [sys.executable, "-c", MEASURE_UNTIL_KILLED, str(directory.path), str(Path(__file__).parent)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "1\n"
        time.sleep(milliseconds / 1000)
        process.send_signal(signal.SIGKILL)
        told = 1 + len(process.stdout.read().split())
    recording = read(directory.path)
    assert [round_.number for round_ in recording.rounds] == list(range(1, len(recording.rounds) + 1))
    assert len(recording.rounds) >= told
    assert {len(round_.samples) for round_ in recording.rounds} == {2000}


def test_what_a_killed_process_has_begun_is_removed_and_what_a_living_one_has_is_not(tmp_path: Path) -> None:
    mine = Owner.mine()
    for owner in (mine, Owner(mine.pid, mine.started + 1, mine.place)):
        for ending in (STARTING, IMPORTING):
            (tmp_path / f".20261123-061502-projects-33e8.{owner}{ending}" / "rounds").mkdir(parents=True)
    (tmp_path / ".git").mkdir()
    tidy(tmp_path)
    kept = {f".20261123-061502-projects-33e8.{mine}{ending}" for ending in (STARTING, IMPORTING)}
    assert {path.name for path in tmp_path.iterdir()} == kept | {".git"}
