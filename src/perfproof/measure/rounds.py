"""The rounds of a run as they are measured, and the decision whether another one is needed."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from perfproof.capacity.run import Search, so_far
from perfproof.core.numbers import percent
from perfproof.evidence.directory import RunDirectory
from perfproof.evidence.reader import read_round
from perfproof.instructions.run import count_instructions
from perfproof.judge import look, plan, progress
from perfproof.measure.arms import Kind
from perfproof.measure.checks import run_checks
from perfproof.model.checks import Checked
from perfproof.model.formatting import interval
from perfproof.model.instructions import Instructions
from perfproof.model.levers import Causes
from perfproof.model.metrics import ALL
from perfproof.model.probe import Probing
from perfproof.model.recording import Recording, Round, RunInfo
from perfproof.model.result import ASKED, Comparison
from perfproof.model.rules import Spread
from perfproof.rounds.observer import Observer
from perfproof.rounds.pace import Pace
from perfproof.rounds.round import run_round
from perfproof.rounds.run_context import RunContext
from perfproof.rounds.single_start import PassContext
from perfproof.stats.alpha_spending import planned_looks

_log = logging.getLogger(__name__)
PLANNING_ROUNDS = 2
"""Rounds whose length decides how many there will be."""
_LEAST_ROUNDS = 2
"""Rounds without which there is no interval: measured even where they take longer than was given."""


@dataclass
class Rounds:
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
                if number <= PLANNING_ROUNDS:
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


def describe(rows: Sequence[Comparison]) -> str:
    """Return the current estimate in a few words, for the live display."""
    told = []
    for row in rows:
        if row.request == ALL and row.metric == "latency_p50" and row.change is not None:
            # Two rounds give an interval so wide that it says nothing.
            known = interval(row.ci_low, row.ci_high) if row.rounds > 2 and row.ci_low is not None else ""
            told.append(f"{row.arm} p50 {percent(row.change)} {known}".strip())
    return ", ".join(told)
