"""Figures of commands and files: read rightly, measured in turn, within bounds, and judged by what they are."""

from __future__ import annotations

import json
import os
import re
import shutil
import time
from dataclasses import replace

import psutil
import pytest

from perfproof.checks import registry
from perfproof.checks.building.judging import compare
from perfproof.checks.building.reading import figure, size_of, text_of
from perfproof.checks.building.running import observe
from perfproof.checks.building.wanted import METRICS_OF_BUILD, SETTINGS
from perfproof.core.redaction import Redactor
from perfproof.http.json_paths import find_one
from perfproof.measure.arm_files import FilesOfArm
from perfproof.model.scenario import Arm, Service

HOW = {"match": "", "json_path": "", "take": "auto"}
NOTHING = {each.name: None if each.kind == "keys" else each.default for each in SETTINGS}


def read(text, **how):
    return figure(text, HOW | how, find_one)


@pytest.fixture
def arm(tmp_path):
    def make(name="candidate", secrets=(), shell=True, **files):
        folder, private = tmp_path / name, tmp_path / f"private-{name}"
        for each in (folder, private):
            each.mkdir()
        for file, text in files.items():
            (folder / file.replace("_", ".")).write_text(text)
        return FilesOfArm(Arm(name, Service(directory=folder, shell=shell)), private, Redactor(secrets))

    return make


@pytest.mark.parametrize(
    ("text", "how", "value"),
    [
        ("1,234\n", {}, 1234),
        ("  12.5 ", {}, 12.5),
        ("a.c:1: warning: x\nb.c:2: warning: y\n", {"match": "warning:"}, 2),
        ("nothing to tell", {"match": "warning:"}, 0),
        ("10 passed in 3.25s", {"match": r"in ([\d.]+)s"}, 3.25),
        ("size 10\nsize 30\nsize 20\n", {"match": r"^size (\d+)$"}, 20),
        ("size 10\nsize 30\nsize 20\n", {"match": r"^size (\d+)$", "take": "max"}, 30),
        ("size 10\nsize 30\nsize 20\n", {"match": r"^size (\d+)$", "take": "sum"}, 60),
        ("size 10\nsize 30\nsize 20\n", {"match": r"^size (\d+)$", "take": "first"}, 10),
        ("six is unused\nattrs is unused\n", {"match": r"^(\w+) is unused", "take": "count"}, 2),
        ('{"total": {"lines": 42}}', {"json_path": "$.total.lines"}, 42),
        ('Compiling ...\n[{"a": 1}, {"a": 2}]\ndone', {"json_path": "$"}, 2),
        ('{"n": 1}\nprogress\n{"n": 5}\n', {"json_path": "$.n", "take": "sum"}, 6),
    ],
)
def test_a_figure_is_read_out_of_an_output(text, how, value):
    assert read(text, **how).value == value


@pytest.mark.parametrize(
    ("text", "how", "told"),
    [
        ("built in 3 s", {}, "say with `match` or `json_path`"),
        ("no figure", {"match": r"in (\d+)"}, "nothing in it matches"),
        ("in fast", {"match": r"in (\w+)"}, "is no number: 'fast'"),
        ("no document", {"json_path": "$.a"}, "there is no JSON in it"),
        ('{"b": 1}', {"json_path": "$.a"}, "has no 'a'"),
        ('{"a": true}', {"json_path": "$.a"}, "no number and no list"),
    ],
)
def test_an_output_without_the_figure_says_what_is_missing(text, how, told):
    with pytest.raises(ValueError, match=re.escape(told)):
        read(text, **how)


def test_names_that_were_counted_are_kept():
    assert read("six is unused\nattrs is unused\n", match=r"^(\w+) is unused", take="count").seen == ("six", "attrs")
    assert read('{"unused": ["six"]}', json_path="$.unused").seen == ("six",)


def test_sizes_add_up_and_no_file_counts_twice(tmp_path):
    (tmp_path / "dist" / "deep").mkdir(parents=True)
    (tmp_path / "dist" / "a.js").write_bytes(b"x" * 100)
    (tmp_path / "dist" / "deep" / "b.js").write_bytes(b"x" * 20)
    (tmp_path / "dist" / "link.js").symlink_to(tmp_path / "dist" / "a.js")
    (tmp_path / "app").symlink_to(tmp_path / "dist" / "a.js")
    assert size_of(tmp_path, ["dist"]).value == 120
    assert size_of(tmp_path, ["dist", "dist/**/*.js", "app"]).value == 120
    assert size_of(tmp_path, ["app"]).value == 100
    for pattern, told in (("gone/*.js", "there is no file gone"), ("/etc/hostname", "not relative")):
        with pytest.raises(ValueError, match=told):
            size_of(tmp_path, [pattern])
    with pytest.raises(ValueError, match="there is no file"):
        text_of(tmp_path, ["gone.txt"])


def test_arms_take_turns_from_a_fresh_copy_each_time_and_the_folders_stay_as_they_were(arm, tmp_path):
    order = tmp_path / "order.txt"
    sides = [arm("baseline", a_txt="1"), arm("candidate", a_txt="1")]
    line = f"echo {{arm}} >> {order}; test ! -e left && touch left"  # a second run in the same copy would fail
    own = {"run": line, "repeats": 3, "warmup": 1}
    facts = observe(sides, NOTHING | {"build_time": own})
    assert [each["metrics"]["build_time"]["problem"] for each in facts] == ["", ""]
    assert [len(each["metrics"]["build_time"]["values"]) for each in facts] == [3, 3]
    first, second = "baseline", "candidate"
    assert order.read_text().split() == [first, second, second, first] * 2
    for side in sides:
        assert [each.name for each in side.arm.service.directory.iterdir()] == ["a.txt"]


def test_a_clean_command_runs_before_each_run_and_is_not_timed(arm):
    own = {"run": "test ! -e out && touch out", "clean": "sleep 0.3; rm -f out", "repeats": 2, "warmup": 0}
    (facts,) = observe([arm()], NOTHING | {"build_time": own})
    assert facts["metrics"]["build_time"]["problem"] == ""
    assert all(value < 250 for value in facts["metrics"]["build_time"]["values"])


def test_what_a_build_leaves_is_there_for_the_sizes_after_it(arm):
    settings = {"build_time": {"run": "head -c 5000 /dev/zero > app", "repeats": 1}, "binary_size": {"file": ["app"]}}
    (facts,) = observe([arm()], NOTHING | settings)
    assert facts["metrics"]["binary_size"]["values"] == [5000]


def test_what_is_left_out_is_not_copied(arm):
    own = {"run": "ls", "match": r"\.txt$"}
    made = arm(a_txt="1", b_txt="1")
    (facts,) = observe([made], NOTHING | {"dead_code": own, "leave_out": ["b.*"]})
    assert facts["metrics"]["dead_code"]["values"] == [1]
    again = FilesOfArm(made.arm, made.folder, made.redactor)
    (facts,) = observe([again], NOTHING | {"dead_code": own, "leave_out": ["b.*"], "in_place": True})
    assert facts["metrics"]["dead_code"]["values"] == [2]


def test_a_command_that_hangs_is_ended_with_all_that_it_started(arm):
    mark = f"31.{os.getpid()}"
    began = time.monotonic()
    own = {"run": f"setsid sleep {mark} & sleep {mark}"}
    (facts,) = observe([arm()], NOTHING | {"duplicates": own, "within": 1})
    assert time.monotonic() - began < 20
    assert "took longer than 1 s" in facts["metrics"]["duplicates"]["problem"]
    assert not [each for each in psutil.process_iter(["cmdline"]) if mark in (each.info["cmdline"] or [])]


def test_a_command_that_fails_is_told_with_its_last_words_and_without_secrets(arm):
    own = {"run": "echo token hunter2hunter2; echo no such target >&2; exit 2"}
    (facts,) = observe([arm(secrets=["hunter2hunter2"])], NOTHING | {"build_warnings": own})
    problem = facts["metrics"]["build_warnings"]["problem"]
    assert "exited with code 2" in problem
    assert "no such target" in problem
    assert "hunter2" not in json.dumps(facts)


def test_a_failing_arm_leaves_the_row_open_with_the_reason(arm):
    sides = [arm("baseline"), arm("candidate", broken_txt="")]
    settings = NOTHING | {"build_time": {"run": "test ! -e broken.txt", "repeats": 2}}
    before, after = observe(sides, settings)
    (measure,) = [each for each in compare(before, after, settings).measures if each.metric == "build_time"]
    assert measure.candidate is None
    assert "exited with code 1" in measure.why
    assert measure.repeats == ()


def test_time_that_is_used_up_keeps_what_both_arms_have(arm):
    sides = [arm("baseline"), arm("candidate")]
    settings = NOTHING | {"build_time": {"run": "sleep 0.2", "repeats": 100, "warmup": 0}, "minutes": 1 / 40}
    before, after = observe(sides, settings)
    found = compare(before, after, settings)
    (measure,) = [each for each in found.measures if each.metric == "build_time"]
    assert len(measure.repeats[0]) == len(measure.repeats[1]) > 1
    assert "not 100: the time was used up" in found.notes[0]


def test_a_tool_that_is_not_installed_is_told_with_how_to_install_it(arm):
    made = arm(package_json="{}")
    made.arm = replace(made.arm, service=replace(made.arm.service, environment={"PATH": "/nowhere"}, shell=False))
    (facts,) = observe([made], NOTHING | {"unused_dependencies": {}})
    assert facts["metrics"]["unused_dependencies"]["problem"] == ("depcheck is not installed: npm install -g depcheck")
    (facts,) = observe([arm("bare")], NOTHING | {"unused_dependencies": {}})
    assert "has none of pyproject.toml" in facts["metrics"]["unused_dependencies"]["problem"]


PYTHON = {
    "app_py": '"""An app."""\n\nimport requests\n\n\n# a comment\ndef get():\n    return requests.get("http://localhost")\n',
    "README_md": "# Words\n\nthat are no code\n",
}
PROJECT = '[project]\nname = "app"\nversion = "1"\ndependencies = [{}]\n'


def test_lines_and_unused_dependencies_of_a_python_project_and_of_its_mended_twin(arm):
    before = arm("baseline", pyproject_toml=PROJECT.format('"requests", "six"'), **PYTHON)
    more = PYTHON | {"app_py": PYTHON["app_py"].replace("\n\n\n# a comment", "")}
    after = arm("candidate", pyproject_toml=PROJECT.format('"requests"'), **more)
    (before.arm.service.directory / "node_modules").mkdir()
    (before.arm.service.directory / "node_modules" / "theirs.js").write_text("let a = 1;\n" * 100)
    settings = NOTHING | {"lines_of_code": {}, "unused_dependencies": {}}
    facts = observe([before, after], settings)
    found = compare(*facts, settings)
    rows = {each.metric: each for each in found.measures}
    assert (rows["lines_of_code"].baseline, rows["lines_of_code"].candidate) == (3, 3), facts  # comments never count
    assert (rows["unused_dependencies"].baseline, rows["unused_dependencies"].candidate) == (1, 0), facts
    told = [each.summary for each in found.findings]
    assert "Unused dependencies: gone is six" in [each[0].upper() + each[1:] for each in told]
    back = compare(facts[1], facts[0], settings)
    (new,) = [each for each in back.findings if each.severity == "warning"]
    assert "new is six" in new.summary


@pytest.mark.skipif(shutil.which("cargo-machete") is None, reason="cargo-machete is not installed")
def test_unused_crates_are_found_by_cargo_machete(arm):
    manifest = '[package]\nname = "app"\nversion = "0.1.0"\nedition = "2021"\n\n[dependencies]\nlog = "0.4"\n'
    made = arm(Cargo_toml=manifest)
    (made.arm.service.directory / "src").mkdir()
    (made.arm.service.directory / "src" / "main.rs").write_text("fn main() {}\n")
    (facts,) = observe([made], NOTHING | {"unused_dependencies": {}})
    assert facts["metrics"]["unused_dependencies"]["seen"] == ["log"]


def test_every_metric_of_the_check_can_be_set_and_is_of_a_kind():
    check = registry.find("build")
    assert [metric.name for metric in check.metrics] == list(METRICS_OF_BUILD)
    assert {each.name for each in SETTINGS if each.kind == "keys"} == set(METRICS_OF_BUILD)


def test_sizes_and_lines_guard_nothing_and_faults_do():
    facts = {"metrics": {name: {"values": [1.0], "seen": [], "problem": ""} for name in METRICS_OF_BUILD}}
    settings = NOTHING | {name: {} for name in METRICS_OF_BUILD}
    shown = {each.metric for each in compare(facts, facts, settings).measures if each.shown}
    assert shown == {"lines_of_code", "dependencies", "binary_size", "image_size"}
