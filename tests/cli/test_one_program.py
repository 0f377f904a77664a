"""Two versions that were built into one and the same program are no comparison, and are said to be none."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from browsing import wanted

pytestmark = [pytest.mark.server, pytest.mark.timeout(240)]

SCENARIO = """\
name: rows
service:
  command: ./rows {port}
  shell: true
  build: BUILD
  health: /health
requests: [{name: rows, get: /rows}]
rounds: {count: 1}
why: off
"""
SHARED = "mkdir -p KEPT && (test -e KEPT/rows || g++ -O1 rows.cpp -o KEPT/rows) && cp KEPT/rows ."
"""As cargo builds with a target folder of its own for all: what is there already is taken."""


@pytest.fixture
def git(bench):
    if shutil.which("g++") is None:
        wanted("g++")
    bench.environ["XDG_CACHE_HOME"] = str(bench.folder / "cache")
    shutil.copy(bench.services / "rows.cpp", bench.folder)

    def git(*args: str) -> None:
        who = ("-c", "user.name=a", "-c", "user.email=a@example.com")
        subprocess.run(["git", *who, *args], cwd=bench.folder, check=True, capture_output=True)

    git("init", "-b", "main")
    git("add", "rows.cpp")
    git("commit", "-m", "before")
    source = bench.folder / "rows.cpp"
    source.write_text(f"#define INJECTED 3000\n{source.read_text()}")
    git("commit", "-am", "after")
    return git


@pytest.mark.usefixtures("git")
def test_a_build_that_gives_both_versions_the_same_program_is_told(bench):
    bench.scenario(text=SCENARIO.replace("BUILD", SHARED.replace("KEPT", str(bench.folder / "kept"))), name="rows.yaml")
    ran = bench.without_load().run("ab", "rows.yaml", "--baseline-ref", "HEAD~1", "--json", "out.json")
    assert "All versions run the same program, byte for byte (rows, sha256 " in ran.err
    doubts = bench.json("out.json")["comparability"]["warnings"]
    assert [each for each in doubts if "although each was built for itself" in each], doubts
    assert "CARGO_TARGET_DIR" in bench.details()


@pytest.mark.usefixtures("git")
def test_versions_that_were_built_apart_raise_no_doubt(bench):
    bench.scenario(text=SCENARIO.replace("BUILD", "g++ -O1 rows.cpp -o rows"), name="rows.yaml")
    ran = bench.without_load().run("ab", "rows.yaml", "--baseline-ref", "HEAD~1")
    assert "same program" not in ran.err + ran.out + bench.details()


def test_a_program_that_nobody_built_here_may_be_the_same_in_both(bench):
    if shutil.which("g++") is None:
        wanted("g++")
    for name in ("before", "after"):
        (bench.folder / name).mkdir()
    subprocess.run(["g++", "-O1", bench.services / "rows.cpp", "-o", bench.folder / "before" / "rows"], check=True)
    shutil.copy(bench.folder / "before" / "rows", bench.folder / "after")
    text = SCENARIO.replace("  build: BUILD\n", "").replace(
        "requests:", "arms: {baseline: {directory: before}, candidate: {directory: after}}\nrequests:"
    )
    bench.scenario(text=text, name="rows.yaml")
    ran = bench.without_load().run("ab", "rows.yaml")
    assert "same program" not in ran.err + ran.out
