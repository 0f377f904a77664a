"""Absolute limits, held against the candidate's (or the only arm's) level."""

from __future__ import annotations

from collections.abc import Sequence

from perfproof.model.metrics import ALL, METRICS
from perfproof.model.result import BudgetCheck, Level
from perfproof.model.rules import Rules


def check_budgets(rules: Rules, levels: Sequence[Level], arm: str, requests: Sequence[str]) -> tuple[BudgetCheck, ...]:
    """Return one check per budget and request name (or for ``all`` where the metric knows no names)."""
    found = {(level.metric, level.request): level.estimate.value for level in levels if level.arm == arm}
    checks = []
    for budget in rules.budgets:
        metric = METRICS[budget.metric]
        names = budget.requests or (tuple(requests) if metric.per_request else (ALL,))
        for name in names:
            value = found.get((metric.name, name))
            worse = value is not None and (value > budget.limit if metric.better == "lower" else value < budget.limit)
            checks.append(BudgetCheck(metric.name, name, arm, metric.unit, budget.limit, value, worse))
    return tuple(checks)
