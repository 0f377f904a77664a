"""Rounds of paired requests: warm-up and measuring, all arms in turn."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from math import exp, log
from statistics import median

from perfproof.errors import LoadError
from perfproof.load.plan import PairsReport, PairStretch
from perfproof.rounds.pace import WARMUP, for_arms, stretches
from perfproof.rounds.run_context import Progress, RunContext
from perfproof.rounds.warmup import FRESH_TRIES, WarmupState, has_settled, is_steady
from perfproof.service.processes import cold
from perfproof.service.sockets import serving_pids

_STRETCH = 0.2
_FASTER = 6
"""How many times as many requests as in the stretch before: a first response may come much sooner than all others (the
kernel holds back none on a new connection), and one stretch sized by it would be the whole warm-up."""
_PATIENCE = 2
AFTERMATH = 0.01
"""Seconds after a stretch in which a service may finish what follows its last response, before its clock is read."""
IDLE = 0.15
"""Seconds of a round in which nobody asks, to see what the services use by themselves."""


def seed_of(run: RunContext, number: int, what: str) -> int:
    """Return the seed of a stretch: the same for every arm, another for each stretch and round."""
    return random.Random(f"{run.scenario.load.seed}-{number}-{what}").getrandbits(48)  # noqa: S311


def warm_pairs(run: RunContext, number: int, progress: Progress) -> None:
    """Ask every arm in turn until they are warm: everything once, the least time and number, until it is steady.

    A service that does not answer is told after one request, not after one a stretch.
    """
    pace, rounds = run.pace, run.scenario.rounds
    least = for_arms(WARMUP, len(progress.services)) if rounds.warmup is None else rounds.warmup
    limit = max(3 * least, least + 3.0)
    arms = tuple(range(len(progress.services)))
    trees = progress.trees
    at_start = [tree.cpu_by_pid() for tree in trees]
    seconds = 0.0  # by the clock of what sends, as in ``warm_up``
    sent = [0] * len(arms)
    levels: list[list[float]] = [[] for _ in arms]
    first: PairsReport | None = None
    count = 0
    while True:
        if first is None:
            counts = tuple(1 if weight > 0 else 0 for weight in pace.weights)
        else:
            if (seconds >= least and min(sent) >= rounds.warmup_requests and all(map(is_steady, levels))) or (
                seconds >= limit
            ):
                break
            if sum(pace.costs()) > least:
                break  # one of each is all there is time for, and they have been asked
            most_times = _FASTER * max(counts)
            counts = tuple(min(each, most_times) for each in _counts(pace.weights, pace.costs(), _STRETCH))
        # Of the first stretch nothing is known but that every request in it may take its whole timeout.
        most = max(limit, 2 * sum(pace.costs())) if pace.took else 3600.0
        seed = seed_of(run, number, f"warm-{count}")
        report = run.load.pairs(PairStretch(arms, -1, counts, most, seed, pace.gap, record=False, patience=1))
        count += 1
        seconds += (report.arms[0].ended_ns - report.arms[0].started_ns) / 1e9
        _answering(run, report, number)
        pace.learn(report)
        first = first or report
        for arm in arms:
            sent[arm] += report.arms[arm].completed
            level = _level(report, first, arm)
            if level is not None:
                levels[arm].append(level)
    for arm in arms:
        steady = has_settled(levels[arm]) or seconds < limit
        progress.warmth[arm] = WarmupState(
            sent[arm], seconds / len(arms), steady, _cold(run, progress, arm, at_start[arm])
        )


def _counts(weights: Sequence[float], costs: Sequence[float], seconds: float) -> tuple[int, ...]:
    per_pass = sum(cost for weight, cost in zip(weights, costs, strict=True) if weight > 0)
    times = max(1, round(seconds / per_pass)) if per_pass > 0 else 1
    return tuple(times if weight > 0 else 0 for weight in weights)


def _level(report: PairsReport, first: PairsReport, arm: int) -> float | None:
    """Return how long requests took, against the first of each: comparable whatever the mix."""
    known = [
        log(now / before) for now, before in zip(report.took_ns[arm], first.took_ns[arm], strict=True) if now and before
    ]
    return exp(median(known)) if known else None


def _answering(run: RunContext, report: PairsReport, number: int) -> None:
    """Raise LoadError if an arm left a request without an answer for its whole timeout."""
    for arm, hung in enumerate(report.hung):
        if hung and not report.arms[arm].aborted:
            name = run.scenario.arms[arm].name
            seconds = max(request.timeout for request in run.scenario.requests)
            raise LoadError(
                f"{name} did not answer within {seconds:g} s, in the warm-up of round {number}",
                hint="read its log (in the run directory); a longer `timeout:` of the request waits longer",
            )


def _cold(run: RunContext, progress: Progress, arm: int, at_start: dict[int, int]) -> int:
    """Have every worker process serve something, by new connections; return how many have served nothing still."""
    service, tree = progress.services[arm], progress.trees[arm]
    for attempt in range(FRESH_TRIES + 1):
        serving = serving_pids(service.processes(), service.port) if service.port else ()
        still = len(cold(at_start, tree.cpu_by_pid(), serving)) if len(serving) > 1 else 0
        if not still or attempt == FRESH_TRIES:
            return still
        run.load.warm(arm, 0.0, requests=2 * len(serving), fresh_connections=True)
    return 0


def measure_pairs(run: RunContext, number: int, progress: Progress) -> None:
    """Send the round's stretches of pairs; CPU clocks are read before and after each, idle time at the end."""
    pace = run.pace
    arms = tuple(range(len(progress.services)))
    parts = stretches(pace.counts, pace.seconds)
    limit = 3 * pace.seconds / len(parts) + 2 * max(pace.costs())
    run.observer.phase("measuring pairs")
    for place, counts in enumerate(parts):
        progress.collector.before(*arms)
        before = [tree.cpu_ns() for tree in progress.trees]
        seed = seed_of(run, number, f"pairs-{place}")
        report = run.load.pairs(PairStretch(arms, place, counts, limit, seed, pace.gap, patience=_PATIENCE))
        time.sleep(AFTERMATH)
        used = [tree.cpu_ns() - start for tree, start in zip(progress.trees, before, strict=True)]
        progress.add(place, report, used)
        run.observer.block(place + 1, len(parts))
        for arm, hung in enumerate(report.hung):
            if hung >= _PATIENCE:
                name = run.scenario.arms[arm].name
                raise LoadError(f"{name} has stopped answering", hint="read its log; finished rounds are kept")
    progress.watch_idle(IDLE)
