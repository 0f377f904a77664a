"""Brings a freshly started arm to a steady state before anything is recorded.

Three things must hold: a minimum of time and requests, every worker process has served, and the median latency
of successive stretches has stopped falling.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from math import inf
from statistics import median

from perfproof.errors import LoadError
from perfproof.load.load_client import LoadProcess
from perfproof.load.plan import WarmReport
from perfproof.model.scenario import Request, Rounds, Scenario
from perfproof.service.lifecycle import RunningService
from perfproof.service.processes import ProcessTree, cold
from perfproof.service.sockets import serving_pids

STRETCH = 0.25
"""Seconds of one stretch of warm-up load."""

STILL_FALLING = 0.85
"""Warming up makes a service faster, so it goes on while the median of the last two stretches is below this share of
that of the two before. A rise is not warming up but the machine's noise (or a leak, which the analysis looks for)."""

JUDGED_STRETCHES = 4
"""Stretches on either side that are compared where the time is up: two and two differ by as much on a busy machine."""

FEWEST_IN_STRETCH = 8
LONGEST_STRETCH = 2.0
"""Requests that a stretch of a slow load should hold, and the seconds it takes at most."""
OVERLOADED = 1.4
SLACK = 0.2
"""How many times longer than it should, and seconds more, a stretch takes before the rate is called too high."""

FRESH_TRIES = 6
"""How often connections are made anew to reach a worker that has served nothing."""


@dataclass(frozen=True)
class WarmupState:
    """What the warm-up of one arm came to."""

    requests: int
    seconds: float
    steady: bool
    cold_processes: int


def most_warmup(rounds: Rounds, least: float | None = None) -> float:
    """Return the longest that an arm is warmed up for, in seconds; fresh connections to cold workers not counted."""
    least = rounds.block_warmup if least is None else least
    return max(3 * least, least + 3.0) if least or rounds.warmup_requests else 0.0


def is_steady(medians: Sequence[float]) -> bool:
    """Tell whether the last two stretches are no faster than the two before them (four are needed)."""
    if len(medians) < 4:
        return False
    return sum(medians[-2:]) >= STILL_FALLING * sum(medians[-4:-2])


def has_settled(medians: Sequence[float]) -> bool:
    """Tell whether a service was warm when the time for it was up: its latency fell no more than noise does.

    It still fell if the last four stretches are faster than the four before them by their medians and one by one, but
    for one of the sixteen comparisons (by chance: 3 in 100 where stretches differ by a factor of two, 1 in 100 where
    they differ by 10 %; two against two stretches say so in 42 and 5). Shorter rows are judged as while warming up.
    """
    if len(medians) < 2 * JUDGED_STRETCHES:
        return is_steady(medians)
    before, last = medians[-2 * JUDGED_STRETCHES : -JUDGED_STRETCHES], medians[-JUDGED_STRETCHES:]
    against = sum(late >= early for early in before for late in last)
    return against > 1 or median(last) >= STILL_FALLING * median(before)


def warm_up(
    load: LoadProcess,
    arm: int,
    tree: ProcessTree,
    service: RunningService,
    scenario: Scenario,
    alone: float = 0.0,
    least: float | None = None,
    at_most: float = inf,
    *,
    judged: bool = True,
) -> WarmupState:
    """Send unrecorded load until the arm is warm, at most three times the asked-for warm-up (at least 3 s more).

    ``alone`` is how long a request takes when nothing else is asked, where that is known; ``least`` the seconds to
    warm, where they are not the scenario's; ``at_most`` seconds end it earlier. LoadError if the service stops
    answering or, where its latency is to be ``judged``, carries less than is asked.
    """
    rounds = scenario.rounds
    at_start = tree.cpu_by_pid()
    medians: list[float] = []
    reports: list[WarmReport] = []
    requests, seconds = 0, 0.0
    least = rounds.block_warmup if least is None else least
    limit = min(most_warmup(rounds, least), at_most)
    stretch = stretch_seconds(scenario)
    steady = least == 0 and rounds.warmup_requests == 0
    while not steady and seconds < limit:
        enough = seconds >= least and requests >= rounds.warmup_requests
        if enough and is_steady(medians):
            steady = True
            break
        report = load.warm(arm, stretch)
        reports.append(report)
        requests += report.requests
        seconds += max(stretch, report.took_ns / 1e9)
        _refuse_hanging(scenario, arm, report)
        if judged:
            _refuse_overload(scenario, arm, reports, stretch, alone)
        if report.requests > report.failed:
            medians.append(report.p50_ns)
    steady = steady or has_settled(medians)
    # Workers that share a port take the new connections that the kernel hands them: kept ones never reach the others.
    still_cold = 0
    for attempt in range(FRESH_TRIES + 1):
        now = tree.cpu_by_pid()
        serving = serving_pids(service.processes(), service.port) if service.port else ()
        still_cold = len(cold(at_start, now, serving)) if len(serving) > 1 else 0
        if not still_cold or attempt == FRESH_TRIES or seconds >= at_most:
            break
        report = load.warm(arm, STRETCH, fresh_connections=True)
        requests += report.requests
        seconds += STRETCH
    return WarmupState(requests, seconds, steady, still_cold)


def _refuse_hanging(scenario: Scenario, arm: int, report: WarmReport) -> None:
    """LoadError where nothing was answered and a whole timeout went by: every other stretch would cost as much."""
    limit = min((request.timeout for request in scenario.requests), default=0.0)
    if limit and report.requests and report.failed == report.requests and report.took_ns / 1e9 >= limit:
        raise LoadError(
            f"{scenario.arms[arm].name} did not answer within {limit:g} s, in its warm-up",
            hint="read its log (in the run directory); a longer `timeout:` of the request waits longer",
        )


def stretch_seconds(scenario: Scenario) -> float:
    """Return the seconds of a stretch of load: longer where it would hold hardly a request."""
    load = scenario.load
    slow = load.model == "open" and not load.stages and scenario.locustfile is None and load.rate > 0
    return min(LONGEST_STRETCH, max(STRETCH, FEWEST_IN_STRETCH / load.rate)) if slow else STRETCH


def pauses(requests: Sequence[Request]) -> float:
    """Return the seconds that a flow may wait of its own will: think times, and between repeats of a step."""
    waits: defaultdict[str, float] = defaultdict(float)
    for request in requests:
        repeat = request.repeat
        waits[request.flow] += request.think_time + ((repeat.at_most - 1) * repeat.every if repeat else 0.0)
    return max(waits.values(), default=0.0)


def carried(reports: Sequence[WarmReport], stretch: float, alone: float, pause: float = 0.0) -> float | None:
    """Return the rate that a service carries which is asked for more than that; None where it keeps up.

    What is sent over ``stretch`` seconds should be answered one request's time later, of a flow also its own pauses
    (``pause`` seconds at most). A queue that takes plainly longer to empty, over a second of load, is more than chance:
    at 95 % utilisation a stretch takes a tenth longer.
    """
    seen = list(reports[-max(2, round(1.0 / stretch)) :])
    if len(seen) < 2 or sum(report.requests for report in seen) < FEWEST_IN_STRETCH:
        return None
    took = sum(report.took_ns for report in seen) / 1e9
    if took <= OVERLOADED * len(seen) * (stretch + alone + pause) + SLACK:
        return None
    return sum(report.requests - report.failed for report in seen) / took


def _refuse_overload(scenario: Scenario, arm: int, reports: Sequence[WarmReport], stretch: float, alone: float) -> None:
    """LoadError where the asked-for rate ends in a queue: latencies would only tell how long that has become."""
    load = scenario.load
    if load.model != "open" or load.stages or scenario.locustfile is not None:
        return
    rate = carried(reports, stretch, alone, pauses(scenario.requests))
    if rate is not None and rate < load.rate:
        modest = float(f"{0.7 * rate:.2g}")
        raise LoadError(
            f"the load is {load.rate:,.4g}/s and {scenario.arms[arm].name} carries about {rate:,.3g}/s",
            where=str(scenario.file),
            why="requests come faster than they are answered, so their latency is that of a queue that only grows",
            hint=f"write `rate: {modest:g}/s`, or leave `load:` out to measure what one request costs",
        )
