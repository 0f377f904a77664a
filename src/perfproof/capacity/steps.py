"""One step of a search for the capacity: samples and block in; whether the budgets were kept, and if not, why.

The conductor judges a step with this while it searches, and the same function judges it from the evidence again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Any

import numpy as np
import numpy.typing as npt

from perfproof.core.numbers import in_unit
from perfproof.model.metrics import ALL, METRICS
from perfproof.model.recording import COMPLETED, Block, Outcome, Recording, Round, Samples
from perfproof.model.result import CapacityStep
from perfproof.model.rules import Rules
from perfproof.model.scenario import Budget
from perfproof.stats.columns import MS, Ints, completed, latency_ns
from perfproof.stats.generator import generator_state
from perfproof.stats.quantiles import Floats, harrell_davis

HORIZON = 10.0
"""Seconds over which a rising latency is carried on: a queue that would break the budget by then is not kept up with.
A step is too short for a queue that grows by some percent to get there."""
_GROWN = 1.5
_PARTS = 4
_WAITING = 1.1
_QUANTILES = {"latency_p50": 0.5, "latency_p95": 0.95, "latency_p99": 0.99}
_FEWEST_TO_GROW = 40


def leading(rules: Rules) -> Budget | None:
    """Return the budget that a chart of the steps shows: the first of a latency, else the first at all."""
    kept = searched(rules)
    return next((budget for budget in kept if budget.metric.startswith("latency")), kept[0] if kept else None)


def searched(rules: Rules) -> tuple[Budget, ...]:
    """Return the budgets that a step keeps or breaks; where none limits errors, the rules' most for any verdict."""
    kept = tuple(b for b in rules.budgets if b.metric in (*_QUANTILES, "latency_mean", "error_rate"))
    if any(budget.metric == "error_rate" for budget in kept):
        return kept
    return (*kept, Budget("error_rate", rules.max_error_rate, (ALL,)))


def steps_of(recording: Recording, a_round: Round, arm: int) -> list[CapacityStep]:
    """Return the steps of one arm in one start, in their order."""
    steps: list[CapacityStep] = []
    for block in sorted(a_round.blocks, key=lambda block: block.pair):
        if block.arm == arm and block.rate is not None:
            steps.append(judge_step(recording, a_round, block, steps))
    return steps


def judge_step(recording: Recording, a_round: Round, block: Block, before: Sequence[CapacityStep] = ()) -> CapacityStep:
    """Judge one step; ``a_round`` holds its samples (those of other steps may be there too).

    ``before`` are the steps of the same arm in the same start that came before it.
    """
    info = recording.info
    rules, names = info.rules, info.requests
    samples = a_round.samples
    mine = samples.select((samples["arm"] == block.arm) & (samples["pair"] == block.pair))
    alone = Round(a_round.number, a_round.arms, (block,), mine)
    chosen = completed(alone, block.arm)
    latency, request = latency_ns(alone, chosen) / MS, mine["request"][chosen]
    limit = next((b.limit for b in rules.budgets if b.metric.startswith("latency")), None)
    shown = leading(rules)
    broken, value = [], None
    for budget in searched(rules):
        worst, who = _worst(budget, mine, latency, request, names)
        if budget == shown:
            value = worst if isfinite(worst) else None
        if worst > budget.limit or not isfinite(worst):
            broken.append(_told(budget, worst, who))
    if not broken and limit is not None and (rise := _growth(mine["intended_ns"][chosen], latency, limit)):
        broken.append(f"a queue was growing: latency rose by {in_unit(rise, 'ms')} in each second")
    failed = int(_failed(mine["outcome"]).sum())
    served = latency_ns(alone, chosen, "sent_ns") / MS
    limited = ""
    if broken:
        limited = "generator" if generator_state([block]).trouble else ""
        if not limited and _out_of_connections(block, latency, served, rules, info.settings, before):
            limited = "connections"
    return CapacityStep(
        arm=info.arms[block.arm],
        start=a_round.number,
        rate=float(block.rate or 0.0),
        seconds=(block.ended_ns - block.started_ns) / 1e9,
        value=value,
        served=float(np.median(served)) if len(served) else None,
        errors=failed / len(mine) if len(mine) else 0.0,
        kept=not broken,
        limited=limited,  # type: ignore[arg-type] # a word of Step
        why=broken[0] if broken else "",
    )


def _worst(budget: Budget, samples: Samples, latency: Floats, request: Ints, names: Sequence[str]) -> tuple[float, str]:
    """Return the worst figure of the budget's metric among its requests, and whose it is."""
    found: list[tuple[float, str]] = []
    for name in budget.requests or names:
        number = -1 if name == ALL else names.index(name)
        if budget.metric == "error_rate":
            outcome = samples["outcome"] if number < 0 else samples["outcome"][samples["request"] == number]
            value = float(_failed(outcome).mean()) if len(outcome) else 0.0
        else:
            times = latency if number < 0 else latency[request == number]
            if not len(times) and not (number < 0 or (samples["request"] == number).any()):
                continue  # a rare request that this step did not meet
            value = _figure(times, budget.metric)
        found.append((value, name))
    return max(found, key=lambda each: each[0] if isfinite(each[0]) else np.inf, default=(float("nan"), ALL))


def _failed(outcome: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    return ~np.isin(outcome, (*COMPLETED, Outcome.LOST))


def _figure(times: Floats, metric: str) -> float:
    if not len(times):
        return float("inf")
    if metric == "latency_mean":
        return float(times.mean())
    return harrell_davis(np.sort(times), _QUANTILES[metric])


def _told(budget: Budget, value: float, who: str) -> str:
    """Return in words which budget broke."""
    unit = METRICS[budget.metric].unit
    whose = "" if who == ALL else f" of {who}"
    if not isfinite(value):
        return f"no request{whose} was completed"
    title = METRICS[budget.metric].title
    return f"{title}{whose} {in_unit(value, unit)}, limit {in_unit(budget.limit, unit)}"


def _growth(intended: Ints, latency: Floats, limit: float) -> float:
    """Return by how many ms latency rises in a second, if it does so throughout and would exceed ``limit``; else 0.

    The medians of the quarters of a step must rise from each to the next: chance does that once in 24 times where
    nothing grows, and by half in all more seldom still.
    """
    if len(intended) < _FEWEST_TO_GROW:
        return 0.0
    order = np.argsort(intended, kind="stable")
    times, latency = intended[order] / 1e9, latency[order]
    parts = np.array_split(np.arange(len(order)), _PARTS)
    medians = np.array([np.median(latency[part]) for part in parts])
    middle = np.array([times[part].mean() for part in parts])
    if not (np.diff(medians) > 0).all() or medians[-1] < _GROWN * medians[0]:
        return 0.0
    slope = float((medians[-1] - medians[0]) / (middle[-1] - middle[0]))
    return slope if medians[0] + slope * HORIZON > limit else 0.0


def _out_of_connections(
    block: Block,
    latency: Floats,
    served: Floats,
    rules: Rules,
    settings: Mapping[str, Any],
    before: Sequence[CapacityStep],
) -> bool:
    """Tell whether requests waited for a connection while the service was as quick as ever.

    More connections than the budget asks for (Little's law: so many requests are under way when each takes as long as
    it allows) cannot be what is lacking, and a service that takes longer when more is under way is busy itself.
    """
    budget = next((b for b in rules.budgets if b.metric in _QUANTILES), None)
    connections = settings.get("load", {}).get("connections")
    if budget is None or not isinstance(connections, int) or not len(served):
        return False
    needed = float(block.rate or 0.0) * budget.limit / 1e3
    quantile = _QUANTILES[budget.metric]
    alone, waited = harrell_davis(np.sort(served), quantile), harrell_davis(np.sort(latency), quantile)
    idle = min((step.served for step in before if step.served is not None), default=None)
    return (
        connections < needed
        and alone <= budget.limit
        and waited > _WAITING * alone
        and (idle is None or float(np.median(served)) < _GROWN * idle)
    )
