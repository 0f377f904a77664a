"""Reports of runs and of pairs of runs, as the bytes of a page: kept ones from the run directory, others drawn now."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

from perfproof.errors import EvidenceError
from perfproof.evidence.reader import read
from perfproof.judge import analyse, compare, days
from perfproof.report.page.html import to_html
from perfproof.store.repository import Store
from perfproof.store.summary import RunSummary
from perfproof.why.page import still

KEPT = 16
"""Drawn pages that are remembered; each is at most 1 MB."""
MAX_PAGE = 16 << 20


class Documents:
    """Makes report pages, one at a time: judging a million samples takes seconds and half a gigabyte."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._drawn: OrderedDict[tuple[str, ...], bytes] = OrderedDict()

    def report(self, run: RunSummary) -> bytes:
        """Return the report of a run; ``EvidenceError`` when its directory is not on this machine."""
        page = run.directory / "report.html"
        if _is_own_file(page, run.directory):
            return still(page.read_bytes())
        _require(run)
        spreads = self._store.spreads(run.environment_hash, run.scenario_hash)
        return self._once(("report", run.id), lambda: to_html(analyse(read(run.directory), spreads)))

    def comparison(self, baseline: RunSummary, candidate: RunSummary, *, force: bool) -> bytes:
        """Return the report of two runs held against each other; ``EvidenceError`` as ``report``."""
        _require(baseline)
        _require(candidate)

        def draw() -> str:
            own = (baseline.id, candidate.id)
            known = self._store.repeats(candidate.scenario_hash, candidate.environment_hash, without=own)
            return to_html(compare(read(baseline.directory), read(candidate.directory), days(known), force=force))

        return self._once(("compare", baseline.id, candidate.id, str(force)), draw)

    def _once(self, key: tuple[str, ...], draw: Callable[[], str]) -> bytes:
        with self._lock:
            if key not in self._drawn:
                self._drawn[key] = still(draw().encode())
                while len(self._drawn) > KEPT:
                    self._drawn.popitem(last=False)
            self._drawn.move_to_end(key)
            return self._drawn[key]


def is_here(run: RunSummary) -> bool:
    """Tell whether the run's directory is on this machine: a shared store may name others'."""
    return (run.directory / "run.json").is_file()


def _require(run: RunSummary) -> None:
    if not is_here(run):
        raise EvidenceError(
            f"the recording of run {run.id} is not on this machine",
            hint="export it where it was measured, import it here: perfproof export RUN -o FILE, perfproof import FILE",
        )


def _is_own_file(page: Path, folder: Path) -> bool:
    """Tell whether ``page`` is an ordinary file of the folder: a link could lead anywhere."""
    try:
        return page.is_file() and page.resolve().parent == folder.resolve() and page.stat().st_size <= MAX_PAGE
    except OSError:
        return False
