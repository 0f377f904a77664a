"""An interrupted run is taken up again: what must be as it was, and what is kept.

Rounds are the statistical unit and independent of each other, and looks come at fixed numbers of rounds. So rounds that
are measured later count like those before, as long as machine, scenario and code are the same; that there was a pause
is told.
"""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from perfproof.errors import EvidenceError, UsageError
from perfproof.evidence.directory import RunDirectory
from perfproof.evidence.formats import round_folder
from perfproof.evidence.reader import read, read_info
from perfproof.model.checks import Checked
from perfproof.model.instructions import Instructions
from perfproof.model.probe import Probing
from perfproof.model.recording import Round, RunInfo
from perfproof.rounds.pace import Design

KINDS = ("run", "ab", "noise")


@dataclass(frozen=True)
class ResumedRun:
    """What is left of an interrupted run: its identity as of now, its complete rounds, what its probe observed.

    ``measured`` says that its rounds had ended, so that only what comes after them is missing. What was counted and
    checked already is kept.
    """

    info: RunInfo
    directory: RunDirectory
    rounds: tuple[Round, ...]
    probing: Probing | None
    measured: bool
    instructions: Instructions | None = None
    checked: Checked | None = None

    @property
    def design(self) -> Design | None:
        """Return how the arms took turns so far; None where no round was finished."""
        blocks = [block for each in self.rounds for block in each.blocks]
        if not blocks:
            return None
        return Design(any(b.paired for b in blocks), any(not b.paired for b in blocks), "as before the interruption")


def resumable(folder: Path) -> RunInfo:
    """Return the identity of the run in ``folder``; UsageError where it was not interrupted or cannot go on."""
    info = read_info(folder)
    if info.status != "interrupted":
        why = "it is being measured right now" if info.status == "running" else f"it is {info.status}"
        raise UsageError(
            f"run {info.id} was not interrupted", why=why, hint="measure anew, or name another: perfproof resume RUN"
        )
    if info.kind not in KINDS:
        raise UsageError(
            f"a {info.kind} run cannot be resumed", why="its steps rest on one another", hint="start it again"
        )
    if info.settings.get("locustfile"):
        raise UsageError(
            f"run {info.id} cannot be resumed",
            why="the requests of a Locust file get their numbers as they come up",
            hint="start it again; `perfproof show` judges the rounds that were finished",
        )
    if any("uncommitted changes" in each or "files not in git" in each for each in info.arm_details):
        raise UsageError(
            f"run {info.id} cannot be resumed",
            why="it measured uncommitted changes, which may be others by now",
            hint="commit them and measure anew",
        )
    return info


def resume_run(folder: Path, fresh: RunInfo) -> ResumedRun:
    """Return the run in ``folder`` as one that is measured again; ``fresh`` is what a new run would be here and now.

    Rounds that were cut short are removed. UsageError, naming what, where something is not as it was.
    """
    info = resumable(folder)
    _same(info, fresh)
    recording = read(folder)
    complete = tuple(each for each in recording.rounds if each.complete)
    if complete and max(block.ended_ns for each in complete for block in each.blocks) > time.monotonic_ns():
        raise UsageError(
            f"run {info.id} cannot be resumed",
            why="the machine was restarted since: it may not be as it was, and its clock began anew",
            hint="start it again",
        )
    if [each.number for each in complete] != list(range(1, len(complete) + 1)):
        raise EvidenceError("a round in the middle is missing", where=str(folder), hint="start the run again")
    for each in recording.rounds[len(complete) :]:
        shutil.rmtree(round_folder(folder, each.number))
    measured = bool(info.interrupted_in)
    after = info.resumed_after if measured or not complete else (*info.resumed_after, len(complete))
    info = replace(
        info,
        status="running",
        problem=None,
        interrupted_in="",
        owner=fresh.owner,
        resumed_after=after,
        settings={**info.settings, "resumed": f"{_now()}, after {len(complete)} rounds"},
    )
    directory = RunDirectory(folder)
    directory.note(info)
    probing = recording.probing if complete else None
    return ResumedRun(info, directory, complete, probing, measured, recording.instructions, recording.checked)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _same(info: RunInfo, fresh: RunInfo) -> None:
    """Raise UsageError where what would be measured now is not what was."""
    changed = [
        (info.scenario_hash != fresh.scenario_hash, "the scenario has changed", "take the change back"),
        (info.environment.hash != fresh.environment.hash, "the machine or environment is another", "go back to it"),
        (_arms(info) != _arms(fresh), "the arms are started otherwise", "start them as they were"),
        (_code(info) != _code(fresh), "the code has changed in git", "check out what was measured"),
    ]
    for differs, what, fix in changed:
        if differs:
            raise UsageError(
                f"run {info.id} cannot be resumed: {what}",
                why="rounds before and after would not be of the same",
                hint=f"{fix}, or measure anew; `perfproof show {info.id}` judges the rounds that were finished",
            )


def _code(info: RunInfo) -> tuple[str, bool] | None:
    """Return where the code stands in git, whatever the branch is called."""
    return None if info.revision is None else (info.revision.commit, info.revision.dirty)


def _arms(info: RunInfo) -> list[dict[str, str]]:
    """Return how each arm was started; of files taken out of git the commit, since they lie elsewhere each time."""
    return [
        {name: value for name, value in details.items() if "commit" not in details or name in ("command", "commit")}
        for details in map(dict, info.arm_details)
    ]
