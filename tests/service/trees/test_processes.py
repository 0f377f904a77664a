from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from arms import GUNICORN, all_end, an_arm, mask, wait_for
from perfproof.model.recording import PROCESS_COLUMNS
from perfproof.service.lifecycle import start
from perfproof.service.processes import ProcessTree, Sampler

MB = 1 << 20


def used(tree: ProcessTree, subject, *lines: str) -> tuple[float, float]:
    """Return the CPU seconds that the tree showed for some work, and that the process says it used."""
    before, said_before = tree.cpu_ns(), subject.do("threads 0 0")
    said = said_before
    for line in lines:
        said = subject.do(line)
    return (tree.cpu_ns() - before) / 1e9, said - said_before


def test_ended_threads_are_counted(subject):
    tree = ProcessTree(0, subject.pids)
    seen, said = used(tree, subject, "threads 4 0.1")
    assert said >= 0.4
    assert seen == pytest.approx(said, rel=0.05)


def test_a_child_that_came_and_went_unseen_is_counted(subject):
    tree = ProcessTree(0, subject.pids)
    seen, said = used(tree, subject, "child 0.6")
    assert said >= 0.6
    assert seen == pytest.approx(said, rel=0.05)


def test_a_child_that_was_seen_is_not_counted_twice_when_it_is_reaped(subject):
    tree = ProcessTree(0, subject.pids)
    said_before = subject.do("threads 0 0")
    before = tree.cpu_ns()
    subject.do("child 0.6 stay")
    assert wait_for(lambda: (tree.cpu_ns() - before) / 1e9 > 0.6)
    said = subject.do("end_child") - said_before
    assert (tree.cpu_ns() - before) / 1e9 == pytest.approx(said, rel=0.05)


def test_children_of_before_the_first_look_are_left_out(subject):
    subject.do("child 0.3")
    tree = ProcessTree(0, subject.pids)
    first = tree.cpu_ns()
    assert first / 1e9 < 0.25
    subject.do("child 0.3")
    assert (tree.cpu_ns() - first) / 1e9 == pytest.approx(0.3, abs=0.05)


def test_short_intervals_are_finer_than_a_tick(subject):
    tree = ProcessTree(0, subject.pids)
    seen, said = used(tree, subject, "threads 1 0.004")
    assert 0.004 <= seen <= said + 0.005


def test_the_clock_never_falls_while_children_come_and_go(subjects):
    parent = subjects()
    tree = ProcessTree(0, parent.pids)
    said_before = said = parent.do("threads 0 0")
    readings = [tree.cpu_ns()]
    for _ in range(15):
        parent.do("child 0.013 stay")
        readings.append(tree.cpu_ns())
        time.sleep(0.015)
        readings.append(tree.cpu_ns())
        said = parent.do("end_child")
        readings.append(tree.cpu_ns())
    assert readings == sorted(readings)
    assert (readings[-1] - readings[0]) / 1e9 == pytest.approx(said - said_before, abs=0.03)


def test_a_process_whose_parent_is_not_watched_stays_counted(subjects):
    one, two = subjects(), subjects()
    tree = ProcessTree(0, lambda: [one.pid, two.pid])
    two.do("threads 1 0.1")
    before = tree.cpu_ns()
    two.end()
    assert tree.cpu_ns() >= before
    assert list(tree.cpu_by_pid()) == [one.pid]


def test_a_zombie_counts_its_cpu_but_no_memory():
    child = subprocess.Popen([sys.executable, "-c", "sum(range(3_000_000))"])
    tree = ProcessTree(0, lambda: [child.pid])
    assert wait_for(lambda: Path(f"/proc/{child.pid}/stat").read_text().split()[2] == "Z")
    tree.look(full=True)
    columns = tree.columns()
    assert columns["cpu_ns"][0] > 10_000_000
    assert (columns["processes"][0], columns["rss"][0], columns["pss"][0]) == (0, 0, -1)
    child.wait()
    tree.look(full=True)
    assert tree.columns()["cpu_ns"][1] == columns["cpu_ns"][0]


def test_rows_have_the_agreed_columns(subject):
    tree = ProcessTree(1, subject.pids)
    tree.look(full=False)
    tree.look(full=True)
    columns = tree.columns()
    assert {name: str(column.dtype) for name, column in columns.items()} == PROCESS_COLUMNS
    assert columns["arm"].tolist() == [1, 1]
    assert columns["pss"][0] == columns["uss"][0] == -1
    assert 0 < columns["uss"][1] <= columns["pss"][1] <= columns["rss"][1]
    assert columns["t_ns"][0] < columns["t_ns"][1]


def test_a_remote_service_has_no_figures():
    tree = ProcessTree(0, list)
    tree.look(full=True)
    summary = tree.summary()
    assert (summary.memory_kind, summary.memory_peak, summary.processes) == ("none", None, 0)
    assert tree.cpu_ns() == 0


def test_shared_memory_of_forked_workers_counts_once(subject):
    subject.do("hold 60")
    subject.do("child 0 stay")
    tree = ProcessTree(0, subject.pids)
    tree.look(full=True)
    columns = tree.columns()
    assert columns["processes"][0] == 2
    assert columns["rss"][0] > 120 * MB
    assert 60 * MB < columns["pss"][0] < 90 * MB


def test_the_peak_between_looks_is_the_kernels(subject):
    tree = ProcessTree(0, subject.pids)
    tree.look(full=True)
    subject.do("hold 80")
    subject.do("release")
    tree.look(full=True, always=True)
    summary = tree.summary()
    assert summary.memory_start is not None
    assert summary.memory_peak is not None
    assert summary.memory_steady is not None
    assert summary.memory_kind == "pss"
    assert summary.memory_steady < summary.memory_start + 20 * MB
    assert 75 * MB < summary.memory_peak - summary.memory_start < 90 * MB


@pytest.mark.server
def test_a_replaced_worker_is_a_restart(tmp_path):
    (service,) = start([an_arm(GUNICORN)], logs=tmp_path, redactor=mask, cpus=None)
    try:
        tree = ProcessTree(0, service.processes)
        tree.look(full=True)
        columns = tree.columns()
        assert columns["processes"][0] == 3
        assert columns["pss"][0] < columns["rss"][0]
        worker = service.processes()[-1]
        os.kill(worker, signal.SIGKILL)
        assert all_end([worker])
        assert wait_for(lambda: tree.look(full=False) or tree.columns()["processes"][-1] == 3)
        assert tree.summary().restarts == 1
    finally:
        service.stop()


def test_helpers_that_come_and_go_are_no_restarts(subject):
    tree = ProcessTree(0, subject.pids)
    tree.look(full=False)
    for _ in range(4):
        subject.do("child 0 stay")
        tree.look(full=False)
        subject.do("end_child")
        tree.look(full=False)
    assert tree.summary().restarts == 0


def test_the_sampler_looks_while_its_block_runs_and_never_at_pss(subjects):
    trees = [ProcessTree(0, subjects().pids), ProcessTree(1, subjects().pids)]
    with Sampler(trees, rate=50) as sampler:
        assert wait_for(lambda: all(len(tree.columns()["arm"]) >= 5 for tree in trees))
    rows = [len(tree.columns()["arm"]) for tree in trees]
    time.sleep(0.1)
    assert [len(tree.columns()["arm"]) for tree in trees] == rows
    assert all((tree.columns()["pss"] == -1).all() for tree in trees)
    assert sampler.cpu_seconds > 0


def test_reading_pss_keeps_to_its_share_of_a_core_but_for_the_last_look(subject):
    subject.do("hold 100")
    tree = ProcessTree(0, subject.pids)
    for _ in range(5):
        tree.look(full=True)
    tree.look(full=True, always=True)
    assert (tree.columns()["pss"] >= 0).tolist() == [True, False, False, False, False, True]
