"""Where the two versions come from: git refs, two folders, or whatever the user writes below ``arms``."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from perfproof.errors import UsageError
from perfproof.service.git import Repository

Arms = Mapping[str, Mapping[str, Any]] | None
_MAINS = ("origin/main", "main", "origin/master", "master")


def versions_of(
    folder: Path, output: Path, baseline_ref: str | None, before: Path | None, *, running: bool
) -> tuple[Arms, str, str]:
    """Return the arms (None: from git), what is said of them, and the command that measures them."""
    file = shlex.quote(str(output))
    if baseline_ref is not None and before is not None:
        raise UsageError("--baseline-ref stands beside --before", hint="keep the one that holds the version before")
    if before is not None:
        if not before.is_dir():
            raise UsageError(f"there is no folder {before}", hint="--before is the folder of the version before")
        place = os.path.relpath(before.absolute(), output.absolute().parent)
        return {"baseline": {"directory": place}, "candidate": {}}, "the folder", f"perfproof ab {file}"
    if not running:
        repository = _repository(folder, demanded=baseline_ref is not None)
        if repository is not None:
            how = _refs(repository, baseline_ref)
            if how:
                return None, f"perfproof ab {file} {how}", f"perfproof ab {file} {how}"
    note = "write it here, e.g. {environment: {CACHE: 'on'}} or {directory: ../before}"
    return {"baseline": {}, "candidate": {}}, note, f"perfproof ab {file}   (write below `arms:` what differs first)"


def left_behind(folder: Path) -> str:
    """Return what to say of files that a service may need and that a checkout from git does not have; "" for none."""
    repository = _repository(folder, demanded=False)
    if repository is None:
        return ""
    files = [path for pattern in ("*.db", "*.sqlite*", ".env") for path in sorted(folder.glob(pattern))]
    missing = [path.name for path in files if path.is_file() and not repository.tracks(path)]
    if not missing:
        return ""
    return (
        f"git does not track {', '.join(missing[:4])}: a version taken from git starts without; --prepare makes them,"
        " or -e names them by their whole path"
    )


def _repository(folder: Path, *, demanded: bool) -> Repository | None:
    try:
        return Repository.around(folder.absolute())
    except UsageError:
        if demanded:
            raise
        return None


def _refs(repository: Repository, baseline_ref: str | None) -> str:
    """Return the options that name both versions; "" where the repository holds nothing to compare with."""
    changed = repository.changes() is not None
    if baseline_ref is not None:
        repository.resolve(baseline_ref)
        return f"--baseline-ref {shlex.quote(baseline_ref)}" + (" --candidate-ref worktree" if changed else "")
    try:
        head = repository.resolve("HEAD")
    except UsageError:  # no commit yet
        return ""
    for ref in _MAINS:
        try:
            main = repository.resolve(ref)
        except UsageError:
            continue
        if main.tree != head.tree:
            return f"--baseline-ref {ref}" + (" --candidate-ref worktree" if changed else "")
    if changed:
        return "--baseline-ref HEAD --candidate-ref worktree"
    try:
        repository.resolve("HEAD~1")
    except UsageError:
        return "--baseline-ref HEAD --candidate-ref worktree"
    return "--baseline-ref HEAD~1"
