"""Both versions from git: the arms' folders mapped into checkouts of two refs, built where that is needed."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from perfproof.errors import UsageError
from perfproof.model.redaction import Redactor
from perfproof.model.scenario import Arm, Scenario
from perfproof.service.checkouts import Checkout, checked_out
from perfproof.service.command import fill
from perfproof.service.git import WORKTREE, Repository, Revision
from perfproof.service.lifecycle import run_command
from perfproof.service.private import private_folder

BUILD_SECONDS = 3600.0
"""How long a build may take."""


@contextmanager
def from_git(
    scenario: Scenario, baseline_ref: str, candidate_ref: str, say: Callable[[str], None]
) -> Iterator[Scenario]:
    """Lend ``scenario`` with its arms running the files of two refs; ``worktree`` stands for the files as they are.

    The scenario's requests, load and rules stay those of the file that was read. ``say`` is told what goes on. Raises
    ``UsageError`` where git has no such commit or an arm's folder is not in a repository, ``ServiceError`` with the
    end of its log where a build fails.
    """
    first, last = scenario.arms[0], scenario.arms[-1]
    chosen = [(replace(first, name="baseline"), baseline_ref), (replace(last, name="candidate"), candidate_ref)]
    repositories = [_repository(arm, scenario) for arm, _ in chosen]
    revisions = [
        repository.resolve("HEAD" if ref == WORKTREE else ref)
        for repository, (_, ref) in zip(repositories, chosen, strict=True)
    ]
    with ExitStack() as stack:
        builder = _Builder(scenario, say, stack, {})
        arms = [
            _place(arm, ref, repository, revision, builder)
            for (arm, ref), repository, revision in zip(chosen, repositories, revisions, strict=True)
        ]
        if repositories[0] == repositories[1]:
            ancestry = _ancestry(repositories[0], *revisions)
            arms[0] = replace(arms[0], source={**arms[0].source, **ancestry})
        yield replace(scenario, arms=tuple(arms))


@dataclass(frozen=True)
class _Builder:
    """Checkouts lent so far, by what makes them alike: both arms may run the same files."""

    scenario: Scenario
    say: Callable[[str], None]
    stack: ExitStack
    lent: dict[tuple[Path, str, str], Checkout]

    def checkout(self, arm: Arm, repository: Repository, revision: Revision) -> Checkout:
        """Return the files of ``revision``, not yet built."""
        build = arm.service.build and fill(arm.service.build, arm.name, None)
        needs = json.dumps([build, sorted(arm.service.environment.items()) if build else None, arm.service.shell])
        key = (repository.common, revision.tree, hashlib.sha256(needs.encode()).hexdigest())
        if key not in self.lent:
            self.say(f"checking out {revision.ref} ({revision.commit[:12]})")
            waiting = f"waiting for another perfproof that uses the files of {revision.ref}"
            lending = checked_out(repository, revision, key[2], lambda: self.say(waiting))
            self.lent[key] = self.stack.enter_context(lending)
        return self.lent[key]

    def build(self, arm: Arm) -> None:
        """Run the arm's build where the arm stands."""
        if arm.service.build is None:
            return
        self.say(f"building {arm.name}")
        redactor = Redactor(self.scenario.secrets)
        command = arm.service.build.replace("{python}", sys.executable)
        with private_folder() as private:
            log = private / "build.log"
            run_command(arm, command, purpose="build", log=log, redactor=redactor, timeout=BUILD_SECONDS)


def _repository(arm: Arm, scenario: Scenario) -> Repository:
    if arm.service.url is not None:
        raise UsageError(
            f"{arm.name} runs at a url, so its version cannot be taken from git",
            where=str(scenario.file),
            hint="give the service a command, or leave --baseline-ref out",
        )
    directory = arm.service.directory.resolve()
    return Repository.around(directory if directory.is_dir() else scenario.file.resolve().parent)


def _place(arm: Arm, ref: str, repository: Repository, revision: Revision, builder: _Builder) -> Arm:
    """Return the arm as it runs from its ref, built."""
    directory = arm.service.directory.resolve()
    if not directory.is_relative_to(repository.top):
        raise UsageError(
            f"{arm.name}: {directory} lies outside of the repository {repository.top}",
            hint="let service.directory be a folder of the repository whose refs are compared",
        )
    inside = directory.relative_to(repository.top)
    changes = repository.changes()
    source = {"ref": ref, "commit": revision.commit[:12], "directory": str(inside)}
    if ref == WORKTREE:
        if changes:
            source["uncommitted changes"] = changes
        if new := repository.new_files():
            source["files not in git"] = str(new)
        placed = replace(arm, source=source)
        builder.build(placed)
        return placed
    if changes and ref == "HEAD":
        source["left out"] = f"uncommitted changes ({changes})"
    checkout = builder.checkout(arm, repository, revision)
    folder = checkout.directory / inside
    if not folder.is_dir():
        raise UsageError(
            f"{arm.name}: there is no folder {inside} in {ref} ({revision.commit[:12]})",
            hint=f"give the arm the folder it had then: arms.{arm.name}.directory",
        )
    placed = replace(arm, service=replace(arm.service, directory=folder), source=source)
    if not checkout.built:
        builder.build(placed)
        checkout.note_built()
    return placed


def _ancestry(repository: Repository, baseline: Revision, candidate: Revision) -> dict[str, str]:
    """Return how the baseline relates to the candidate, where that could mislead."""
    missing = repository.only_in(baseline, candidate)
    if missing is None:
        return {"commits the candidate lacks": "not known (shallow clone)"}
    return {"commits the candidate lacks": str(missing)} if missing else {}
