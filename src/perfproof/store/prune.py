"""Which runs are old enough to go, and how a run goes: its rows and its directory together, or neither."""

from __future__ import annotations

import secrets
import shutil
import time
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

from perfproof.core.files import writing
from perfproof.errors import EvidenceError, StoreError
from perfproof.evidence.directory import IMPORTING
from perfproof.evidence.reader import read_info
from perfproof.store.repository import Store
from perfproof.store.summary import RunSummary

ABANDONED = timedelta(days=1)
"""A run that has been marked running for longer than this was killed."""
_REMOVED = ".removed"


def prunable(
    runs: Sequence[RunSummary],
    named: frozenset[str],
    now: datetime,
    *,
    keep: int | None = None,
    older_than: timedelta | None = None,
) -> list[RunSummary]:
    """Return the runs (given newest first) that may go, oldest first.

    With ``keep``, those beyond the newest ``keep`` of their scenario; with ``older_than``, those that started before;
    with both, those that are both. Never one of ``named`` (ids of baselines) nor one that is being measured.
    """
    seen: Counter[str] = Counter()
    chosen = []
    for run in runs:
        seen[run.scenario] += 1
        age = now - datetime.fromisoformat(run.started_at)
        surplus = keep is None or seen[run.scenario] > keep
        old = older_than is None or age > older_than
        measuring = run.status == "running" and age <= ABANDONED
        if surplus and old and not measuring and run.id not in named:
            chosen.append(run)
    return chosen[::-1]


def remove(store: Store, run: RunSummary) -> bool:
    """Delete a run's rows and its directory; return whether there was a directory.

    The directory is renamed (hidden) before the rows are committed as deleted, and named back when that fails; only
    then are its files deleted. A directory that is not this run's, or is on another machine, is left alone. Raises
    ``StoreError`` for a baseline and ``EvidenceError`` when the directory cannot be moved.
    """
    folder = run.directory
    ours = _holds(folder, run.id)
    aside = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}{_REMOVED}")
    moved = False
    try:
        with store.deleting(run.id):
            if ours:
                with writing(folder):
                    folder.rename(aside)
                moved = True
    except BaseException:
        if moved:
            aside.rename(folder)
        raise
    shutil.rmtree(aside, ignore_errors=True)  # what cannot be deleted now, `sweep` finds again
    return ours


def sweep(store: Store, results: Path, *, after: timedelta = timedelta(minutes=10)) -> None:
    """Finish what a stopped program began: bring back a directory whose rows are there, delete what else is left.

    Only what was left alone for longer than ``after`` is touched: a younger folder may be another program's work.
    """
    for path in [*results.glob(f".*{_REMOVED}"), *results.glob(f".*{IMPORTING}")]:
        if path.is_symlink() or not path.is_dir() or time.time() - path.stat().st_ctime <= after.total_seconds():
            continue
        original = path.with_name(path.name[1:].rsplit(".", 2)[0])
        if path.suffix == _REMOVED and not original.exists() and _is_known(store, original.name):
            path.rename(original)
        else:
            shutil.rmtree(path, ignore_errors=True)


def _is_known(store: Store, run_id: str) -> bool:
    try:
        return store.find(run_id).id == run_id
    except StoreError:
        return False


def _holds(folder: Path, run_id: str) -> bool:
    try:
        return not folder.is_symlink() and read_info(folder).id == run_id
    except EvidenceError:
        return False
