"""Folders for what must not be seen or must not stay: raw service logs, scratch files, copies of databases."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from perfproof.core.owner import Owner
from perfproof.errors import PerfproofError

PREFIX = "perfproof-"
OLD = 86400.0
"""Seconds after which something of a process that cannot be seen from here (another container) is taken for left."""

_NAME = re.compile(rf"{PREFIX}([0-9a-f_]+)-.+")


@contextmanager
def private_folder() -> Iterator[Path]:
    """Lend a folder that only this user can read; it goes afterwards, and after a SIGKILL the next command finds it."""
    path = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{Owner.mine()}-"))
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def tidy_up() -> Iterator[str]:
    """Take away what killed processes of this user left: raw logs, copies of databases; yield what was done."""
    for path in _of_killed():
        if path.is_dir():
            from perfproof.service.snapshots.snapshot import (
                tidied,  # loaded when there is something to do, not for --help
            )

            try:
                yield from tidied(path)
            except (PerfproofError, OSError) as error:  # it may hold the only copy of something
                yield str(error)
                continue
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
        yield f"removed the unmasked logs and scratch files of a perfproof that was killed ({path.parent})"


def _of_killed() -> Iterator[Path]:
    """Yield what killed processes of this user left where temporary files are, each claimed for this process.

    Claimed means renamed: two commands may look at once, and one that is killed while tidying leaves it to the next.
    """
    with suppress(OSError):
        for path in sorted(Path(tempfile.gettempdir()).glob(f"{PREFIX}*_*_*-*")):
            if not _is_left(path):
                continue
            claimed = path.with_name(f"{PREFIX}{Owner.mine()}-{secrets.token_hex(4)}")
            with suppress(OSError):
                path.rename(claimed)
                yield claimed


def _is_left(path: Path) -> bool:
    name = _NAME.fullmatch(path.name)
    owner = Owner.parse(name[1]) if name else None
    if owner is None:
        return False
    try:
        status = path.lstat()
    except OSError:
        return False
    old = not owner.here and time.time() - status.st_mtime > OLD
    return status.st_uid == os.getuid() and not path.is_symlink() and (owner.gone or old)
