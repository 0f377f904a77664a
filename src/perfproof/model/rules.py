"""What decides a verdict: goals, budgets, margins and planned looks. Stored with the run, to be judged again."""

from __future__ import annotations

from dataclasses import dataclass, field

from perfproof.model.policy import Policy
from perfproof.model.scenario import Budget, Claim, Goal


@dataclass(frozen=True)
class Rules:
    """The rules of one run, fixed before it starts.

    ``margin`` is the equivalence margin (0.03 = 3 %), ``regression`` the smallest rise that is called one: the margin,
    or more rounds would turn a regression into no difference.
    ``max_error_rate`` the share of failed requests above which nothing is concluded. ``planned_rounds`` and
    ``early_stop`` fix the looks; ``attempts`` counts how often this measurement was started before (1 = first).
    ``candidates`` is how many versions are judged against the first; intervals are corrected for their number.
    ``policy`` says which guards may give way, and how far (``perfproof.toml`` and the scenario's ``gate``).
    ``claims`` say in plain sentences what some of the goals and budgets stand for.
    """

    goals: tuple[Goal, ...] = ()
    budgets: tuple[Budget, ...] = ()
    margin: float = 0.03
    regression: float = 0.03
    max_error_rate: float = 0.01
    planned_rounds: int = 12
    early_stop: bool = True
    restarts: bool = True
    attempts: int = 1
    candidates: int = 1
    policy: Policy = field(default_factory=Policy)
    claims: tuple[Claim, ...] = ()


@dataclass(frozen=True)
class Spread:
    """What identical arms showed here before: the standard deviation of one round's log ratio of a metric.

    ``rounds`` is the number of rounds it was estimated from (its degrees of freedom are one less).
    """

    metric: str
    request: str
    sd: float
    rounds: int


@dataclass(frozen=True)
class DayToDay:
    """How much runs of one version differ when they are recorded here at different times.

    ``sd`` is the standard deviation of a run's log level beyond what its rounds explain, ``run_sd`` that of the levels
    as measured, and ``df`` the degrees of freedom behind both.
    """

    metric: str
    request: str
    sd: float
    run_sd: float
    df: int
