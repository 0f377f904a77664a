"""Runs a whole measurement: prepare once, rounds until a planned look says stop, then the result."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

from perfproof.capacity.run import searching
from perfproof.core.redaction import Redactor
from perfproof.errors import Interrupted, PerfproofError
from perfproof.evidence.directory import RunDirectory
from perfproof.judge import analyse
from perfproof.load.load_client import LoadProcess, variants_of
from perfproof.machine.cores import CpuPlan, pinned, split_cpus
from perfproof.machine.signals import interruptible
from perfproof.measure.arms import arms_of, kept_services, lives_on, placed, prepare
from perfproof.measure.clock import ALL_OF_CHECKS, MOST_OF_CHECKS, hurried, left_for_causes, pace_of, without_clock
from perfproof.measure.estimate import OUTSIDE, estimate, spelled
from perfproof.measure.options import Measured, Options
from perfproof.measure.resume import resume_run
from perfproof.measure.rounds import Rounds
from perfproof.measure.run_info import run_info, with_programs
from perfproof.model.probe import Probing
from perfproof.model.recording import RunInfo
from perfproof.model.scenario import Scenario
from perfproof.queries.probe import probe
from perfproof.queries.probe_plan import worth_probing
from perfproof.rounds.metric_feeds import directed, feeds_of, pushing
from perfproof.rounds.observer import Observer
from perfproof.rounds.round import interrupted
from perfproof.rounds.run_context import RunContext
from perfproof.rounds.single_start import PassContext, warn_of_debug_modes
from perfproof.service.lifecycle import RunningService
from perfproof.service.private_folders import private_folder
from perfproof.service.snapshots.snapshot import taken
from perfproof.why.passes.run import find_causes

WITHOUT_LOAD = ("count", "checks")
"""Kinds of runs whose passes do without the load process: counting starts one for each arm by itself."""


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
        info = run_info(scenario, options, arms, cpus)
        arms = tuple(placed(arm, private) for arm in arms)
        feeds = stack.enter_context(feeds_of(arms))
        arms = tuple(
            pushing(arm, feeds.get(arm.name)) if lives_on(arm) else directed(arm, feeds.get(arm.name)) for arm in arms
        )
        scenario = replace(scenario, arms=arms)
        info = replace(info, rules=replace(info.rules, attempts=options.attempts(info)))
        taken_up = None if options.resumes is None else resume_run(options.resumes, info)
        if taken_up is not None:
            info, scenario = taken_up.info, without_clock(scenario, taken_up)
        spreads = tuple(options.spreads(info))
        directory = taken_up.directory if taken_up else RunDirectory.create(options.results, info, scenario.text)
        rounds = Rounds(info, directory, observer, spreads)
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
            prepare(arms, private, redactor, observer)
            rounds.info = with_programs(rounds.info, arms, observer)
            snapshots = stack.enter_context(taken(arms, private, scenario.allow, observer.note))
            load = None
            if options.kind not in WITHOUT_LOAD:
                observer.phase("starting the load process")
                load = LoadProcess.start(
                    scenario, log=private / "load.log", cpus=cpus.generator, folder=directory.path, redactor=redactor
                )
            try:
                with kept_services(arms, private, redactor, cpus) as kept:
                    rounds.info = replace(rounds.info, variants=variants_of(scenario, redactor))
                    directory.finish(rounds.info)
                    phase = PassContext(
                        scenario, load, private, redactor, cpus, observer, kept, compare=False, snapshots=snapshots
                    )
                    rounds.part("before", began)
                    if load is not None:
                        if rounds.probing is None and not rounds.done:
                            rounds.probing = _probe(
                                scenario, options.kind, load, private, redactor, cpus, observer, kept
                            )
                            if rounds.probing is not None:
                                directory.save_probing(rounds.probing)
                            rounds.part("probe")
                        if scenario.rounds.time is not None and taken_up is None:
                            # How long a check takes is not known before: rounds get the time that it leaves.
                            brisk = replace(phase, scenario=hurried(scenario, MOST_OF_CHECKS))
                            rounds.beside(brisk, options.kind)
                        with pinned(cpus.generator):
                            pace = pace_of(scenario, options.kind, counted_from, taken_up.design if taken_up else None)
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
                        rounds.causes = find_causes(phase, rounds.probing, left_for_causes(scenario, counted_from))
                        if rounds.causes is not None:
                            directory.save_causes(rounds.causes)
                        rounds.part("causes")
                    if options.kind == "checks" and scenario.rounds.time is not None:
                        phase = replace(phase, scenario=hurried(scenario, ALL_OF_CHECKS))
                    rounds.beside(phase, options.kind, after=options.kind in ("run", "ab"))
            finally:
                if load is not None:
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
            if recording.rounds or (options.kind in WITHOUT_LOAD and (recording.instructions or recording.checked))
            else None
        )
        return Measured(info, directory.path, result, problem)


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
