"""Which files a service holds locks on: two versions at the same time cannot both have them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

_EXCLUSIVE = re.compile(r"\d+: (?:FLOCK|POSIX|OFDLCK) +\w+ +WRITE +-?\d+ [0-9a-f]+:[0-9a-f]+:(\d+) ")
_NOT_DATA = ("/proc/", "/dev/", "/sys/")
_TOLD = re.compile(
    r"another (?:instance|process|server|copy)|already (?:running|in use|locked|open|held)|\block(?:ed|s|ing)?\b"
    r"|resource temporarily unavailable|in use by|would block",
    re.IGNORECASE,
)


def locked_files(pids: Iterable[int]) -> list[Path]:
    """Return the files that these processes have open and on which there is an exclusive lock, sorted.

    The number of a file's device is not held against the kernel's list: of btrfs and overlays it is another there.
    """
    try:
        locked = {int(found[1]) for found in _EXCLUSIVE.finditer(Path("/proc/locks").read_text(encoding="ascii"))}
    except (OSError, UnicodeDecodeError):
        return []
    return sorted({path for pid in pids for path, inode in _open_files(pid) if inode in locked}) if locked else []


def _open_files(pid: int) -> Iterator[tuple[Path, int]]:
    with suppress(OSError):
        for link in Path(f"/proc/{pid}/fd").iterdir():
            with suppress(OSError):
                path = str(link.readlink())
                if path.startswith("/") and not path.startswith(_NOT_DATA) and not path.endswith(" (deleted)"):
                    yield Path(path), link.stat().st_ino


def tells_of_a_lock(log: Iterable[str]) -> bool:
    """Tell whether a service that ended says that something is locked or in use."""
    return any(_TOLD.search(line) for line in log)
