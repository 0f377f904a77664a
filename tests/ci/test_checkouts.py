"""Versions from git: refs that are there, that are missing, and the worktrees they are checked out into."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from perfproof.errors import ServiceError, UsageError
from perfproof.measure.versions import from_git
from perfproof.model.scenario import Arm, Request, Scenario, Service
from perfproof.service.checkouts import KEPT, cache_folder, checked_out
from perfproof.service.git import Repository


@pytest.fixture(autouse=True)
def _own_cache(repo, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", repo.environ["XDG_CACHE_HOME"])
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")


@pytest.fixture
def repository(repo) -> Repository:
    return Repository.around(repo.folder)


def a_scenario(repo, **service: object) -> Scenario:
    arm = Arm("baseline", Service(command="serve", directory=repo.folder, **service))
    return Scenario("shop", repo.folder / "perf.yaml", (arm,), (Request("item", "GET", "/"),))


def test_branches_tags_and_commits_are_found(repo, repository):
    commit = repo.git("rev-parse", "HEAD")
    repo.git("tag", "-a", "-m", "first", "v1")
    tree = repo.git("rev-parse", "HEAD^{tree}")
    for ref in ("main", "v1", "HEAD", commit, commit[:8]):
        found = repository.resolve(ref)
        assert (found.ref, found.commit, found.tree) == (ref, commit, tree)


def test_a_misspelt_ref_is_told_with_a_likely_one(repo, repository):
    repo.git("branch", "release/1.0")
    for ref, likely in (("mian", "main"), ("release/1.1", "release/1.0")):
        with pytest.raises(UsageError) as caught:
            repository.resolve(ref)
        assert f"no commit called `{ref}`" in caught.value.what
        assert f"did you mean {likely}" in str(caught.value.hint)
    with pytest.raises(UsageError, match="no commit called `zzz`") as caught:
        repository.resolve("zzz")
    assert "git fetch" in str(caught.value.hint)


@pytest.mark.parametrize("ref", ["--upload-pack=touch owned", "-h", "", "a b", "main^{tree}", "HEAD:file.txt"])
def test_what_is_no_commit_is_refused_and_never_taken_for_an_option(repository, ref):
    with pytest.raises(UsageError):
        repository.resolve(ref)


def test_three_dots_mean_where_the_candidate_left_the_branch(repo, repository):
    fork = repo.git("rev-parse", "HEAD")
    repo.git("checkout", "-q", "-b", "topic")
    repo.commit("mine", **{"mine.txt": "x"})
    repo.git("checkout", "-q", "main")
    main = repo.commit("theirs", **{"theirs.txt": "x"})
    repo.git("checkout", "-q", "topic")
    assert repository.resolve("main...").commit == fork
    assert repository.resolve("main").commit == main
    assert repository.only_in(repository.resolve("main"), repository.resolve("HEAD")) == 1
    assert repository.only_in(repository.resolve("main..."), repository.resolve("HEAD")) == 0


def test_a_shallow_clone_is_told_how_to_fetch(repo, tmp_path):
    repo.commit("two", **{"file.txt": "two"})
    repo.git("branch", "other", "HEAD~1")
    clone = tmp_path / "clone"
    repo.git("clone", "-q", "--depth=1", f"file://{repo.folder}", str(clone))
    shallow = Repository.around(clone)
    assert shallow.shallow
    with pytest.raises(UsageError) as caught:
        shallow.resolve("origin/other")
    assert "shallow" in str(caught.value.why)
    fetch = "git fetch --depth=1 origin +refs/heads/other:refs/remotes/origin/other"
    assert caught.value.hint == fetch
    with pytest.raises(UsageError) as caught:
        shallow.resolve("HEAD~1")
    assert caught.value.hint == "git fetch --unshallow origin"
    with pytest.raises(UsageError, match="branches off cannot be told"):
        shallow.resolve("origin/main...")
    assert shallow.only_in(shallow.resolve("HEAD"), shallow.resolve("HEAD")) == 0
    with pytest.raises(UsageError) as caught:
        shallow.resolve("0123456789" * 4)
    assert caught.value.hint == f"git fetch --depth=1 origin {'0123456789' * 4}"
    subprocess.run(fetch.split(), cwd=clone, env=repo.environ, check=True, capture_output=True)
    assert shallow.resolve("origin/other").commit == repo.git("rev-parse", "other"), "the printed command mends it"
    assert shallow.only_in(shallow.resolve("origin/other"), shallow.resolve("HEAD")) is None, "its way is cut off"


def test_a_folder_without_git_is_refused(tmp_path):
    with pytest.raises(UsageError, match="is not in a git repository"):
        Repository.around(tmp_path)


def test_a_hooks_environment_does_not_mislead(repo, repository, monkeypatch):
    monkeypatch.setenv("GIT_DIR", "/nonexistent")
    monkeypatch.setenv("GIT_INDEX_FILE", "/nonexistent")
    assert repository.resolve("HEAD").commit == repo.git("rev-parse", "HEAD")


def test_a_checkout_holds_the_refs_files_and_is_used_again(repo, repository):
    first = repository.resolve("HEAD")
    repo.commit("two", **{"file.txt": "two"})
    with checked_out(repository, first, "") as checkout:
        assert (checkout.directory / "file.txt").read_text() == "one"
        assert not checkout.built
        checkout.note_built()
        (checkout.directory / "left.txt").write_text("by the build")
        (checkout.directory / "file.txt").write_text("spoilt by a run")
        where = checkout.directory
    with checked_out(repository, first, "") as again:
        assert again.directory == where
        assert again.built
        assert (where / "file.txt").read_text() == "one", "tracked files are as committed"
        assert (where / "left.txt").exists(), "what the build left stays"
    with checked_out(repository, first, "another build") as other:
        assert other.directory != where
        assert not other.built


def test_commits_with_the_same_files_share_a_checkout(repo, repository):
    first = repository.resolve("HEAD")
    repo.git("commit", "-q", "--amend", "-m", "reworded")
    with checked_out(repository, first, "") as one:
        pass
    with checked_out(repository, repository.resolve("HEAD"), "") as two:
        assert one.directory == two.directory


def test_a_damaged_checkout_is_made_anew(repo, repository):
    first = repository.resolve("HEAD")
    with checked_out(repository, first, "") as checkout:
        checkout.note_built()
    (checkout.directory / ".git").unlink()
    with checked_out(repository, first, "") as again:
        assert (again.directory / "file.txt").read_text() == "one"
        assert not again.built


def test_a_checkout_that_was_killed_half_way_is_made_again(repo, repository):
    """git keeps such a one registered and locked although its folder is gone."""
    first = repository.resolve("HEAD")
    with checked_out(repository, first, "") as checkout:
        where = checkout.directory
    shutil.rmtree(where)
    (registered,) = (repo.folder / ".git" / "worktrees").iterdir()
    (registered / "locked").write_text("initializing")
    with checked_out(repository, first, "") as again:
        assert again.directory == where
        assert (where / "file.txt").read_text() == "one"


def test_old_checkouts_go_and_those_in_use_stay(repo, repository):
    used = repository.resolve("HEAD")
    with checked_out(repository, used, "in use") as lent:
        for number in range(KEPT + 3):
            with checked_out(repository, used, str(number)):
                pass
        kept = [folder for folder in cache_folder(repository).iterdir() if folder.is_dir()]
        assert len(kept) <= KEPT + 1
        assert lent.directory in kept


def test_hooks_of_the_repository_are_not_run(repo, repository):
    hook = repo.write(".git/hooks/post-checkout", "#!/bin/sh\ntouch hooked\n")
    hook.chmod(0o755)
    with checked_out(repository, repository.resolve("HEAD"), "") as checkout:
        assert not (checkout.directory / "hooked").exists()


def test_both_arms_run_their_own_files_and_say_which(repo):
    repo.commit("two", **{"file.txt": "two"})
    said: list[str] = []
    with from_git(a_scenario(repo), "HEAD~1", ["HEAD"], said.append) as scenario:
        one, two = scenario.arms
        assert (one.name, two.name) == ("baseline", "candidate")
        assert (one.service.directory / "file.txt").read_text() == "one"
        assert (two.service.directory / "file.txt").read_text() == "two"
        assert one.source["ref"] == "HEAD~1"
        assert two.source["commit"] == repo.git("rev-parse", "HEAD")[:12]
        assert "uncommitted changes" not in two.source
    assert any("HEAD~1" in text for text in said)


def test_the_worktree_is_measured_as_it_is_and_its_changes_are_named(repo):
    repo.write("file.txt", "edited")
    repo.write("new.txt", "new")
    with from_git(a_scenario(repo), "HEAD", ["worktree"], lambda _: None) as scenario:
        baseline, candidate = scenario.arms
        assert candidate.service.directory == repo.folder
        assert len(candidate.source["uncommitted changes"]) == 12
        assert candidate.source["files not in git"] == "1"
        assert (baseline.service.directory / "file.txt").read_text() == "one"
    repo.write("file.txt", "edited otherwise")
    with from_git(a_scenario(repo), "HEAD", ["worktree"], lambda _: None) as again:
        assert again.arms[1].source["uncommitted changes"] != candidate.source["uncommitted changes"]
    with from_git(a_scenario(repo), "HEAD", ["HEAD"], lambda _: None) as head:
        assert "uncommitted changes" in head.arms[1].source["left out"]


def test_a_build_runs_once_per_version_and_command(repo):
    repo.commit("two", **{"file.txt": "two"})
    built = repo.folder.parent / "built"
    build = f"{{python}} -c \"open('{built}','a').write(open('file.txt').read() + ' ')\""
    for _ in range(2):
        with from_git(a_scenario(repo, build=build), "HEAD~1", ["HEAD"], lambda _: None):
            pass
    assert built.read_text() == "one two "
    with from_git(a_scenario(repo, build=build, environment={"X": "1"}), "HEAD", ["HEAD"], lambda _: None):
        pass
    assert built.read_text() == "one two two ", "another environment is another build; the arms share it"


def test_a_build_that_fails_shows_its_log_and_is_tried_again(repo):
    build = f"{sys.executable} -c \"print('no compiler here'); raise SystemExit(7)\""
    for _ in range(2):
        with (
            pytest.raises(ServiceError) as caught,
            from_git(a_scenario(repo, build=build), "HEAD", ["worktree"], lambda _: None),
        ):
            pass
        assert "baseline: build failed: exited with code 7" in caught.value.what
        assert "no compiler here" in caught.value.log_tail


def test_what_git_cannot_give_is_refused_before_anything_runs(repo, tmp_path):
    scenario = a_scenario(repo)
    at_url = replace(scenario, arms=(Arm("baseline", Service(url="http://127.0.0.1:1")),))
    with pytest.raises(UsageError, match="runs at a url"), from_git(at_url, "HEAD", ["HEAD"], lambda _: None):
        pass
    elsewhere = replace(scenario, arms=(Arm("baseline", Service(command="x", directory=Path(tmp_path))),))
    with (
        pytest.raises(UsageError, match="not in a git repository"),
        from_git(elsewhere, "HEAD", ["HEAD"], lambda _: None),
    ):
        pass
    repo.commit("app", **{"app/x.txt": "x"})
    later = replace(scenario, arms=(Arm("baseline", Service(command="x", directory=repo.folder / "app")),))
    with (
        pytest.raises(UsageError, match="no folder app in HEAD~1"),
        from_git(later, "HEAD~1", ["HEAD"], lambda _: None),
    ):
        pass
