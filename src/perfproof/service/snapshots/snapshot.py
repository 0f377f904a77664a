"""Databases as ``prepare`` left them: kept once per arm, and put back before every round.

So a migration of an hour runs once, and every round still starts from the same data. A SQLite file is copied, a
PostgreSQL database cloned by its server. Nothing of the user's is ever the only copy: what is put back is made whole
beside the database, looked at, and takes its name in one step; only then does the other one go. What a killed
perfproof leaves is listed in its private folder before it is made, and ``tidied`` by the next command.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

from perfproof.core.files import write_whole
from perfproof.errors import PerfproofError, UsageError
from perfproof.model.scenario import Arm
from perfproof.service.command import fill
from perfproof.service.snapshots import postgres, sqlite
from perfproof.service.snapshots.postgres import PostgresSnapshot
from perfproof.service.snapshots.sqlite import SqliteSnapshot

_LIST = "snapshots.json"


class Snapshot(Protocol):
    """One database as it was after ``prepare``."""

    def restore(self) -> None:
        """Put it back; nothing may use it meanwhile."""

    def drop(self) -> None:
        """Forget the kept copy; the database itself stays."""


@contextmanager
def taken(
    arms: Sequence[Arm], folder: Path, allow: Collection[str] = (), say: Callable[[str], None] = lambda _: None
) -> Iterator[tuple[Snapshot, ...]]:
    """Lend a snapshot of each database that the arms' ``snapshot`` names; one that both arms use is kept once.

    ``folder`` is a private directory for copies; ``allow`` are hosts other than this machine that may be changed;
    ``say`` is told what a killed perfproof had left there and what became of it. Raises ``UsageError`` for what is no
    such database, ``ServiceError`` when its server refuses.
    """
    snapshots: dict[str, Snapshot] = {}
    listed: list[dict[str, Any]] = []
    try:
        for arm in arms:
            target = fill(arm.service.snapshot or "", arm.name, None)
            if not target:
                continue
            if arm.service.url or arm.service.restart == "never":
                raise UsageError(
                    f"{arm.name}: a snapshot cannot be put back under a service that is not started afresh",
                    hint="remove service.snapshot, or let perfproof start the service for every round",
                )
            server = target.startswith(("postgresql://", "postgres://", "postgresql+"))
            file = arm.service.directory.absolute() / target.removeprefix("sqlite:///")
            if (key := target if server else str(file)) in snapshots:
                continue
            copy = folder / f"snapshot-{len(snapshots)}"
            url = urlsplit(target)
            if server or not file.resolve().is_relative_to(folder.resolve()):  # what is scratch goes with the folder
                listed.append(postgres.entry(url) if server else sqlite.entry(file, copy))
                write_whole(folder / _LIST, json.dumps(listed).encode())
            made = PostgresSnapshot(arm.name, url, allow, say) if server else SqliteSnapshot(arm.name, file, copy, say)
            snapshots[key] = made
        yield tuple(snapshots.values())
    finally:
        for snapshot in snapshots.values():
            try:
                snapshot.drop()
            except (PerfproofError, OSError) as error:  # what was measured is not lost for it
                say(f"a copy of a database is left over: {error}")
        with suppress(OSError):
            (folder / _LIST).unlink(missing_ok=True)


def tidied(folder: Path) -> Iterator[str]:
    """Take away the copies that are listed in the private folder of a killed perfproof; yield what was done.

    A database that is not there any more gets its copy back instead; ``ServiceError`` where that fails.
    """
    try:
        listed = json.loads((folder / _LIST).read_bytes())
    except (OSError, ValueError):
        return
    for each in listed:
        if each["kind"] == "sqlite":
            yield from sqlite.tidied(each, folder)
        else:
            yield from postgres.tidied(each)
