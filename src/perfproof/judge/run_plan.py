"""What a time budget buys: how many rounds fit, when the looks are, and the smallest effect they can see."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import floor, isfinite

from perfproof.core.numbers import count_of, duration, percent
from perfproof.model.metrics import ALL
from perfproof.model.rules import Rules, Spread
from perfproof.stats import alpha_spending as looks
from perfproof.verdict.rows import smallest_change

TYPICAL_SD = 0.026
"""Standard deviation of one round's p50 difference in blocks to expect without a noise run (1.5-2.6 % measured)."""
TYPICAL_SD_OF_PAIRS = 0.015
"""The same where requests are paired: most of it is what starts differ by."""


@dataclass(frozen=True)
class RunPlan:
    """A planned measurement. ``smallest_effect`` is the change of p50 latency seen with 95 % power (0.031 = 3.1 %)."""

    rules: Rules
    rounds: int
    looks: tuple[int, ...]
    seconds: float
    smallest_effect: float
    measured_spread: bool
    sentence: str


def plan(
    rules: Rules,
    seconds_per_round: float,
    budget_seconds: float | None = None,
    spreads: Sequence[Spread] = (),
    *,
    in_pairs: bool = False,
) -> RunPlan:
    """Return the plan for ``budget_seconds``, or for the planned rounds of ``rules`` when no budget is given.

    At least two rounds are planned, for fewer cannot carry an interval, even where the budget is too small.
    """
    rounds = rules.planned_rounds
    if budget_seconds is not None and seconds_per_round > 0:
        rounds = max(2, floor(budget_seconds / seconds_per_round + 1e-9))
    planned = replace(rules, planned_rounds=rounds)
    known = next((s for s in spreads if s.metric == "latency_p50" and s.request == ALL), None)
    usual = TYPICAL_SD_OF_PAIRS if in_pairs else TYPICAL_SD
    sure = looks.confidence(rounds, rounds, planned.early_stop, planned.candidates)
    effect = smallest_change(known.sd if known else usual, rounds, sure)
    seconds = rounds * seconds_per_round
    basis = (
        "as measured by a noise run"
        if known
        else "with the spread usual on a quiet machine; `perfproof noise` measures it"
    )
    head = f"{count_of(rounds, 'round')} in about {duration(seconds)}"
    if isfinite(effect):
        text = f"{head} see p50 changes from {percent(effect, signed=False)} (with 95 % probability, {basis})."
    else:
        text = f"{head}: no interval, plan at least 4."
    if budget_seconds is not None and seconds > budget_seconds * 1.02:
        text += f" The time of {duration(budget_seconds)} is too short for two rounds."
    moments = looks.planned_looks(rounds, planned.early_stop)
    return RunPlan(planned, rounds, moments, seconds, effect, known is not None, text)
