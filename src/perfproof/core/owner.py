"""Which process something belongs to: a short text that folders, databases and run directories carry.

So what a killed perfproof left can be told from what a living one uses. Rejected: the pid alone, which is given out
again; a lock, which a database on a server cannot hold, and which comes a moment after the folder it stands for.
"""

from __future__ import annotations

import functools
import hashlib
import os
import re
import socket
from dataclasses import dataclass
from pathlib import Path

_TEXT = re.compile(r"([0-9a-f]{1,8})_([0-9a-f]{1,16})_([0-9a-f]{6})")


@dataclass(frozen=True)
class Owner:
    """A process: ``started`` is its start in clock ticks since boot, ``place`` the machine and its pid namespace."""

    pid: int
    started: int
    place: str

    @classmethod
    def mine(cls) -> Owner:
        """Return this process."""
        return cls(os.getpid(), (_running(os.getpid()) or 0), _place())

    @classmethod
    def parse(cls, text: str) -> Owner | None:
        """Return the owner that ``str`` was made of; None for any other text."""
        found = _TEXT.fullmatch(text)
        return cls(int(found[1], 16), int(found[2], 16), found[3]) if found else None

    def __str__(self) -> str:
        """Return a text of at most 32 lower-case letters, digits and ``_``."""
        return f"{self.pid:x}_{self.started:x}_{self.place}"

    @property
    def here(self) -> bool:
        """Tell whether it ran where this process can see it: on this machine, and in this container if in any."""
        return self.place == _place()

    @property
    def gone(self) -> bool:
        """Tell whether it surely has ended: of one elsewhere nothing is sure."""
        return self.here and _running(self.pid) != self.started


def _running(pid: int) -> int | None:
    """Return when the process started; None when it has ended, waited for or not."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    except OSError:
        return None
    return None if fields[0] in (b"Z", b"X") else int(fields[19])


@functools.cache
def _place() -> str:
    try:
        machine = Path("/etc/machine-id").read_text(encoding="utf-8")
    except OSError:
        machine = ""
    namespace = Path("/proc/self/ns/pid").stat().st_ino
    return hashlib.sha256(f"{socket.gethostname()} {machine} {namespace}".encode()).hexdigest()[:6]
