"""Brings a freshly started arm to a steady state before anything is recorded.

Three things must hold: a minimum of time and requests, every worker process has served, and the mean latency of
successive stretches has stopped moving.
"""

from __future__ import annotations

from dataclasses import dataclass

from perfproof.collectors.processes import ProcessTree
from perfproof.collectors.warmth import cold
from perfproof.load.handle import LoadProcess
from perfproof.model.scenario import Rounds
from perfproof.service.lifecycle import RunningService
from perfproof.service.sockets import serving_pids

STRETCH = 0.25
"""Seconds of one stretch of warm-up load."""

STEADY_WITHIN = 0.15
"""Means of the last two pairs of stretches may differ by this fraction. One stretch of an unchanged service varies by
5-10 % on a noisy machine, so a tighter bound would only wait for luck."""

FRESH_TRIES = 6
"""How often connections are made anew to reach a worker that has served nothing."""


@dataclass(frozen=True)
class Warmth:
    """What the warm-up of one arm came to."""

    requests: int
    seconds: float
    steady: bool
    cold_processes: int
    means_ns: tuple[float, ...]


def is_steady(means: list[float]) -> bool:
    """Tell whether the last two stretches are on the level of the two before them (four are needed)."""
    if len(means) < 4:
        return False
    before, now = sum(means[-4:-2]), sum(means[-2:])
    return before > 0 and abs(now / before - 1) <= STEADY_WITHIN


def warm_up(load: LoadProcess, arm: int, tree: ProcessTree, service: RunningService, rounds: Rounds) -> Warmth:
    """Send unrecorded load until the arm is warm, at most three times the asked-for warm-up (at least 3 s more)."""
    at_start = tree.cpu_by_pid()
    means: list[float] = []
    requests, seconds = 0, 0.0
    limit = max(3 * rounds.warmup, rounds.warmup + 3.0)
    steady = rounds.warmup == 0 and rounds.warmup_requests == 0
    while not steady and seconds < limit:
        enough = seconds >= rounds.warmup and requests >= rounds.warmup_requests
        if enough and is_steady(means):
            steady = True
            break
        report = load.warm(arm, STRETCH)
        requests += report.requests
        seconds += STRETCH
        if report.requests > report.failed:
            means.append(report.mean_ns)
    still_cold = 0
    for attempt in range(FRESH_TRIES + 1):
        now = tree.cpu_by_pid()
        serving = serving_pids(service.processes(), service.port) if service.port else ()
        still_cold = len(cold(at_start, now, serving)) if len(serving) > 1 else 0
        if not still_cold or attempt == FRESH_TRIES:
            break
        report = load.warm(arm, STRETCH, fresh_connections=True)
        requests += report.requests
        seconds += STRETCH
    return Warmth(requests, seconds, steady, still_cold, tuple(means))
