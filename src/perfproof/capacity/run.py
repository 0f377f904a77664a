"""Searches for the highest rate that keeps the budgets: in each fresh start once per arm, step by step in turn."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from statistics import median

from perfproof.capacity.search import next_rate, settle
from perfproof.capacity.steps import judge_step
from perfproof.errors import UsageError
from perfproof.evidence.directory import PartialRound
from perfproof.evidence.tables import join_tables, read_table
from perfproof.load.limits import RATE_HERE
from perfproof.model.recording import SAMPLE_COLUMNS, Recording, Round, RunInfo, Samples
from perfproof.model.result import CapacityStep
from perfproof.model.scenario import Scenario
from perfproof.rounds.round import block_seed, send_block
from perfproof.rounds.run_context import Progress, RunContext

FEWEST = 100
"""Requests of a step: slow rates are held longer for as many, but at most four times as long."""
_LONGEST = 4.0
_RECOVER = 0.2
_NEAR = 0.7


def searching(scenario: Scenario) -> Scenario:
    """Return the scenario as it is searched: open model without stages, its own budgets, every sample kept.

    UsageError if nothing says what is to be kept, or a Locust file makes the requests.
    """
    if scenario.locustfile is not None:
        raise UsageError(
            "users of a Locust file have no rate that could be searched",
            where=str(scenario.file),
            hint="write what they send as `requests:`, and search with those",
        )
    search = scenario.capacity
    budgets = search.budgets or tuple(
        b for b in scenario.budgets if b.metric.startswith("latency") or b.metric == "error_rate"
    )
    if not any(budget.metric.startswith("latency") for budget in budgets):
        raise UsageError(
            "no budget says how slow the service may become",
            where=str(scenario.file),
            hint="add `capacity: {budgets: {latency_p95: 100ms}}` (or `budgets:`) to the scenario",
        )
    lowest = search.lowest or (scenario.load.rate if scenario.load.model == "open" else 0.0) or 10.0
    highest = search.highest or scenario.load.limits.rate or RATE_HERE
    load = replace(scenario.load, model="open", rate=min(lowest, highest), stages=(), samples="raw")
    own = tuple(budget for budget in scenario.budgets if budget.metric == "capacity")
    return replace(
        scenario,
        load=load,
        budgets=(*budgets, *own),
        goals=tuple(goal for goal in scenario.goals if goal.metric == "capacity"),
        capacity=replace(search, lowest=load.rate, highest=highest, budgets=budgets),
        rounds=replace(scenario.rounds, count=search.starts, early_stop=False, time=None),
    )


@dataclass
class Search:
    """What is done with the arms of one start. ``known`` are the knees that earlier starts found, by arm.

    Later starts begin near the knee of the earlier ones instead of climbing up to it again. Their rates are shifted by
    less than the resolution, so that the rounding of a start is not that of all.
    """

    info: RunInfo
    known: dict[int, list[float]] = field(default_factory=dict)
    _parts: list[Path] = field(default_factory=list)

    def __call__(self, stage: RunContext, number: int, progress: Progress) -> None:
        """Search until the knee of every arm is found."""
        self._parts = []
        scenario, arms = stage.scenario, list(range(len(progress.services)))
        chance = Random(f"{scenario.load.seed}-{number}-search")  # noqa: S311 - not cryptography
        shift = (1 + scenario.capacity.resolution) ** chance.random()
        steps: dict[int, list[CapacityStep]] = {arm: [] for arm in arms}
        going = True
        while going:
            going = False
            chance.shuffle(arms)
            for arm in arms:
                rate = next_rate(
                    steps[arm],
                    self._first(arm, scenario, shift),
                    scenario.capacity.highest,
                    scenario.capacity.resolution,
                )
                if rate is not None:
                    going = True
                    self._step(stage, number, progress, (arm, rate), steps[arm])
        for arm in arms:
            found = settle(steps[arm])
            if found is not None and not found.bound:
                self.known.setdefault(arm, []).append(found.rate)

    def seal(self, stage: RunContext, partial: PartialRound) -> None:
        """Join the samples of all steps, and of a step that was cut short."""
        path, rest = partial.samples_path, partial.path / ".step-rest.parquet"
        stage.load.seal(rest)
        self._parts.append(rest)
        join_tables(path, self._parts, SAMPLE_COLUMNS)
        for part in self._parts:
            part.unlink()

    def _first(self, arm: int, scenario: Scenario, shift: float) -> float:
        known = self.known.get(arm)
        return (_NEAR * median(known) if known else scenario.capacity.lowest) * shift

    def _step(
        self, stage: RunContext, number: int, progress: Progress, what: tuple[int, float], steps: list[CapacityStep]
    ) -> None:
        """Hold an arm at a rate and add what came of it to its ``steps``."""
        (arm, rate), scenario, place = what, stage.scenario, len(progress.blocks)
        stage.observer.phase(f"{scenario.arms[arm].name} at {rate:,.4g}/s")
        hold = scenario.capacity.hold
        seconds = max(hold, min(_LONGEST * hold, FEWEST / rate))
        block = send_block(stage, progress, (arm, place, 0), seconds, block_seed(scenario, number, place), rate)
        part = progress.partial.path / f".step-{place:03d}.parquet"
        stage.load.seal(part)
        self._parts.append(part)
        a_round = Round(number, (), (block,), Samples(read_table(part, SAMPLE_COLUMNS)))
        steps.append(judge_step(Recording(self.info, (a_round,)), a_round, block, steps))
        if not steps[-1].kept:
            time.sleep(_RECOVER)  # what the service still has queued must not be met by the next step


def so_far(info: RunInfo, known: dict[int, list[float]]) -> str:
    """Return what is known of each arm, for the live display."""
    return ", ".join(f"{info.arms[arm]} {median(rates):,.4g}/s" for arm, rates in sorted(known.items()))
