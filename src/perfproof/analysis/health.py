"""May this measurement carry a verdict at all? Reasons why not, and doubts that weaken it without voiding it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from perfproof.analysis.columns import Side
from perfproof.analysis.failures import Failures, commonest
from perfproof.analysis.troubles import weigh
from perfproof.analysis.words import count_of, percent
from perfproof.model.metrics import ALL
from perfproof.model.recording import Block
from perfproof.model.rules import Rules

GENERATOR_CPU = 0.85
"""Share of a core above which the generator, not the service, may set the pace."""
DROPPED = 0.001
LATE_INVALID, LATE_DOUBT = 0.20, 0.05
LAG_INVALID_MS, LAG_DOUBT_MS = 50.0, 10.0
"""Typical (median) longest stall of the generator's loop within a block."""
STEAL_DOUBT = 0.02
WAITED_DOUBT = 0.05
"""Share of the time that the generator was ready to run and another program had its core."""
UNSTEADY_INVALID = 0.5
"""Share of starts of an arm that never became steady."""


@dataclass(frozen=True)
class Health:
    """``reasons`` void the measurement, worst first; ``warnings`` weaken it. Both are whole sentences."""

    reasons: tuple[str, ...]
    warnings: tuple[str, ...]


def examine(sides: Sequence[Side], failures: Sequence[dict[str, Failures]], rules: Rules) -> Health:
    """Return everything that speaks against the measurement of these sides."""
    reasons, warnings = _deaths(sides), []
    if not all(side.rounds for side in sides):
        reasons.append("no round was completed.")
    reasons += _errors(sides, failures, rules)
    voiding, doubts = weigh(sides, rules)
    reasons += voiding
    warnings += doubts
    blocks = [block for side in sides for a_round in side.rounds for block in a_round.blocks if block.arm == side.arm]
    if blocks:
        advice = _advice(sides[-1])
        for findings, more in (_generator(blocks, advice), _dropped(blocks), _left_out(blocks), _steadiness(sides)):
            reasons += findings
            warnings += more
        steal = sum(b.steal_ns for b in blocks) / max(1, sum(b.ended_ns - b.started_ns for b in blocks))
        if steal > STEAL_DOUBT:
            warnings.append(
                f"The host took {percent(steal, signed=False)} of a core away from this virtual machine (steal)."
            )
    cold = sum(arm.cold_processes for side in sides for r in side.rounds for arm in r.arms if arm.arm == side.arm)
    if cold:
        who = count_of(cold, "worker process", "worker processes")
        warnings.append(f"{who} served nothing in the warm-up and may have been cold when measured.")
    return Health(tuple(dict.fromkeys(reasons)), tuple(dict.fromkeys(warnings)))


def _deaths(sides: Sequence[Side]) -> list[str]:
    """Return a sentence per service that died, complete round or not."""
    return [
        f"the service of {side.name} died in round {a_round.number}: {arm.died.rstrip('.')}."
        for side in sides
        for a_round in side.recording.rounds
        for arm in a_round.arms
        if arm.arm == side.arm and arm.died
    ]


def _errors(sides: Sequence[Side], failures: Sequence[dict[str, Failures]], rules: Rules) -> list[str]:
    """Return a sentence per arm with too many failed requests."""
    found = []
    for side, table in zip(sides, failures, strict=True):
        total = table[ALL]
        if total.sent and total.rate > rules.max_error_rate:
            share = (
                "every request" if total.failed == total.sent else f"{percent(total.rate, signed=False)} of requests"
            )
            most = commonest([total])
            allowed = percent(rules.max_error_rate, signed=False)
            found.append(f"{share} to {side.name} failed, mostly with {most} (at most {allowed} may).")
    return found


def generator_facts(side: Side) -> str:
    """Return how the load generator fared while it loaded this side, in a few words; empty if it never did."""
    blocks = [block for a_round in side.rounds for block in a_round.blocks if block.arm == side.arm]
    if not blocks:
        return ""
    seconds = max(1, sum(b.ended_ns - b.started_ns for b in blocks))
    busy, waited, late = (
        percent(part / whole, signed=False)
        for part, whole in (
            (sum(b.generator_cpu_ns for b in blocks), seconds),
            (sum(b.waited_ns for b in blocks), seconds),
            (sum(b.late for b in blocks), max(1, sum(b.sent for b in blocks))),
        )
    )
    stall = float(np.median([b.lag_max_ns for b in blocks])) / 1e6
    return (
        f"{busy} of a core, {waited} waiting for it, {late} sent late, longest stall of a typical block {stall:.1f} ms"
    )


def _advice(side: Side) -> str:
    """Return what would relieve the generator, going by what was already tried."""
    info = side.recording.info
    load = info.settings.get("load")
    load = load if isinstance(load, Mapping) else {}
    workers = load.get("workers", 1)
    cores = info.environment.facts.get("cores", "1")
    less = "use fewer users or a think time" if load.get("model") == "closed" else "lower the rate"
    if load.get("listen"):
        return f"{less}, or let more machines join"
    if isinstance(workers, int) and cores.isdigit() and workers < int(cores) - 1:
        return f"{less}, or share the load with `workers: {workers + 1}`"
    return f"{less}, or take machines of their own for the load (`listen`)"


def _generator(blocks: Sequence[Block], advice: str) -> tuple[list[str], list[str]]:
    """Judge the generator: its CPU, its lateness and its stalls."""
    reasons, warnings = [], []
    busy = sum(b.generator_cpu_ns for b in blocks) / max(1, sum(b.ended_ns - b.started_ns for b in blocks))
    if busy > GENERATOR_CPU:
        reasons.append(f"the load generator was saturated ({percent(busy, signed=False)} of a core): {advice}.")
    late = sum(b.late for b in blocks) / max(1, sum(b.sent for b in blocks))
    if late > LATE_INVALID:
        reasons.append(
            f"{percent(late, signed=False)} of requests were sent more than 1 ms late by the load generator."
        )
    elif late > LATE_DOUBT:
        warnings.append(
            f"{percent(late, signed=False)} of requests were sent more than 1 ms late by the load generator."
        )
    waited = sum(b.waited_ns for b in blocks) / max(1, sum(b.ended_ns - b.started_ns for b in blocks))
    if waited > WAITED_DOUBT:
        warnings.append(
            f"Other programs kept the load generator waiting for {percent(waited, signed=False)} of the time: "
            "stop them, or keep them off its core."
        )
    lag = float(np.median([b.lag_max_ns for b in blocks])) / 1e6
    if lag > LAG_INVALID_MS:
        reasons.append(f"the load generator stalled for {lag:.0f} ms in a typical block: the machine is overloaded.")
    elif lag > LAG_DOUBT_MS:
        warnings.append(f"The load generator stalled for {lag:.0f} ms in a typical block.")
    return reasons, warnings


def _dropped(blocks: Sequence[Block]) -> tuple[list[str], list[str]]:
    """Judge the requests that were never sent."""
    dropped, intended = sum(b.dropped for b in blocks), max(1, sum(b.intended for b in blocks))
    share = dropped / intended
    if share > DROPPED:
        return [
            f"{percent(share, signed=False)} of requests could not be sent: the service cannot keep up, lower the rate."
        ], []
    return [], ([f"{count_of(dropped, 'request')} could not be sent."] if dropped else [])


def _left_out(blocks: Sequence[Block]) -> tuple[list[str], list[str]]:
    """Tell of requests that the scenario means and that were never due: a feed had ended, or a flow had failed."""
    unfed, not_started = sum(b.unfed for b in blocks), sum(b.not_started for b in blocks)
    warnings = []
    if unfed:
        warnings.append(f"{count_of(unfed, 'request')} were left out: the rows of a feed had ended. Give it more rows.")
    if not_started:
        warnings.append(
            f"{count_of(not_started, 'step')} of flows were not started, for a step before them had failed."
        )
    return [], warnings


def _steadiness(sides: Sequence[Side]) -> tuple[list[str], list[str]]:
    """Judge whether warm-up ended in a steady state."""
    reasons, warnings = [], []
    for side in sides:
        starts = [arm.steady for r in side.rounds for arm in r.arms if arm.arm == side.arm]
        unsteady = starts.count(False)
        if starts and unsteady / len(starts) > UNSTEADY_INVALID:
            reasons.append(
                f"{side.name} was not steady after warm-up in {unsteady} of {len(starts)} rounds: warm up longer."
            )
        elif unsteady:
            warnings.append(f"{side.name} was not steady after warm-up in {unsteady} of {len(starts)} rounds.")
    return reasons, warnings
