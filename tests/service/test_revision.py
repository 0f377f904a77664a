"""Where a folder stands in git, asked of real repositories."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from perfproof.model.revision import Revision
from perfproof.service.revision import parse, revision

PLAIN = {name: text for name, text in os.environ.items() if not name.startswith(("GIT", "CI", "GITHUB"))}


def git(folder: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=t", "-c", "user.email=t@example.invalid", "-c", "commit.gpgsign=false")
    command = ("git", *identity, "-C", str(folder), *arguments)
    return subprocess.run(command, check=True, capture_output=True, text=True, env=PLAIN).stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "code with spaces"
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")
    (folder / "app.py").write_text("a = 1\n")
    git(folder, "add", "app.py")
    git(folder, "commit", "-q", "-m", "first")
    return folder


def test_a_clean_checkout_gives_commit_and_branch(repository: Path) -> None:
    head = git(repository, "rev-parse", "HEAD")
    assert revision(repository, PLAIN) == Revision(head, "main", dirty=False)


def test_a_folder_below_the_repository_counts_as_the_repository(repository: Path) -> None:
    (repository / "deep" / "er").mkdir(parents=True)
    assert revision(repository / "deep" / "er", PLAIN) == revision(repository, PLAIN)


def test_a_changed_file_makes_it_dirty_and_a_new_one_does_not(repository: Path) -> None:
    (repository / "results.json").write_text("{}")
    assert not revision(repository, PLAIN).dirty
    (repository / "app.py").write_text("a = 2\n")
    assert revision(repository, PLAIN).dirty
    git(repository, "add", "app.py")
    assert revision(repository, PLAIN).dirty


def test_a_detached_checkout_takes_its_branch_from_the_ci(repository: Path) -> None:
    git(repository, "checkout", "-q", "--detach")
    assert revision(repository, PLAIN).branch is None
    assert revision(repository, PLAIN | {"GITHUB_HEAD_REF": "", "GITHUB_REF_NAME": "7/merge"}).branch == "7/merge"
    assert revision(repository, PLAIN | {"GITHUB_HEAD_REF": "topic", "GITHUB_REF_NAME": "7/merge"}).branch == "topic"
    assert revision(repository, PLAIN | {"CI_COMMIT_REF_NAME": "topic"}).branch == "topic"


def test_a_branch_that_is_checked_out_is_believed_over_the_ci(repository: Path) -> None:
    assert revision(repository, PLAIN | {"GITHUB_REF_NAME": "other"}).branch == "main"


def test_no_repository_no_folder_and_no_commit_give_nothing(tmp_path: Path) -> None:
    assert revision(tmp_path, PLAIN | {"GIT_CEILING_DIRECTORIES": str(tmp_path.parent)}) is None
    assert revision(tmp_path / "missing", PLAIN) is None
    git(tmp_path, "init", "-q")
    assert revision(tmp_path, PLAIN) is None


def test_a_machine_without_git_gives_nothing(repository: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert revision(repository, PLAIN | {"PATH": str(tmp_path)}) is None


@pytest.mark.parametrize("text", ["", "# branch.oid (initial)\n# branch.head main\n", "# branch.oid\n", "rubbish\n\n#"])
def test_text_without_a_commit_is_no_revision(text: str) -> None:
    assert parse(text, {}) is None
