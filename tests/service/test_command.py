from __future__ import annotations

import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arms import an_arm
from perfproof.errors import ExitCode, UsageError
from perfproof.service.command import fill, resolve


def problem(line: str, **settings: object) -> UsageError:
    with pytest.raises(UsageError) as caught:
        resolve(an_arm(line, **settings), line, 8000)
    assert caught.value.exit_code == ExitCode.USAGE
    return caught.value


def test_a_command_that_is_nowhere_is_named_with_the_path():
    error = problem("uvicornn app:app", environment={"PATH": "/nowhere:/bin"})
    assert error.what == "baseline: command not found: uvicornn"
    assert error.why == f"no such program on PATH (/nowhere:/bin:{Path(sys.executable).parent})"
    assert error.hint.endswith("install it, activate the environment it lives in, or write its full path")
    assert ("did you mean uvicorn?" in error.hint) == Path(sys.executable).with_name("uvicorn").exists()


def test_a_path_is_relative_to_the_directory(tmp_path):
    program = tmp_path / "serve"
    program.write_text("#!/bin/sh\n")
    error = problem("./serve", directory=tmp_path)
    assert error.what == "baseline: command is not executable: ./serve"
    assert error.hint == f"chmod +x {program}, or name its interpreter in the command"
    program.chmod(0o755)
    assert resolve(an_arm("./serve", directory=tmp_path), "./serve", 1).argv == (str(program),)
    assert problem("./other", directory=tmp_path).why == f"there is no {tmp_path / 'other'}"


def test_a_program_on_path_that_may_not_be_executed_is_named(tmp_path):
    (tmp_path / "serve-it").write_text("")
    error = problem("serve-it", environment={"PATH": str(tmp_path)})
    assert error.what == "baseline: command is not executable: serve-it"
    assert error.why == f"{tmp_path / 'serve-it'} has no execute permission"


def test_a_missing_directory_is_named(tmp_path):
    missing = tmp_path / "gone"
    assert problem("true", directory=missing).what == f"baseline: the service's directory does not exist: {missing}"
    missing.write_text("")
    assert problem("true", directory=missing).what == f"baseline: the service's directory is not a directory: {missing}"


def test_an_open_quotation_is_an_error():
    error = problem("sh -c 'echo hunter2")
    assert error.what == "baseline: command cannot be split into words"
    assert "hunter2" not in str(error)
    assert error.why == "no closing quotation"


def test_an_empty_command_is_an_error():
    assert problem("  ").what == "baseline: command is empty"


def test_words_are_split_before_they_are_filled():
    arm = an_arm("echo '{arm} {port}'", name="the candidate")
    assert resolve(arm, "echo '{arm} {port}'", 80).argv[1:] == ("the candidate 80",)


def test_the_scenario_wins_over_the_inherited_environment(monkeypatch):
    monkeypatch.setenv("COLOUR", "red")
    monkeypatch.setenv("SHAPE", "round")
    environment = resolve(an_arm("true", environment={"COLOUR": "{arm}-{port}"}), "true", 81).environment
    assert (environment["COLOUR"], environment["SHAPE"], environment["PORT"]) == ("baseline-81", "round", "81")


def test_the_environment_is_not_shown():
    assert "hunter2" not in repr(resolve(an_arm("true", environment={"P": "hunter2"}), "true", 81))


@given(st.text(alphabet="{}portam:1 ", max_size=30), st.integers(1, 65535))
def test_filling_leaves_no_placeholder_and_changes_nothing_else(text, port):
    filled = fill(text, "baseline", port)
    assert "{port}" not in filled or "{arm}" in text
    if "{port}" not in text and "{arm}" not in text:
        assert filled == text
