"""CPU time and memory of a service's process tree, observed from outside.

The figures of cgroup v2 are left out on purpose: a service that perfproof starts lives in perfproof's own control
group, which also holds the load process, and giving it one of its own needs rights that a user seldom has.
"""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt

from perfproof.model.recording import PROCESS_COLUMNS
from perfproof.service.process_clock import Process

WORKER_AGE = 1.0
"""Seconds a process must have lived to count as a worker whose loss matters; helpers started per request do not."""

FULL_SHARE = 0.001
"""Share of a core that reading PSS of one tree may use: with two arms, 0.2 % of the 0.5 % for all collectors."""

NEWCOMERS_EVERY = 1.0
"""Seconds between two searches for new processes by looks that are not full; reading the CPU clock always searches."""


class ProcessTree:
    """The processes of one arm of one round. Safe to use from several threads.

    ``pids`` is asked at every look for the processes there are now. It may leave one out for a moment (the kernel's
    list of children is not exact while children come and go): a process is gone only when its own files say so.
    """

    def __init__(self, arm: int, pids: Callable[[], Sequence[int]]) -> None:
        self.arm = arm
        self._pids = pids
        self._lock = threading.Lock()
        self._members: dict[int, Process] = {}
        self._cpu_ns = 0
        self._gone_ns = 0
        self._rows: list[tuple[int, ...]] = []
        self._peak_rss = 0
        self._restarts = 0
        self._most = 0
        self._vacant: dict[int, int] = {}
        self._looked = False
        self._full_from = 0.0
        self._newcomers_from = 0.0

    def cpu_ns(self) -> int:
        """Return the CPU time of the whole tree in nanoseconds; only differences mean something. Never falls.

        All threads, ended ones too, are in the kernel's clock of each process. A child that ended counts with the
        larger of what was last seen of it and what its parent's account of reaped children gained; so children that
        came and went between two looks count too (to the kernel's tick, 10 ms), and none counts twice.
        """
        with self._lock:
            return self._refresh()

    def cpu_by_pid(self) -> dict[int, int]:
        """Return the CPU nanoseconds of each live process on its own."""
        with self._lock:
            self._refresh()
            return {pid: member.own_ns for pid, member in self._members.items()}

    def look(self, *, full: bool, always: bool = False) -> None:
        """Append one row: processes, RSS and CPU; with ``full`` also PSS and USS.

        A full look walks every page table (1 ms for 60 MB) and holds a lock of the process meanwhile: never during a
        block. It becomes a plain one while earlier full looks have used more than FULL_SHARE of a core; the first one
        and those with ``always`` (at the end of a round) never do.
        """
        with self._lock:
            full = full and (always or time.monotonic() >= self._full_from)
            cpu = self._refresh(brief=not full)
            live = [member for member in self._members.values() if not member.zombie]
            rss = sum(member.rss for member in live)
            pss, uss = self._shares(live) if full and live else (UNREAD, UNREAD)
            self._rows.append((time.monotonic_ns(), self.arm, len(live), rss, pss, uss, cpu))

    def columns(self) -> dict[str, npt.NDArray[Any]]:
        """Return every look so far as PROCESS_COLUMNS."""
        with self._lock:
            table = np.array(self._rows, dtype=np.int64).reshape(len(self._rows), len(PROCESS_COLUMNS))
        return {name: table[:, at].astype(kind) for at, (name, kind) in enumerate(PROCESS_COLUMNS.items())}

    def summary(self) -> TreeSummary:
        """Return what the looks amount to."""
        return summarise(self.columns(), peak_rss=self._peak_rss, restarts=self._restarts)

    def _shares(self, live: Sequence[Process]) -> tuple[int, int]:
        """Return the PSS and USS of the tree, or UNREAD when one of its processes may not be looked into."""
        began = time.thread_time()
        shares = [member.shares() for member in live]
        self._peak_rss = live[0].peak_rss() if self._most == 1 else 0
        self._full_from = time.monotonic() + (time.thread_time() - began) / FULL_SHARE
        readable = [share for share in shares if share is not None]
        if len(readable) < len(shares):
            return UNREAD, UNREAD
        return sum(share.pss for share in readable), sum(share.uss for share in readable)

    def _refresh(self, *, brief: bool = False) -> int:
        """Find who came and who went, read every clock; return the tree's CPU nanoseconds.

        ``brief`` leaves the accounts of reaped children as they were last read, and looks for newcomers now and then.
        """
        now = time.monotonic()
        pids: Sequence[int] = ()
        if not brief or now >= self._newcomers_from:
            pids = self._pids()
            self._newcomers_from = now + NEWCOMERS_EVERY
        gone = [member for member in self._members.values() if not (member.glance() if brief else member.read())]
        for member in gone:
            del self._members[member.pid]
        for member in gone:
            self._bury(member)
        for pid in pids:
            if pid not in self._members and (found := Process.open(pid)) is not None:
                self._members[pid] = found
                self._welcome(found)
        self._looked = True
        self._most = max(self._most, sum(not member.zombie for member in self._members.values()))
        total = self._gone_ns + sum(member.total_ns for member in self._members.values())
        # A reaped child's ticks are rounded down, so the exact sum may fall by a tick when it ends.
        self._cpu_ns = max(self._cpu_ns, total)
        return self._cpu_ns

    def _bury(self, member: Process) -> None:
        """Book the CPU of a vanished process where its parent's account of reaped children will hold it too."""
        parent = self._members.get(member.parent)
        if parent is not None:
            parent.seen_of_gone_ns += member.total_ns
        else:
            self._gone_ns += member.total_ns
        if member.worker or member.age() >= WORKER_AGE:
            self._vacant[member.parent] = self._vacant.get(member.parent, 0) + 1

    def _welcome(self, member: Process) -> None:
        """Take in a new process; it replaces a worker if its parent has just lost one."""
        if not self._looked:
            member.worker = True
            member.ignore_earlier_children()
        elif self._vacant.get(member.parent, 0) > 0:
            self._vacant[member.parent] -= 1
            self._restarts += 1
            member.worker = True


class Sampler:
    """A thread that looks at process trees ``rate`` times a second while its ``with`` block runs; never at PSS.

    ``cpu_seconds`` is what the thread itself has used so far.
    """

    def __init__(self, trees: Sequence[ProcessTree], rate: float = 5.0) -> None:
        self._trees = tuple(trees)
        self._period = 1 / rate
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, name="perfproof-sampler", daemon=True)
        self.cpu_seconds = 0.0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._end.wait(self._period):
            for tree in self._trees:
                tree.look(full=False)
            self.cpu_seconds = time.thread_time()


UNREAD = -1
"""Stands in PROCESS_COLUMNS for a figure that was not read at that instant."""


@dataclass(frozen=True)
class TreeSummary:
    """Memory (bytes over the tree; None: not measured) and processes of one arm in one round, as ``ArmRound`` wants it.

    ``memory_start`` is the first full look, ``memory_steady`` the median of the second half of the rows,
    ``memory_peak`` the largest; ``processes`` is the most at a time, ``restarts`` counts workers that were replaced.
    """

    memory_start: int | None
    memory_peak: int | None
    memory_steady: int | None
    memory_kind: Literal["pss", "uss", "rss", "none"]
    restarts: int
    processes: int


def summarise(columns: Mapping[str, npt.NDArray[Any]], *, peak_rss: int, restarts: int) -> TreeSummary:
    """Return what rows of PROCESS_COLUMNS amount to.

    ``peak_rss`` is the kernel's high-water mark of the only process, 0 if there were several. It is a mark of RSS; the
    peak in PSS is that mark less what RSS and PSS differed by in the full looks (their median), because the libraries
    that other processes share hardly move. Several processes have their peaks at different times, so that their marks
    must not be summed: then the largest row is the peak.
    """
    processes = int(columns["processes"].max(initial=0))
    full = (columns["pss"] >= 0) & (columns["processes"] > 0)
    kind: Literal["pss", "rss"] = "pss" if full.any() else "rss"
    values = in_pss(columns, full) if full.any() else columns["rss"][columns["processes"] > 0]
    if not len(values):
        return TreeSummary(None, None, None, "none", restarts, processes)
    shared = int(np.median(columns["rss"][full] - columns["pss"][full])) if full.any() else 0
    return TreeSummary(
        memory_start=int(columns["pss"][full][0] if full.any() else values[0]),
        memory_peak=max(int(values.max()), peak_rss - shared if processes == 1 else 0),
        memory_steady=int(np.median(values[len(values) // 2 :])),
        memory_kind=kind,
        restarts=restarts,
        processes=processes,
    )


def in_pss(columns: Mapping[str, npt.NDArray[Any]], full: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
    """Return the memory of the tree in PSS bytes at every row where it is known.

    Full looks know it. Between two of them it is RSS less what RSS and PSS differ by, interpolated in time, as long as
    the number of processes is that of both: a worker more or less changes what is shared at once.
    """
    at = np.flatnonzero(full)
    rows = np.arange(len(full))
    after = np.searchsorted(at, rows).clip(max=len(at) - 1)
    before = (np.searchsorted(at, rows, side="right") - 1).clip(min=0)
    count = columns["processes"]
    known = full | ((count > 0) & (count == count[at[after]]) & (count == count[at[before]]))
    shared = np.interp(columns["t_ns"], columns["t_ns"][at], (columns["rss"] - columns["pss"])[at])
    filled: npt.NDArray[np.int64] = np.rint(columns["rss"] - shared).astype(np.int64)[known]
    return filled


IDLE_NS = 5_000_000
"""CPU time below which a process may have done nothing but its heartbeat."""

IDLE_SHARE = 0.1
"""Share of a busy process's CPU time below which a process counts as idle."""


def cold(before: Mapping[int, int], after: Mapping[int, int], serving: Collection[int]) -> tuple[int, ...]:
    """Return which of the ``serving`` processes did nothing between two readings of CPU nanoseconds by pid.

    Cold is less than 10 % of the median of the busy ones and less than 5 ms; busy are those above 10 % of the busiest.
    A process that was not there before is counted from zero, one that is gone is left out. If nobody did anything,
    everybody is cold.
    """
    used = {pid: after[pid] - before.get(pid, 0) for pid in serving if pid in after}
    if not used:
        return ()
    most = max(used.values())
    typical = statistics.median(value for value in used.values() if value >= IDLE_SHARE * most)
    return tuple(
        sorted(pid for pid, value in used.items() if value < IDLE_NS and (value < IDLE_SHARE * typical or most <= 0))
    )
