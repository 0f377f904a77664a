"""Bad input and bad luck: a clear error, the right exit code, nothing lost, nothing left behind."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

pytestmark = [pytest.mark.server, pytest.mark.timeout(180)]


def wait_until(condition, seconds=20.0):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.05)
    return condition()


@pytest.mark.parametrize(
    ("words", "said"),
    [(["nosuch"], "nosuch"), (["run", "--nosuch"], "--nosuch"), (["run", "--rounds", "many"], "--rounds")],
)
def test_a_misspelt_command_line_is_told_and_is_no_defect(words, said, bench):
    ran = bench.run(*words)
    assert ran.code == 2
    assert "defect" not in ran.err
    assert "  fix: " in ran.err
    assert said in ran.err


@pytest.mark.parametrize("words", [["show"], ["gate"], ["compare", "last"], ["import"], ["ab"], ["doctor"]])
def test_a_path_longer_than_any_file_name_is_told_and_is_no_defect(words, bench):
    ran = bench.run(*words, "a" * 5000 + ".yaml")
    assert ran.code == 2
    assert "defect" not in ran.err
    assert "  fix: " in ran.err
    assert len(ran.err) < 20_000


def test_every_mistake_of_a_scenario_is_told_at_once(bench):
    path = bench.scenario(
        ("rate: 80/s", "rates: 80/s"), ("health: /health", "helth: /health"), ("blocks: 4", "blocks: many")
    )
    ran = bench.run("check", str(path))
    assert ran.code == 2
    assert ran.err.count("tiny.yaml:") == 3
    assert "did you mean" in ran.err
    assert "Traceback" not in ran.err


def test_a_missing_variable_is_named(bench):
    path = bench.scenario(('WORK_US: "3000"', 'WORK_US: "${NOT_SET_ANYWHERE}"'))
    ran = bench.run("ab", str(path))
    assert ran.code == 2
    assert "NOT_SET_ANYWHERE" in ran.err


def test_a_command_that_does_not_exist_is_a_usage_error(bench):
    ran = bench.run("ab", str(bench.scenario(("{python} -m uvicorn", "no-such-program-here"))))
    assert ran.code == 2, ran.err
    assert "no-such-program-here" in ran.err
    assert not bench.leftovers()


def test_a_service_that_refuses_to_start_shows_the_tail_of_its_log(bench):
    path = bench.scenario(("candidate: {environment: {", 'candidate: {environment: {REFUSE: "1", '))
    ran = bench.run("ab", str(path))
    assert ran.code == 4, ran.err
    assert "candidate" in ran.err
    assert "tiny refuses to start: no configuration" in ran.err
    assert not bench.leftovers()


def test_a_request_that_takes_longer_than_its_timeout_is_told_to_have_a_longer_one(bench):
    path = bench.scenario(
        ('WORK_US: "3000"', 'SLEEP_MS: "80"'), ("values: {n: [1, 2, 3]}", "timeout: 50ms, values: {n: [1]}")
    )
    ran = bench.run("ab", str(path))
    assert ran.code == 4, ran.err
    assert "did not answer 'item' (timeout)" in ran.err
    assert "give it a longer `timeout`" in ran.err
    assert not bench.leftovers()


def test_health_that_never_comes_up_is_told_with_the_last_answer(bench):
    path = bench.scenario(("health: /health", "health: /items/1"), ("start_timeout: 20s", "start_timeout: 1s"),
                          ('baseline: {environment: {', 'baseline: {environment: {STATUS: "503", '))  # fmt: skip
    ran = bench.run("ab", str(path))
    assert ran.code == 4, ran.err
    assert "503" in ran.err
    assert not bench.leftovers()


def test_a_taken_port_is_named(bench):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        path = bench.scenario(("health: /health", f"health: /health\n  port: {port}"))
        ran = bench.run("run", str(path))
    assert ran.code == 2, ran.err
    assert str(port) in ran.err
    assert not bench.runs or not list((bench.runs[0] / "rounds").iterdir())


def test_a_service_dying_mid_round_keeps_the_finished_rounds(bench):
    path = bench.scenario(("candidate: {environment: {", 'candidate: {environment: {DIE_AFTER: "70", '))
    ran = bench.run("ab", str(path), "--json", "out.json")
    assert ran.code == 4, ran.err
    assert "candidate" in ran.err
    assert "code 9" in ran.err
    (run,) = bench.runs
    assert json.loads((run / "run.json").read_text())
    shown = bench.run("show", run.name)
    assert shown.code == 0
    assert "invalid" in shown.out.lower()
    assert not bench.leftovers()


def test_nothing_but_errors_is_invalid(bench):
    bench.without_load()
    broken = [('WORK_US: "3000"', 'STATUS: "500"'), ('WORK_US: "1000"', 'STATUS: "500"')]
    ran = bench.run("ab", str(bench.scenario(*broken)))
    assert ran.code == 4, ran.err + ran.out
    assert "500" in ran.err, "the probe before the load stops the run"
    ran = bench.run("ab", str(bench.scenario(*broken, ("rounds:", "responses: off\nrounds:"))), "--json", "out.json")
    assert ran.code == 4, ran.err + ran.out
    assert bench.json("out.json")["verdict"] == "invalid"
    assert "500" in bench.details()


@pytest.mark.parametrize("after", [0.3, 2.0, 5.0])
def test_ctrl_c_at_any_moment_stops_within_seconds_and_leaves_nothing(bench, after):
    process = bench.start("ab", str(bench.scenario(("count: 2", "count: 6"))))
    try:
        process.wait(after)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=15)
    assert process.returncode == 130, err
    assert "Traceback" not in err
    assert wait_until(lambda: not bench.leftovers()), bench.leftovers()
    for run in bench.runs:
        assert json.loads((run / "run.json").read_text())["status"] == "interrupted"
        assert bench.run("show", run.name).code in (0, 4, 2)


def test_kill_9_leaves_no_process_behind(bench):
    process = bench.start("ab", str(bench.scenario(("count: 2", "count: 6"))))
    assert wait_until(lambda: len(bench.leftovers()) >= 6, 60.0)
    process.kill()
    process.communicate()
    assert wait_until(lambda: not bench.leftovers()), [p.cmdline() for p in bench.leftovers()]


def test_a_run_of_a_newer_version_is_refused_and_an_older_one_says_so(bench):
    bench.without_load()
    assert bench.run("run", str(bench.scenario(("count: 2", "count: 1")))).code == 0
    (run,) = bench.runs
    document = json.loads((run / "run.json").read_text())
    for version, word in ((99, "newer"), (0, "older")):
        (run / "run.json").write_text(json.dumps({**document, "format": version}))
        ran = bench.run("show", str(run))
        assert ran.code == 2, ran.err
        assert word in ran.err or "format" in ran.err
        assert "Traceback" not in ran.err


def test_a_locked_database_is_told_and_nothing_is_lost(bench):
    bench.without_load()
    assert bench.run("run", str(bench.scenario(("count: 2", "count: 1")))).code == 0
    lock = sqlite3.connect(bench.folder / "results" / "perfproof.db")
    lock.execute("BEGIN EXCLUSIVE")
    try:
        ran = bench.run("ab", "tiny.yaml", "--rounds", "1")
    finally:
        lock.rollback()
        lock.close()
    assert ran.code == 2, ran.err
    assert "locked" in ran.err
    assert bench.run("list").code == 0


def test_a_full_disk_is_told_and_finished_rounds_stay(bench):
    if os.geteuid() != 0:
        pytest.skip("mounting a small file system needs root")
    disk = bench.folder / "results"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", str(disk)], check=True)
    try:
        path = bench.scenario(("count: 2", "count: 30"), ("blocks: 4", "blocks: 2"), ("warmup: 300ms", "warmup: 100ms"))
        filler = disk / "filler"
        process = bench.start("ab", str(path), "--no-early-stop")
        assert wait_until(lambda: bool(list(disk.glob("*/rounds/001"))), 40)
        with filler.open("wb", buffering=0) as file:
            try:
                while True:
                    file.write(b"x" * 4096)
            except OSError:
                pass
        _, err = process.communicate(timeout=60)
        assert process.returncode in (2, 4), err
        assert "space" in err.lower() or "full" in err.lower()
        assert "Traceback" not in err
        filler.unlink()
        (run,) = bench.runs
        assert bench.run("show", run.name).code in (0, 4)
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)
    assert not bench.leftovers()


@pytest.mark.quiet
def test_a_service_that_is_already_up_is_measured_by_its_url(bench):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    service = subprocess.Popen(
        [sys.executable, "-m", "uvicorn", "tiny:app", "--port", str(port), "--log-level", "warning"],
        cwd=Path(__file__).parent.parent / "services",
    )
    try:
        text = f"""
name: up
service: {{url: "http://127.0.0.1:{port}", health: /health}}
requests: [{{name: item, get: /items/1}}]
load: {{rate: 60/s}}
rounds: {{count: 3, warmup: 200ms, warmup_requests: 3, blocks: 3, block: 300ms}}
"""
        ran = bench.run("run", str(bench.scenario(text=text)), "--json", "out.json")
        assert ran.code == 0, ran.err + ran.out
        assert psutil.pid_exists(service.pid), "a service that perfproof did not start is not stopped"
        assert "variation between starts" in bench.details()
        cpu = [level for level in bench.json("out.json")["levels"] if level["metric"] == "cpu_per_request"]
        assert cpu, "the process behind a local port is found"
    finally:
        service.terminate()
        service.wait()


def test_a_load_process_that_dies_leaves_a_round_that_says_so(bench):
    process = bench.start("run", str(bench.scenario(("blocks: 4", "blocks: 60"))), "-v")
    said = bench.until(process, ": measuring")
    (load,) = re.findall(r"load process ready \(pid (\d+),", said)
    time.sleep(0.3)
    psutil.Process(int(load)).kill()
    _, err = process.communicate(timeout=60)
    assert process.returncode == 4, err
    assert "the load process has died (exit code -9)" in err
    assert "Traceback" not in err
    facts = json.loads((bench.runs[0] / "rounds" / "001" / "round.json").read_text())
    assert facts["complete"] is False
    assert "the load process has died" in facts["problem"]
    assert json.loads((bench.runs[0] / "run.json").read_text())["status"] == "failed"
    assert not bench.leftovers()
