"""git: whether the versions that are to be compared are there, and whether results can name what they measured."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from perfproof.doctor.context import Context
from perfproof.doctor.results import CheckResult, joined, of_error, ok, warning
from perfproof.errors import UsageError
from perfproof.service.git import WORKTREE, Repository
from perfproof.service.revision import revision

USUAL = ("origin/main", "origin/master", "main", "master", "origin/develop", "develop")
"""What the branch is usually called that a change is compared with, the most telling first."""


class Git:
    """Where the services' folders stand in git."""

    about = "git"

    def run(self, context: Context) -> Iterator[CheckResult]:
        """Look at each arm's folder, and at the refs of the command line."""
        scenario, refs = context.scenario, context.asked.refs
        if scenario is None:
            if refs:
                yield from looked(Path.cwd(), refs)
            return
        folders = {
            arm.name: folder if (folder := arm.service.directory.resolve()).is_dir() else scenario.file.parent.resolve()
            for arm in scenario.arms
            if arm.service.url is None
        }
        seen = {folder: looked(folder, refs) for folder in dict.fromkeys(folders.values())}
        yield from joined([(arm, seen[folder]) for arm, folder in folders.items()])


def looked(folder: Path, refs: Sequence[str]) -> list[CheckResult]:
    """Return where a folder stands; ``refs`` must be there."""
    about = Git.about
    try:
        repository = Repository.around(folder)
    except UsageError as error:
        if refs or "is not in a git repository" not in error.what:
            return [of_error(about, error, "problem" if refs else "warning")]
        return [ok(about, "no repository: results name no commit, `--baseline-ref` is not to be had")]
    findings = []
    for ref in refs:
        try:
            repository.resolve("HEAD" if ref == WORKTREE else ref)
        except UsageError as error:
            findings.append(of_error(about, error))
    found = revision(folder)
    if found is None:
        findings.append(warning(about, "the repository has no commit yet", "commit, so that results name a version"))
        return findings
    if repository.shallow:
        findings.append(
            warning(
                about,
                "the clone is shallow: where branches part is unknown, and older versions are missing",
                "git fetch --unshallow origin (in CI: fetch-depth: 0)",
            )
        )
    if found.dirty:
        fix = "commit them, or compare them by `--candidate-ref worktree`"
        findings.append(warning(about, f"files differ from commit {found.commit[:12]}: results are marked", fix))
    if not findings:
        findings.append(ok(about, f"commit {found.commit[:12]}, whole history{_advice(repository, refs)}"))
    return findings


def _advice(repository: Repository, refs: Sequence[str]) -> str:
    """Return what can be compared with: what was asked for, or the usual branch."""
    if refs:
        return f"; {' and '.join(refs)} {'are' if len(refs) > 1 else 'is'} there"
    for name in USUAL:
        try:
            repository.resolve(name)
        except UsageError:
            continue
        return f"; `--baseline-ref {name}` is there"
    return ""
