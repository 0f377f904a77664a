"""Room for a run: memory, open files, disk."""

from __future__ import annotations

import os
import resource
import shutil
import tempfile
from collections.abc import Iterator
from math import ceil
from pathlib import Path

import psutil

from perfproof.analysis.words import in_unit
from perfproof.diagnosis.context import Context
from perfproof.diagnosis.finding import Finding, ok, problem, warning
from perfproof.errors import LoadError
from perfproof.load.limits import connections_of, refuse_connections

GIB = 2**30
LITTLE_MEMORY = GIB // 2
LITTLE_DISK, NO_DISK = GIB, GIB // 10
"""Bytes: a run of some minutes takes a few MiB, one of millions of requests a GiB."""
FEW_FILES = 1024
"""Open files below which an ordinary load of a few hundred users is out of reach."""


class Memory:
    """Whether there is memory for two services and the load process, without the disk standing in for it."""

    about = "memory"

    def run(self, context: Context) -> Iterator[Finding]:
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

    def run(self, context: Context) -> Iterator[Finding]:
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

    def run(self, context: Context) -> Iterator[Finding]:
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
