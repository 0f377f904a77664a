"""The way of a person: from an empty folder to the verdict on one screen, and what is next at every step."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

SCRIPT = Path(sys.executable).with_name("perfproof")
DOCS = Path(__file__).parent.parent.parent / "docs"
NOWHERE = """\
name: away
service: {url: "http://HOST:PORT"}
requests: [{get: /}]
rounds: {count: 2}
"""


def test_alone_it_says_where_one_is_and_the_next_command(bench):
    ran = bench.run()
    assert ran.code == 0, ran.err
    assert "no scenario in this folder" in ran.out
    assert "no runs yet" in ran.out
    assert "next: perfproof " in ran.out
    bench.scenario()
    ran = bench.run()
    assert "scenario: tiny.yaml" in ran.out
    assert "next: perfproof ab\n" in ran.out
    bench.scenario(name="other.yaml")
    assert "next: perfproof ab other.yaml\n" in bench.run().out


def test_no_command_but_those_that_measure_makes_the_results_folder(bench):
    bench.scenario()
    for command in (
        (), ("list",), ("last",), ("show", "last"), ("baseline", "list"), ("baseline", "set", "main"), ("history",),
        ("compare", "a", "b"), ("report", "last"), ("check",), ("schema",), ("prune", "--keep", "1"),
        ("ab", "--dry-run"), ("serve", "--port", "1"), ("export", "last", "-o", "x.zip"),
    ):  # fmt: skip
        ran = bench.run(*command)
        assert "Traceback" not in ran.err
        assert not (bench.folder / "results").exists(), command
    assert "no runs yet: there is no folder results" in bench.run("last").err


def test_the_only_scenario_is_taken_and_said_in_the_folder_or_below_scenarios(bench):
    file = bench.scenario()
    ran = bench.run("check")
    assert (ran.code, ran.err) == (0, "scenario: tiny.yaml, the only one here\n")
    (bench.folder / "scenarios").mkdir()
    shutil.move(file, bench.folder / "scenarios" / "tiny.yaml")
    (bench.folder / "compose.yaml").write_text("services: {db: {image: postgres}}\n")
    assert "scenario: scenarios/tiny.yaml, the only one here" in bench.run("check").err
    (bench.folder / "scenarios" / "locust.yaml").write_text("name: l\nlocustfile: load.py\nservice: {command: x}\n")
    for command in ("check", "ab", "run", "probe", "count", "capacity", "gate", "noise"):
        ran = bench.run(command)
        assert ran.code == 2
        assert "which scenario? there are several" in ran.err
        assert "scenarios/locust.yaml, scenarios/tiny.yaml" in ran.err


def test_the_schema_comes_with_the_package_and_lies_where_the_editor_line_says(bench):
    assert json.loads(bench.run("schema").out) == json.loads((DOCS / "scenario.schema.json").read_text())
    ran = bench.run("schema", "-o", "scenario.schema.json")
    assert "# yaml-language-server: $schema=scenario.schema.json" in ran.err
    schema = bench.json("scenario.schema.json")
    Draft202012Validator.check_schema(schema)
    assert list(Draft202012Validator(schema).iter_errors({"name": "x", "nonsense": 1}))


def completed(folder: Path, *words: str) -> list[str]:
    """Return what bash offers after typing these words, by the script that perfproof prints."""
    script = f'source <("{SCRIPT}" completion bash)\nCOMP_WORDS=("$@")\nCOMP_CWORD=$(($# - 1))\n'
    script += f'_perfproof_completion "{SCRIPT}"\nprintf "%s\\n" "${{COMPREPLY[@]}}"\n'
    ran = subprocess.run(
        ["bash", "-c", script, "bash", "perfproof", *words], cwd=folder, capture_output=True, text=True, check=True
    )
    return ran.stdout.split()


def test_a_real_bash_completes_commands_options_scenarios_and_runs(bench):
    bench.scenario()
    run = bench.folder / "results" / "20261128-120000-tiny-0123"
    run.mkdir(parents=True)
    (run / "run.json").write_text('{"label": "before"}')
    assert {"capacity", "check", "compare", "completion", "count"} <= set(completed(bench.folder, "c"))
    assert completed(bench.folder, "ab", "t") == ["tiny.yaml"]
    assert completed(bench.folder, "show", "") == ["last", run.name, "before"]
    assert "--findings" in completed(bench.folder, "show", "--f")


@pytest.mark.parametrize(
    ("shell", "variables"),
    [
        ("zsh", {"_TYPER_COMPLETE_ARGS": "perfproof che"}),
        ("fish", {"_TYPER_COMPLETE_ARGS": "perfproof che", "_TYPER_COMPLETE_FISH_ACTION": "get-args"}),
    ],
)
def test_zsh_and_fish_get_a_script_and_answers_to_what_it_asks(bench, shell, variables):
    """Neither shell may be on this machine: asked is what their scripts ask."""
    script = bench.run("completion", shell).out
    assert f"_PERFPROOF_COMPLETE=complete_{shell}" in script
    assert all(name in script for name in variables)
    environ = {**bench.environ, "_PERFPROOF_COMPLETE": f"complete_{shell}", **variables}
    ran = subprocess.run([SCRIPT], cwd=bench.folder, env=environ, capture_output=True, text=True, check=False)
    assert "check" in ran.stdout


@pytest.mark.parametrize(("host", "said"), [("127.0.0.1", "connection refused"), ("localhost", "refused")])
@pytest.mark.server
def test_a_url_where_nothing_listens_is_told_within_three_seconds_with_what_to_do(bench, host, said):
    import socket

    with socket.socket() as taken:  # bound and not listening: nobody else can listen there meanwhile
        taken.bind(("127.0.0.1", 0))
        port = str(taken.getsockname()[1])
        file = bench.folder / "away.yaml"
        file.write_text(NOWHERE.replace("HOST", host).replace("PORT", port))
        bench.run("check", str(file))  # what is imported for the first time is compiled
        began = time.monotonic()
        bench.run("check", str(file))
        usual = time.monotonic() - began
        began = time.monotonic()
        ran = bench.run("run", str(file))
    assert time.monotonic() - began < 3 + 5 * usual, "3 s, and what a busy machine makes of starting"
    assert ran.code == 4
    assert f"nothing answers at http://{host}:{port}" in ran.err
    assert said in ran.err
    assert "start it first, or write command:" in ran.err


def test_two_files_are_two_versions_where_they_send_the_same(bench):
    text = bench.scenario().read_text()
    single = text.replace('  candidate: {environment: {WORK_US: "1000"}}\n', "")
    (bench.folder / "before.yaml").write_text(single)
    (bench.folder / "after.yaml").write_text(single.replace('"3000"', '"1000"'))
    ran = bench.run("ab", "before.yaml", "after.yaml", "--dry-run")
    assert ran.code == 0, ran.err
    assert ran.out.startswith("baseline: ")
    assert "\ncandidate: " in ran.out
    (bench.folder / "after.yaml").write_text(single.replace("name: item", "name: thing"))
    ran = bench.run("ab", "before.yaml", "after.yaml", "--dry-run")
    assert ran.code == 2
    assert "before.yaml and after.yaml differ in `requests:`" in ran.err
    assert "only one of them has 'item'" in ran.err
    ran = bench.run("ab", "tiny.yaml", "after.yaml", "--dry-run")
    assert "tiny.yaml has two arms, and two files are to be compared" in ran.err


def test_only_the_named_requests_are_sent_and_a_wrong_name_is_answered_with_the_right_one(bench):
    two = ("requests:\n", 'requests:\n  - {name: list projects, get: "/projects"}\n')
    goal = ("load:", "goals: {latency_p50: {improve: 20%, requests: [item]}}\nload:")
    file = bench.scenario(two, goal)
    ran = bench.run("ab", str(file), "--only", "list projects", "--dry-run")
    assert ran.code == 0, ran.err
    assert "GET /projects" in ran.out
    assert "/items/" not in ran.out
    ran = bench.run("ab", str(file), "--only", "list project", "--dry-run")
    assert ran.code == 2
    assert "did you mean 'list projects'?" in ran.err
    assert "did you mean 'list projects'?" in bench.run("probe", str(file), "--only", "Projects").err
    assert "there are: list projects, item" in bench.run("ab", str(file), "--only", "xyzzy", "--dry-run").err


@pytest.mark.server
def test_from_a_folder_with_one_scenario_to_the_verdict_on_one_screen(bench):
    bench.without_load()
    bench.scenario()
    opened = bench.folder / "opened"
    browser = bench.folder / "browser.sh"
    browser.write_text(f'#!/bin/sh\necho "$1" > "{opened}"\n')
    browser.chmod(0o755)
    bench.environ["BROWSER"] = f"{browser} %s"
    ran = bench.run("ab", "-v", "--open")
    assert ran.code == 0, ran.err + ran.out
    lines = ran.out.rstrip("\n").split("\n")
    assert len(lines) <= 22
    assert lines[-1].startswith("next: perfproof report last -o report.pdf")
    assert lines[-2].startswith("Improved: ")
    assert lines[-3] == "+ IMPROVED"
    assert any(line.startswith("p50") for line in lines[:9])
    for told in ("baseline: starting on port", "candidate: healthy after", "round 1 took", "look after round 2: "):
        assert told in ran.err, ran.err
    assert all(" perfproof." in line for line in ran.err.splitlines() if line[:2].isdigit() and line[2:3] == ":")
    assert (bench.folder / "results" / ".gitignore").read_text() == "*\n"
    assert opened.read_text().strip().endswith("report.html")
    assert bench.run("last").out == bench.run("show", "last").out
    details = bench.run("show", "last", "--findings").out
    assert details.count("\n") > len(lines)
    assert details.rstrip("\n").endswith(lines[-2]), "the verdict is last there, too"
    overview = bench.run().out
    assert "last run: ab of tiny, " in overview
    assert "+ improved" in overview
    assert "next: perfproof last" in overview
    assert bench.run("report", "last", "-o", "r.pdf").code == 0, "what was said to be next works"


@pytest.mark.server
@pytest.mark.quiet
def test_ab_takes_the_rules_of_the_gate(bench):
    before, after = '{WORK_US: "3000"}', 'candidate: {environment: {WORK_US: "1000"}}'
    slower = (("count: 2", "count: 4"), (before, '{WORK_US: "1000"}'), (after, after.replace("1000", "3000")))
    strict = bench.scenario(*slower, name="strict.yaml")
    assert bench.run("ab", str(strict)).code == 1
    (bench.folder / "perfproof.toml").write_text('[gate]\nlevel = "warn"\n')
    ran = bench.run("ab", str(strict), "--json", "out.json")
    assert ran.code == 0, ran.err + ran.out
    assert "worse, but accepted: p50 latency +" in bench.json("out.json")["sentence"]
    assert bench.run("show", "last").out.splitlines()[-2:] == ran.out.splitlines()[-2:], (
        "the rules are kept with the run"
    )
    gated = bench.run("gate", "last")
    assert gated.code == 0, gated.out
    assert gated.out.splitlines()[-2].startswith("✓ Gate passed")


@pytest.mark.server
def test_ctrl_c_while_causes_are_sought_says_so_and_leaves_the_verdict(bench):
    bench.without_load()
    file = bench.scenario(("why: off\n", ""))
    process = bench.start("ab", str(file), "-v")
    said = bench.until(process, ": watching baseline")
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, said + err
    assert "the search for causes was interrupted" in err
    assert "the rounds had ended: what they show stands" in err
    details = bench.run("show", "last", "--findings").out
    assert "the search for causes was interrupted; its rounds had ended" in " ".join(details.split())
    assert "planned rounds" not in details
    assert "p50" in out
    assert "stands" not in out
    assert bench.run("show", "last").out.splitlines()[-2:] == out.splitlines()[-2:], "the verdict is that of the rounds"
    assert not bench.leftovers()


TWO_PORTS = """\
name: two
service:
  command: "{python} two_ports.py {port} {port2}"
  directory: DIRECTORY
  environment: {ADMIN: "http://127.0.0.1:{port2}/admin"}
arms: {baseline: {}, candidate: {}}
requests:
  - {name: told, get: /told}
responses: {ignore: [$.first, $.second, $.told]}
why: off
"""


@pytest.mark.server
def test_a_service_gets_as_many_ports_as_it_names(bench):
    ran = bench.run("probe", str(bench.scenario(text=TWO_PORTS)), "--json", "out.json")
    assert ran.code == 0, ran.err + ran.out
    assert [each["status"] for each in bench.json("out.json")["answers"]] == [200, 200]


@pytest.mark.server
def test_a_probe_without_a_database_shows_status_size_time_and_whether_the_arms_answer_alike(bench):
    bench.without_load()  # what is asked one by one is really sent
    ignored = ("why: off", "why: off\nresponses: {ignore: [$.pid]}")
    slower = ('WORK_US: "3000"', 'WORK_US: "40000"')
    ran = bench.run("probe", str(bench.scenario(ignored, slower)), "--json", "out.json")
    assert ran.code == 0, ran.err + ran.out
    answers = bench.json("out.json")["answers"]
    assert [(each["arm"], each["status"], each["alike"]) for each in answers] == [
        ("baseline", 200, True),
        ("candidate", 200, True),
    ]
    assert all(each["bytes"] > 0 and each["ms"] > 0 for each in answers)
    assert answers[0]["ms"] > answers[1]["ms"], "40 ms of work against 1 ms"
    line = next(line for line in ran.out.splitlines() if line.startswith("item"))
    assert line.split()[1:3] == ["baseline", "200"]
    assert line.rstrip().endswith("✓ alike")
    ran = bench.run("probe", str(bench.scenario()))
    line = next(line for line in ran.out.splitlines() if line.startswith("item"))
    assert line.rstrip().endswith("✗ differs"), "each version says its own pid"
    differing = bench.scenario(
        ('candidate: {environment: {WORK_US: "1000"}}', 'candidate: {environment: {STATUS: "404"}}')
    )
    assert "not 2xx" in bench.run("probe", str(differing)).out
