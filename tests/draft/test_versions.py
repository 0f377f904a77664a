"""Which two versions a draft compares follows from where the folder stands in git."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from perfproof.draft.versions import left_behind, versions_of
from perfproof.errors import UsageError


@pytest.fixture
def project(tmp_path: Path) -> Path:
    git(tmp_path, "init", "-b", "main")
    (tmp_path / "app.py").write_text("1")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-m", "one")
    return tmp_path


def git(folder: Path, *args: str) -> None:
    who = ("-c", "user.name=a", "-c", "user.email=a@example.com")
    subprocess.run(["git", *who, *args], cwd=folder, check=True, capture_output=True)


def command(folder: Path, ref: str | None = None) -> str:
    arms, _, following = versions_of(folder, folder / "s.yaml", ref, None, running=False)
    assert arms is None
    return following.partition("s.yaml ")[2]


def test_one_commit_is_compared_with_the_files_as_they_are(project: Path) -> None:
    assert command(project) == "--baseline-ref HEAD --candidate-ref worktree"


def test_the_main_branch_is_compared_with_another(project: Path) -> None:
    git(project, "checkout", "-b", "faster")
    (project / "app.py").write_text("2")
    git(project, "commit", "-am", "two")
    assert command(project) == "--baseline-ref main"
    (project / "app.py").write_text("3")
    assert command(project) == "--baseline-ref main --candidate-ref worktree"


def test_on_the_main_branch_the_last_commit_is_compared(project: Path) -> None:
    (project / "app.py").write_text("2")
    git(project, "commit", "-am", "two")
    assert command(project) == "--baseline-ref HEAD~1"
    (project / "app.py").write_text("3")
    assert command(project) == "--baseline-ref HEAD --candidate-ref worktree"


def test_a_ref_that_is_asked_for_must_be_there(project: Path) -> None:
    assert command(project, "main") == "--baseline-ref main"
    with pytest.raises(UsageError, match="no commit called `gone`"):
        command(project, "gone")


def test_files_that_a_checkout_lacks_are_told(project: Path) -> None:
    assert left_behind(project) == ""
    (project / "shop.db").write_text("")
    assert "git does not track shop.db" in left_behind(project)
    git(project, "add", "shop.db")
    assert left_behind(project) == ""


def test_outside_of_git_the_arms_are_two_folders_or_written_by_hand(tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    arms, _, following = versions_of(tmp_path, tmp_path / "s.yaml", None, tmp_path / "old", running=False)
    assert arms == {"baseline": {"directory": "old"}, "candidate": {}}
    assert following == f"perfproof ab {tmp_path}/s.yaml"
    arms, note, _ = versions_of(tmp_path, tmp_path / "s.yaml", None, None, running=True)
    assert arms == {"baseline": {}, "candidate": {}}
    assert "write it here" in note
