"""Which cores a run would use, whether it may use them wholly, and who else does."""

from __future__ import annotations

import os
import resource
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from math import ceil
from pathlib import Path

import psutil

from perfproof.core.numbers import in_unit
from perfproof.doctor.context import Context
from perfproof.doctor.results import CheckResult, ok, problem, warning
from perfproof.errors import LoadError
from perfproof.load.limits import connections_of, refuse_connections
from perfproof.machine.environment import fingerprint
from perfproof.machine.neighbours import Neighbour, Neighbours, look

LOOK_SECONDS = 1.0
BUSY, BUSY_CORE = 0.10, 0.20
"""Share that others use of all cores of a run together, or of one of them, from which on figures spread for it."""
STOLEN = 0.02
"""Share of a core that the host takes away, as runs are warned of it."""
_OF_OTHERS = 0.05
"""Share of a core from which on a process is named."""
_SPEED_CHANGES = ("powersave", "ondemand", "conservative", "schedutil")


class Cores:
    """How many there are, how they are shared out, and whether the control group lends them wholly."""

    about = "cores"

    def run(self, context: Context) -> Iterator[CheckResult]:
        """Return the plan, and what takes time of these cores away."""
        count = len(os.sched_getaffinity(0))
        if context.cpus.service is None:
            yield warning(
                self.about,
                "1, shared by the generator and the service: latency includes their competition",
                "take a machine with 2 cores or more, or lend this container more (`--cpuset-cpus`)",
            )
        else:
            yield ok(self.about, f"{count}: {context.cpus.sentence}")
        granted = quota(Path("/sys/fs/cgroup"), Path("/proc/self/cgroup"))
        if granted is not None and granted < count:
            yield warning(
                self.about,
                f"the control group grants {granted:g} of {count} cores: what runs is halted when that is used up",
                "lend whole cores instead (`--cpuset-cpus 0,1`, no `--cpus`; in Kubernetes equal requests and limits)",
            )
        governor = fingerprint({}).facts["governor"]
        if governor in _SPEED_CHANGES:
            yield warning(
                self.about,
                f"they change their speed with the load (governor {governor})",
                "sudo cpupower frequency-set -g performance",
            )


def quota(root: Path, membership: Path) -> float | None:
    """Return the cores that the control groups of this process grant (the least of them); None where none says."""
    try:
        own = next(line[3:] for line in membership.read_text().splitlines() if line.startswith("0::"))
    except (OSError, StopIteration):
        own = "/"
    folder, least = root / own.strip().lstrip("/"), None
    for place in (folder, *folder.parents):
        try:
            granted, period = (place / "cpu.max").read_text().split()
            if granted != "max":
                cores = int(granted) / int(period)
                least = cores if least is None else min(least, cores)
        except (OSError, ValueError):
            pass
        if place == root:
            break
    return least


class Others:
    """Who else uses the cores of a run."""

    about = "neighbours"

    def run(self, context: Context) -> Iterable[CheckResult]:
        """Watch for a second in which perfproof does nothing."""
        plan = context.cpus
        used = (plan.generator or frozenset()) | (plan.service or frozenset()) or os.sched_getaffinity(0)
        return judged(look(LOOK_SECONDS), used, os.cpu_count() or 1)


def judged(found: Neighbours, cores: Iterable[int], of_all: int) -> list[CheckResult]:
    """Return what others mean for a run on ``cores``; the machine has ``of_all``. Pure."""
    about = Others.about
    busy = {core: found.busy[core] for core in sorted(cores) if core in found.busy}
    findings = []
    if not busy:
        fix = "mount /proc and /sys as they are; without them, nobody can tell whether figures are disturbed"
        findings.append(warning(about, "who else uses the cores cannot be seen", fix))
    elif sum(busy.values()) / len(busy) >= BUSY or max(busy.values()) >= BUSY_CORE:
        shares = ", ".join(f"core {core} {_percent(share)}" for core, share in busy.items())
        named = [each for each in found.processes if each.share >= _OF_OTHERS][:3]
        fix = f"stop {_told(named)}, or wait until done" if named else "stop them, or wait until they are done"
        why = "no process that is seen from here: outside of this container?" if not named else ""
        findings.append(warning(about, f"others use {shares}: figures spread, verdicts take longer", fix, why))
    else:
        share = _percent(sum(busy.values()) / len(busy))
        elsewhere = "" if len(busy) == of_all else f" (of the {len(busy)} of {of_all} that a run would use)"
        findings.append(ok(about, f"others use {share} of the cores{elsewhere}"))
    if found.stolen > STOLEN:
        what = f"the host takes {_percent(found.stolen)} of a core away (steal)"
        findings.append(warning(about, what, "ask for dedicated cores, or measure when the host is less busy"))
    return findings


def _told(processes: list[Neighbour]) -> str:
    return " and ".join(f"{each.name} (pid {each.pid}, {_percent(each.share)})" for each in processes)


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


GIB = 2**30
LITTLE_MEMORY = GIB // 2
LITTLE_DISK, NO_DISK = GIB, GIB // 10
"""Bytes: a run of some minutes takes a few MiB, one of millions of requests a GiB."""
FEW_FILES = 1024
"""Open files below which an ordinary load of a few hundred users is out of reach."""


class Memory:
    """Whether there is memory for two services and the load process, without the disk standing in for it."""

    about = "memory"

    def run(self, context: Context) -> Iterator[CheckResult]:
        """Ask the kernel."""
        del context
        found = psutil.virtual_memory()
        free, whole = _size(found.available), _size(found.total)
        if found.available < LITTLE_MEMORY:
            fix = "end other programs: what does not fit is swapped out, and latency becomes the disk's"
            yield warning(self.about, f"{free} of {whole} are free", fix)
        else:
            yield ok(self.about, f"{free} of {whole} are free")


class OpenFiles:
    """Whether the load may open as many connections as it asks for."""

    about = "open files"

    def run(self, context: Context) -> Iterator[CheckResult]:
        """Hold the limit, as far as it can be raised, against what the load would open."""
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        if hard == resource.RLIM_INFINITY:
            yield ok(self.about, "no limit")
            return
        scenario = context.scenario
        needs = ""
        if scenario is not None and not scenario.load.listen:
            load, arms = scenario.load, max(1, len(scenario.arms))
            connections = ceil(connections_of(load) / max(1, load.workers)) * arms
            needs = f"; the load opens up to {connections:,}"
            try:
                refuse_connections(connections, hard)
            except LoadError as error:
                yield problem(self.about, error.what, error.hint or "", error.why or "")
                return
        if hard < FEW_FILES:
            fix = "raise the hard limit: `ulimit -Hn 65536`, limits.conf or LimitNOFILE="
            yield warning(self.about, f"{hard:,} may be open: a load of more users is refused{needs}", fix)
        else:
            yield ok(self.about, f"{hard:,} may be open{needs}")


class Disk:
    """Whether runs and temporary files have room, in folders that may be written to."""

    about = "disk"

    def run(self, context: Context) -> Iterator[CheckResult]:
        """Look at both places; nothing is made or written."""
        runs = nearest(context.asked.results)
        temporary = Path(tempfile.gettempdir())
        places = [("runs", runs, "--results DIR"), ("temporary files", temporary, "TMPDIR")]
        if _device(runs) == _device(temporary):
            places[1:] = []
        told = []
        for purpose, folder, choice in places:
            if not (folder.is_dir() and os.access(folder, os.W_OK | os.X_OK)):
                state = "may not be written to" if folder.is_dir() else "is no folder"
                yield problem(self.about, f"{folder}, for {purpose}, {state}", f"choose another by {choice}")
                continue
            free = shutil.disk_usage(folder).free
            if free < LITTLE_DISK:
                make = problem if free < NO_DISK else warning
                fix = f"free some, or choose another place by {choice}; `perfproof prune` removes old runs"
                yield make(self.about, f"{_size(free)} are free for {purpose} in {folder}", fix)
            else:
                told.append(f"{_size(free)} free for {purpose}")
        if told:
            yield ok(self.about, ", ".join(told) + (" and temporary files" if len(places) == 1 else ""))


def nearest(folder: Path) -> Path:
    """Return the folder, or the nearest one above it that is there."""
    folder = folder.absolute()
    return next((each for each in (folder, *folder.parents) if each.exists()), folder)


def _device(folder: Path) -> int:
    try:
        return folder.stat().st_dev
    except OSError:
        return -1


def _size(count: float) -> str:
    return f"{count / GIB:,.1f} GiB" if count >= GIB else in_unit(count, "bytes")
