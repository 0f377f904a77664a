"""git as the checks see it: real repositories, whole, shallow, changed, empty and none."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from perfproof.doctor.versions import looked


def git(folder: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *identity, "-C", str(folder), *arguments], check=True, capture_output=True)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "whole"
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")
    for number in range(3):
        (folder / "file").write_text(str(number))
        git(folder, "add", "file")
        git(folder, "commit", "-q", "-m", f"commit {number}")
    return folder


def test_a_whole_clone_is_fine_and_tells_what_can_be_compared_with(repository):
    (finding,) = looked(repository, ())
    assert finding.state == "ok"
    assert "whole history; `--baseline-ref main` is there" in finding.what
    (finding,) = looked(repository, ("HEAD~1", "worktree"))
    assert finding.what.endswith("HEAD~1 and worktree are there")


def test_a_shallow_clone_is_a_warning_and_a_ref_that_it_lacks_a_problem_each_with_what_to_fetch(repository, tmp_path):
    shallow = tmp_path / "shallow"
    subprocess.run(["git", "clone", "-q", "--depth", "1", f"file://{repository}", str(shallow)], check=True)
    (finding,) = looked(shallow, ())
    assert finding.state == "warning"
    assert "shallow" in finding.what
    assert "git fetch --unshallow origin" in finding.fix
    first, second = looked(shallow, ("HEAD~2",))
    assert (first.state, second.state) == ("problem", "warning")
    assert "no commit called `HEAD~2`" in first.what
    assert "git fetch" in first.fix


def test_changed_files_and_a_misspelt_ref_are_told(repository):
    (repository / "file").write_text("changed")
    first, second = looked(repository, ("mian",))
    assert first.state == "problem"
    assert "did you mean main?" in first.fix
    assert second.state == "warning"
    assert "--candidate-ref worktree" in second.fix


def test_a_folder_outside_of_git_is_fine_until_refs_are_asked_for(tmp_path):
    (finding,) = looked(tmp_path, ())
    assert finding.state == "ok"
    (finding,) = looked(tmp_path, ("main",))
    assert finding.state == "problem"
    assert finding.fix


def test_a_repository_without_a_commit_is_a_warning(tmp_path):
    git(tmp_path, "init", "-q")
    (finding,) = looked(tmp_path, ())
    assert (finding.state, finding.fix) == ("warning", "commit, so that results name a version")
