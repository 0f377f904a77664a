"""Scenarios whose requests a Locust file makes: what they mean, and every mistake around them."""

from __future__ import annotations

from pathlib import Path

import pytest

from perfproof.errors import ScenarioError
from perfproof.model.scenario import LocustFile, Scenario
from perfproof.scenario import read

USERS = "from locust import HttpUser\n"


def written(tmp_path: Path, text: str, users: str = USERS) -> Path:
    (tmp_path / "load.py").write_text(users)
    (tmp_path / "users.csv").write_text("email\na@b.c\n")
    file = tmp_path / "f.yaml"
    file.write_text("name: shop\nservice: {command: serve}\n" + text)
    return file


def scenario(tmp_path: Path, text: str, users: str = USERS) -> Scenario:
    return read(written(tmp_path, text, users), {})


def mistakes(tmp_path: Path, text: str, users: str = USERS) -> list[str]:
    file = written(tmp_path, text, users)
    with pytest.raises(ScenarioError) as caught:
        read(file, {})
    return [str(problem).removeprefix(f"{tmp_path}/") for problem in caught.value.problems]


def test_a_path_alone_takes_all_users_in_the_closed_model(tmp_path: Path) -> None:
    found = scenario(tmp_path, "locustfile: load.py\nload: {users: 7}\n")
    assert found.locustfile == LocustFile(tmp_path / "load.py")
    assert (found.load.model, found.load.users, found.requests) == ("closed", 7, ())


def test_users_tags_and_spawn_rate_may_be_chosen(tmp_path: Path) -> None:
    text = "locustfile: {file: load.py, users: [A, B], tags: read, exclude_tags: [slow], spawn_rate: 5/s}\n"
    assert scenario(tmp_path, text).locustfile == LocustFile(
        tmp_path / "load.py", ("A", "B"), ("read",), ("slow",), 5.0
    )


def test_the_fingerprint_follows_the_content_and_the_choice_but_not_how_it_is_written(tmp_path: Path) -> None:
    plain = scenario(tmp_path, "locustfile: load.py\n").hash
    assert scenario(tmp_path, "locustfile: {file: load.py}\nload: {model: closed}\n").hash == plain
    assert scenario(tmp_path, "locustfile: {file: load.py, users: A}\n").hash != plain
    assert scenario(tmp_path, "locustfile: load.py\nload: {users: 2}\n").hash != plain
    assert scenario(tmp_path, "locustfile: load.py\n", USERS + "x = 1\n").hash != plain


def test_names_in_goals_budgets_and_rules_are_left_to_the_run(tmp_path: Path) -> None:
    text = "locustfile: load.py\ngoals: {latency_p50: {improve: 20%, requests: GET /x}}\nbudgets: {latency_p95: 1s}\n"
    assert scenario(tmp_path, text).goals[0].requests == ("GET /x",)


BESIDE = {
    "requests": ("requests: [{get: /}]", "requests: has no effect beside locustfile (keep the one that is meant)"),
    "setup": (
        "setup: [{get: /}]",
        "setup: has no effect beside locustfile (log in where the file does, e.g. in on_start)",
    ),
    "feeds": ("feeds: {a: users.csv}", "feeds: has no effect beside locustfile (read them in the file)"),
    "rate": (
        "load: {rate: 5/s}",
        "load.rate: has no effect on a locustfile (users and their wait_time decide how much is sent)",
    ),
    "think time": (
        "load: {think_time: 1s}",
        "load.think_time: has no effect on a locustfile (the wait_time of the User classes decides)",
    ),
    "histograms": (
        "load: {samples: histogram}",
        "load.samples: has no effect on a locustfile (its requests are all kept)",
    ),
    "open": (
        "load: {model: open}",
        "load.model: cannot be open with a locustfile (write model: closed; users wait for their responses)",
    ),
    "workers": (
        "load: {users: 2, workers: 2}",
        "load.workers: cannot share the users of a locustfile (remove it)",
    ),
}


@pytest.mark.parametrize("name", BESIDE)
def test_what_has_no_effect_is_a_mistake(name: str, tmp_path: Path) -> None:
    line, said = BESIDE[name]
    [found] = mistakes(tmp_path, f"locustfile: load.py\n{line}\n")
    assert found.startswith("f.yaml:4:")
    assert found.endswith(said)


BROKEN = {
    "no file": ("lod.py", USERS, "f.yaml:3:13: locustfile: `lod.py` does not exist (did you mean load.py?)"),
    "a folder": (".", USERS, "f.yaml:3:13: locustfile: `.` is not a file (it is relative to the scenario file)"),
    "not Python": ("load.py", "class A(\n", "load.py:1:8: locustfile: is not Python: '(' was never closed"),
    "an unknown key": (
        "{file: load.py, user: A}",
        USERS,
        "f.yaml:3:29: locustfile.user: unknown key (did you mean users?)",
    ),
    "no path": ("{users: A}", USERS, "f.yaml:3:1: locustfile.file: is missing"),
}


def test_a_file_of_bytes_is_no_python(tmp_path: Path) -> None:
    [found] = mistakes(tmp_path, "locustfile: load.py\n", "x\0")
    assert found.startswith("load.py:1:1: locustfile: is not Python")


@pytest.mark.parametrize("name", BROKEN)
def test_a_file_that_cannot_be_read_is_reported_at_its_place(name: str, tmp_path: Path) -> None:
    line, users, said = BROKEN[name]
    assert mistakes(tmp_path, f"locustfile: {line}\n", users) == [said]


def test_the_file_is_not_run_by_reading_the_scenario(tmp_path: Path) -> None:
    found = scenario(tmp_path, "locustfile: load.py\n", "raise SystemExit('run')\n")
    assert found.locustfile is not None
