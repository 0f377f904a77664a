"""What got worse and fails nothing all the same: what the rules allow, and the small price of something better.

Rows with a goal are never among it. ``ab`` and ``gate`` ask here alike, so that one policy holds for both.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fnmatch import fnmatchcase

from perfproof.core.numbers import digits, percent
from perfproof.model.metrics import ALL, COUNTED, METRICS
from perfproof.model.policy import GateRule, Policy, names
from perfproof.model.result import Comparison, QueryDetail, SizeFigures, Verdict
from perfproof.stats.series import PRIMARY

WARNING = "a warning by the policy"
PRICE = "a price: "
"""How the reason begins where queries more are the price of something better."""
_QUERIES = "queries_per_request"
_PRICE = 0.10
"""Queries more that may be a price, as a share of what there were; one more may always be."""
_GAINS = (Verdict.MET, Verdict.IMPROVED)


def effective(policy: Policy, metric: str, request: str) -> GateRule:
    """Return all that the policy says about one metric of one request name, as a single rule."""
    found = GateRule(metric, request, policy.level, policy.regression)
    for rule in policy.rules:
        if fnmatchcase(metric, rule.metric) and fnmatchcase(request, rule.request):
            found = replace(
                found,
                level=rule.level or found.level,
                regression=found.regression if rule.regression is None else rule.regression,
                inconclusive=rule.inconclusive or found.inconclusive,
            )
    return found


def primary_rows(rows: Sequence[Comparison]) -> list[Comparison]:
    """Return the rows that decide: those with a goal or, without goals, p50 latency and CPU of all requests.

    Where nothing was timed, the instructions of all requests decide, and where nothing was counted, what checks guard.
    """
    goals = [row for row in rows if row.role == "goal"]
    whole = [row for row in rows if row.request == ALL]
    timed = [row for row in whole if row.metric in PRIMARY]
    counted = [row for row in whole if row.metric == COUNTED]
    checked = [row for row in rows if row.role == "gate" and METRICS[row.metric].check]
    return goals or timed or counted or [row for row in checked if None not in (row.baseline, row.candidate)]


def accept(rows: Sequence[Comparison], queries: Sequence[QueryDetail], policy: Policy) -> list[Comparison]:
    """Return the rows, those that got worse and fail nothing with the reason in ``accepted``; verdicts stay."""
    gained = _gained(rows)
    return [replace(row, accepted=_accepted(row, queries, policy, gained)) for row in rows]


def _accepted(row: Comparison, queries: Sequence[QueryDetail], policy: Policy, gained: bool) -> str:
    if row.role != "gate" or row.verdict is not Verdict.REGRESSED:
        return ""
    rule = effective(policy, row.metric, row.request)
    if rule.level == "off":
        return "not looked at, by the policy"
    if row.change is not None and abs(row.change) < (rule.regression or 0.0):
        return f"within the {percent(rule.regression or 0.0, signed=False)} that the policy allows"
    if rule.level == "warn":
        return WARNING
    if gained and row.metric == _QUERIES and not names(policy, _QUERIES):
        return _price(row, next((each for each in queries if each.request == row.request), None))
    return ""


def _gained(rows: Sequence[Comparison]) -> bool:
    """Tell whether there is something better that a price could be paid for.

    It is where all goals are met (or, without goals, what decides improved), or fewer queries are sent in all.
    """
    decisive = {row.verdict for row in primary_rows(rows)}
    goals = any(row.role == "goal" for row in rows)
    if decisive == {Verdict.MET} if goals else Verdict.IMPROVED in decisive and Verdict.REGRESSED not in decisive:
        return True
    counts = [row for row in rows if row.metric == _QUERIES]
    fewer = sum((row.candidate or 0.0) - (row.baseline or 0.0) for row in counts) < 0
    return fewer and any(row.verdict in _GAINS for row in counts)


def _price(row: Comparison, detail: QueryDetail | None) -> str:
    """Return what a few queries more are: a price if they are as many at every size, else nothing said for them."""
    before, after = row.baseline or 0.0, row.candidate or 0.0
    more = after - before
    if more > max(1.0, _PRICE * before) or (detail is not None and not _constant(detail)):
        return ""
    return f"{PRICE}{digits(more, 3)} {'query' if more == 1 else 'queries'} more, at any size"


def _constant(detail: QueryDetail) -> bool:
    """Tell whether the arms differ by as many queries at each size: what grows with it is no price."""
    sides = list(detail.figures.values())
    if len(sides) != 2:
        return False
    differences = {_most(after) - _most(before) for before, after in zip(*sides, strict=False)}
    return len(differences) <= 1


def _most(size: SizeFigures) -> int:
    return size.most if size.most is not None else size.queries or 0
