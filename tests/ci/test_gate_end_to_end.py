"""The gate as a CI runs it: real repositories, real measurements, and everything that may be amiss around them.

Services, checkouts, store and reports are real; the load is that of ``fake_engine``, so every gate has one right end.
``test_everywhere.py`` goes the whole way with real load.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import pytest
import yaml

from ci.conftest import SCENARIO, Ran, Repo
from perfproof.store.repository import Store
from perfproof.store.upgrade import VERSION_TABLE

pytestmark = [pytest.mark.server, pytest.mark.timeout(420)]

ACTION = yaml.safe_load((Path(__file__).parent.parent.parent / "ci" / "github" / "action.yml").read_text())
PLANTED = "<script>alert(1)</script> ::error::planted %0A##[error]planted"
BROKEN = 'gate: {inconclusive: warn}\nbudgets: {latency_p50: {limit: 1us, requests: ["PLANTED"]}}\nrounds:'
GATED = SCENARIO.replace("rounds:", BROKEN).replace("name: item", 'name: "PLANTED"').replace("PLANTED", PLANTED)


@dataclass
class Measured:
    """A gate over two refs as it ran on GitHub, in a fork whose token may only read."""

    repo: Repo
    ran: Ran
    summary: str
    run: Path

    @property
    def gate(self) -> dict[str, object]:
        return json.loads((self.repo.folder / "perfproof-gate" / "gate.json").read_text())


@pytest.fixture(scope="module")
def measured(service: Repo) -> Measured:
    service.write("perf.yaml", GATED)
    service.write("app/tiny.py", (service.folder / "app/tiny.py").read_text() + "# edited\n")
    summary = service.folder.parent / "summary.md"
    summary.write_text("what another step wrote\n")
    ran = service.run(
        "gate", "perf.yaml", "--baseline-ref", "main", "--candidate-ref", "worktree", "--format", "github", "--format",
        "json", "--format", "junit", "--label", "pr",
        GITHUB_ACTIONS="true", GITHUB_STEP_SUMMARY=str(summary), GITHUB_TOKEN="read-only",
    )  # fmt: skip
    (run,) = (service.folder / "results").glob("*/run.json")
    return Measured(service, ran, summary.read_text(), run.parent)


def test_the_exit_code_is_the_gates_and_nothing_elses(measured):
    assert measured.ran.code == 1, measured.ran.err + measured.ran.out
    assert measured.gate["exit_code"] == 1
    assert "Budget broken" in measured.gate["sentence"]
    assert [row["outcome"] for row in measured.gate["checks"] if row["kind"] == "budget"] == ["failed"]


def test_the_sentence_is_the_same_everywhere(measured):
    sentence = measured.gate["sentence"]
    folder = measured.repo.folder / "perfproof-gate"
    suite = ElementTree.parse(folder / "junit.xml").getroot().find("testsuite")
    assert suite.find("properties/property[@name='sentence']").get("value") == sentence
    start = sentence.split("<")[0].rstrip()
    for text in (measured.summary, (folder / "comment.md").read_text(), measured.ran.out.replace("\n", " ")):
        assert start in text
    assert json.loads((measured.run / "result.json").read_text())["sentence"] == sentence


def test_the_summary_is_appended_and_names_every_check(measured):
    assert measured.summary.startswith("what another step wrote\n")
    assert measured.gate["summary"].split("(")[0].strip() in measured.summary
    assert "<script" not in measured.summary


def test_both_refs_were_measured_and_the_dirty_tree_is_named(measured):
    facts = {fact["name"]: fact for fact in measured.gate["result"]["comparability"]["facts"]}
    assert (facts["ref"]["baseline"], facts["ref"]["candidate"]) == ("main", "worktree")
    assert facts["commit"]["baseline"] == measured.repo.git("rev-parse", "--short=12", "main")
    assert re.fullmatch("[0-9a-f]{12}", facts["uncommitted changes"]["candidate"])
    warnings = measured.gate["result"]["comparability"]["warnings"]
    assert any("uncommitted changes (diff" in text for text in warnings)
    run = json.loads((measured.run / "run.json").read_text())
    assert json.dumps(run).count("worktree") >= 1


def test_nothing_planted_is_a_workflow_command(measured):
    lines = measured.ran.err.splitlines()
    stops = [line for line in lines if line.startswith("::stop-commands::")]
    assert len(stops) == 1
    token = stops[0].removeprefix("::stop-commands::")
    assert len(token) == 32
    resumed = lines.index(f"::{token}::")
    assert lines.index(stops[0]) < resumed
    commands = lines[resumed + 1 :]
    assert 1 <= len([line for line in commands if line.startswith("::")]) <= 10
    for line in commands:
        assert not line.startswith("::error::planted")
        assert "##[error]planted %0A" not in line
        assert re.match(r"::(error|warning|notice) title=[^:,]*::", line), line
    comment = (measured.repo.folder / "perfproof-gate" / "comment.md").read_text()
    assert "<script" not in comment


def test_a_recorded_run_is_gated_again_by_its_scenarios_policy(measured):
    again = measured.repo.run("gate", "pr", "--json", "-", "--quiet")
    document = json.loads(again.out)
    assert again.code == document["exit_code"] == measured.ran.code
    assert document["sentence"] == measured.gate["sentence"]
    measured.repo.write("perfproof.toml", "[gate]\nlevel = 'off'\n")
    try:
        off = measured.repo.run("gate", str(measured.run), "--json", "-", "--quiet")
        assert json.loads(off.out)["checks"] == []
        assert off.code == 0
    finally:
        (measured.repo.folder / "perfproof.toml").unlink()


@pytest.mark.parametrize("into", ["/proc/self/mem", "/dev/zero"])
def test_a_stored_scenario_that_cannot_be_read_is_told_as_damaged(measured, tmp_path, into):
    copy = shutil.copytree(measured.run, tmp_path / measured.run.name)
    (copy / "scenario.yaml").unlink()
    (copy / "scenario.yaml").symlink_to(into)
    ran = measured.repo.run("gate", str(copy))
    assert ran.code == 2
    assert "scenario.yaml is damaged" in ran.err
    assert "defect" not in ran.err


def test_gitlab_is_seen_and_gets_its_three_reports(measured):
    ran = measured.repo.run("gate", "pr", "--out", "gitlab", GITLAB_CI="true")
    assert ran.code == measured.ran.code
    folder = measured.repo.folder / "gitlab"
    assert {file.name for file in folder.iterdir()} == {
        "load-performance.json", "junit.xml", "metrics.txt", "report.html",
    }  # fmt: skip
    assert json.loads((folder / "load-performance.json").read_text())["metrics"]["http_reqs"]["rate"] < 200
    assert (folder / "metrics.txt").read_text().endswith("# EOF\n")


def test_what_cannot_be_written_is_told_and_changes_nothing(measured):
    measured.repo.write("file-in-the-way", "x")
    ran = measured.repo.run(
        "gate", "pr", "--out", "file-in-the-way/x", GITHUB_ACTIONS="true", GITHUB_STEP_SUMMARY="/nonexistent/summary"
    )
    assert ran.code == measured.ran.code
    assert "cannot be written" in ran.err


def step(name: str) -> str:
    (found,) = [each for each in ACTION["runs"]["steps"] if each["name"] == name]
    return str(found["run"])


def bash(measured: Measured, script: str, **environ: str) -> subprocess.CompletedProcess[str]:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script],
        cwd=measured.repo.folder, env=measured.repo.environ | {"PATH": path} | environ,
        capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip


def test_the_actions_script_ends_as_the_gate_does_and_runs_nothing_from_its_inputs(measured, tmp_path):
    output = tmp_path / "output"
    inputs = {"BASELINE_REF": "", "CANDIDATE_REF": "$(touch owned)", "BASELINE": "", "GITHUB_ACTIONS": "true"}
    done = bash(
        measured, step("Gate"), SCENARIO="pr", ARGUMENTS="--out\naction $(touch owned)\n", GITHUB_OUTPUT=str(output),
        GITHUB_STEP_SUMMARY=str(tmp_path / "summary"), **inputs,
    )  # fmt: skip
    assert done.returncode == measured.ran.code, done.stderr
    assert output.read_text() == f"exit-code={measured.ran.code}\n"
    assert (measured.repo.folder / "action $(touch owned)" / "comment.md").is_file()
    assert not list(measured.repo.folder.rglob("owned"))
    assert all("${{" not in each.get("run", "") for each in ACTION["runs"]["steps"]), "no input is text of a script"


def test_a_database_that_is_newer_is_refused_precisely(measured, tmp_path):
    copy = tmp_path / "newer.db"
    present = measured.repo.folder / "results" / "perfproof.db"
    with closing(sqlite3.connect(present)) as old, closing(sqlite3.connect(copy)) as database:
        old.backup(database)
        database.execute(f"UPDATE {VERSION_TABLE} SET version_num = '9999'")
        database.commit()
    ran = measured.repo.run("gate", "pr", "--store", f"sqlite:///{copy}", GITHUB_ACTIONS="true")
    assert ran.code == 2
    assert "newer" in ran.err
    assert "::error title=perfproof gate::" in ran.err


@pytest.mark.parametrize("damage", ["no database", "cut off", "another program's"])
def test_an_unreadable_history_is_refused_and_left_as_it_is(measured, tmp_path, damage):
    broken = tmp_path / "history.db"
    if damage == "no database":
        broken.write_bytes(b"not a database at all, but longer than a header of one would be " * 20)
    elif damage == "cut off":
        whole = (measured.repo.folder / "results" / "perfproof.db").read_bytes()
        broken.write_bytes(whole[: len(whole) // 2])
    else:
        with closing(sqlite3.connect(broken)) as database:
            database.execute("CREATE TABLE runs (somebody TEXT)")
            database.commit()
    before = broken.read_bytes()
    ran = measured.repo.run("gate", "pr", "--store", f"sqlite:///{broken}", GITHUB_ACTIONS="true")
    assert ran.code == 2, ran.err
    assert "history.db" in ran.err
    assert "::error title=perfproof gate::" in ran.err
    assert broken.read_bytes() == before


def test_a_full_summary_and_a_thousand_checks_change_nothing(measured, tmp_path):
    full = tmp_path / "summary.md"
    full.write_text("x" * (1024 * 1024 - 50))
    ran = measured.repo.run("gate", "pr", "--out", "full", GITHUB_ACTIONS="true", GITHUB_STEP_SUMMARY=str(full))
    assert ran.code == measured.ran.code
    assert full.stat().st_size <= 1024 * 1024
    room = tmp_path / "room.md"
    room.write_text("x" * (1024 * 1024 - 700))
    ran = measured.repo.run("gate", "pr", "--out", "full", GITHUB_ACTIONS="true", GITHUB_STEP_SUMMARY=str(room))
    assert ran.code == measured.ran.code
    assert room.stat().st_size <= 1024 * 1024
    assert len((measured.repo.folder / "full" / "comment.md").read_text()) <= 65_536


@pytest.mark.parametrize("kind", ["sqlite", pytest.param("postgresql", marks=pytest.mark.database)])
def test_two_jobs_that_write_at_once_are_both_remembered(kind, service, tmp_path, request):
    """Real jobs, started together: each measures, keeps its run and its result, and finds the other's in the store."""
    text = SCENARIO.replace("name: tiny", "name: both").replace("count: 2", "count: 1").replace("60/s", "20/s")
    service.write("both.yaml", text)
    url = f"sqlite:///{tmp_path}/shared.db" if kind == "sqlite" else request.getfixturevalue("postgresql")()

    def job(name):
        # Jobs of a CI share the database, not the disk.
        return service.run(
            "gate", "both.yaml", "--store", url, "--results", str(tmp_path / name), "--label", name, "--format", "json",
            "--out", str(tmp_path / f"{name}-out"), "--baseline", "main", "--inconclusive", "pass", timeout=200,
        )  # fmt: skip

    names = ["one", "two"]
    with ThreadPoolExecutor(len(names)) as pool:
        ran = dict(zip(names, pool.map(job, names), strict=True))
    for name, each in ran.items():
        gate = json.loads((tmp_path / f"{name}-out" / "gate.json").read_text())
        assert each.code == gate["exit_code"], each.err
        assert each.code == 0, each.err
        assert "locked" not in each.err
    with Store.open(url) as store:
        runs = {run.label: run for run in store.runs(scenario="both")}
        assert sorted(runs) == sorted(names)
        for name in names:
            assert runs[name].verdict is not None
            assert runs[name].sentence
            assert runs[name].status == "complete"
            levels = store.levels(runs[name].id)
            assert {level.request for level in levels} == {"all", "item"}
            assert len(levels) == len({(each.metric, each.request) for each in levels})
        # Whoever was first became the baseline, and nobody took the name from a run that had it.
        named = store.baselines(name="main", scenario="both")
        assert len(named) == 1


def test_refs_that_are_missing_end_with_2_before_anything_is_measured(measured, tmp_path):
    before = sorted((measured.repo.folder / "results").iterdir())
    ran = measured.repo.run("gate", "perf.yaml", "--baseline-ref", "mian")
    assert (ran.code, "did you mean main?" in ran.err) == (2, True)
    clone = Repo(tmp_path / "clone")
    clone.git("clone", "-q", "--depth=1", "--branch=slow", f"file://{measured.repo.folder}", ".")
    ran = clone.run("ab", "perf.yaml", "--baseline-ref", "origin/main")
    assert ran.code == 2
    assert "git fetch --depth=1 origin +refs/heads/main:refs/remotes/origin/main" in ran.err
    ran = measured.repo.run("gate", "perf.yaml", "--baseline-ref", "main", "--baseline", "x")
    assert ran.code == 2
    assert sorted((measured.repo.folder / "results").iterdir()) == before


def test_a_missing_baseline_is_recorded_and_a_substituted_one_is_named(service):
    service.write("solo.yaml", SCENARIO.replace("name: tiny", "name: solo").replace("count: 2", "count: 1"))
    first = service.run("gate", "solo.yaml", "--json", "first.json", "--format", "junit")
    assert first.code == 0, first.err
    document = json.loads((service.folder / "first.json").read_text())
    (one,) = document["result"]["run_ids"]
    (note,) = document["notes"]
    assert re.match("No baseline `baseline` yet: the run .* is recorded as it and passes", note)
    assert note in first.out
    case = ElementTree.parse(service.folder / "perfproof-gate" / "junit.xml").getroot().find(".//testcase")
    assert case.find("skipped") is not None

    second = service.run(
        "gate", "solo.yaml", "--baseline", "release", "--baseline", "baseline", "--inconclusive", "pass", "--json",
        "second.json",
    )  # fmt: skip
    document = json.loads((service.folder / "second.json").read_text())
    assert second.code == document["exit_code"]
    two = document["result"]["run_ids"][-1]
    assert document["provisional"]
    told = document["notes"][-1]
    assert told.startswith(f"Provisional: `release` has no run to compare with; `baseline` (run {one}")
    assert document["result"]["run_ids"] == [one, two]
    assert "(provisional)" in document["summary"]
    (service.folder / "results" / one / "run.json").rename(service.folder / "results" / one / "run.gone")
    third = service.run("gate", "solo.yaml", "--json", "third.json", "--quiet")
    document = json.loads((service.folder / "third.json").read_text())
    (service.folder / "results" / one / "run.gone").rename(service.folder / "results" / one / "run.json")
    assert third.code == 0, "a baseline whose evidence is gone is none"
    unread, nothing = document["notes"]
    assert unread.startswith(f"The run {one} of `baseline` cannot be read")
    assert nothing.startswith("Nothing to compare with")
    pair = service.run("gate", one, two, "--json", "-", "--quiet")
    assert json.loads(pair.out)["result"]["kind"] == "compare"
    assert pair.code == json.loads(pair.out)["exit_code"]


def test_the_gitlab_templates_script_is_the_same_command(measured):
    template = yaml.safe_load((Path(__file__).parent.parent.parent / "ci" / "gitlab" / "perfproof.yml").read_text())
    job = template[".perfproof"]
    script = "\n".join(job["script"]).replace('--baseline-ref "$PERFPROOF_BASELINE_REF"', "")
    done = bash(measured, script, PERFPROOF_INSTALL="", PERFPROOF_SCENARIO="pr", GITLAB_CI="true")
    assert done.returncode == measured.ran.code, done.stderr
    for report in job["artifacts"]["reports"].values():
        assert (measured.repo.folder / report).is_file()
