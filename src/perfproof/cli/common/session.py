"""What the measuring commands share: find the scenario, measure it, remember it, show it."""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from perfproof.cli.common import logs
from perfproof.cli.common.console import console, open_page, tell
from perfproof.cli.common.failure import report_failure
from perfproof.cli.common.selection import only_scenario
from perfproof.errors import EvidenceError, StoreError, UsageError
from perfproof.model.metrics import COUNTED

if TYPE_CHECKING:
    from perfproof.measure import Measured
    from perfproof.measure.arms import Kind
    from perfproof.model.policy import Policy
    from perfproof.model.recording import RunInfo
    from perfproof.model.result import Result
    from perfproof.model.rules import Spread
    from perfproof.model.scenario import Scenario
    from perfproof.store.repository import Store

_log = logging.getLogger(__name__)
_LONGEST_OUTSIDE = 60.0
"""Seconds beside measuring that are perfproof's own; what takes longer is a build of versions from git, made once."""


@contextmanager
def _told_of(results: Path) -> Iterator[None]:
    """Let an error of the empty store that stands in for a folder that is not there name that folder."""
    try:
        yield
    except StoreError as error:
        raise StoreError(
            f"no runs yet: there is no folder {results}",
            why=error.what,
            hint="measure first, e.g. `perfproof ab SCENARIO`, or name the folder: --results DIR",
        ) from error


class Slowness:
    """A stopwatch around work of perfproof's own, to learn how much of the cores is left for it."""

    _MOST = 4.0

    def __init__(self) -> None:
        self._wall, self._cpu = time.monotonic(), time.process_time()

    def found(self) -> float:
        """Return by how much longer than its CPU time the work took; 1 where it was too little to tell."""
        wall, cpu = time.monotonic() - self._wall, time.process_time() - self._cpu
        return min(self._MOST, max(1.0, wall / cpu)) if cpu > 0.1 else 1.0


@dataclass(frozen=True)
class Session:
    """Where runs are kept, which database remembers them, and how much is said meanwhile."""

    results: Path
    store_url: str | None = None
    quiet: bool = False

    @contextmanager
    def store(self, *, make: bool = False) -> Iterator[Store]:
        """Open the store for as long as it is needed; runs that were killed are marked as ended first, and told.

        What measures or imports has the results folder made. For everything else a folder that is not there holds no
        runs, and stays away.
        """
        from perfproof.evidence.directory import tidy
        from perfproof.store.repository import Store

        with ExitStack() as stack:
            folder = self.results.absolute()
            if self.store_url is None:
                if make:
                    self._make_results()
                elif not folder.is_dir():
                    folder = Path(stack.enter_context(TemporaryDirectory(prefix="perfproof-")))
                    stack.enter_context(_told_of(self.results))
            store = Store.open(self.store_url or f"sqlite:///{folder / 'perfproof.db'}", results=self.results)
            stack.callback(store.close)
            tidy(self.results)
            for killed in store.end_killed():
                tell(f"run {killed} was killed while it measured: its finished rounds are kept")
            yield store

    def _make_results(self) -> None:
        """Make the results folder; a new one keeps itself out of git."""
        try:
            if not self.results.is_dir():
                self.results.mkdir(parents=True, exist_ok=True)
                (self.results / ".gitignore").write_text("*\n", encoding="utf-8")
        except OSError as error:
            raise UsageError(
                f"cannot make the results folder {self.results}",
                why=error.strerror,
                hint="choose another with --results DIR",
            ) from error

    def measure(
        self,
        scenario: Scenario,
        kind: Kind,
        label: str | None,
        policy: Policy | None = None,
        resumes: Path | None = None,
    ) -> Measured:
        """Measure ``scenario`` (or the rest of the run in the folder ``resumes``), and remember the run.

        Guards give way as ``policy`` says; without one, as ``perfproof.toml`` and the scenario's ``gate`` do.
        """
        slowness = Slowness()
        from perfproof.measure import Options, measure
        from perfproof.measure.arms import arms_of
        from perfproof.measure.estimate import earlier_run, estimate
        from perfproof.measure.preflight import alike, require_ready
        from perfproof.report.terminal.full import Live

        policy = policy_of(scenario) if policy is None else policy
        require_ready(scenario, arms_of(scenario, kind))
        earlier = None if resumes is not None else earlier_run(self.results, scenario.hash, kind)
        slow = slowness.found()
        _log.info(
            "%s of %s, %s",
            kind,
            scenario.name,
            ", ".join(f"policy of {each}" for each in policy.sources) or "no policy",
        )
        with self.store(make=True) as store:

            def started(info: RunInfo, path: Path) -> None:
                store.add_run(info, path)
                if not self.quiet:
                    tell(f"run {info.id}")
                    spreads = store.spreads(info.environment.hash, info.scenario_hash)
                    found = None if resumes is not None else estimate(scenario, kind, earlier, spreads, slow)
                    for sentence in found.sentences if found is not None else ():
                        tell(sentence)
                    if kind == "ab" and alike(scenario.arms):
                        tell("note: both arms start the same, so that nothing but noise can be seen")

            options = Options(
                kind=kind,
                label=label,
                results=self.results,
                policy=policy,
                resumes=resumes,
                foretold=earlier is not None,
                slowness=slow,
                spreads=lambda info: store.spreads(info.environment.hash, info.scenario_hash),
                attempts=lambda info: store.attempts(info.scenario_hash, info.arms_hash, info.kind) + 1,
                started=started,
            )
            # A log and a display that is redrawn would overwrite each other: with -v there is the log alone.
            quiet, verbose = self.quiet, logs.enabled()
            with Live(console(stderr=True), quiet=quiet or verbose, planned_rounds=scenario.rounds.count) as live:
                return measure(scenario, options, logs.Logged(live) if verbose else live)

    @contextmanager
    def versions(
        self,
        scenario: Scenario,
        baseline_ref: str | None,
        candidate_refs: Sequence[str] | str | None,
        names: Sequence[str] = (),
    ) -> Iterator[Scenario]:
        """Lend the scenario with its arms taken from git, or as it is where no ref is given.

        Of several candidates each is called as its ref, or as ``names`` say.
        """
        if baseline_ref is None:
            if candidate_refs:
                raise UsageError("--candidate-ref needs --baseline-ref", hint="e.g. --baseline-ref origin/main")
            yield scenario
            return
        from perfproof.measure.versions import from_git

        def say(text: str) -> None:
            if not self.quiet:
                tell(text)

        refs = [candidate_refs] if isinstance(candidate_refs, str) else list(candidate_refs or ["HEAD"])
        with from_git(scenario, baseline_ref, refs, say, names) as found:
            yield found

    def keep(self, measured: Measured) -> Result:
        """Write what was concluded into the run directory and the store; raises what kept it from being measured.

        A disk or a store that refuses is told and changes no verdict: that stands on the sealed rounds.
        """
        result = measured.result
        self._remember(measured.directory, measured.info, result)
        if result is None:
            raise measured.problem or UsageError("nothing was measured")
        return result

    def _remember(self, directory: Path, info: RunInfo, result: Result | None) -> None:
        from perfproof.evidence.directory import RunDirectory
        from perfproof.report import write
        from perfproof.report.json_report import to_json

        again = f"`perfproof show {directory}` writes it again"
        if result is not None:
            with warned(f"the result is not in the run directory; {again}"):
                RunDirectory(directory).save_result(to_json(result))
                write(result, directory / "report.html")
        with warned(f"the store does not know how run {info.id} ended; {again}"), self.store() as store:
            store.add_run(info, directory)
            if result is not None:
                store.save_result(info.id, result)

    def repair(self, directory: Path, result: Result) -> None:
        """Write what was concluded where it is missing: in the run directory, and in the store it belongs to."""
        from perfproof.evidence.reader import read_info

        home = directory.absolute().parent
        if self.store_url is None and not (home / "perfproof.db").is_file():
            return
        own = Session(home, self.store_url, self.quiet)
        info, known = read_info(directory), None
        with warned("what is stored of the run is not looked at"):
            with own.store() as store:
                known = store.status(info.id)
            if known != (info.status, True) or not (directory / "result.json").is_file():
                own._remember(directory, info, result)

    def conclude(
        self,
        measured: Measured,
        json_file: Path | None,
        report_files: Sequence[Path],
        scenario: Scenario | None = None,
        *,
        opened: bool = False,
    ) -> int:
        """Write, remember and print what was concluded of ``scenario``; return the exit code.

        With ``opened`` the report is opened in the browser.
        """
        problem = measured.problem
        try:
            if measured.result is not None:
                run = "last" if self._is_usual else str(measured.directory)
                self.show(measured.result, json_file, report_files, run, scenario.file if scenario else None)
                sys.stdout.flush()  # before a store is waited for
        finally:
            result = self.keep(measured)
        if problem is not None:
            report_failure(problem)
        if not self.quiet:
            tell(f"report: {', '.join(map(str, report_files)) or measured.directory / 'report.html'}")
        _note_outside(measured)
        if opened:
            open_page(measured.directory / "report.html")
        return int(problem.exit_code) if problem is not None else result.exit_code

    @property
    def _is_usual(self) -> bool:
        """Tell whether a command without options finds the runs, so that ``last`` means the newest of them."""
        named = "PERFPROOF_RESULTS" in os.environ or self.results == Path("results")
        return named and (self.store_url is None or "PERFPROOF_STORE" in os.environ)

    def show(
        self,
        result: Result,
        json_file: Path | None,
        report_files: Sequence[Path],
        run: str = "last",
        file: Path | None = None,
        *,
        findings: bool = False,
        lines: Sequence[tuple[str, str]] = (),
    ) -> None:
        """Print one screen of the result to stdout (or all ``findings``), and write the files that were asked for.

        ``run`` is how the run is called on a command line, ``file`` where its scenario is; ``lines`` with their tones
        stand below the verdict.
        """
        from perfproof.cli.common.next_step import details_of, next_step
        from perfproof.report import write
        from perfproof.report.json_report import to_json
        from perfproof.report.terminal.full import render
        from perfproof.report.terminal.screen import Ending, render_screen

        if json_file is not None and str(json_file) == "-":
            sys.stdout.write(to_json(result))
        else:
            if findings:
                render(result, console())
            else:
                command, note = next_step(result, run, short(file) if file else None)
                more = details_of(run)
                render_screen(result, console(), Ending("" if more == command else more, command, note, tuple(lines)))
            if json_file is not None:
                write(result, json_file, ".json")
        for file in report_files:
            write(result, file)

    def locate(self, reference: str) -> Path:
        """Return the run directory meant by an id, a unique beginning of one, a label, ``last`` or a path."""
        path = Path(reference)
        for folder in (path, self.results / reference):
            if (folder / "run.json").is_file():
                return folder
        with self.store() as store:
            store.sync(self.results)
            found = store.find(reference).directory
        return found if found.is_absolute() else self.results / found

    def scenario_file(self, folder: Path) -> Path | None:
        """Return where the scenario of a recorded run is, if it is still there."""
        from perfproof.evidence.reader import read_info

        written = read_info(folder).scenario_file
        return file if written and (file := Path(written)).is_file() else None

    def judge(self, reference: str) -> Result:
        """Judge a recorded run again from its evidence."""
        from perfproof.evidence.reader import read
        from perfproof.judge import analyse

        recording = read(self.locate(reference))
        return analyse(recording, self._spreads(recording.info.environment.hash, recording.info.scenario_hash))

    def open(self, result: Result) -> None:
        """Open the report of the last run of a result in the browser."""
        open_page(self.locate(result.run_ids[-1]) / "report.html")

    def export(self, reference: str, file: Path) -> None:
        """Write the samples of a recorded run for another tool; the file's name says which."""
        from perfproof.evidence.reader import read
        from perfproof.report.exports import writer_of

        writer = writer_of(file)
        if writer is None:
            raise UsageError(f"{file.name} is not the name of a file of samples")
        writer(read(self.locate(reference)), file)

    def compare(self, baseline: str, candidate: str, *, force: bool = False) -> Result:
        """Compare two recorded runs from their evidence."""
        from perfproof.evidence.reader import read
        from perfproof.judge import compare, days

        folders = [self.locate(each) for each in (baseline, candidate)]
        if folders[0].resolve() == folders[1].resolve():
            raise UsageError(
                f"`{baseline}` and `{candidate}`: both are the same run, {folders[0].name}",
                why="a run differs in nothing from itself",
                hint="name the one before and the one after: `perfproof list` shows them",
            )
        first, last = map(read, folders)
        info, own, known = last.info, (first.info.id, last.info.id), days({})
        with warned("how much runs differ from day to day is not taken into account"), self.store() as store:
            known = days(store.repeats(info.scenario_hash, info.environment.hash, without=own))
        return compare(first, last, known, force=force)

    def _spreads(self, environment_hash: str, scenario_hash: str) -> tuple[Spread, ...]:
        with warned("what identical arms showed here before is not taken into account"), self.store() as store:
            return store.spreads(environment_hash, scenario_hash)
        return ()


def _note_outside(measured: Measured) -> None:
    """Note how long the command took beside measuring, from the start of its process on; the next one takes as long."""
    import psutil

    from perfproof.evidence.directory import RunDirectory

    whole = measured.info.took.get("whole", 0.0)
    outside = time.time() - psutil.Process().create_time() - whole
    if whole and 0 < outside < _LONGEST_OUTSIDE:
        with suppress(EvidenceError):
            RunDirectory(measured.directory).note(
                replace(measured.info, took={**measured.info.took, "outside": round(outside, 3)})
            )


def short(file: Path) -> str:
    """Return a file's path as one would type it here."""
    here = Path.cwd()
    return str(file.relative_to(here)) if file.is_absolute() and file.is_relative_to(here) else str(file)


class warned:  # noqa: N801 - used like a function, as `suppress` is
    """Tell an error of the store or the disk as a warning, with what it means, and go on after the body."""

    def __init__(self, consequence: str) -> None:
        self._consequence = consequence

    def __enter__(self) -> None:
        """Do nothing."""

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> bool:
        """Swallow what is told."""
        if not isinstance(error, StoreError | EvidenceError | UsageError):
            return False
        tell(f"warning: {error}\n  so: {self._consequence}")
        return True


def policy_of(scenario: Scenario, file: Path | None = None) -> Policy:
    """Return the policy for a scenario: that of ``file`` or else ``perfproof.toml``, and over it the scenario's own."""
    from perfproof.model.policy import merged

    return merged(shared_policy(scenario.file.parent, file), scenario.gate)


def shared_policy(start: Path, file: Path | None = None) -> Policy:
    """Return the policy of ``file`` or else of the ``perfproof.toml`` in ``start`` or above it."""
    from perfproof.model.policy import Policy
    from perfproof.scenario import policy_file

    file = file or policy_file.find(start)
    return Policy() if file is None else policy_file.read_toml(file)


def find_scenario(path: Path | None) -> Path:
    """Return the scenario file that is meant: the one given, or the only one here, which is said then."""
    if path is None:
        path = only_scenario()
        tell(f"scenario: {path}, the only one here")
    return path


def read_scenario(
    path: Path | None,
    *,
    rounds: int | None = None,
    time: str | None = None,
    early_stop: bool = True,
    why: bool = True,
    memory: bool = False,
    count: bool | None = None,
    only: Sequence[str] | None = None,
    after: Path | None = None,
) -> Scenario:
    """Read the scenario and apply what the command line says of its requests, its rounds and the search for causes.

    With ``after``, the versions of two files are compared: that of the first is the baseline.
    """
    from perfproof.cli.common.selection import of_two_files, only_requests
    from perfproof.core.units import Mistake, parse_duration
    from perfproof.scenario import read

    if rounds is not None and time is not None:
        raise UsageError("--rounds stands beside --time", hint="keep the one that is meant")
    scenario = read(find_scenario(path), os.environ)
    if after is not None:
        scenario = of_two_files(scenario, read(after, os.environ))
    if only:
        scenario = only_requests(scenario, only)
    changed = scenario.rounds
    if rounds is not None:
        changed = replace(changed, count=rounds, time=None)
    if time is not None:
        try:
            changed = replace(changed, time=parse_duration(time))
        except Mistake as mistake:
            raise UsageError(f"--time {time}: {mistake.reason}", hint=mistake.fix) from None
    if not early_stop:
        changed = replace(changed, early_stop=False)
    explain = scenario.explain if why else replace(scenario.explain, levers=False, memory=False, profile="off")
    explain = replace(explain, memory=explain.memory or memory)
    return counting(replace(scenario, rounds=changed, explain=explain), count)


def counting(scenario: Scenario, asked: bool | None, *, named: bool = False) -> Scenario:
    """Return the scenario with instructions counted as ``asked``.

    Where nothing is asked for, they are counted as the scenario says, or if a goal, a budget or what else decides
    (``named``) names them: a demand that is never looked at would be worse than the seconds it takes.
    """
    demands = [*(goal.metric for goal in scenario.goals), *(budget.metric for budget in scenario.budgets)]
    demanded = named or COUNTED in demands
    by = scenario.count.by
    if asked is False:
        by = "off"
    elif by == "off" and (asked or demanded):
        by = "auto"
    return replace(scenario, count=replace(scenario.count, by=by))
