"""What perfproof asks of git, and every way it can go wrong in words that help."""

from __future__ import annotations

import difflib
import hashlib
import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from perfproof.errors import UsageError

_LOCAL = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_COMMON_DIR", "GIT_PREFIX")
"""Set while a hook runs; they would point every call at the hook's own repository."""

_SECONDS = 600.0
"""How long one call may take: checking out a large repository with large files over the network."""

WORKTREE = "worktree"
"""Stands for the files as they are, changes that are not committed included."""


@dataclass(frozen=True)
class GitRevision:
    """A version: the ref as it was asked for, the commit and the tree it stands for."""

    ref: str
    commit: str
    tree: str


@dataclass(frozen=True)
class Repository:
    """A git repository: ``top`` is the folder of its files, ``common`` where it keeps its objects."""

    top: Path
    common: Path

    @classmethod
    def around(cls, folder: Path) -> Repository:
        """Return the repository that ``folder`` lies in; ``UsageError`` if there is none or git refuses to use it."""
        done = _git(folder, "rev-parse", "--path-format=absolute", "--show-toplevel", "--git-common-dir")
        if done.returncode == 0:
            top, common = done.stdout.decode(errors="surrogateescape").splitlines()
            return cls(Path(top), Path(common))
        said = _said(done)
        if "dubious ownership" in said:
            raise UsageError(
                f"git refuses to use the repository around {folder.absolute()}",
                why="it belongs to another user, as in many containers",
                hint=f"git config --global --add safe.directory {folder.absolute()}",
            )
        raise UsageError(
            f"{folder.absolute()} is not in a git repository",
            why=said or None,
            hint="run it in a clone, or compare `arms:` of the scenario with `perfproof ab SCENARIO`",
        )

    @property
    def shallow(self) -> bool:
        """Tell whether the clone holds only a part of the history, so that git answers ancestry wrongly."""
        return _git(self.top, "rev-parse", "--is-shallow-repository").stdout.strip() == b"true"

    def resolve(self, ref: str) -> GitRevision:
        """Return what ``ref`` stands for; ``A...B`` is the commit where B left A. ``UsageError`` with a way out."""
        left, dots, right = ref.partition("...")
        if dots:
            commit = self._fork_point(ref, self.resolve(left).commit, self.resolve(right or "HEAD").commit)
        else:
            commit = self._parse(f"{ref}^{{commit}}") or ""
        if not commit:
            raise self._missing(ref)
        return GitRevision(ref, commit, self._parse(f"{commit}^{{tree}}") or commit)

    def changes(self) -> str | None:
        """Return a hash of how tracked files differ from ``HEAD``; None if they do not."""
        diff = _git(self.top, "diff", "HEAD", "--binary", "--no-ext-diff", "--no-textconv").stdout
        return hashlib.sha256(diff).hexdigest()[:12] if diff else None

    def new_files(self) -> int:
        """Return the number of files that git neither tracks nor ignores (perfproof's own results are often such)."""
        return _git(self.top, "ls-files", "--others", "--exclude-standard", "-z").stdout.count(b"\0")

    def tracks(self, file: Path) -> bool:
        """Tell whether a file is one of the repository's."""
        return _git(self.top, "ls-files", "--error-unmatch", "--", str(file.absolute())).returncode == 0

    def only_in(self, first: GitRevision, second: GitRevision) -> int | None:
        """Return how many commits ``first`` has that ``second`` has not; None if a shallow clone cannot tell.

        That there are none is sure in a shallow clone too: what was cut off cannot undo a way that is there.
        """
        done = _git(self.top, "rev-list", "--count", f"{second.commit}..{first.commit}")
        found = int(done.stdout) if done.returncode == 0 else None
        return None if found and self.shallow else found

    def add_worktree(self, directory: Path, revision: GitRevision) -> None:
        """Check out ``revision`` into ``directory``, which must not exist. Hooks are not run.

        Forced twice: a checkout that was killed half-way is registered, and locked, though its folder is gone.
        """
        _git(self.top, "worktree", "prune")
        add = ("worktree", "add", "-f", "-f", "--quiet", "--detach", str(directory), revision.commit)
        done = _git(self.top, *_NO_HOOKS, *add)
        if done.returncode != 0:
            raise UsageError(f"git cannot check out {revision.ref} ({revision.commit[:12]})", why=_said(done))

    def restore(self, directory: Path, revision: GitRevision) -> bool:
        """Bring the tracked files of a worktree back to ``revision``; tell whether it is one of this repository."""
        if not (directory / ".git").is_file():
            return False
        where = _git(directory, "rev-parse", "--path-format=absolute", "--git-common-dir")
        if where.returncode != 0 or Path(os.fsdecode(where.stdout.rstrip(b"\n"))) != self.common:
            return False
        done = _git(directory, *_NO_HOOKS, "checkout", "--quiet", "--force", "--detach", revision.commit)
        return done.returncode == 0

    def _parse(self, expression: str) -> str | None:
        done = _git(self.top, "rev-parse", "--verify", "--quiet", "--end-of-options", expression)
        return done.stdout.decode().strip() if done.returncode == 0 else None

    def _fork_point(self, ref: str, one: str, two: str) -> str | None:
        if self.shallow:
            raise UsageError(
                f"where {ref} branches off cannot be told here",
                why="the clone is shallow: git would answer as if the missing history did not exist",
                hint="git fetch --unshallow origin",
            )
        done = _git(self.top, "merge-base", one, two)
        return done.stdout.decode().strip() if done.returncode == 0 else None

    def _missing(self, ref: str) -> UsageError:
        """Return the error for a ref that names no commit."""
        if self.shallow:
            remote, _, branch = ref.partition("/")
            fetch = "git fetch --unshallow origin"
            if re.fullmatch(r"[0-9a-f]{40,64}", ref):
                fetch = f"git fetch --depth=1 origin {ref}"
            elif branch and remote in _git(self.top, "remote").stdout.decode().split():
                fetch = f"git fetch --depth=1 {remote} +refs/heads/{branch}:refs/remotes/{remote}/{branch}"
            return UsageError(
                f"there is no commit called `{ref}` here", why="the clone is shallow: it holds few commits", hint=fetch
            )
        listed = _git(self.top, "for-each-ref", "--format=%(refname:short)", "refs/heads", "refs/remotes", "refs/tags")
        names = listed.stdout.decode(errors="replace").split()
        close = difflib.get_close_matches(ref, names, n=3, cutoff=0.5)
        close += [name for name in names if name.rpartition("/")[2] == ref and name not in close]
        known = f"known: {', '.join(names[:8])}{', ...' if len(names) > 8 else ''}" if names else "it has no branches"
        hint = f"did you mean {' or '.join(close[:3])}?" if close else f"{known}; git fetch brings others"
        return UsageError(f"there is no commit called `{ref}` in {self.top}", hint=hint)


_NO_HOOKS = ("-c", "core.hooksPath=/dev/null", "-c", "advice.detachedHead=false")


def _git(folder: Path, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    """Run git in ``folder``; ``UsageError`` where it is missing or hangs."""
    environment = {name: value for name, value in os.environ.items() if name not in _LOCAL}
    environment |= {"LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0", "GIT_OPTIONAL_LOCKS": "0"}
    command = ["git", "-c", "core.fsmonitor=false", "-C", str(folder), *arguments]
    try:
        return subprocess.run(
            command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, timeout=_SECONDS, check=False
        )
    except FileNotFoundError as error:
        raise UsageError("git is not installed", hint="install it, or compare `arms:` of the scenario") from error
    except subprocess.TimeoutExpired as error:
        raise UsageError(f"git {arguments[0]} took longer than {_SECONDS:g} s", where=str(folder)) from error


def _said(done: subprocess.CompletedProcess[bytes]) -> str:
    return " ".join(done.stderr.decode(errors="replace").split())[:300]
