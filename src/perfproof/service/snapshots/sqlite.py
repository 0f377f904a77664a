"""A SQLite file as ``prepare`` left it, and how it is put back."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from perfproof.core.files import flush
from perfproof.core.owner import Owner
from perfproof.errors import ServiceError, UsageError

_SIDE_FILES = ("-wal", "-shm", "-journal")
_BESIDE = "perfproof-"


class SqliteSnapshot:
    """A SQLite file; its copy is made by SQLite itself, so that what is still in a write-ahead log is in it."""

    def __init__(self, arm: str, file: Path, copy: Path, say: Callable[[str], None]) -> None:
        if not file.is_file():
            raise UsageError(
                f"{arm}: there is no database {file} to keep",
                why="service.snapshot names a file that service.prepare should have made",
                hint="correct the path (relative to service.directory), or write a postgresql:// URL",
            )
        self._arm, self._copy = arm, copy
        self._file = file.resolve()  # of a link, the file it leads to is put back; the link stays
        for left in _left_beside(self._file):
            left.unlink(missing_ok=True)
            say(f"removed {left}, a half-made copy that a killed perfproof left")
        try:
            with closing(sqlite3.connect(file)) as source, closing(sqlite3.connect(copy)) as target:
                source.backup(target)
                flaw = target.execute("PRAGMA quick_check(1)").fetchone()[0]
        except sqlite3.DatabaseError as error:
            raise UsageError(f"{arm}: {file} cannot be kept", why=str(error), hint="is it a SQLite database?") from None
        if flaw != "ok":
            raise UsageError(f"{arm}: {file} is damaged", why=flaw, hint="let service.prepare make it anew")
        shutil.copystat(file, copy)

    def restore(self) -> None:
        """Make a whole copy beside the database, then give it the database's name in one step.

        A log that belongs to what the database was is worked into that one first: beside the copy, SQLite would take it
        for the copy's own.
        """
        beside = self._file.with_name(f".{self._file.name}.{_BESIDE}{Owner.mine()}")
        try:
            self._settle()
            shutil.copyfile(self._copy, beside)
            _like(self._file if self._file.exists() else self._copy, beside)
            flush(beside)
            if beside.stat().st_size != self._copy.stat().st_size:
                raise OSError(0, "the copy is not whole")
            beside.replace(self._file)
            flush(self._file.parent)
        except OSError as error:
            raise ServiceError(
                f"{self._arm}: {self._file} cannot be put back; it stands as it was",
                why=error.strerror,
                hint="its folder must be writable and have room for a second copy",
            ) from error
        finally:
            beside.unlink(missing_ok=True)

    def _settle(self) -> None:
        """Leave no side file that still means something."""
        if self._file.exists():
            try:
                with closing(sqlite3.connect(self._file, timeout=2)) as database:
                    database.execute("SELECT 1 FROM sqlite_master").fetchone()  # rolls back what a kill interrupted
                    busy = database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
            except sqlite3.OperationalError as error:
                busy, why = True, str(error)
            except sqlite3.DatabaseError:  # the service has damaged it: nothing in its log can be of worth
                busy = False
            else:
                why = "a process holds it open"
            if busy:
                raise ServiceError(
                    f"{self._arm}: {self._file} cannot be put back while something uses it",
                    why=why,
                    hint="close what has it open (`fuser` lists it); the database is as it was",
                )
        for ending in _SIDE_FILES:
            self._file.with_name(self._file.name + ending).unlink(missing_ok=True)

    def drop(self) -> None:
        """Remove the copy; a database that is not there any more gets it back."""
        if not self._file.exists():
            self.restore()
        self._copy.unlink(missing_ok=True)


def entry(file: Path, copy: Path) -> dict[str, Any]:
    """Return what must be known to tidy up after a kill."""
    return {"kind": "sqlite", "file": str(file), "copy": copy.name}


def tidied(listed: dict[str, Any], folder: Path) -> Iterator[str]:
    """Remove half-made copies beside the database; give it its copy back if it is missing. Yields what was done.

    Raises ``ServiceError`` where that fails: the copy must stay then.
    """
    file, copy = Path(listed["file"]).resolve(), folder / Path(listed["copy"]).name
    for left in _left_beside(file):
        left.unlink(missing_ok=True)
        yield f"removed {left}, a half-made copy"
    if file.exists() or not _is_whole(copy):
        return
    beside = file.with_name(f".{file.name}.{_BESIDE}{Owner.mine()}")
    try:
        shutil.copyfile(copy, beside)
        flush(beside)
        os.link(beside, file)  # unlike a rename, never over a file that came meanwhile
    except FileExistsError:
        return
    except OSError as error:
        raise ServiceError(
            f"{file} is gone, and the only copy of it cannot be put back: it is {copy}",
            why=error.strerror,
            hint="copy it where you want it, then remove its folder",
        ) from error
    finally:
        beside.unlink(missing_ok=True)
    yield f"{file} was gone: put back as `prepare` had left it"


def _left_beside(file: Path) -> Iterator[Path]:
    start = f".{file.name}.{_BESIDE}"
    with suppress(OSError):
        for each in list(file.parent.iterdir()):
            owner = Owner.parse(each.name.removeprefix(start)) if each.name.startswith(start) else None
            if owner is not None and owner.gone:
                yield each


def _is_whole(copy: Path) -> bool:
    try:
        with closing(sqlite3.connect(f"file:{copy}?mode=ro", uri=True)) as database:
            return bool(database.execute("PRAGMA quick_check(1)").fetchone()[0] == "ok")
    except sqlite3.Error:
        return False


def _like(model: Path, file: Path) -> None:
    """Give ``file`` the rights of ``model``, and its owner where that is allowed."""
    status = model.stat()
    with suppress(PermissionError):
        os.chown(file, status.st_uid, status.st_gid)
    file.chmod(status.st_mode & 0o7777)
