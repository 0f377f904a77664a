"""The lines below the headline: goals that failed first, what got worse besides, budgets that are open."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from perfproof.core.numbers import capitalised, count_of
from perfproof.model import formatting
from perfproof.model.metrics import ALL
from perfproof.model.result import Comparison, Result, Verdict
from perfproof.report import promises
from perfproof.report.page.headline import against_goals, beyond_limit, broken_budgets, goals_of, moved_by, reached_all
from perfproof.report.promises import Line
from perfproof.verdict import conclude, display_rows
from perfproof.verdict.proofs import unclaimed

MOST_LINES = 3
_ORDER = {
    Verdict.REGRESSED: 0,
    Verdict.INVALID: 0,
    Verdict.GOAL_MISSED: 1,
    Verdict.EQUIVALENT: 1,
    Verdict.INCONCLUSIVE: 2,
    Verdict.IMPROVED: 3,
    Verdict.MET: 4,
}
"""What is told first of goals."""


def lines_of(result: Result) -> list[Line]:
    """Return the lines below the headline: each metric with a goal, first where it failed; or that none was set."""
    if result.verdict is Verdict.INVALID:
        return [Line("→", "warn", "", result.advice)] if result.advice else []
    if result.proofs:
        return _beside_claims(result)
    if not result.comparisons:
        return _budget_lines(result)
    goals = goals_of(result)
    if not goals:
        return [*_none_set(result), *_budget_lines(result), *_accepted(result)]
    groups = sorted(_groups(goals), key=lambda group: _ORDER[group[0].verdict])
    found = [_line(group) for group in groups]
    if len(goals) == 1 and goals[0].verdict is not Verdict.INVALID and not _reached_besides(result):
        values = promises.values(goals[0])  # the headline has said the rest
        found = [replace(found[0], told=values)] if values else found
    if (against := against_goals(result)) and not reached_all(goals):
        found.insert(0, Line("✗", "bad", "Besides", against))
    if len(found) > MOST_LINES:  # one line for the last of them takes as much room as one that says it is left out
        left = len(found) - (MOST_LINES - 1)
        found = [*found[: MOST_LINES - 1], Line("", "calm", "", f"and {formatting.count(left)} more, below")]
    return [*found, *_accepted(result), *_open(result)]


def _beside_claims(result: Result) -> list[Line]:
    """Return what no claim is about and bears on the verdict all the same."""
    limited = {(check.metric, check.request) for proof in result.proofs for check in proof.checks}
    worse, goals, rest = unclaimed(result.proofs, result.comparisons, result.budgets)
    worse += [row for row in conclude.regressions(result.comparisons) if (row.metric, row.request) in limited]
    found = [Line("✗", "bad", "Worse, and not claimed", "; ".join(map(moved_by, worse[:3])))] if worse else []
    missed = [row for row in goals if row.verdict is not Verdict.MET]
    found += [_line(group) for group in _groups(missed)]
    broken = [check for check in rest if check.broken]
    found += [Line("✗", "bad", "Budget without a claim", beyond_limit(broken[0]))] if broken else []
    return [*found, *_accepted(result)]


def _reached_besides(result: Result) -> bool:
    """Tell whether the headline says of the goal only that it was reached, since something stands against it."""
    return reached_all(goals_of(result)) and bool(against_goals(result))


def _none_set(result: Result) -> list[Line]:
    return (
        [] if result.kind in ("noise", "capacity") else [Line("", "calm", "", "No goal was set: nothing was promised.")]
    )


def _groups(goals: Sequence[Comparison]) -> list[list[Comparison]]:
    """Return the rows of one metric and one goal that came out alike, those that failed apart from the others."""
    grouped: dict[tuple[str, str, Verdict], list[Comparison]] = {}
    for row in goals:
        grouped.setdefault((row.metric, formatting.goal(row.goal), row.verdict), []).append(row)
    return list(grouped.values())


def _line(group: Sequence[Comparison]) -> Line:
    first = group[0]
    about = f"{promises.title(first.metric)} of {promises.names(group)}"
    tone = "bad" if first.verdict in (Verdict.GOAL_MISSED, Verdict.EQUIVALENT) else display_rows.TONES[first.verdict]
    sign = "✗" if tone == "bad" else display_rows.SYMBOLS[first.verdict] if first.verdict is Verdict.MET else "?"
    wanted = promises.promised(first.goal) if first.goal else ""
    if len(group) == 1:
        values = promises.values(first)
        told = f"promised {wanted}, {promises.outcome(first)}{f', {values}' if values else ''}"
    elif first.verdict in (Verdict.MET, Verdict.REGRESSED):
        bound = promises.sure(group)
        verb = "reached" if first.verdict is Verdict.MET else "got"
        told = (
            f"promised {wanted}, {verb} {promises.reached(group, word=verb == 'got')}{f' ({bound})' if bound else ''}"
        )
    else:
        told = f"promised {wanted}, {_several(group)}"
    return Line(sign, tone, capitalised(about), told)


def _several(group: Sequence[Comparison]) -> str:
    said = promises.reached(group)
    match group[0].verdict:
        case Verdict.GOAL_MISSED:
            return f"reached {said}: surely less"
        case Verdict.EQUIVALENT:
            return "no difference"
        case Verdict.INVALID:
            return "nothing can be said"
    return f"measured {said} so far"


def _accepted(result: Result) -> list[Line]:
    """Return what got worse and fails nothing, in one line."""
    found = [row for row in result.comparisons if row.accepted]
    told = [f"{moved_by(row)} ({row.accepted})" for row in found[:2]]
    told += [f"{len(found) - 2} more"] if len(found) > 2 else []
    return [Line("!", "warn", "Worse, but accepted", "; ".join(told))] if found else []


def _open(result: Result) -> list[Line]:
    found = [each for each in result.budgets if each.open]
    if not found:
        return []
    of = "" if found[0].request == ALL else f" of {promises.name(found[0].request)}"
    what = f"{formatting.title(found[0].metric)}{of}"
    more = f" and {len(found) - 1} more" if len(found) > 1 else ""
    return [Line("?", "warn", "Budget open", f"{what}{more}{f': {found[0].why}' if found[0].why else ''}")]


def _budget_lines(result: Result) -> list[Line]:
    """Return how many budgets were kept; nothing where there are none."""
    if not result.budgets:
        return []
    broken, unknown = broken_budgets(result), [each for each in result.budgets if each.open]
    kept = len(result.budgets) - len(broken) - len(unknown)
    told = f"{kept} of {count_of(len(result.budgets), 'budget')} kept"
    tone: display_rows.Tone = "bad" if broken else "warn" if unknown else "good"
    return [Line({"bad": "✗", "warn": "?", "good": "✓"}[tone], tone, "Limits", told), *_open(result)]
