"""The versions from git: the arms' folders mapped into checkouts of their refs, built where that is needed."""

from __future__ import annotations

import hashlib
import json
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from perfproof.core.redaction import Redactor
from perfproof.errors import UsageError
from perfproof.model.scenario import Arm, Scenario
from perfproof.service.checkouts import Checkout, checked_out
from perfproof.service.command import fill
from perfproof.service.git import WORKTREE, GitRevision, Repository
from perfproof.service.lifecycle import run_command
from perfproof.service.private_folders import private_folder

BUILD_SECONDS = 3600.0
"""How long a build may take."""
MOST_ARMS = 8


@contextmanager
def from_git(
    scenario: Scenario,
    baseline_ref: str,
    candidate_refs: Sequence[str],
    say: Callable[[str], None],
    names: Sequence[str] = (),
) -> Iterator[Scenario]:
    """Lend ``scenario`` with its arms running the files of refs; ``worktree`` stands for the files as they are.

    The scenario's requests, load and rules stay those of the file that was read. ``say`` is told what goes on. Of
    several candidates each is called as its ref, or as ``names`` say. Raises ``UsageError`` where git has no such
    commit or an arm's folder is not in a repository, ``ServiceError`` with the end of its log where a build fails.
    """
    chosen = _chosen(scenario, baseline_ref, candidate_refs, names)
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
        if len(arms) == 2 and repositories[0] == repositories[1]:
            ancestry = _ancestry(repositories[0], *revisions)
            arms[0] = replace(arms[0], source={**arms[0].source, **ancestry})
        for at in range(1, len(arms)) if len(arms) > 2 else ():
            if repositories[0] == repositories[at] and (
                ancestry := _ancestry(repositories[0], revisions[0], revisions[at])
            ):
                # With several candidates it is each one's own matter.
                arms[at] = replace(arms[at], source={**arms[at].source, **ancestry, "baseline ref": baseline_ref})
        yield replace(scenario, arms=tuple(arms))


def _chosen(
    scenario: Scenario, baseline_ref: str, candidate_refs: Sequence[str], names: Sequence[str]
) -> list[tuple[Arm, str]]:
    """Return the arms to be taken from git, each with its ref.

    Candidates are started like the scenario's last arm, or each like its own where there are as many.
    """
    first, last = scenario.arms[0], scenario.arms[-1]
    if len(candidate_refs) == 1 and len(scenario.arms) <= 2:
        return [(replace(first, name="baseline"), baseline_ref), (replace(last, name="candidate"), candidate_refs[0])]
    if len(scenario.arms) > 2 and len(candidate_refs) != len(scenario.arms) - 1:
        raise UsageError(
            f"the scenario has {len(scenario.arms)} versions, and refs are given for {len(candidate_refs) + 1}",
            where=str(scenario.file),
            hint="give --candidate-ref once for each version after the first, in their order",
        )
    if len(candidate_refs) >= MOST_ARMS:
        raise UsageError(f"{len(candidate_refs)} candidates are too many to tell apart in one run", hint="at most 7")
    own = scenario.arms[1:] if len(scenario.arms) > 2 else ()
    called = list(names) or [arm.name for arm in own] or _named(candidate_refs)
    like = own or (last,) * len(candidate_refs)
    candidates = [replace(arm, name=name) for arm, name in zip(like, called, strict=True)]
    baseline = first if own else replace(first, name="baseline")
    return [(baseline, baseline_ref), *zip(candidates, candidate_refs, strict=True)]


def _named(refs: Sequence[str]) -> list[str]:
    """Return a name for each ref that can be part of a file's name; alike ones are numbered."""
    found: list[str] = []
    for ref in refs:
        name = re.sub(r"[^A-Za-z0-9._-]+", "-", ref).strip("-._")[:36] or "candidate"
        taken = {*found, "baseline"}
        more = next(each for each in ("", *(f"-{n}" for n in range(2, 10))) if name + each not in taken)
        found.append(name + more)
    return found


@dataclass(frozen=True)
class _Builder:
    """Checkouts lent so far, by what makes them alike: both arms may run the same files."""

    scenario: Scenario
    say: Callable[[str], None]
    stack: ExitStack
    lent: dict[tuple[Path, str, str], Checkout]

    def checkout(self, arm: Arm, repository: Repository, revision: GitRevision) -> Checkout:
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


def _place(arm: Arm, ref: str, repository: Repository, revision: GitRevision, builder: _Builder) -> Arm:
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


def _ancestry(repository: Repository, baseline: GitRevision, candidate: GitRevision) -> dict[str, str]:
    """Return how the baseline relates to the candidate, where that could mislead."""
    missing = repository.only_in(baseline, candidate)
    if missing is None:
        return {"commits the candidate lacks": "not known (shallow clone)"}
    return {"commits the candidate lacks": str(missing)} if missing else {}
