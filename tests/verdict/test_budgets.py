from __future__ import annotations

import numpy as np
import pytest

from perfproof.model.result import BudgetCheck, Estimate, Level
from perfproof.model.rules import Rules
from perfproof.model.scenario import Budget
from perfproof.stats.intervals import one_sample
from perfproof.verdict.budgets import check_budgets


def check(metric: str, limit: float, value: float, low: float | None = None, high: float | None = None) -> BudgetCheck:
    estimate = Estimate(value, low, high, 0.98, 8)
    rules = Rules(budgets=(Budget(metric, limit, ("list",)),))
    (found,) = check_budgets(rules, [Level(metric, "list", "candidate", "ms", estimate)], "candidate", ["list"])
    return found


def answer(*known: object) -> str:
    found = check(*known)  # type: ignore[arg-type]
    return "broken" if found.broken else "open" if found.open else "kept"


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        (("latency_p95", 500, 450, 440, 470), "kept"),
        (("latency_p95", 500, 560, 540, 570), "broken"),
        (("latency_p95", 500, 501, 480, 523), "open"),
        (("latency_p95", 500, 499, 480, 523), "open"),
        (("throughput", 50, 90, 80, 99), "kept"),
        (("throughput", 50, 40, 39, 41), "broken"),
        (("throughput", 50, 51, 45, 57), "open"),
        (("latency_p95", 500, 20), "kept"),  # one round has no interval, but starts do not differ by so much
        (("latency_p95", 500, 300), "open"),
        (("latency_p95", 500, 20, 1, 900), "kept"),
        (("error_rate", 0.01, 0.0, 0.0, 0.05), "kept"),
        (("error_rate", 0.01, 0.003, 0.0001, 0.02), "open"),
        (("queries_per_request", 5, 5, 5, 5), "kept"),
        (("queries_per_request", 4, 5, 5, 5), "broken"),
        (("queries_per_request", 5, 5, 4, 6), "open"),
    ],
)
def test_a_budget_is_kept_broken_or_open(known: tuple[object, ...], expected: str) -> None:
    assert answer(*known) == expected


def test_an_open_budget_says_between_what_its_figure_lies() -> None:
    assert check("latency_p95", 500, 501, 480, 523).why == (
        "it may be anything from 480 ms to 523 ms, with the limit in between: more rounds tell"
    )


@pytest.mark.parametrize(("true", "wrong"), [(1.05, "kept"), (0.95, "broken")])
def test_a_budget_is_judged_wrongly_in_one_run_of_twenty_at_most(true: float, wrong: str) -> None:
    rng = np.random.default_rng(2)
    found = 0
    for _ in range(400):
        rounds = one_sample(np.log(500 * true) + rng.normal(0, 0.06, 6), 0.98)
        assert rounds.low is not None
        assert rounds.high is not None
        found += answer("latency_p95", 500, *np.exp([rounds.value, rounds.low, rounds.high]).tolist()) == wrong
    assert found <= 400 / 20
