"""Real git repositories with two versions of a tiny service, and the command line run in them."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

import warm

TINY = Path(__file__).parent.parent / "services" / "tiny.py"

SCENARIO = """\
name: tiny
service:
  command: "{python} -S tiny.py {port}"
  directory: app
  health: /health
  start_timeout: 20s
requests:
  - {name: item, get: "/items/{n}", values: {n: [1, 2, 3]}}
load: {model: open, rate: 60/s}
rounds: {count: 2, warmup: 200ms, warmup_requests: 3, blocks: 3, block: 200ms, early_stop: false}
why: off
"""


@dataclass
class Ran:
    """What one call came to."""

    code: int
    out: str
    err: str


class Repo:
    """A git repository in a folder of its own, its cache beside it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("GIT", "CI", "PERFPROOF"))}
        self.environ = kept | {
            "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "XDG_CACHE_HOME": str(folder.parent / "cache"),
            "GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@example.com", "GIT_COMMITTER_NAME": "a",
            "GIT_COMMITTER_EMAIL": "a@example.com", "COLUMNS": "200", "NO_COLOR": "1", "PYTHONDONTWRITEBYTECODE": "1",
        }  # fmt: skip

    def git(self, *arguments: str) -> str:
        done = subprocess.run(
            ["git", *arguments], cwd=self.folder, env=self.environ, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"git {' '.join(arguments)}: {done.stderr}"
        return done.stdout.strip()

    def commit(self, message: str, **files: str) -> str:
        for name, text in files.items():
            self.write(name, text)
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", message)
        return self.git("rev-parse", "HEAD")

    def write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def run(self, *arguments: str, timeout: float = 200, **environ: str) -> Ran:
        with warm.perfproof(
            *arguments, environ=self.environ | environ, cwd=self.folder, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True,
        ) as process:  # fmt: skip
            try:
                out, err = process.communicate(timeout=timeout)
            except subprocess.TimeoutExpired:
                process.kill()
                raise
        assert "Traceback" not in err, err
        return Ran(process.returncode, out, err)


def tiny(microseconds: int) -> str:
    """Return the source of the tiny service with other work per request."""
    return TINY.read_text().replace('"WORK_US", "500"', f'"WORK_US", "{microseconds}"')


def new_repo(folder: Path) -> Repo:
    """Return a repository with nothing but a first commit."""
    if shutil.which("git") is None:
        pytest.skip("needs git")
    made = Repo(folder / "repo")
    made.git("init", "-q", "-b", "main", ".")
    made.commit("one", **{"file.txt": "one", ".gitignore": "results/\nperfproof-gate/\n__pycache__/\n"})
    return made


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    """Return a repository for one test."""
    return new_repo(tmp_path)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Repo:
    """Return a repository whose branch ``main`` holds a quick service and whose branch ``slow`` a slower one."""
    made = new_repo(tmp_path_factory.mktemp("service"))
    made.environ["PERFPROOF_TEST_ENGINE"] = "fake_engine"  # the gate is tested here, not the load
    made.commit("quick", **{"app/tiny.py": tiny(300), "perf.yaml": SCENARIO})
    made.git("checkout", "-q", "-b", "slow")
    made.commit("slow", **{"app/tiny.py": tiny(5000)})
    return made
