"""Killed, interrupted, without a store, without an output: nothing is lost and nothing stays behind."""

from __future__ import annotations

import json
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from perfproof.evidence.reader import read

pytestmark = [pytest.mark.server, pytest.mark.timeout(400)]


@pytest.fixture
def temporary(bench, tmp_path) -> Path:
    """The folder for temporary files of everything that the bench starts."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    bench.environ["TMPDIR"] = str(folder)
    return folder


def started(bench, count: int, sealed: int = 1) -> subprocess.Popen[str]:
    """Start a run and return when so many of its rounds are sealed."""
    path = bench.scenario(
        ("count: 2", f"count: {count}"), ("warmup: 300ms", "warmup: 100ms"), ("blocks: 4", "blocks: 2")
    )
    process = bench.start("run", str(path), "-q", "--label", "it")
    until(lambda: any((bench.folder / "results").glob(f"*/rounds/{sealed:03d}/round.json")), process)
    return process


def until(met, process) -> None:
    deadline = time.monotonic() + 90
    while not met():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_after_a_kill_the_run_is_shown_as_interrupted_can_be_exported_and_nothing_of_it_is_left(bench, temporary):
    process = started(bench, 50)
    assert json.loads(bench.run("list", "--json").out)[0]["status"] == "running"
    refused = bench.run("export", "it", "-o", "run.perfproof")
    assert "still being measured" in refused.err
    assert any(temporary.glob("perfproof-*"))
    process.send_signal(signal.SIGKILL)
    process.communicate()
    listed = bench.run("list", "--json")
    assert json.loads(listed.out)[0]["status"] == "interrupted"
    (run,) = bench.runs
    assert "removed the unmasked logs and scratch files of a perfproof that was killed" in listed.err
    assert f"run {run.name} was killed while it measured: its finished rounds are kept" in listed.err
    assert list(temporary.iterdir()) == []
    assert list(run.glob("rounds/.*")) == []
    assert json.loads((run / "run.json").read_text())["status"] == "interrupted"
    shown = bench.run("show", "it", "--findings")
    assert shown.code == 0, shown.err
    assert "was interrupted: " in " ".join(shown.out.split())
    assert " of 50 planned rounds" in " ".join(shown.out.split())
    assert bench.run("list").err == "", "told once"
    exported = bench.run("export", "it", "-o", "run.perfproof")
    assert exported.code == 0, exported.err
    moved = bench.run("import", "run.perfproof", "--results", "elsewhere")
    assert moved.code == 0, moved.err
    deadline = time.monotonic() + 20
    while bench.leftovers() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert bench.leftovers() == []


@pytest.mark.parametrize("design", ["request", "block"])
def test_a_round_that_ctrl_c_cut_short_in_its_first_block_can_be_read(bench, design):
    """Its samples are of a block that is not among its blocks."""
    path = bench.scenario(("rounds: {", f"rounds: {{pairing: {design}, "), ("block: 300ms", "block: 2s"))
    process = bench.start("ab", str(path), "-v", "--rounds", "3", "--no-why")
    assert process.stderr is not None
    said = []
    for line in process.stderr:
        said.append(line)
        if ": measuring" in line:
            time.sleep(0.3)
            process.send_signal(signal.SIGINT)
            break
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130, "".join(said) + err
    (run,) = bench.runs
    (cut,) = read(run).rounds
    assert not cut.complete
    assert len(cut.samples)
    shown = bench.run("show", "last", "--findings")
    assert "damaged" not in shown.err + shown.out
    assert "interrupted" in shown.out
    exported = bench.run("export", "last", "-o", "run.perfproof")
    assert exported.code == 0, exported.err
    assert bench.run("import", "run.perfproof", "--results", "elsewhere").code == 0


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGQUIT])
def test_a_lost_terminal_ends_a_run_as_ctrl_c_does(bench, temporary, number):
    process = started(bench, 50)
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "interrupted" in err
    assert out, "what was measured until then is judged"
    (run,) = bench.runs
    assert json.loads((run / "run.json").read_text())["status"] == "interrupted"
    assert list(temporary.iterdir()) == []
    assert bench.leftovers() == []


def test_a_second_signal_ends_it_at_once_and_the_next_command_takes_away_what_is_left(bench, temporary):
    stubborn = "import signal, time; signal.signal(15, signal.SIG_IGN); print(1, flush=True); time.sleep(60)"
    reset = f"""  reset: '{{python}} -c "{stubborn}"'"""
    kept = f"  health: /health\n  stop_grace: 3s\n{reset}"  # what is left is killed after it
    path = bench.scenario(("count: 2", "count: 50"), ("  health: /health", kept))
    process = bench.start("run", str(path), "-q")
    until(lambda: any(log.stat().st_size for log in temporary.glob("*/round-001/*.reset.log")), process)
    process.send_signal(signal.SIGINT)
    time.sleep(0.8)
    assert process.poll() is None, "the reset command does not end yet"
    process.send_signal(signal.SIGINT)
    began = time.monotonic()
    _, err = process.communicate(timeout=30)
    assert time.monotonic() - began < 3
    assert process.returncode == 130
    assert "ended at once; the next perfproof command takes away what is left" in err
    assert any(temporary.glob("perfproof-*"))
    deadline = time.monotonic() + 30
    while bench.leftovers() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert bench.leftovers() == []
    assert json.loads(bench.run("list", "--json").out)[0]["status"] == "interrupted"
    assert list(temporary.iterdir()) == []


def test_without_a_working_store_the_verdict_is_given_and_show_repairs_what_is_stored(bench):
    bench.without_load()
    process = started(bench, 2)
    store = bench.folder / "results" / "perfproof.db"
    kept = bench.folder / "kept.db"
    shutil.copy(store, kept)
    store.write_bytes(b"this is no database at all, and long enough to be seen as none" * 100)
    out, err = process.communicate(timeout=120)
    (run,) = bench.runs
    assert json.loads((run / "result.json").read_text())["exit_code"] == 0
    assert process.returncode == 0, err
    assert out
    assert "warning: " in err
    assert "not a database" in err
    assert f"perfproof show {run.relative_to(bench.folder)}" in err.replace("`", "")
    made = bench.run("report", str(run), "-o", "it.html", "-o", "it.json")
    assert made.code == 0, made.err
    assert (bench.folder / "it.html").stat().st_size > 10_000
    assert bench.run("gate", str(run), "--quiet").code == 0
    shutil.copy(kept, store)
    (run / "result.json").unlink()
    assert bench.run("show", str(run)).code == 0
    assert (run / "result.json").is_file()
    with closing(sqlite3.connect(store)) as database:
        assert database.execute("SELECT status, rounds FROM runs").fetchall() == [("complete", 2)]
        assert database.execute("SELECT count(*) FROM levels").fetchone()[0] > 0
    piped = subprocess.run(
        ["bash", "-c", f"{sys.executable} -m perfproof gate last | true; exit ${{PIPESTATUS[0]}}"],
        cwd=bench.folder, env=bench.environ, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (piped.returncode, piped.stderr) == (0, "")


def test_a_gate_whose_store_fails_before_it_compares_is_not_decided(bench):
    bench.without_load()
    path = bench.scenario(("load: {model: open, rate: 80/s}", "load: {model: closed, users: 1}"))
    process = bench.start("gate", str(path), "--baseline", "main")
    until(lambda: any((bench.folder / "results").glob("*/rounds/001/round.json")), process)
    (bench.folder / "results" / "perfproof.db").write_bytes(b"this is no database at all, and long enough" * 100)
    out, err = process.communicate(timeout=120)
    (run,) = bench.runs
    assert json.loads((run / "result.json").read_text())["exit_code"] == 0
    assert process.returncode == 3, err
    assert "Gate not decided: what to compare with cannot be looked up" in " ".join(out.split())
    assert "not a database" in err


def test_an_interrupted_probe_does_not_speak_of_rounds(bench, temporary):
    path = bench.scenario(("  health: /health", '  health: /health\n  prepare: "sleep 30"'))
    process = bench.start("probe", str(path), "-q")
    until(lambda: any(temporary.glob("*/*.prepare.log")), process)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "finished rounds" not in err
    assert "a probe alone records nothing" in err
    assert list(temporary.iterdir()) == []
