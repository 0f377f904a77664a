"""Absolute limits, held against the candidate's (or the only arm's) level."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite
from types import MappingProxyType

from perfproof.core.numbers import in_unit
from perfproof.model.metrics import ALL, METRICS, Metric
from perfproof.model.result import BudgetCheck, Estimate, Level
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
_UNSURE = 2.0
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
    found = {(level.metric, level.request): level.estimate for level in levels if level.arm == arm}
    checks = []
    for budget in rules.budgets:
        metric = METRICS[budget.metric]
        names = budget.requests or (tuple(requests) if metric.per_request else (ALL,))
        for name in names:
            known = found.get((metric.name, name))
            value, broken, why = (None, False, "") if known is None else _held(known, budget.limit, metric)
            if not broken and (metric.name, name) in uncounted:
                value, why = None, uncounted[metric.name, name]
            elif value is None:
                why = _USUAL.get(metric.name, _unchecked(metric))
            checks.append(BudgetCheck(metric.name, name, arm, metric.unit, budget.limit, value, broken, why))
    return tuple(checks)


def _unchecked(metric: Metric) -> str:
    if not metric.unit:
        return "nothing that is installed here measures it: install the package that has its check"
    return (
        f"the check {metric.check} was not made: name it in `checks:`, or run `perfproof checks`"
        if metric.check
        else _ELSE
    )


def _held(known: Estimate, limit: float, metric: Metric) -> tuple[float | None, bool, str]:
    """Return the value, whether it surely breaks the limit, and why that is open, if it is.

    A point beside its limit would flap from run to run: 501 ms of 500 today, 499 tomorrow.
    """
    low, high = _ends(known, metric)
    least, most = (low, high) if metric.better == "lower" else (-high, -low)
    bound = limit if metric.better == "lower" else -limit
    if not isfinite(known.value):
        return None, False, ""
    if most <= bound:
        return known.value, False, ""
    if least > bound:
        return known.value, True, ""
    span = f"{in_unit(low, metric.unit)} to {in_unit(high, metric.unit)}"
    what = "it varies from" if metric.exact else "it may be anything from"
    more = "" if metric.exact else ": more repeats tell" if metric.check else ": more rounds tell"
    return known.value, False, f"{what} {span}, with the limit in between{more}"


def _ends(known: Estimate, metric: Metric) -> tuple[float, float]:
    """Return how low and how high a figure may be: its interval, but at most from half to twice the figure.

    Without an interval, or with the first two rounds' very wide one, that is more than starts were ever seen to differ.
    """
    value, low, high = known.value, known.low, known.high
    if metric.exact or (metric.name == "error_rate" and value == 0):
        return (value, value) if low is None or high is None or not metric.exact else (low, high)
    if metric.name == "error_rate":
        return value if low is None else low, value if high is None else high
    wide = sorted((value / _UNSURE, value * _UNSURE))
    return max(wide[0], wide[0] if low is None else low), min(wide[1], wide[1] if high is None else high)
