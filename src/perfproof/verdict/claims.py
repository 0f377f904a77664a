"""What rows may claim when many are looked at, and the goals that no row speaks of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from perfproof.model.metrics import ALL, METRICS
from perfproof.model.result import Comparison, Verdict
from perfproof.model.rules import Rules
from perfproof.stats.series import PRIMARY
from perfproof.verdict.rows import Row, Terms
from perfproof.verdict.rule import holm


def correct(rows: Sequence[Row], terms: Terms) -> list[Row]:
    """Withdraw claims that do not survive Holm's correction over all rows that could have made one like it.

    Families, each with the error of one side of an interval (1 % at the end): what got worse among goals and gates;
    what got better among the rows that decide without goals; among the other goals and gates; and what moved either
    way among the rows that are only shown. So identical arms have a claim on any row in one run of twenty-five at most.
    """
    alpha = (1 - terms.confidence) / 2
    goals = any(row.comparison.role == "goal" for row in rows)
    guarded = [row for row in rows if row.comparison.role != "shown"]
    deciding = [row for row in guarded if not goals and _decides(row.comparison)]
    others = [row for row in guarded if not any(row is each for each in deciding)]
    shown = [row for row in rows if row.comparison.role == "shown"]
    withdrawn: dict[int, int] = {}
    for family in (
        [(row, Verdict.REGRESSED, row.p_worse) for row in guarded],
        [(row, Verdict.IMPROVED, row.p_better) for row in deciding],
        [(row, Verdict.IMPROVED, row.p_better) for row in others],
        [
            (row, verdict, p)
            for row in shown
            for verdict, p in ((Verdict.REGRESSED, row.p_worse), (Verdict.IMPROVED, row.p_better))
        ],
    ):
        stands = holm([p for _, _, p in family], alpha)
        size = len({id(row) for row, _, _ in family})
        for (row, claim, _), survives in zip(family, stands, strict=True):
            if row.comparison.verdict is claim and not survives:
                withdrawn[id(row)] = size
    return [_withdrawn(row, withdrawn[id(row)]) if id(row) in withdrawn else row for row in rows]


def _decides(row: Comparison) -> bool:
    return row.request == ALL and row.metric in PRIMARY


def _withdrawn(row: Row, family: int) -> Row:
    """Return the row without its claim; what looks worse misses its goal all the same."""
    found = row.comparison
    worse = found.verdict is Verdict.REGRESSED
    kind = "shown" if found.role == "shown" else "guarded"
    note = f"{'worse' if worse else 'better'} on its own, but not after correction for {family} {kind} rows (Holm)"
    left = Verdict.GOAL_MISSED if worse and found.goal else Verdict.INCONCLUSIVE
    return replace(row, comparison=replace(found, verdict=left, notes=(*found.notes, note)))


def missing_goals(rows: Sequence[Comparison], rules: Rules, requests: Sequence[str]) -> list[Comparison]:
    """Return an open row for each goal on something that was not measured, or it would be forgotten."""
    known = {(row.metric, row.request) for row in rows}
    found = []
    for goal in rules.goals:
        metric = METRICS[goal.metric]
        for name in goal.requests or (tuple(requests) if metric.per_request else (ALL,)):
            if (metric.name, name) not in known:
                nothing = (None, None, None, None, None, None)
                row = Comparison(metric.name, name, metric.unit, *nothing, Verdict.INCONCLUSIVE, "goal", 0, goal)
                found.append(replace(row, notes=("was not measured, so its goal is open",)))
    return found
