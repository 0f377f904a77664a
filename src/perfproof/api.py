"""The library: measure a scenario, open what was recorded, and take tables out of it.

    import perfproof

    run = perfproof.ab("shop.yaml")
    print(run.result.sentence)
    run.rows()

Everything here is also an attribute of ``perfproof`` and is imported when it is first used. Functions keep and find
runs where the command line does: ``results`` is the folder (by default ``PERFPROOF_RESULTS`` or ``results``), ``store``
the address of a database instead of ``perfproof.db`` in it (``PERFPROOF_STORE``). All raise errors of one family,
``perfproof.PerfproofError``, which say what happened, where, why and what to do; a verdict is no error.

Tables are pandas DataFrames (``pip install 'perfproof[notebook]'``); ``perfproof.frames.COLUMNS`` tells every column.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from perfproof.cli.common.selection import only_arm
from perfproof.cli.common.session import Session
from perfproof.errors import UsageError
from perfproof.model.policy import WhenOpen

if TYPE_CHECKING:
    import pandas as pd

    from perfproof.measure.arms import Kind
    from perfproof.model.gate import GateResult
    from perfproof.model.history import Trend
    from perfproof.model.recording import Recording, RunInfo
    from perfproof.model.result import Result
    from perfproof.model.scenario import Scenario

__all__ = [
    "Compared",
    "History",
    "Run",
    "ab",
    "compare",
    "gate",
    "list_runs",
    "open_history",
    "open_run",
    "prove",
    "read_scenario",
    "run",
    "run_checks",
]


class _Concluded:
    """What a conclusion gives, whether of one run or of two."""

    if TYPE_CHECKING:  # a property here would stand in the way of the field of that name

        @property
        def result(self) -> Result: ...

    def rows(self) -> pd.DataFrame:
        """Return a table of the comparisons, ``frames.COLUMNS["rows"]``; of a single arm, its levels."""
        from perfproof import frames

        return frames.rows(self.result)

    def levels(self) -> pd.DataFrame:
        """Return a table of the own values of each arm or run; ``frames.COLUMNS["levels"]``."""
        from perfproof import frames

        return frames.levels(self.result)

    def queries(self) -> pd.DataFrame:
        """Return a table of the statements of each probed request; ``frames.COLUMNS["queries"]``."""
        from perfproof import frames

        return frames.queries(self.result)

    def query_counts(self) -> pd.DataFrame:
        """Return a table of how many queries each probed request took; ``frames.COLUMNS["query_counts"]``."""
        from perfproof import frames

        return frames.query_counts(self.result)

    def report(self, file: str | Path) -> Path:
        """Write a report; the ending of ``file`` says which (as for ``perfproof report -o``). Return its path."""
        from perfproof.report import write

        path = Path(file)
        write(self.result, path)
        return path


@dataclass(frozen=True)
class Run(_Concluded):
    """A recorded run. What it holds is read from its folder when it is first asked for, and then kept.

    ``folder`` is the run directory (docs/architecture.md says what is in it).
    """

    folder: Path
    _session: Session = field(repr=False)

    @property
    def id(self) -> str:
        """Return the run's id, ``<UTC time>-<scenario>-<4 hex digits>``."""
        return self.info.id

    @cached_property
    def info(self) -> RunInfo:
        """Return what was measured, where and when: scenario, arms, requests, environment, revision, status."""
        from perfproof.evidence.reader import read_info

        return read_info(self.folder)

    @cached_property
    def recording(self) -> Recording:
        """Return everything that was recorded, round by round, as NumPy arrays and dataclasses."""
        from perfproof.evidence.reader import read

        return read(self.folder)

    @cached_property
    def result(self) -> Result:
        """Return what is concluded from it: verdict, sentence, comparisons, levels, findings, causes.

        It is judged anew from what was recorded, by the rules of this version.
        """
        return self._session.judge(str(self.folder))

    def samples(self) -> pd.DataFrame:
        """Return a table with one row per request; see ``frames.COLUMNS["samples"]``."""
        from perfproof import frames

        return frames.samples(self.recording)

    def blocks(self) -> pd.DataFrame:
        """Return a table with one row per block of load and arm, with its CPU time; ``frames.COLUMNS["blocks"]``."""
        from perfproof import frames

        return frames.blocks(self.recording)

    def processes(self) -> pd.DataFrame:
        """Return a table with one row per look at a process tree: memory and CPU; ``frames.COLUMNS["processes"]``."""
        from perfproof import frames

        return frames.processes(self.recording)

    def round_changes(self) -> pd.DataFrame:
        """Return a table of what each round alone says of each comparison; ``frames.COLUMNS["round_changes"]``."""
        from perfproof import frames

        return frames.round_changes(self.result)


@dataclass(frozen=True)
class Compared(_Concluded):
    """Two recorded runs, held against each other. Drift of the machine between them is not cancelled; prefer ``ab``."""

    baseline: Run
    candidate: Run
    result: Result = field(repr=False)


@dataclass(frozen=True)
class History:
    """The recorded runs of a scenario over time: one trend per metric and request."""

    scenario: str
    trends: tuple[Trend, ...] = field(repr=False)

    def rows(self) -> pd.DataFrame:
        """Return a table with one row per run, metric and request; ``frames.COLUMNS["history"]``."""
        from perfproof import frames

        return frames.history(self.trends)


def read_scenario(
    file: str | Path,
    *,
    rounds: int | None = None,
    time: str | None = None,
    early_stop: bool = True,
    why: bool = True,
    count: bool | None = None,
) -> Scenario:
    """Read a scenario file; ``${VAR}`` in it are filled from the environment.

    ``rounds`` plans so many rounds instead of the file's, ``time`` (e.g. ``"5m"``) as many as fit; without
    ``early_stop`` all of them are measured. ``why`` looks for causes afterwards, as the file says; ``count`` says
    whether to count instructions per request. Raises ``ScenarioError`` with every mistake in the file.
    """
    from perfproof.cli.common import session

    return session.read_scenario(Path(file), rounds=rounds, time=time, early_stop=early_stop, why=why, count=count)


def ab(
    scenario: str | Path | Scenario,
    *,
    baseline_ref: str | None = None,
    candidate_ref: str | Sequence[str] | None = None,
    label: str | None = None,
    results: str | Path | None = None,
    store: str | None = None,
    progress: bool = False,
) -> Run:
    """Measure baseline and candidate against each other, record it, and return the run.

    With ``baseline_ref`` the versions are taken from git, the candidate from ``candidate_ref`` (``HEAD``; or several).
    ``progress`` shows on stderr what goes on. An error that ends the measurement early is raised; the rounds that were
    finished are kept, and ``open_run("last")`` opens them.
    """
    session = _session(results, store, progress)
    return _measured(session, _read(scenario), "ab", label, baseline_ref, candidate_ref)


def prove(
    scenario: str | Path | Scenario,
    *,
    baseline_ref: str | None = None,
    candidate_ref: str | Sequence[str] | None = None,
    label: str | None = None,
    results: str | Path | None = None,
    store: str | None = None,
    progress: bool = False,
) -> Run:
    """Measure every claim of a scenario in one go, as ``perfproof prove`` does, record it, and return the run.

    ``run.result.proofs`` has what came of each claim, in the scenario's order: its ``state`` (proven, refuted, open),
    the rows or limits behind it, and why it is open. Where all claims are about checks, nothing is timed. Raises as
    ``ab`` does, and ``UsageError`` for a scenario that claims nothing.
    """
    from perfproof.cli.prove import proving

    what = _read(scenario)
    kind = proving(what, from_git=baseline_ref is not None)
    return _measured(_session(results, store, progress), what, kind, label, baseline_ref, candidate_ref)


def run_checks(
    scenario: str | Path | Scenario,
    *,
    only: Sequence[str] = (),
    arm: str | None = None,
    writes: bool = False,
    baseline_ref: str | None = None,
    candidate_ref: str | Sequence[str] | None = None,
    label: str | None = None,
    results: str | Path | None = None,
    store: str | None = None,
    progress: bool = False,
) -> Run:
    """Make the checks of a scenario on each of its arms without any load, record it, and return the run.

    ``only`` names checks instead of the scenario's (where it has none, all but the rollout are made), ``arm`` one
    version; ``writes`` lets requests be sent that write, with bodies that must fail, and needs ``service.reset``.
    Raises as ``ab`` does, and ``UsageError`` for a check or an arm that there is not.
    """
    from perfproof.cli.checks import checking

    what = checking(only_arm(_read(scenario), arm), tuple(only), writes=writes)
    return _measured(_session(results, store, progress), what, "checks", label, baseline_ref, candidate_ref)


def run(
    scenario: str | Path | Scenario,
    *,
    arm: str | None = None,
    label: str | None = None,
    results: str | Path | None = None,
    store: str | None = None,
    progress: bool = False,
) -> Run:
    """Measure one arm of a scenario, record it under ``label``, and return the run; ``compare`` compares two such.

    ``arm`` is by default the first.

    Raises as ``ab`` does, and ``UsageError`` for an arm that the scenario does not have.
    """
    what = _read(scenario)
    return _measured(_session(results, store, progress), only_arm(what, arm or what.arms[0].name), "run", label)


def compare(
    baseline: str | Path | Run,
    candidate: str | Path | Run,
    *,
    force: bool = False,
    results: str | Path | None = None,
    store: str | None = None,
) -> Compared:
    """Compare two recorded runs, each named as in ``open_run``.

    The result of runs of different scenarios or machines is ``invalid``, unless ``force`` says to compare them all the
    same; it then warns of it. Raises ``UsageError`` for runs that nothing can be compared of.
    """
    first, last = (
        each if isinstance(each, Run) else open_run(each, results=results, store=store)
        for each in (baseline, candidate)
    )
    result = _session(results, store).compare(str(first.folder), str(last.folder), force=force)
    return Compared(first, last, result)


def gate(
    scenario: str | Path | Scenario,
    *,
    baseline_ref: str | None = None,
    candidate_ref: str | Sequence[str] | None = None,
    baseline: str | Sequence[str] | None = None,
    policy: str | Path | None = None,
    inconclusive: WhenOpen | None = None,
    label: str | None = None,
    results: str | Path | None = None,
    store: str | None = None,
    progress: bool = False,
) -> GateResult:
    """Measure as ``perfproof gate`` does, apply the policy, and return what it made of it.

    The versions are those of ``ab``, or the last arm against the stored run that ``baseline`` names (a name or
    several). ``policy`` takes the place of the ``perfproof.toml`` that is found, ``inconclusive`` of what the policy
    does when nothing is decided. A gate that fails, or whose measurement ended early, is no error: look at
    ``exit_code``, ``summary`` and ``rows``.
    """
    from perfproof.cli.common.gate import Gate

    if baseline_ref is not None and baseline:
        raise UsageError("baseline stands beside baseline_ref", hint="keep the one that is meant")
    made = Gate(_session(results, store, progress), None if policy is None else Path(policy), inconclusive)
    names = [baseline] if isinstance(baseline, str) else baseline or ()
    return made.apply(*made.of_scenario(_read(scenario), label, (baseline_ref, candidate_ref), names))


def open_run(reference: str | Path = "last", *, results: str | Path | None = None, store: str | None = None) -> Run:
    """Open a recorded run: an id, a unique beginning of one, a label, ``last``, ``last-1`` ..., or a run's folder.

    Raises ``StoreError`` with suggestions when no run is meant, ``EvidenceError`` when its folder cannot be read.
    """
    session = _session(results, store)
    opened = Run(session.locate(str(reference)), session)
    _ = opened.info  # a folder that cannot be read is told here, and not when it is first used
    return opened


def list_runs(
    *,
    scenario: str | None = None,
    label: str | None = None,
    branch: str | None = None,
    limit: int = 50,
    results: str | Path | None = None,
    store: str | None = None,
) -> pd.DataFrame:
    """Return a table of the newest ``limit`` recorded runs, newest first; ``frames.COLUMNS["runs"]``."""
    from perfproof import frames

    session = _session(results, store)
    with session.store() as opened:
        opened.sync(session.results)
        return frames.runs(opened.runs(scenario=scenario, label=label, branch=branch, limit=limit))


def open_history(
    scenario: str | None = None,
    *,
    request: str | None = None,
    branch: str | None = None,
    limit: int = 200,
    results: str | Path | None = None,
    store: str | None = None,
) -> History:
    """Open the newest ``limit`` runs of a scenario (by its name; by default that of the last run) as trends.

    With ``request`` only of that request name (``all``: of all together), with ``branch`` only of that branch. Raises
    ``UsageError`` with suggestions when there is no such scenario.
    """
    from perfproof.stats.changepoints import trend

    session = _session(results, store)
    with session.store() as opened:
        opened.sync(session.results)
        name = opened.find("last").scenario if scenario is None else scenario
        known = opened.choices().scenarios
        if name not in known:
            close = difflib.get_close_matches(name, known, n=3) or known[:5]
            raise UsageError(
                f"no run of a scenario `{name}` is stored",
                hint=f"there are: {', '.join(close)}" if close else "measure one first: perfproof.ab(...)",
            )
        found = opened.history(name, request=request, branch=branch, limit=limit)
    trends = tuple(trend(name, metric, of, unit, points) for (metric, of, unit), points in found.items())
    return History(name, trends)


def _session(results: str | Path | None, store: str | None, progress: bool = False) -> Session:
    folder = Path(results) if results is not None else Path(os.environ.get("PERFPROOF_RESULTS") or "results")
    return Session(folder, store or os.environ.get("PERFPROOF_STORE") or None, quiet=not progress)


def _read(scenario: str | Path | Scenario) -> Scenario:
    return read_scenario(scenario) if isinstance(scenario, str | Path) else scenario


def _measured(
    session: Session,
    scenario: Scenario,
    kind: Kind,
    label: str | None,
    baseline_ref: str | None = None,
    candidate_ref: str | Sequence[str] | None = None,
) -> Run:
    """Measure a scenario, remember what was concluded, and return the run; raise what ended it early."""
    with session.versions(scenario, baseline_ref, candidate_ref) as versions:
        measured = session.measure(versions, kind, label)
    result = session.keep(measured)
    if measured.problem is not None:
        raise measured.problem
    made = Run(measured.directory, session)
    made.__dict__["result"] = result  # as `cached_property` keeps it: it need not be judged again
    return made
