"""Which processes a service consists of, read from /proc. Cheap enough to be asked several times a second."""

from __future__ import annotations

import os
import weakref
from collections.abc import Iterable
from pathlib import Path


def parent_of(pid: int) -> int | None:
    """Return the parent's pid, or None when the process is gone."""
    stat = _stat(pid)
    return int(stat[1]) if stat else None


def start_ticks(pid: int) -> int | None:
    """Return when the process started, in clock ticks since boot; with the pid it identifies a process for good."""
    stat = _stat(pid)
    return int(stat[19]) if stat else None


def is_alive(pid: int) -> bool:
    """Tell whether the process exists and is more than a zombie."""
    stat = _stat(pid)
    return bool(stat) and stat[0] not in (b"Z", b"X")


def name_of(pid: int) -> str:
    """Return the short name of a process, or ``?``."""
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return "?"


def session_members(session: int) -> list[int]:
    """Return the processes of one session."""
    found = []
    for pid in all_pids():
        stat = _stat(pid)
        if stat and int(stat[3]) == session:
            found.append(pid)
    return found


def all_pids() -> list[int]:
    """Return every pid that can be seen."""
    return [int(entry.name) for entry in os.scandir("/proc") if entry.name.isdigit()]


class Descendants:
    """The processes below some roots (with or without the roots themselves), found again each time it is asked.

    The walk is skipped while the kernel's last allotted pid has not moved: then nothing can have been born. Rejected:
    psutil's recursive children, which reads every process of the machine each time (5 ms for 130 processes here).
    """

    def __init__(self, roots: Iterable[int], *, include_roots: bool) -> None:
        self._roots = tuple(roots)
        self._include_roots = include_roots
        self._births = os.open("/proc/loadavg", os.O_RDONLY | os.O_CLOEXEC)
        weakref.finalize(self, os.close, self._births)
        self._last_pid: bytes | None = None
        self._found: list[int] = []

    def pids(self) -> list[int]:
        """Return the pids right now, parents before children."""
        last_pid = os.pread(self._births, 256, 0).rsplit(None, 1)[-1]  # opening it anew would cost six times as much
        if last_pid != self._last_pid:
            self._found = self._walk()
            self._last_pid = last_pid
        self._found = [pid for pid in self._found if _exists(pid)]
        return list(self._found)

    def _walk(self) -> list[int]:
        found = [pid for pid in self._roots if _exists(pid)]
        seen = set(found)
        for pid in found:  # grows while it is walked
            for child in _children(pid):
                if child not in seen:
                    seen.add(child)
                    found.append(child)
        return found if self._include_roots else [pid for pid in found if pid not in self._roots]


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _children(pid: int) -> list[int]:
    """Return the children of every thread of a process."""
    found: list[int] = []
    try:
        for thread in os.scandir(f"/proc/{pid}/task"):
            try:
                found.extend(map(int, Path(thread.path, "children").read_bytes().split()))
            except FileNotFoundError:
                if _CHILDREN_FILE:
                    continue  # this thread has ended
                return [other for other in all_pids() if parent_of(other) == pid]
    except OSError:
        pass
    return found


_CHILDREN_FILE = Path(f"/proc/self/task/{os.getpid()}/children").exists()
"""Whether this kernel lists children (CONFIG_PROC_CHILDREN); otherwise every process is asked for its parent."""


def _stat(pid: int) -> list[bytes]:
    """Return the fields of /proc/PID/stat from the state on (index 0 is field 3 of proc(5)); empty when gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    except OSError:
        return []
