"""Who else uses the cores of this machine: looked at for a moment in which perfproof itself does nothing."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

TICK = os.sysconf("SC_CLK_TCK")
_IDLE, _IOWAIT, _STEAL = 3, 4, 7
"""Places in a ``cpu`` line of /proc/stat after its name; see proc_stat(5)."""
_UTIME, _STIME = 11, 12
"""Places in /proc/PID/stat after the name; see proc_pid_stat(5), fields 14 and 15."""


@dataclass(frozen=True)
class Neighbour:
    """A process that ran meanwhile, and how much of one core it used."""

    pid: int
    name: str
    share: float


@dataclass(frozen=True)
class Neighbours:
    """What ran on this machine: the ``busy`` share of each core, ``stolen`` cores, and the processes, busiest first.

    ``busy`` knows of everything the kernel runs, ``processes`` only of what may be seen from here (a container sees its
    own). ``stolen`` is what the host took away from this virtual machine, in cores.
    """

    busy: Mapping[int, float]
    stolen: float
    processes: tuple[Neighbour, ...]


def look(seconds: float) -> Neighbours:
    """Watch for ``seconds``; this process is left out. Nothing is known (no core, no process) where /proc is hidden."""
    began = time.monotonic()
    cores, ticks = _cores(), _ticks()
    time.sleep(seconds)
    later, after = _cores(), _ticks()
    passed = max(time.monotonic() - began, 1e-9)
    busy = {core: _share(cores[core], later[core]) for core in later if core in cores}
    stolen = sum(later[core][_STEAL] - cores[core][_STEAL] for core in busy if len(later[core]) > _STEAL)
    used = {pid: (now - ticks.get(pid, ("", now))[1]) / TICK / passed for pid, (_, now) in after.items()}
    found = [Neighbour(pid, after[pid][0], share) for pid, share in used.items() if share > 0 and pid != os.getpid()]
    return Neighbours(busy, stolen / TICK / passed, tuple(sorted(found, key=lambda each: -each.share)))


def _share(before: list[int], after: list[int]) -> float:
    """Return how much of a core's time was used. What was stolen is nobody's here."""
    spent = [late - early for early, late in zip(before, after, strict=True)]
    total = sum(spent[:8])  # guests are in user time already
    idle = spent[_IDLE] + spent[_IOWAIT] + (spent[_STEAL] if len(spent) > _STEAL else 0)
    return max(0.0, (total - idle) / total) if total > 0 else 0.0


def _cores() -> dict[int, list[int]]:
    found = {}
    for line in _text("/proc/stat").splitlines():
        name, _, rest = line.partition(" ")
        if name.startswith("cpu") and name[3:].isdigit():
            found[int(name[3:])] = [int(field) for field in rest.split()]
    return found


def _ticks() -> dict[int, tuple[str, int]]:
    """Return name and CPU ticks of every process that can be seen."""
    found = {}
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        head, _, rest = _text(folder / "stat").rpartition(")")
        fields = rest.split()
        if len(fields) > _STIME:
            found[int(folder.name)] = (head.partition("(")[2], int(fields[_UTIME]) + int(fields[_STIME]))
    return found


def _text(path: str | Path) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:  # it has ended, or is hidden
        return ""
