"""What is said of cores, neighbours, clock, memory, open files, disk and store."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from perfproof.core.redaction import Redactor
from perfproof.doctor import clock, machine
from perfproof.doctor.context import Asked, Context
from perfproof.doctor.machine import Disk, OpenFiles
from perfproof.doctor.store import Store as StoreCheck
from perfproof.machine.cores import CpuPlan, split_cpus
from perfproof.machine.neighbours import Neighbour, Neighbours, look
from perfproof.model.scenario import Arm, Load, Request, Scenario, Service
from perfproof.rounds.observer import Silent
from perfproof.store.repository import Store


def context(folder: Path, **changes: object) -> Context:
    made = Context(Asked(folder / "results"), folder, split_cpus(), Redactor(frozenset()), Silent())
    for name, value in changes.items():
        setattr(made, name, value)
    return made


def scenario(load: Load = Load()) -> Scenario:  # noqa: B008 - it is frozen
    arms = tuple(Arm(name, Service(command="true")) for name in ("baseline", "candidate"))
    return Scenario("some", Path("some.yaml"), arms, (Request("item", "GET", "/"),), load=load)


def test_a_program_that_spins_is_seen_with_its_share_and_name():
    spinning = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        found = look(0.5)
    finally:
        spinning.kill()
        spinning.wait()
    mine = next(each for each in found.processes if each.pid == spinning.pid)
    assert mine.share > 0.2, "a busy machine leaves it less than a core"
    assert mine.name.startswith("python")
    assert max(found.busy.values()) > 0.2
    assert set(found.busy) == set(range(os.cpu_count() or 1)) or len(found.busy) >= 1
    assert os.getpid() not in [each.pid for each in found.processes]


def test_quiet_cores_are_fine_and_busy_ones_name_who_uses_them():
    quiet = Neighbours({0: 0.01, 1: 0.03, 2: 0.9}, 0.0, ())
    (finding,) = machine.judged(quiet, {0, 1}, 3)
    assert finding.state == "ok"
    assert finding.what == "others use 2 % of the cores (of the 2 of 3 that a run would use)"
    spinner = Neighbour(4711, "node", 0.93)
    (finding,) = machine.judged(Neighbours({0: 0.01, 1: 0.95}, 0.0, (spinner, Neighbour(1, "init", 0.001))), {0, 1}, 2)
    assert finding.state == "warning"
    assert "core 0 1 %, core 1 95 %" in finding.what
    assert finding.fix == "stop node (pid 4711, 93 %), or wait until done"


def test_cores_that_are_used_by_nobody_in_sight_and_stolen_time_are_told():
    first, second = machine.judged(Neighbours({0: 0.5}, 0.1, ()), {0}, 1)
    assert "container" in first.why
    assert second.what == "the host takes 10 % of a core away (steal)"
    assert second.fix
    (finding,) = machine.judged(Neighbours({}, 0.0, ()), {0}, 1)
    assert finding.state == "warning"


def test_one_core_is_a_warning(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {3})
    monkeypatch.setattr(machine, "quota", lambda root, membership: None)
    plan = CpuPlan(None, None, "one core only")
    first, *_ = machine.Cores().run(context(tmp_path, cpus=plan))
    assert first.state == "warning"
    assert "2 cores" in first.fix


@pytest.mark.parametrize(
    ("own", "above", "granted"),
    [("max 100000", "max 100000", None), ("150000 100000", "max 100000", 1.5), ("200000 100000", "50000 100000", 0.5)],
)
def test_the_cores_that_control_groups_grant_are_the_least_on_the_way_up(tmp_path, own, above, granted):
    group = tmp_path / "box" / "inner"
    group.mkdir(parents=True)
    (group / "cpu.max").write_text(own + "\n")
    (tmp_path / "box" / "cpu.max").write_text(above + "\n")
    (tmp_path / "membership").write_text("0::/box/inner\n")
    assert machine.quota(tmp_path, tmp_path / "membership") == granted
    assert machine.quota(tmp_path, tmp_path / "no such file") is None


def test_a_dear_clock_and_a_coarse_one_are_warnings_and_this_ones_readings_are_counted(tmp_path):
    assert clock.judged("tsc", 0.05, 1).state == "ok"
    assert "clocksource=tsc" in clock.judged("hpet", 1.7, 1).fix
    assert "1.7 µs" in clock.judged("hpet", 1.7, 1).what
    assert "high resolution" in clock.judged("jiffies", 0.1, 4e6).fix
    (found,) = clock.ClockCheck().run(context(tmp_path))
    assert "µs a reading" in found.what or found.state == "warning"


def test_more_connections_than_files_are_a_problem_with_its_fix(tmp_path, monkeypatch):
    monkeypatch.setattr(resource, "getrlimit", lambda what: (512, 512))
    many = scenario(Load(model="closed", users=400))
    (finding,) = OpenFiles().run(context(tmp_path, scenario=many))
    assert finding.state == "problem"
    assert "800 connections are more than the 512 open files allowed" in finding.what
    assert "ulimit -Hn" in finding.fix
    shared = replace(many, load=replace(many.load, workers=4))
    (finding,) = OpenFiles().run(context(tmp_path, scenario=shared))
    assert finding.state == "warning", "a worker opens 200 of them"
    assert "the load opens up to 200" in finding.what
    monkeypatch.setattr(resource, "getrlimit", lambda what: (1024, 65536))
    (finding,) = OpenFiles().run(context(tmp_path, scenario=many))
    assert finding.state == "ok", "the hard limit counts: the load process raises the soft one"


def test_a_full_disk_is_a_problem_and_nothing_is_made(tmp_path, monkeypatch):
    usage = machine.shutil.disk_usage(tmp_path)
    monkeypatch.setattr(machine.shutil, "disk_usage", lambda folder: usage._replace(free=50 * 2**20))
    findings = list(Disk().run(context(tmp_path)))
    assert findings[0].state == "problem"
    assert "50.0 MiB are free" in findings[0].what
    assert "perfproof prune" in findings[0].fix
    monkeypatch.setattr(machine.shutil, "disk_usage", lambda folder: usage._replace(free=500 * 2**20))
    assert [each.state for each in Disk().run(context(tmp_path))] == ["warning"] * len(findings)
    assert not (tmp_path / "results").exists()


def test_a_place_for_runs_that_is_a_file_is_a_problem(tmp_path):
    (tmp_path / "results").write_text("no folder")
    findings = list(Disk().run(context(tmp_path)))
    assert findings[0].state == "problem"
    assert "--results DIR" in findings[0].fix


def test_a_store_is_looked_at_and_never_made(tmp_path):
    asked = context(tmp_path)
    (finding,) = StoreCheck().run(asked)
    assert (finding.state, finding.what) == ("ok", "none yet; the first run makes it")
    assert not (tmp_path / "results").exists()
    (tmp_path / "results").mkdir()
    Store.open(f"sqlite:///{tmp_path / 'results' / 'perfproof.db'}").close()
    (finding,) = StoreCheck().run(asked)
    assert finding.what == "readable, 0 runs"
    (tmp_path / "results" / "perfproof.db").write_text("not at all a database, but long enough to be looked at " * 9)
    before = (tmp_path / "results" / "perfproof.db").read_bytes()
    (finding,) = StoreCheck().run(asked)
    assert finding.state == "problem"
    assert "not a database" in finding.what
    assert finding.fix
    assert (tmp_path / "results" / "perfproof.db").read_bytes() == before
