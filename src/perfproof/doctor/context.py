"""What the checks work with: what the command line said, and what earlier checks have found out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from perfproof.core.redaction import Redactor
from perfproof.doctor.results import CheckResult, NoiseEstimate, NotChecked
from perfproof.load.load_client import LoadProcess
from perfproof.machine.cores import CpuPlan
from perfproof.model.scenario import Scenario
from perfproof.rounds.observer import Observer
from perfproof.service.lifecycle import RunningService
from perfproof.telemetry.metric_feed import MetricFeed


@dataclass(frozen=True)
class Asked:
    """What the command line asks about: where runs would be kept, and the git refs that would be compared."""

    results: Path = Path("results")
    store_url: str | None = None
    refs: tuple[str, ...] = ()


@dataclass
class Context:
    """What the checks share.

    ``scenario`` has its arms placed (``{python}``, ``{work}``); ``written`` is as it was read. Both are None where only
    the machine is looked at, or the file has mistakes (``mistaken``). ``up`` are the arms that run right now, ``load``
    is who asks them, ``ready`` are those whose set-up has worked, ``unprepared`` those whose preparation has not.
    ``start_seconds`` is how long each took to start, ``pass_seconds`` how long asking everything once took,
    ``lead_seconds`` what comes before the rounds of a run; ``sound`` says whether every request was answered as
    expected. ``leaving`` puts back what has changed. ``sights`` are what the look at noise came to, ``feeds`` what
    hears of the metrics that arms push.
    """

    asked: Asked
    private: Path
    cpus: CpuPlan
    redactor: Redactor
    observer: Observer
    written: Scenario | None = None
    scenario: Scenario | None = None
    mistaken: bool = False
    up: dict[str, RunningService] = field(default_factory=dict)
    load: LoadProcess | None = None
    ready: set[str] = field(default_factory=set)
    unprepared: set[str] = field(default_factory=set)
    start_seconds: dict[str, float] = field(default_factory=dict)
    leaving: ExitStack = field(default_factory=ExitStack)
    lead_seconds: float = 0.0
    pass_seconds: float = 0.0
    sound: bool = False
    sights: tuple[NoiseEstimate, ...] = ()
    feeds: Mapping[str, MetricFeed] = field(default_factory=dict)

    def running(self) -> dict[str, RunningService]:
        """Return the arms that are up, by name; NotLookedAt where none is."""
        if not self.up:
            raise NotChecked("no version of the service is up")
        return self.up

    def asking(self) -> LoadProcess:
        """Return the load process; NotLookedAt where it could not be started."""
        if self.load is None:
            raise NotChecked("the load process is not there")
        return self.load

    def read(self) -> Scenario:
        """Return the scenario; NotLookedAt where there is none."""
        if self.scenario is None:
            raise NotChecked("there is no scenario to look at")
        return self.scenario


class Check(Protocol):
    """Looks at one thing and leaves nothing behind."""

    @property
    def about(self) -> str:
        """Return what it looks at, for the status line and for a finding if the check itself fails."""

    def run(self, context: Context) -> Iterable[CheckResult]:
        """Return what was found. What is raised as ``PerfproofError`` becomes a problem, NotLookedAt a skipped line."""
