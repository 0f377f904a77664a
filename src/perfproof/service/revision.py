"""Where a folder stands in git: commit, branch, and whether tracked files were changed."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

from perfproof.model.revision import Revision

SECONDS = 10.0
"""How long git may take; a repository that is slower (a network file system that hangs) is passed over."""

CI_BRANCHES = ("GITHUB_HEAD_REF", "GITHUB_REF_NAME", "CI_MERGE_REQUEST_SOURCE_BRANCH_NAME", "CI_COMMIT_REF_NAME")
"""Variables that name the branch where CI checks out a bare commit, the most telling first."""


def revision(folder: Path, environ: Mapping[str, str] = os.environ) -> Revision | None:
    """Return where ``folder`` stands in git; None if it is in no repository, has no commit, or git cannot tell.

    Never raises: a measurement does not depend on it. Untracked files do not count as changes, because perfproof's own
    results are often among them. In a detached checkout the branch is taken from the CI's variables, if there are any.
    """
    options = ("-c", "core.fsmonitor=false", "-C", str(folder))  # a monitor would keep running beside the measurement
    command = ("git", *options, "status", "--porcelain=v2", "--branch", "--untracked-files=no", "--ignore-submodules")
    quiet = {**environ, "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"}
    try:
        done = subprocess.run(
            command, env=quiet, stdin=subprocess.DEVNULL, capture_output=True, timeout=SECONDS, check=False
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return parse(done.stdout.decode(errors="replace"), environ) if done.returncode == 0 else None


def parse(status: str, environ: Mapping[str, str]) -> Revision | None:
    """Return what the text of ``git status --porcelain=v2 --branch`` says; None where there is no commit yet."""
    lines = status.splitlines()
    heads = dict(line[2:].split(" ", 1) for line in lines if line.startswith("# branch.") and line.count(" ") > 1)
    commit, branch = heads.get("branch.oid", ""), heads.get("branch.head")
    if not re.fullmatch(r"[0-9a-f]{40,64}", commit):
        return None
    if branch in (None, "(detached)"):
        branch = next((environ[name] for name in CI_BRANCHES if environ.get(name)), None)
    return Revision(commit, branch, any(not line.startswith("#") for line in lines))
