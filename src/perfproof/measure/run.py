"""Runs a whole measurement: prepare once, rounds until a planned look says stop, then the result."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, TypeVar

from perfproof import __version__
from perfproof.capacity.run import Search, searching, so_far
from perfproof.core.owner import Owner
from perfproof.core.placeholders import NOWHERE, WEBHOOK
from perfproof.core.redaction import Redactor
from perfproof.errors import Interrupted, PerfproofError, UsageError
from perfproof.evidence.directory import RunDirectory, new_id
from perfproof.evidence.reader import read_round
from perfproof.instructions.run import count_instructions
from perfproof.judge import analyse, look, plan, progress
from perfproof.load.load_client import LoadProcess
from perfproof.machine.cores import CpuPlan, pinned, split_cpus
from perfproof.machine.environment import fingerprint
from perfproof.machine.signals import interruptible
from perfproof.measure.checks import run_checks
from perfproof.measure.estimate import OUTSIDE, estimate, spelled
from perfproof.measure.preflight import require_ready
from perfproof.measure.resume import ResumedRun, resume_run
from perfproof.model.checks import Checked
from perfproof.model.formatting import interval, percent
from perfproof.model.instructions import Instructions
from perfproof.model.levers import Causes
from perfproof.model.metrics import ALL, COUNTED, METRICS
from perfproof.model.policy import Policy
from perfproof.model.probe import Probing
from perfproof.model.recording import Recording, Round, RunInfo
from perfproof.model.result import ASKED, Comparison, ProbeResult, Result
from perfproof.model.revision import Revision
from perfproof.model.rules import Rules, Spread
from perfproof.model.scenario import Arm, Budget, Claim, Goal, Scenario
from perfproof.queries.conclude import judge_probes
from perfproof.queries.probe import probe
from perfproof.queries.probe_plan import worth_probing
from perfproof.rounds.feeds import directed, feeds_of, pushing
from perfproof.rounds.observer import Observer
from perfproof.rounds.pace import Design, Pace
from perfproof.rounds.round import interrupted, run_round
from perfproof.rounds.run_context import RunContext
from perfproof.rounds.single_start import PassContext, warn_of_debug_modes
from perfproof.service.lifecycle import RunningService, run_command, start
from perfproof.service.private_folders import private_folder
from perfproof.service.revision import revision
from perfproof.service.snapshots.snapshot import taken
from perfproof.stats.alpha_spending import planned_looks
from perfproof.why.passes.run import find_causes

_log = logging.getLogger(__name__)
T = TypeVar("T", Goal, Budget)
Kind = Literal["run", "ab", "noise", "capacity", "count", "checks"]

_PLANNING_ROUNDS = 2
"""Rounds whose length decides how many there will be."""
_LEAST_ROUNDS = 2
"""Rounds without which there is no interval: measured even where they take longer than was given."""
_CLOSING = 1.5
"""Seconds that the analysis and the reports take after everything was measured."""
_SHARE_OF_CAUSES = 0.2
"""Share of the time of the whole command that is kept for looking for causes."""


@dataclass(frozen=True)
class Options:
    """What the command line decides beside the scenario. ``resumes`` is the folder of an interrupted run.

    ``foretold`` says that how long it takes was told from an earlier run, and need not be told from its first round.
    """

    kind: Kind
    label: str | None = None
    results: Path = Path("results")
    spreads: Callable[[RunInfo], Sequence[Spread]] = lambda info: ()  # noqa: ARG005 - the default knows nothing
    attempts: Callable[[RunInfo], int] = lambda info: 1  # noqa: ARG005
    policy: Policy = field(default_factory=Policy)
    resumes: Path | None = None
    foretold: bool = False
    slowness: float = 1.0
    started: Callable[[RunInfo, Path], None] = lambda info, path: None  # noqa: ARG005


@dataclass(frozen=True)
class Measured:
    """What a measurement left behind. ``problem`` is the error that ended it early, if one did."""

    info: RunInfo
    directory: Path
    result: Result | None
    problem: PerfproofError | None


def arms_of(scenario: Scenario, kind: Kind) -> tuple[Arm, ...]:
    """Return the arms a kind of run measures.

    One for ``run``, all for ``ab``, ``count`` and ``checks``, the first twice for ``noise``, at most two for
    ``capacity``.
    """
    first = scenario.arms[0]
    if kind == "run":
        return (first,)
    if kind == "noise":
        return (first, replace(first, name="again" if first.name != "again" else "again-2"))
    if len(scenario.arms) > 2 and kind == "capacity":
        raise UsageError(
            f"the scenario has {len(scenario.arms)} versions; `capacity` searches on one or two",
            where=str(scenario.file),
            hint=f"name one: perfproof capacity {scenario.file.name} --arm {scenario.arms[-1].name}",
        )
    if kind in ("capacity", "count", "checks"):
        return scenario.arms
    if len(scenario.arms) < 2:
        raise UsageError(
            "the scenario has one arm; `ab` compares two",
            where=str(scenario.file),
            hint="add `arms: {baseline: ..., candidate: ...}`, or measure one arm with `perfproof run`",
        )
    return scenario.arms


def measure(scenario: Scenario, options: Options, observer: Observer) -> Measured:
    """Measure ``scenario`` and return what was concluded; the run directory is complete on every way out.

    An error or an interruption after the first sealed round is not raised but returned as ``problem``, beside the
    result of the rounds that were finished. Errors before that are raised.
    """
    began = time.monotonic()
    # On a busy machine what comes before and after takes longer, and is a part of the time of the whole command.
    counted_from = began - OUTSIDE * (options.slowness - 1)
    scenario = searching(scenario) if options.kind == "capacity" else scenario
    arms = arms_of(scenario, options.kind)
    cpus = split_cpus()
    redactor = Redactor(scenario.secrets)
    with private_folder() as private, interruptible(), ExitStack() as stack:
        info = _run_info(scenario, options, arms, cpus)
        arms = tuple(placed(arm, private) for arm in arms)
        feeds = stack.enter_context(feeds_of(arms))
        arms = tuple(
            pushing(arm, feeds.get(arm.name)) if lives_on(arm) else directed(arm, feeds.get(arm.name)) for arm in arms
        )
        scenario = replace(scenario, arms=arms)
        info = replace(info, rules=replace(info.rules, attempts=options.attempts(info)))
        taken_up = None if options.resumes is None else resume_run(options.resumes, info)
        if taken_up is not None:
            info, scenario = taken_up.info, _without_clock(scenario, taken_up)
        spreads = tuple(options.spreads(info))
        directory = taken_up.directory if taken_up else RunDirectory.create(options.results, info, scenario.text)
        rounds = _Rounds(info, directory, observer, spreads)
        problem: PerfproofError | None = None
        try:  # from here on the directory says how the run ended
            options.started(info, directory.path)
            if taken_up is None and not options.foretold:

                def foretell(seen: RunInfo) -> None:
                    """Say how long it takes in all, now that a start and a round have been seen."""
                    found = estimate(scenario, options.kind, seen, rounds.spreads, options.slowness)
                    if found is not None and len(scenario.arms) == len(arms):
                        observer.note(f"Takes about {spelled(found.seconds)} in all: it starts in {found.start:.1f} s.")

                rounds.foretell = foretell
            if taken_up is not None:
                rounds.instructions, rounds.checked = taken_up.instructions, taken_up.checked
                rounds.done, rounds.probing, rounds.ended = len(taken_up.rounds), taken_up.probing, taken_up.measured
            warn_of_debug_modes(arms, observer)
            _prepare(arms, private, redactor, observer)
            snapshots = stack.enter_context(taken(arms, private, scenario.allow, observer.note))
            observer.phase("starting the load process")
            load = LoadProcess.start(
                scenario, log=private / "load.log", cpus=cpus.generator, folder=directory.path, redactor=redactor
            )
            try:
                with _kept_services(arms, private, redactor, cpus) as kept:
                    rounds.info = replace(rounds.info, variants=load.variants)
                    directory.finish(rounds.info)
                    phase = PassContext(
                        scenario, load, private, redactor, cpus, observer, kept, compare=False, snapshots=snapshots
                    )
                    rounds.part("before", began)
                    if options.kind not in ("count", "checks"):
                        if rounds.probing is None and not rounds.done:
                            rounds.probing = _probe(
                                scenario, options.kind, load, private, redactor, cpus, observer, kept
                            )
                            if rounds.probing is not None:
                                directory.save_probing(rounds.probing)
                            rounds.part("probe")
                        if scenario.rounds.time is not None and taken_up is None:
                            # How long a check takes is not known before: rounds get the time that it leaves.
                            hurried = replace(phase, scenario=_hurried(scenario, _MOST_OF_CHECKS))
                            rounds.beside(hurried, options.kind)
                        with pinned(cpus.generator):
                            pace = _pace(scenario, options.kind, counted_from, taken_up.design if taken_up else None)
                            stage = RunContext(
                                scenario,
                                load,
                                directory,
                                private,
                                redactor,
                                cpus,
                                observer,
                                kept,
                                pace,
                                snapshots,
                                rounds.name,
                                rounds.done + 1,
                                feeds,
                            )
                            rounds.conduct(stage)
                            rounds.part("")
                    if options.kind in ("run", "ab"):
                        rounds.doing = "the search for causes"
                        rounds.causes = find_causes(phase, rounds.probing, _left(scenario, counted_from))
                        if rounds.causes is not None:
                            directory.save_causes(rounds.causes)
                        rounds.part("causes")
                    if options.kind == "checks" and scenario.rounds.time is not None:
                        phase = replace(phase, scenario=_hurried(scenario, _ALL_OF_CHECKS))
                    rounds.beside(phase, options.kind, after=options.kind in ("run", "ab"))
            finally:
                load.stop()
        except (PerfproofError, KeyboardInterrupt) as error:
            problem = error if isinstance(error, PerfproofError) else interrupted()
            if isinstance(problem, Interrupted) and rounds.doing:
                problem = Interrupted(
                    f"{rounds.doing} was interrupted", hint="the rounds had ended: what they show stands"
                )
        info = replace(
            rounds.info,
            **_status(problem, rounds.doing),
            took=rounds.took() | {"whole": round(time.monotonic() - began, 3)},
        )
        directory.finish(info)  # before anything else that needs room on the disk
        directory.keep_log(private / "load.log", redactor)
        recording = rounds.recording(info)
        result = (
            analyse(recording, rounds.spreads)
            if recording.rounds
            or (options.kind in ("count", "checks") and (recording.instructions or recording.checked))
            else None
        )
        return Measured(info, directory.path, result, problem)


def probe_alone(scenario: Scenario, arm: str | None, observer: Observer) -> ProbeResult:
    """Probe the arms of ``scenario`` (or the one called ``arm``) without any load, and return what that shows.

    Raises UsageError for an arm that is not there and what ``probe`` raises; nothing is recorded.
    """
    arms = tuple(each for each in scenario.arms if arm in (None, each.name))
    if len(arms) > 2:
        raise UsageError(
            f"the scenario has {len(arms)} versions, and a probe alone holds two against each other",
            where=str(scenario.file),
            hint=f"name one: --arm {arms[-1].name}; `perfproof ab` probes all of them before it measures",
        )
    if not arms:
        names = ", ".join(each.name for each in scenario.arms)
        raise UsageError(f"the scenario has no arm {arm!r}", hint=f"it has {names}")
    if scenario.locustfile is not None:
        raise UsageError(
            "requests of a Locust file cannot be probed: they come up as it runs",
            where=str(scenario.file),
            hint="write the ones to be counted as `requests:` of another scenario",
        )
    cpus = split_cpus()
    redactor = Redactor(scenario.secrets)
    failures: list[str] = []
    with private_folder() as private, interruptible():
        require_ready(scenario, arms)
        arms = tuple(placed(each, private) for each in arms)
        scenario = replace(scenario, arms=arms)
        both = worth_probing(scenario, arms=len(arms))[1]
        try:
            warn_of_debug_modes(arms, observer)
            _prepare(arms, private, redactor, observer)
            observer.phase("starting the load process")
            load = LoadProcess.start(
                scenario, log=private / "load.log", cpus=cpus.generator, folder=private, redactor=redactor
            )
            try:
                with _kept_services(arms, private, redactor, cpus) as kept:
                    phase = PassContext(scenario, load, private, redactor, cpus, observer, kept, both, failures)
                    found = probe(phase)
            finally:
                load.stop()
        except KeyboardInterrupt:
            raise Interrupted("interrupted", hint="a probe alone records nothing; start it again") from None
    return judge_probes(found, Rules(budgets=scenario.budgets, margin=scenario.margin), scenario.name, failures)


@dataclass
class _Rounds:
    """The rounds of one run as they are measured, and the decision whether another one is needed."""

    info: RunInfo
    directory: RunDirectory
    observer: Observer
    spreads: tuple[Spread, ...]
    foretell: Callable[[RunInfo], None] | None = None

    probing: Probing | None = None
    causes: Causes | None = None
    instructions: Instructions | None = None
    checked: Checked | None = None
    doing: str = ""
    done: int = 0
    ended: bool = False

    def __post_init__(self) -> None:
        self._read: dict[int, Round] = {}
        self._parts: dict[str, float] = {}
        self._rounds: list[float] = []
        self._starts: list[float] = []
        self._since = 0.0

    def part(self, name: str, began: float | None = None) -> None:
        """Note how long a part of the run took, since the last one or since ``began``; one without a name is none."""
        now = time.monotonic()
        if name:
            self._parts[name] = now - (self._since if began is None else began)
        self._since = now

    def took(self) -> dict[str, float]:
        """Return the seconds of the parts that there were, as ``RunInfo.took`` has them."""
        found = dict(self._parts)
        if self._rounds:
            found["round"] = sum(self._rounds) / len(self._rounds)
            found["start"] = sum(self._starts) / len(self._starts)
        return {name: round(seconds, 3) for name, seconds in found.items()}

    @property
    def _telling(self) -> int:
        """Return the round after which it is told how long the run takes: the first alone is longer than all others."""
        return min(2, self.info.rules.planned_rounds)

    def _projected(self) -> dict[str, float]:
        """Return the seconds of the parts, as if the rounds to come took as long as the last one."""
        planned = self.info.rules.planned_rounds
        mean = (sum(self._rounds) + (planned - len(self._rounds)) * self._rounds[-1]) / planned
        return self.took() | {"round": mean}

    def beside(self, phase: PassContext, kind: Kind, *, after: bool = False) -> None:
        """Count and check, as far as it is wanted and was not done yet; ``after`` says that the rounds have ended."""
        if kind in ("run", "ab", "count") and phase.scenario.count.by != "off" and self.instructions is None:
            self.doing = "the count of instructions" if after else ""
            self.instructions = count_instructions(phase)
            self.directory.save_instructions(self.instructions)
            self.part("count")
        if kind in ("run", "ab", "checks") and phase.scenario.checks.wanted and self.checked is None:
            self.doing = "the checks" if after else ""
            self.checked = run_checks(phase)
            self.directory.save_checked(self.checked)
            self.part("checks")

    def conduct(self, stage: RunContext) -> None:
        """Measure round after round until the plan or a look ends it."""
        number, stop = self.done, self.ended or (self.done > 0 and self._look(self.done))
        search = Search(self.info) if self.info.kind == "capacity" else None
        while number < self.info.rules.planned_rounds and not stop:
            number += 1
            self.observer.round(number, self.info.rules.planned_rounds)
            began = time.monotonic()
            measured = run_round(stage, number, search)
            seconds = time.monotonic() - began
            self._rounds.append(seconds)
            self._starts.append(max(arm.start_seconds for arm in measured.arms))
            _log.info("round %d took %.2f s", number, seconds)
            if search is not None:
                self.observer.estimate(so_far(self.info, search.known))
            else:
                if number == 1:
                    self._describe(stage.pace)
                if number <= _PLANNING_ROUNDS:
                    self._plan(number, seconds, stage.pace)
                if self.foretell and stage.pace.deadline is None and number == self._telling:
                    self.foretell(replace(self.info, took=self._projected()))
                stop = self._look(number)
                stop = stop or self._out_of_time(number, seconds, stage.pace.deadline)
            left = 0 if stop else self.info.rules.planned_rounds - number
            self.observer.time_left(left * seconds)

    def name(self, names: Sequence[str]) -> None:
        """Take down the names that a Locust file's requests have had so far."""
        if len(names) > len(self.info.requests):
            self.info = replace(self.info, requests=tuple(names), variants=(("",),) * len(names))
            self.directory.note(self.info)

    def _describe(self, pace: Pace) -> None:
        """Record how the arms take turns, and why."""
        if pace.design is not None and len(self.info.arms) > 1:
            self.info = replace(self.info, settings={**self.info.settings, ASKED: pace.design.sentence})
            self.directory.note(self.info)
            self.observer.note(f"Asked {pace.design.sentence}.")

    def _plan(self, number: int, seconds_per_round: float, pace: Pace) -> None:
        """Fix the number of rounds after the first ones, by the clock alone and never by what they showed.

        The first round is the slowest, since the machine's caches are cold; so the second one has a say as well.
        """
        deadline = pace.deadline
        if deadline is None and number > 1:
            return
        budget = None if deadline is None else number * seconds_per_round + max(0.0, deadline - time.monotonic())
        planned = plan(self.info.rules, seconds_per_round, budget, self.spreads, in_pairs=pace.in_pairs)
        self.info = replace(self.info, rules=planned.rules)
        if self.info.kind != "run" and (number > 1 or deadline is None or planned.rounds <= number):
            self.observer.note(planned.sentence)

    def _out_of_time(self, number: int, seconds_per_round: float, deadline: float | None) -> bool:
        """Tell whether the clock ends the run here; what it could not hold was then never planned."""
        if deadline is None or number < _LEAST_ROUNDS or time.monotonic() + seconds_per_round <= deadline:
            return False
        self.info = replace(self.info, rules=replace(self.info.rules, planned_rounds=number))
        return True

    def _look(self, number: int) -> bool:
        """Show the estimate so far; at a planned look, tell whether it settles the matter."""
        recording = self.recording(self.info)
        if number not in planned_looks(self.info.rules.planned_rounds, self.info.rules.early_stop):
            self.observer.estimate(describe(progress(recording)))
            return False
        seen = look(recording, self.spreads)
        _log.info("look after round %d: %s", number, seen.reason)
        self.observer.estimate(describe(seen.result.comparisons))
        return seen.stop

    def recording(self, info: RunInfo) -> Recording:
        """Return everything sealed so far; each round is read from disk once."""
        for number in self.directory.sealed_rounds():
            if number not in self._read:
                self._read[number] = read_round(self.directory.path, number)
        read = tuple(self._read[number] for number in sorted(self._read))
        return Recording(info, read, self.probing, self.causes, self.instructions, self.checked)


def _left(scenario: Scenario, began: float) -> float | None:
    """Return the seconds left for the causes, of the time of the whole command; None where it has no limit."""
    budget = scenario.rounds.time
    return None if budget is None else began + budget - _CLOSING - time.monotonic()


_MOST_OF_CHECKS, _ALL_OF_CHECKS = 0.4, 0.9
"""Shares of the time of the whole command that checks which ask and builds may take: beside rounds, and without any."""


def _hurried(scenario: Scenario, share: float) -> Scenario:
    """Return the scenario with its checks in a share of the time of the command; restarts take what they take."""
    checks, budget = scenario.checks, scenario.rounds.time or 0.0
    asking = sum(name != "rollout" for name in checks.wanted) or 1
    each = max(1.0, share * budget / asking)
    wanted = {
        name: {**settings, "minutes": max(1, min(int(str(settings["minutes"])), round(each / 60)))}
        if "minutes" in settings
        else settings
        for name, settings in checks.wanted.items()
    }
    return replace(scenario, checks=replace(checks, wanted=wanted, time=min(checks.time, each / len(scenario.arms))))


def _without_clock(scenario: Scenario, taken_up: ResumedRun) -> Scenario:
    """Return the scenario without a time for the command where the number of rounds is fixed already."""
    if len(taken_up.rounds) < _PLANNING_ROUNDS:
        return scenario
    return replace(scenario, rounds=replace(scenario.rounds, time=None))


def _pace(scenario: Scenario, kind: Kind, began: float, known: Design | None = None) -> Pace:
    """Return the pace of the rounds: with a time for the whole command, less what comes after them.

    ``known`` is how the arms took turns in the rounds there are.
    """
    budget = scenario.rounds.time
    deadline = None if budget is None else began + seconds_for_rounds(scenario, kind, budget)
    design = Design(False, True, "the highest rate is searched for") if kind == "capacity" else known
    return Pace(scenario, len(scenario.arms), deadline, design)


def seconds_for_rounds(scenario: Scenario, kind: Kind, budget: float) -> float:
    """Return the seconds from the beginning until the rounds have to be over, of ``budget`` for the whole command."""
    explain = scenario.explain
    causes = kind in ("ab", "run") and (explain.levers or explain.memory or explain.profile != "off")
    return budget - _CLOSING - (_SHARE_OF_CAUSES * budget if causes else 0.0)


def describe(rows: Sequence[Comparison]) -> str:
    """Return the current estimate in a few words, for the live display."""
    told = []
    for row in rows:
        if row.request == ALL and row.metric == "latency_p50" and row.change is not None:
            # Two rounds give an interval so wide that it says nothing.
            known = interval(row.ci_low, row.ci_high) if row.rounds > 2 and row.ci_low is not None else ""
            told.append(f"{row.arm} p50 {percent(row.change)} {known}".strip())
    return ", ".join(told)


def _probe(
    scenario: Scenario,
    kind: str,
    load: LoadProcess,
    private: Path,
    redactor: Redactor,
    cpus: CpuPlan,
    observer: Observer,
    kept: Mapping[str, RunningService],
) -> Probing | None:
    """Probe the arms where there is something to count or to compare; identical arms need neither."""
    worthwhile, both = worth_probing(scenario, arms=len(scenario.arms))
    if kind in ("noise", "capacity") or not worthwhile:
        return None
    return probe(PassContext(scenario, load, private, redactor, cpus, observer, kept, compare=both))


def _status(problem: PerfproofError | None, doing: str) -> dict[str, Any]:
    """Return how the run ended; ``doing`` names what was done then, once the rounds had ended."""
    if problem is None:
        return {"status": "complete", "problem": None}
    if isinstance(problem, Interrupted):
        return {"status": "interrupted", "problem": str(problem), "interrupted_in": doing}
    return {"status": "failed", "problem": str(problem)}


@contextmanager
def _kept_services(
    arms: Sequence[Arm], private: Path, redactor: Redactor, cpus: CpuPlan
) -> Iterator[Mapping[str, RunningService]]:
    """Lend services that outlive a round, where an arm cannot be started afresh; otherwise none."""
    if not any(lives_on(arm) for arm in arms):
        yield {}
        return
    logs = private / "kept"
    logs.mkdir(mode=0o700)
    services = start(arms, logs=logs, redactor=redactor, cpus=cpus.service)
    try:
        yield {service.arm.name: service for service in services}
    finally:
        for service in services:
            service.stop()


def lives_on(arm: Arm) -> bool:
    """Tell whether the arm's service outlives a round, since it is not started afresh."""
    return arm.service.url is not None or arm.service.restart == "never"


def placed(arm: Arm, private: Path) -> Arm:
    """Fill ``{python}`` (the interpreter perfproof runs in), ``{work}`` (a scratch directory) and ``{webhook}``.

    Nothing listens for webhooks but in the check of them, which puts its own address in their place.
    """
    work = private / "work" / arm.name
    work.mkdir(parents=True, exist_ok=True)

    def fill(text: str | None) -> str | None:
        if not text:
            return text
        filled = text.replace("{python}", sys.executable).replace("{work}", str(work))
        return filled.replace(f"{{{WEBHOOK}}}", NOWHERE)

    service = arm.service
    return replace(
        arm,
        service=replace(
            service,
            command=fill(service.command),
            prepare=fill(service.prepare),
            reset=fill(service.reset),
            snapshot=fill(service.snapshot),
            database=tuple((fill(url) or "").replace("{arm}", arm.name) for url in service.database),
            environment={key: fill(value) or "" for key, value in service.environment.items()},
        ),
    )


def _prepare(arms: Sequence[Arm], private: Path, redactor: Redactor, observer: Observer) -> None:
    for arm in arms:
        if arm.service.prepare:
            observer.phase(f"preparing {arm.name}")
            log = private / f"{arm.name}.prepare.log"
            run_command(arm, arm.service.prepare, purpose="prepare", log=log, redactor=redactor)


def _run_info(scenario: Scenario, options: Options, arms: Sequence[Arm], cpus: CpuPlan) -> RunInfo:
    now = datetime.now(UTC)
    return RunInfo(
        id=new_id(scenario.name, now),
        kind=options.kind,
        label=options.label,
        scenario_name=scenario.name,
        scenario_hash=scenario.hash,
        arms=tuple(arm.name for arm in arms),
        arm_details=tuple(_arm_details(arm, scenario) for arm in arms),
        requests=tuple(request.name for request in scenario.requests),
        variants=(),
        settings={
            **_timing(scenario, options.kind),
            **({"capacity": _search(scenario)} if options.kind == "capacity" else {}),
            "cpus": cpus.sentence,
            **_requests(scenario),
        },
        environment=fingerprint({"perfproof": __version__, "placement": cpus.sentence}),
        started_at=now.isoformat(timespec="seconds"),
        revision=_revision(arms[-1]),
        owner=str(Owner.mine()),
        scenario_file=str(scenario.file.absolute()),
        rules=Rules(
            goals=_of_kind(scenario.goals, options.kind, scenario),
            budgets=_of_kind(scenario.budgets, options.kind, scenario),
            margin=scenario.margin,
            regression=scenario.margin,
            max_error_rate=scenario.max_error_rate,
            planned_rounds=scenario.rounds.count,
            early_stop=scenario.rounds.early_stop and options.kind == "ab",
            restarts=not any(lives_on(arm) for arm in arms),
            policy=options.policy,
            claims=_claims(scenario, options.kind),
            candidates=max(1, len(arms) - 1),
        ),
    )


def _timing(scenario: Scenario, kind: Kind) -> dict[str, Any]:
    """Return how much load and how many rounds there are, or how many starts where nothing is timed."""
    if kind == "count":
        return {"count": asdict(scenario.count)}
    if kind == "checks":
        return {"checks": {"requests": scenario.checks.requests, "time": scenario.checks.time}}
    return {"load": _load(scenario), "rounds": asdict(scenario.rounds)}


def _load(scenario: Scenario) -> dict[str, Any]:
    """Return how the load arrives, without what has no part in it."""
    found = asdict(scenario.load)
    return found if scenario.locustfile is None else {name: found[name] for name in ("model", "users", "limits")}


def _requests(scenario: Scenario) -> dict[str, Any]:
    """Return how the requests come about, fit for reports."""
    source = scenario.locustfile
    if source is None:
        flows = len({request.flow for request in scenario.requests if request.flow})
        weights = {"weights": [request.weight for request in scenario.requests]}
        return {**weights, "flows": flows} if flows else weights
    chosen = {"users": source.users, "tags": source.tags, "exclude tags": source.exclude_tags}
    return {
        "locustfile": {"file": source.file.name, **{name: list(found) for name, found in chosen.items() if found}},
        "latency": "from when a request was sent, as the clients of the Locust file measured it",
    }


def _search(scenario: Scenario) -> dict[str, Any]:
    """Return how the capacity is searched for; the budgets are among the rules."""
    return {name: value for name, value in asdict(scenario.capacity).items() if name != "budgets"}


def _of_kind(demands: tuple[T, ...], kind: Kind, scenario: Scenario) -> tuple[T, ...]:
    """Return the goals or budgets that a run of this kind can decide: none with identical arms, some by a count.

    Where checks were narrowed on the command line, demands on the others are not held against it.
    """
    if kind == "noise":
        return ()
    if kind == "count":
        return tuple(each for each in demands if each.metric == COUNTED)
    if kind == "checks":
        return tuple(each for each in demands if METRICS[each.metric].check in scenario.checks.wanted)
    return demands if kind == "capacity" else tuple(each for each in demands if each.metric != "capacity")


def _claims(scenario: Scenario, kind: Kind) -> tuple[Claim, ...]:
    """Return the claims that a run of this kind can decide: those whose goals and budgets it has."""
    if kind in ("noise", "capacity", "count"):
        return ()
    left = {*_of_kind(scenario.goals, kind, scenario), *_of_kind(scenario.budgets, kind, scenario)}
    return tuple(claim for claim in scenario.claims if claim.demand in left)


def _revision(arm: Arm) -> Revision | None:
    """Return where the arm's code stood in git; what a service at a URL runs is not known here."""
    if arm.service.url:
        return None
    found = revision(arm.service.directory)
    commit = arm.source.get("commit")  # of files taken out of git, which are in no repository any more
    return found or (Revision(commit) if commit else None)


def _arm_details(arm: Arm, scenario: Scenario) -> dict[str, str]:
    """Return how an arm was run, fit for reports: environment values are shown unless they are or look secret."""
    redact = Redactor(scenario.secrets)
    service = arm.service
    details = {"command": service.command or "", "url": service.url or "", "directory": str(service.directory)}
    if arm.source:
        details |= {"build": service.build or "", **arm.source}
    details |= {f"env {name}": value for name, value in sorted(service.environment.items())}
    return {name: redact(value) for name, value in details.items() if value}
