"""A look at noise: one version against itself for ten seconds, and what runs of some minutes would see after that.

The service of the scenario is looked at where it can be, since half of what limits a verdict is its own (what two
starts of it differ by, how its requests spread); else a small service of our own is. Either goes the way of a real
measurement (fresh starts, pairs, the same statistics). A loop that is timed in this process was rejected: it knows
nothing of starts, of sockets and of the scheduler between generator and service. So was the bundled demo: it is not
installed everywhere, and preparing it takes longer than the look.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from math import expm1, inf, isfinite
from statistics import median

import numpy as np

from perfproof.core.numbers import percent
from perfproof.doctor.context import Context
from perfproof.doctor.results import CheckResult, NoiseEstimate, NotChecked, ok, warning
from perfproof.doctor.store import store_url
from perfproof.errors import Interrupted, PerfproofError, StoreError
from perfproof.evidence.reader import read
from perfproof.judge.analysis import expected_spread
from perfproof.judge.run_plan import plan
from perfproof.measure.arms import lives_on
from perfproof.measure.clock import seconds_for_rounds
from perfproof.measure.options import Options
from perfproof.measure.run import measure
from perfproof.model.metrics import ALL
from perfproof.model.recording import Recording
from perfproof.model.rules import Spread
from perfproof.model.scenario import Arm, Explain, Scenario
from perfproof.rounds.observer import Silent
from perfproof.rounds.pace import choose, entries, possible, round_seconds
from perfproof.scenario import read as read_scenario
from perfproof.service.command import fill
from perfproof.stats.alpha_spending import confidence
from perfproof.stats.columns import seconds_per_round
from perfproof.stats.intervals import PRIOR_ROUNDS, STARTS_DF, smallest_effect
from perfproof.store.inspect import look as look_at_store
from perfproof.store.repository import Store

ROUNDS, PAIRS = 3, 2.0
"""Rounds of a look, and seconds of pairs in each: with warm-up and starts it takes 10 to 15 s. Fitting rounds into a
time was rejected: a service that warms up slowly was left with a single pair in each."""
LEAD = 2.0
"""Seconds of a command that starting the load process and the rest takes, where nothing has shown it."""
MINUTES = (1, 2, 5)
SLOW_START = 0.8
"""Seconds of a start from which on the look is taken within one start: starting would be most of it."""
SLOWEST_PASS = 2.0
"""Seconds that asking everything once of all arms may take: a look asks everything several times."""
BLUNT = 0.05
"""Smallest change in five minutes from which on a machine is called noisy: promises are often of 5 to 30 %."""
_OWN = """\
name: this machine
service:
  command: "{python} -m perfproof.doctor.small_service {port}"
  health: /health
requests: [{name: work, get: /}]
why: off
"""


class Noise:
    """Which change this machine can see in 1, 2 and 5 minutes."""

    about = "noise"

    def run(self, context: Context) -> Iterator[CheckResult]:
        """Measure one version against itself, in a folder that goes afterwards."""
        own, reason = None, ""
        if context.scenario is not None:
            try:
                own = adapted(context, context.scenario)
            except NotChecked as unfit:
                reason = str(unfit)
        elif context.mistaken:
            reason = "the scenario has mistakes"
        recording = None
        if own is not None:
            context.observer.phase("looking at noise, about 10 s")
            try:
                recording = _measured(own, context, "noise")
            except Interrupted:
                raise
            except PerfproofError as error:
                reason = f"the look at {own.name} failed ({error.what})"
        asked = own if recording is not None else None
        if recording is None:
            context.observer.phase("looking at the noise of the machine, about 10 s")
            recording = _measured(_small(context), context, "noise-machine")
        context.sights = tuple(_sights(context, asked, recording))
        if asked is not None and context.written is not None and not asked_in_pairs(context.written):
            reason = "in pairs; the scenario asks in blocks, which see less"
        goal = smallest_goal(context.written) if context.written is not None else None
        yield from judged(context.sights, recording, asked, reason, goal)


def asked_in_pairs(scenario: Scenario) -> bool:
    """Tell whether a run of the scenario would ask in pairs, as far as that is known before it. Pure."""
    metrics = [goal.metric for goal in scenario.goals] + [budget.metric for budget in scenario.budgets]
    design = choose(
        scenario.load,
        scenario.rounds,
        arms=len(scenario.arms),
        locust=scenario.locustfile is not None,
        under_load=any(name.startswith("latency_under_load") for name in metrics),
    )
    return design is None or design.pairs


def smallest_goal(scenario: Scenario) -> float | None:
    """Return the least improvement of latency that the scenario promises; None where it promises none. Pure."""
    return min((goal.improve for goal in scenario.goals if goal.metric.startswith("latency")), default=None)


def adapted(context: Context, scenario: Scenario) -> Scenario:
    """Return the scenario for a short look: what only reads, in pairs; NotLookedAt for what cannot be looked at so."""
    if not context.sound:
        raise NotChecked("the service does not answer as it should")
    reason = possible(scenario.load, locust=scenario.locustfile is not None)
    if reason:
        raise NotChecked(f"{reason}, so its requests cannot be paired")
    if context.pass_seconds > SLOWEST_PASS:
        raise NotChecked("its requests are too slow for a short look; `perfproof noise` takes its time")
    groups = [[scenario.requests[place] for place in places] for places in entries(scenario.requests)]
    requests = tuple(each for group in groups if all(one.reads for one in group) for each in group)
    if not requests:
        raise NotChecked("every request writes, and a look should change nothing")
    return replace(
        scenario,
        arms=(_ready(scenario.arms[0], context),),
        requests=requests,
        rounds=replace(scenario.rounds, pairing="request", pairs=PAIRS, warmup=None, time=None, count=ROUNDS),
        goals=(),
        budgets=(),
        explain=Explain(levers=False, profile="off"),
        count=replace(scenario.count, by="off"),
    )


def _ready(arm: Arm, context: Context) -> Arm:
    """Return the arm as it stands prepared, for two instances of it: they are called otherwise than the arm is."""
    service = arm.service

    def filled(text: str | None) -> str | None:
        return text and fill(text, arm.name, None)

    slow = context.start_seconds.get(arm.name, 0.0) > SLOW_START
    environment = {name: filled(value) or "" for name, value in service.environment.items()}
    return replace(
        arm,
        service=replace(
            service,
            command=filled(service.command),
            url=filled(service.url),
            reset=filled(service.reset),
            environment=environment,
            prepare=None,
            snapshot=None,
            restart="never" if slow else service.restart,
        ),
    )


def _small(context: Context) -> Scenario:
    """Return the scenario of a small service of our own."""
    file = context.private / "machine.yaml"
    file.write_text(_OWN)
    found = read_scenario(file, {})
    return replace(found, rounds=replace(found.rounds, pairing="request", pairs=PAIRS, count=ROUNDS))


def _measured(scenario: Scenario, context: Context, folder: str) -> Recording:
    """Return what was recorded; raises what ended the measurement early.

    Nobody is told of its progress: the rounds of a look are no rounds of a run.
    """
    measured = measure(scenario, Options("noise", results=context.private / folder), Silent())
    if measured.problem is not None:
        raise measured.problem
    return read(measured.directory)


def _sights(context: Context, asked: Scenario | None, recording: Recording) -> Iterator[NoiseEstimate]:
    """Yield what runs of the scenario as it is written (or of the small service) would see."""
    restarts = asked is None or not any(map(lives_on, context.read().arms))
    known = _known(context, recording) if asked is not None else None
    spread = known or expected_spread(recording, restarts=restarts)
    if spread is None:
        raise NotChecked("too little was completed to tell")
    # What starts usually differ by is known beforehand, and a verdict is judged with it.
    beforehand = 0.5 * STARTS_DF if restarts else 0.0
    each, costs = _round_of(recording)
    if restarts and not recording.info.rules.restarts:
        each += _starting(context)
    written = context.written if asked is not None else None
    for minutes in MINUTES:
        budget = 60.0 * minutes
        left = seconds_for_rounds(written, "ab", budget) if written is not None else budget - LEAD
        left = max(1.0, left - context.lead_seconds)
        seconds = each + round_seconds(each, sum(costs), max(costs), left)
        planned = plan(recording.info.rules, seconds, left, (spread,), in_pairs=True)
        fits = planned.rounds * seconds <= left * 1.1
        sure = confidence(planned.rounds, planned.rounds)
        smallest = expm1(smallest_effect(spread.sd, planned.rounds, sure, extra_df=beforehand)) if fits else inf
        yield NoiseEstimate(budget, planned.rounds if fits else 0, smallest)


def _starting(context: Context) -> float:
    """Return the seconds in which all arms start side by side, on as many cores as services have."""
    seconds = [context.start_seconds.get(arm.name, 0.0) for arm in context.read().arms]
    cores = len(context.cpus.service or (0,))
    return max(max(seconds, default=0.0), sum(seconds) / cores)


def _known(context: Context, recording: Recording) -> Spread | None:
    """Return what an earlier noise run of this scenario showed on this machine, from enough rounds; None: nothing."""
    written, url = context.written, store_url(context.asked)
    if written is None:
        return None
    try:
        if look_at_store(url).state != "current":
            return None
        store = Store.open(url)
        try:
            found = store.spreads(recording.info.environment.hash, written.hash)
        finally:
            store.close()
    except StoreError:
        return None  # the line about the store says so
    enough = (each for each in found if each.rounds >= PRIOR_ROUNDS)
    return next((each for each in enough if (each.metric, each.request) == ("latency_p50", ALL)), None)


def _round_of(recording: Recording) -> tuple[float, list[float]]:
    """Return the seconds of a round beside its pairs, and those of a pair of each request."""
    measuring, took = [], []
    for each in recording.rounds:
        stretches = {block.pair for block in each.blocks}
        measuring.append(
            sum(
                max(b.ended_ns for b in each.blocks if b.pair == pair)
                - min(b.started_ns for b in each.blocks if b.pair == pair)
                for pair in stretches
            )
            / 1e9
        )
        request, seconds = each.samples["request"], (each.samples["done_ns"] - each.samples["sent_ns"]) / 1e9
        took.append([float(np.median(seconds[request == place])) for place in np.unique(request)])
    beside = max(0.1, seconds_per_round(recording) - median(measuring))
    return beside, [2 * max(column) for column in zip(*took, strict=False)] or [0.0]


def judged(
    sights: Sequence[NoiseEstimate],
    recording: Recording,
    asked: Scenario | None,
    reason: str,
    goal: float | None = None,
) -> list[CheckResult]:
    """Return what the look came to, and what it was taken at. Pure."""
    about = Noise.about
    what = "p50 change seen: " + ", ".join(map(seen, sights))
    starts = "fresh starts" if recording.info.rules.restarts else "rounds of one start"
    of = f"{recording.info.arms[0]} against itself" if asked is not None else "a small service of perfproof's own"
    how = f"{of}, over {len(recording.rounds)} {starts}" + (f"; {reason}" if reason else "")
    if not sights or not sights[-1].smallest_change <= min(BLUNT, goal or BLUNT):
        if goal is not None and goal < BLUNT:
            what += f"; the goal is {percent(goal, signed=False)}"
        fix = "stop what else runs, take longer, or count instructions, which noise cannot move (`perfproof count`)"
        return [warning(about, what, fix, how)]
    return [ok(about, f"{what} ({how})")]


def seen(sight: NoiseEstimate) -> str:
    """Return the smallest change and the length of the run that sees it, as people read them."""
    minutes = f"in {sight.seconds / 60:.0f} min"
    if not isfinite(sight.smallest_change):
        return f"none {minutes} (too short)"
    return f"{percent(sight.smallest_change, signed=False)} {minutes}"
