"""The pipelines that the documentation shows install perfproof from its repository, and are run as a runner would."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

import pytest
import yaml

from documentation.commands import mistakes_in
from documentation.pages import ROOT, blocks

ACTION = yaml.safe_load((ROOT / "ci/github/action.yml").read_text(encoding="utf-8"))
TEMPLATE = yaml.safe_load((ROOT / "ci/gitlab/perfproof.yml").read_text(encoding="utf-8"))[".perfproof"]
SHOWN = {block.title: yaml.safe_load(block.text) for name in ("github", "gitlab")
         for block in blocks(ROOT / f"docs/howto/{name}.md") if block.language == "yaml"}  # fmt: skip
(INSTALL,) = [each for each in ACTION["runs"]["steps"] if each["name"] == "Install perfproof"]
BUILDERS = ("pip", "hatchling", "packaging", "pathspec", "pluggy", "trove_classifiers", "editables")


def test_the_workflow_takes_the_action_from_the_repository_with_inputs_that_it_has():
    steps = SHOWN[".github/workflows/performance.yml"]["jobs"]["gate"]["steps"]
    (ours,) = [each for each in steps if "perfproof" in each["uses"]]
    owner, _, path = ours["uses"].partition("/perfproof/")
    folder, _, ref = path.partition("@")
    assert (owner, ref) == ("OWNER", "main")
    assert (ROOT / folder / "action.yml").is_file()
    needed = {name for name, each in ACTION["inputs"].items() if each.get("required")}
    assert needed <= set(ours["with"]) <= set(ACTION["inputs"])
    assert steps[0]["with"]["fetch-depth"] == 2, "HEAD^1 must be there"


def test_every_input_of_the_action_and_variable_of_the_template_is_told():
    page = (ROOT / "docs/howto/github.md").read_text(encoding="utf-8")
    assert [name for name in ACTION["inputs"] if f"`{name}`" not in page] == []
    page = (ROOT / "docs/howto/gitlab.md").read_text(encoding="utf-8")
    assert [name for name in TEMPLATE["variables"] if name.startswith("PERFPROOF") and f"`{name}`" not in page] == []


def test_steps_without_the_action_are_commands_that_exist():
    runs = [each["run"] for each in SHOWN["steps.yml"] if "run" in each]
    assert len(runs) == 2
    assert [mistake for each in runs for mistake in mistakes_in(each)] == []


def test_the_job_of_gitlab_extends_the_template_and_sets_variables_that_it_reads():
    job = SHOWN[".gitlab-ci.yml"]["performance"]
    assert job["extends"] == ".perfproof"
    assert set(job["variables"]) <= set(TEMPLATE["variables"])
    assert job["variables"]["PERFPROOF_INSTALL"].startswith("perfproof @ git+https://")


@pytest.fixture
def runner(tmp_path: Path) -> dict[str, str]:
    """The environment of a runner whose Python has nothing but pip and what builds wheels, and no network."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "python"], check=True, timeout=60)
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in BUILDERS:
        (tools / name).symlink_to(Path(sysconfig.get_path("purelib")) / name)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("GIT", "PIP", "PYTHON"))}
    return kept | {
        "PATH": f"{tmp_path / 'python' / 'bin'}{os.pathsep}/usr/local/bin{os.pathsep}/usr/bin{os.pathsep}/bin",
        "PYTHONPATH": str(tools), "PIP_NO_DEPS": "1", "PIP_NO_INDEX": "1", "PIP_NO_BUILD_ISOLATION": "0",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1", "GIT_CONFIG_GLOBAL": os.devnull,
    }  # fmt: skip


def run(script: str, environ: dict[str, str], folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script],
        cwd=folder, env=environ, capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip


def version(environ: dict[str, str], folder: Path) -> str:
    """Return what the installed command says, with the packages it needs lent by the tests' own environment."""
    lent = environ | {"PYTHONPATH": sysconfig.get_path("purelib")}
    done = run("perfproof --version && python -c 'import perfproof; print(perfproof.__file__)'", lent, folder)
    assert done.returncode == 0, done.stderr
    assert "/python/lib/" in done.stdout, "it is the installed one"
    return done.stdout


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository of perfproof as it is checked out by a runner."""
    folder = tmp_path / "perfproof"
    folder.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder)
    for name in ("src", "ci"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


@pytest.mark.server
def test_the_action_installs_the_repository_that_it_comes_from(runner, repository, tmp_path):
    path = {"GITHUB_ACTION_PATH": str(repository / "ci" / "github"), "INSTALL": ""}
    done = run(INSTALL["run"], runner | path, tmp_path)
    assert done.returncode == 0, done.stderr
    assert version(runner, tmp_path).startswith("perfproof 0.")


def test_a_copy_of_the_action_says_that_it_does_not_know_the_repository(runner, tmp_path):
    (tmp_path / "ci" / "github").mkdir(parents=True)
    done = run(INSTALL["run"], runner | {"GITHUB_ACTION_PATH": str(tmp_path / "ci/github"), "INSTALL": ""}, tmp_path)
    assert done.returncode == 2
    assert done.stdout.startswith("::error::")
    assert "`install:`" in done.stdout


def test_the_action_installs_nothing_where_it_is_told_so():
    assert INSTALL["if"] == "inputs.install != 'none'"
    assert ACTION["inputs"]["install"]["default"] == ""


@pytest.mark.server
def test_the_job_of_gitlab_installs_from_a_git_repository(runner, repository, tmp_path):
    for command in (["init", "-q", "-b", "main"], ["add", "-A"], ["commit", "-q", "-m", "one"]):
        author = ["-c", "user.name=a", "-c", "user.email=a@example.com"]
        subprocess.run(["git", *author, *command], cwd=repository, env=runner, check=True, timeout=60)
    variables: dict[str, Any] = {"PERFPROOF_INSTALL": f"perfproof @ git+file://{repository}@main"}
    done = run("\n".join(TEMPLATE["script"][:2]), runner | variables, tmp_path)
    assert done.returncode == 0, done.stderr
    assert version(runner, tmp_path).startswith("perfproof 0.")


def test_a_job_of_gitlab_without_perfproof_says_what_to_set(runner, tmp_path):
    done = run("\n".join(TEMPLATE["script"][:2]), runner | {"PERFPROOF_INSTALL": ""}, tmp_path)
    assert done.returncode == 2
    assert "PERFPROOF_INSTALL" in done.stdout
