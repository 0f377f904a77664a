"""Absolute limits, held against the candidate's (or the only arm's) level."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from perfproof.model.metrics import ALL, METRICS
from perfproof.model.result import BudgetCheck, Level
from perfproof.model.rules import Rules

_USUAL = {
    "cpu_per_request": "the processes of the service cannot be seen: start it with `service.command`",
    "memory_peak": "the processes of the service cannot be seen: start it with `service.command`",
    "memory_steady": "too little was seen of the memory: measure more or longer rounds",
    "memory_growth": "too little was seen of the memory: measure more or longer rounds",
    "queries_per_request": "no probe counted it: let the probe run, with `service.database`",
    "rows_fetched_per_request": "no probe counted it: let the probe run, with `service.database`",
    "db_time_per_request": "no probe counted it: let the probe run, with `service.database`",
    "response_bytes": "it was not probed: give the request a `scale:`, or the service a `database:`",
}
_ELSE = "no round measured it: see whether the request is sent and answered at all"


def check_budgets(
    rules: Rules,
    levels: Sequence[Level],
    arm: str,
    requests: Sequence[str],
    uncounted: Mapping[tuple[str, str], str] = MappingProxyType({}),
) -> tuple[BudgetCheck, ...]:
    """Return one check per budget and request name (or for ``all`` where the metric knows no names).

    ``uncounted`` says by (metric, request) why a figure is not known, or only the least it can be, and what to do.
    """
    found = {(level.metric, level.request): level.estimate.value for level in levels if level.arm == arm}
    checks = []
    for budget in rules.budgets:
        metric = METRICS[budget.metric]
        names = budget.requests or (tuple(requests) if metric.per_request else (ALL,))
        for name in names:
            value = found.get((metric.name, name))
            worse = value is not None and (value > budget.limit if metric.better == "lower" else value < budget.limit)
            usual = _USUAL.get(metric.name, _ELSE)
            if not worse and (metric.name, name) in uncounted:
                value = None
            why = "" if value is not None else uncounted.get((metric.name, name), usual)
            checks.append(BudgetCheck(metric.name, name, arm, metric.unit, budget.limit, value, worse, why))
    return tuple(checks)
