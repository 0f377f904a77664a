"""Versions of a service from git: each in a worktree of its own, built once, kept for the next time.

A worktree lies in a private cache folder and is named after the tree's hash and what builds it, so the same files are
checked out and built once, whatever commits hold them. ``git archive`` was rejected: it leaves out what
``export-ignore`` names and knows no large files.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from perfproof.errors import UsageError
from perfproof.service.git import GitRevision, Repository

KEPT = 10
"""Worktrees kept per repository; the longest unused ones go first."""

_BUILT = "perfproof-built"


@dataclass(frozen=True)
class Checkout:
    """Files of one revision at ``directory``."""

    revision: GitRevision
    directory: Path
    _mark: Path

    @property
    def built(self) -> bool:
        """Tell whether the build has succeeded there."""
        return self._mark.exists()

    def note_built(self) -> None:
        """Remember that the build has succeeded."""
        self._mark.touch()


def cache_folder(repository: Repository) -> Path:
    """Return the folder that keeps this repository's worktrees (``$XDG_CACHE_HOME/perfproof/checkouts/...``)."""
    base = os.environ.get("XDG_CACHE_HOME") or ""
    root = Path(base) if Path(base).is_absolute() else Path.home() / ".cache"
    name = hashlib.sha256(str(repository.common).encode()).hexdigest()[:12]
    return root / "perfproof" / "checkouts" / name


@contextmanager
def checked_out(
    repository: Repository, revision: GitRevision, build: str, waiting: Callable[[], None] = lambda: None
) -> Iterator[Checkout]:
    """Lend the files of ``revision``; ``build`` is whatever the build depends on beside them (command, environment).

    While they are lent, no other perfproof uses them (``waiting`` is called before it waits for one that does). Files
    that git tracks are as committed; others are what an earlier build or run left there.
    """
    folder = cache_folder(repository)
    name = f"{revision.tree[:16]}-{hashlib.sha256(build.encode()).hexdigest()[:8]}"
    directory, mark = folder / name, folder / f"{name}.{_BUILT}"
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = os.open(folder / f"{name}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise UsageError(
            f"cannot keep checkouts in {folder}",
            why=error.strerror,
            hint="let XDG_CACHE_HOME name a folder that may be written to",
        ) from error
    try:
        _take(lock, waiting)
        os.utime(lock)
        if not repository.restore(directory, revision):
            mark.unlink(missing_ok=True)
            shutil.rmtree(directory, ignore_errors=True)
            repository.add_worktree(directory, revision)
        _prune(folder, keep=name)
        yield Checkout(revision, directory, mark)
    finally:
        os.close(lock)


def _take(lock: int, waiting: Callable[[], None]) -> None:
    """Hold a lock until it is closed."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        waiting()
        fcntl.flock(lock, fcntl.LOCK_EX)


def _prune(folder: Path, keep: str) -> None:
    """Take away the longest unused worktrees; those in use by others are left alone.

    The lock files stay: one that is unlinked while somebody waits for it would lock nothing any more.
    """
    locks = [file for file in folder.glob("*.lock") if (folder / file.stem).is_dir() and file.stem != keep]
    for file in sorted(locks, key=lambda file: file.stat().st_mtime, reverse=True)[KEPT - 1 :]:
        lock = os.open(file, os.O_RDWR | os.O_CLOEXEC)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder / file.stem, ignore_errors=True)
            (folder / f"{file.stem}.{_BUILT}").unlink(missing_ok=True)
        except BlockingIOError:
            continue
        finally:
            os.close(lock)
