"""The first word and the first sentence: what was promised and what was reached, or what was found."""

from __future__ import annotations

from collections.abc import Sequence

from perfproof.core.numbers import capitalised, upper_first
from perfproof.model import formatting
from perfproof.model.metrics import ALL, higher_is_better
from perfproof.model.result import BudgetCheck, Comparison, Result, Verdict
from perfproof.report import promises, proofs
from perfproof.verdict import conclude, display_rows
from perfproof.verdict.guards import primary_rows
from perfproof.verdict.sentence import moved

LONGEST_HEADLINE = 260


def goals_of(result: Result) -> list[Comparison]:
    """Return the rows that something was promised of."""
    return [row for row in result.comparisons if row.role == "goal"]


def decisive_rows(result: Result) -> list[Comparison]:
    """Return the rows that decide; of a search for the capacity and the like, those of all requests together.

    Where nothing that was timed counts it is what got worse by count.
    """
    found = primary_rows(result.comparisons)
    found = found or [row for row in result.comparisons if row.request == ALL and row.role != "shown"]
    return found or conclude.regressions(result.comparisons)


def reached_all(goals: Sequence[Comparison]) -> bool:
    """Tell whether there are goals, all of them met."""
    return bool(goals) and all(row.verdict is Verdict.MET for row in goals)


def broken_budgets(result: Result) -> list[BudgetCheck]:
    """Return the budgets that were not kept."""
    return [each for each in result.budgets if each.broken]


def word_of(result: Result) -> tuple[str, str, display_rows.Tone]:
    """Return the sign, the word and the tone of the verdict, in words that need no glossary."""
    sign, word, tone = display_rows.headline(result)
    if result.proofs and result.verdict is not Verdict.INVALID:
        return sign, word, tone
    goals, verdict = goals_of(result), result.verdict
    if verdict is Verdict.INVALID:
        return sign, "no verdict", tone
    if result.kind == "noise":
        return "●", "identical versions", "calm"
    if not (result.comparisons or result.levels or result.budgets):
        return "?", "nothing measured", "warn"
    if result.alone or not result.comparisons:
        return sign, word, tone
    met = reached_all(goals)
    if verdict is Verdict.REGRESSED:
        return "✗", "not passed" if met else "worse", "bad"
    if broken_budgets(result) and (met or not goals):
        return "✗", "budget broken", "bad"
    if goals:
        known: dict[Verdict, tuple[str, str, display_rows.Tone]] = {
            Verdict.MET: ("✓", "goal met", "good"),
            Verdict.GOAL_MISSED: ("✗", "goal missed", "bad"),
            Verdict.EQUIVALENT: ("✗", "goal missed", "bad"),
            Verdict.IMPROVED: ("?", "goal not shown yet", "warn"),
            Verdict.INCONCLUSIVE: ("?", "budget open" if met else "not decided", "warn"),
        }
        return known[verdict]
    told = {Verdict.IMPROVED: "better", Verdict.EQUIVALENT: "no difference", Verdict.INCONCLUSIVE: "not decided"}
    return sign, told.get(verdict, word), tone


def headline_of(result: Result) -> str:
    """Return the first sentence: what was promised and what was reached or, without goals, what was found."""
    goals = goals_of(result)
    if result.verdict is Verdict.INVALID:
        return _invalid(result)
    if result.proofs:
        told = proofs.tally(result)[1]
        return f"{upper_first(told)}."
    if result.kind == "noise" or not (result.comparisons or result.levels or result.capacity):
        return result.sentence
    if not result.comparisons:
        return _alone(result)
    against = against_goals(result)
    if goals and against and reached_all(goals):
        found = [row.goal for row in goals if row.goal is not None]
        return f"Goal met (promised {promises.wanted(found)}, {_all_reached(goals)}), but {against}: not passed."
    if goals:
        return f"{_of_goals(goals)}."
    if against:
        return f"{upper_first(against)}{_sure_of(conclude.regressions(result.comparisons))}."
    return f"{_without_goals(result)}."


def _invalid(result: Result) -> str:
    """Return why nothing can be said; the sentence has the reason after "Invalid:"."""
    reason = result.sentence.removeprefix("Invalid: ").strip()
    goals = [row.goal for row in goals_of(result) if row.goal is not None]
    if reason.lower().startswith("nothing can be said"):
        reason = reason[len("nothing can be said") :].lstrip(": ")
    lead = (
        f"Promised {promises.wanted(goals)}; whether it was reached cannot be said" if goals else "Nothing can be said"
    )
    return f"{lead}: {reason}"


def _of_goals(goals: Sequence[Comparison]) -> str:
    """Return "Promised 20–30 % less peak memory, reached 63 % (sure: at least 55 %)"; of many, how many reached it."""
    wanted = promises.wanted([row.goal for row in goals if row.goal is not None])
    if len(goals) == 1:
        return f"Promised {wanted}, {promises.outcome(goals[0])}"
    if reached_all(goals):
        bound = promises.sure(goals)
        return f"Promised {wanted}, {_all_reached(goals)}{f' ({bound} of each)' if bound else ''}"
    states = [
        (sum(row.verdict is Verdict.MET for row in goals), "reached it"),
        (sum(row.verdict in (Verdict.GOAL_MISSED, Verdict.EQUIVALENT) for row in goals), "missed it"),
        (sum(row.verdict is Verdict.REGRESSED for row in goals), "got worse"),
        (sum(row.verdict in (Verdict.IMPROVED, Verdict.INCONCLUSIVE) for row in goals), "not decided"),
    ]
    told = [f"{formatting.count(number)} {text}" for number, text in states if number]
    return f"Promised {wanted} on {formatting.count(len(goals))} figures: {', '.join(told)}"


def _all_reached(goals: Sequence[Comparison]) -> str:
    sizes = {formatting.goal(row.goal) for row in goals}
    return f"reached {promises.reached(goals, word=False)}" if len(sizes) == 1 else "all of them reached"


def _without_goals(result: Result) -> str:
    """Return what the row that decides came to, where nothing was promised."""
    decisive = decisive_rows(result)
    ranked = sorted(decisive, key=lambda row: row.verdict is not result.verdict)
    if not ranked:
        return "Nothing comparable was measured"
    row = ranked[0]
    about = f"{promises.title(row.metric)} of {promises.name(row.request)}"
    about = capitalised(about)
    if promises.gain(row) is None:
        return f"{about} could not be compared"
    if row.verdict is Verdict.EQUIVALENT:
        bound = promises.within(row)
        return f"{about} shows no difference{f' ({bound})' if bound else ''}"
    if row.verdict is Verdict.INCONCLUSIVE:
        bound = promises.between(row)
        return f"{about} measured {promises.reached([row])}{f', but it may be {bound}' if bound else ''}"
    return f"{about}: {promises.reached([row])}{_sure_of([row])}"


def _sure_of(found: Sequence[Comparison]) -> str:
    bound = promises.sure(found[:1])
    return f" ({bound})" if bound and len(found) == 1 else ""


def against_goals(result: Result) -> str:
    """Return what stands against the goals: guards that broke, and budgets."""
    goals = goals_of(result)
    guards = [row for row in conclude.regressions(result.comparisons) if row.role != "goal"]
    told = [moved_by(row) for row in guards[:2]]
    told += [f"{len(guards) - 2} more got worse"] if len(guards) > 2 else []
    mark = "" if not told else " (guard)" if len(told) == 1 else " (guards)"
    said = (
        f"{' and '.join([', '.join(told[:-1]), told[-1]]) if len(told) > 1 else told[0]}{mark if goals else ''}"
        if told
        else ""
    )
    broken = broken_budgets(result)
    if broken:
        first = beyond_limit(broken[0])
        more = f" and {len(broken) - 1} more" if len(broken) > 1 else ""
        said = f"{said}; {first}{more}" if said else f"{first}{more}"
    return said


def moved_by(row: Comparison) -> str:
    """Return "peak memory rose by 21 %"; in the words of the sentence for what is told by its values."""
    if row.change is None or row.unit in ("queries", "rows", "ratio"):
        return moved(row)
    where = "" if row.request == ALL else f" of {promises.name(row.request)}"
    verb = "rose" if row.change > 0 else "fell"
    return f"{promises.title(row.metric)}{where} {verb} {promises.share(row.change)}"


def beyond_limit(check: BudgetCheck) -> str:
    """Return "p95 latency of list at 412 ms, over the budget of 300 ms"."""
    where = "" if check.request == ALL else f" of {promises.name(check.request)}"
    value, limit = (formatting.value(each, check.unit) for each in (check.value, check.limit))
    higher = higher_is_better(check.metric)
    return f"{promises.title(check.metric)}{where} at {value}, {'under' if higher else 'over'} the budget of {limit}"


def _alone(result: Result) -> str:
    """Return what one arm showed: its budgets first, if one is broken, then how long it takes."""
    broken = broken_budgets(result)
    whole = {level.metric: level for level in result.levels if level.request == ALL}
    told = [
        f"{promises.title(metric)} {formatting.value(whole[metric].estimate.value, whole[metric].unit)}"
        for metric in ("latency_p50", "latency_p95", "capacity", "instructions_per_request")
        if metric in whole and formatting.known(whole[metric].estimate.value)
    ]
    if result.capacity is not None and result.capacity.knees:
        knee = result.capacity.knees[0]
        told = [f"holds {formatting.value(knee.estimate.value, '1/s')} within its budgets"]
    body = ", ".join(told) or result.sentence.rstrip(".")
    if broken:
        more = f" and {len(broken) - 1} more" if len(broken) > 1 else ""
        body = f"{beyond_limit(broken[0])}{more}; {body}"
    return f"{capitalised(body)}." if body else ""
