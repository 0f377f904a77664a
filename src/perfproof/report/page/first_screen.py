"""What a report says first, to people who will read nothing else. Pure: a result in, words and places out.

In this order: the verdict, what was promised and what was reached; before and after in one chart; queries, memory and
CPU; what it means per day; how sure that is; why. ``docs/reports.md`` says for whom and why so. The page and the slide
both draw this, and nothing of the laboratory (generator, environment, intervals) is in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from perfproof.core.numbers import capitalised, count_of, sureness, upper_first
from perfproof.model import formatting
from perfproof.model.metrics import ALL, METRICS, higher_is_better
from perfproof.model.result import BudgetCheck, Comparison, Level, Result, Saving, Verdict
from perfproof.model.why import Cause
from perfproof.report import promises, proofs
from perfproof.report.before_after import Bars, before_after
from perfproof.report.promises import Line
from perfproof.report.proofs import ProofLine
from perfproof.verdict import conclude, display_rows
from perfproof.verdict.guards import primary_rows
from perfproof.verdict.proofs import unclaimed
from perfproof.verdict.sentence import moved
from perfproof.why import report

MOST_LINES = 3
MOST_CAUSES = 3
_HEADLINE = 260
_MS = {"h": 3_600_000.0, "min": 60_000.0, "s": 1000.0}
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
_SIGNS: dict[int, tuple[str, display_rows.Tone]] = {-1: ("+", "good"), 0: ("≈", "calm"), 1: ("!", "warn")}
"""How fewer, as many and more queries are marked."""


@dataclass(frozen=True)
class Tile:
    """One figure beside the chart: what, before and after (or the one value), and what came of it."""

    what: str
    figure: str
    told: str
    sign: str
    tone: display_rows.Tone


@dataclass(frozen=True)
class Worth:
    """What the change means over the traffic that ``over`` names: a short text for each thing saved or spent."""

    over: str
    told: tuple[str, ...]


@dataclass(frozen=True)
class Sureness:
    """How sure it is: one word, and the numbers behind it."""

    word: str
    numbers: tuple[str, ...]


@dataclass(frozen=True)
class Reasons:
    """The causes in short lines (what, where, worth), how many are left out, or in one sentence that none is shown."""

    lines: tuple[tuple[str, str, str], ...]
    left_out: int
    sentence: str


@dataclass(frozen=True)
class FirstScreen:
    """Everything on the first screen, in words."""

    sign: str
    word: str
    tone: display_rows.Tone
    headline: str
    lines: tuple[Line, ...]
    bars: Bars | None
    tiles: tuple[Tile, ...]
    claims: tuple[ProofLine, ...]
    worth: Worth | None
    sureness: Sureness
    reasons: Reasons | None


def first_screen(result: Result) -> FirstScreen:
    """Return what is said first of a result of any kind and verdict."""
    sign, word, tone = _word(result)
    return FirstScreen(
        sign=sign,
        word=word,
        tone=tone,
        headline=formatting.plain(_headline(result), _HEADLINE),
        lines=tuple(_lines(result)[:MOST_LINES]),
        bars=None if result.proofs else before_after(result),
        tiles=() if result.proofs or result.verdict is Verdict.INVALID else tuple(_tiles(result)),
        claims=tuple(proofs.lines(result)),
        worth=_worth(result),
        sureness=_sureness(result),
        reasons=_reasons(result),
    )


def _goals(result: Result) -> list[Comparison]:
    return [row for row in result.comparisons if row.role == "goal"]


def _decisive(result: Result) -> list[Comparison]:
    """Return the rows that decide; of a search for the capacity and the like, those of all requests together."""
    found = primary_rows(result.comparisons)
    return found or [row for row in result.comparisons if row.request == ALL and row.role != "shown"]


def _reached_all(goals: Sequence[Comparison]) -> bool:
    return bool(goals) and all(row.verdict is Verdict.MET for row in goals)


def _broken(result: Result) -> list[BudgetCheck]:
    return [each for each in result.budgets if each.broken]


def _word(result: Result) -> tuple[str, str, display_rows.Tone]:
    """Return the sign, the word and the tone of the verdict, in words that need no glossary."""
    sign, word, tone = display_rows.headline(result)
    if result.proofs and result.verdict is not Verdict.INVALID:
        return sign, word, tone
    goals, verdict = _goals(result), result.verdict
    if verdict is Verdict.INVALID:
        return sign, "no verdict", tone
    if result.kind == "noise":
        return "●", "identical versions", "calm"
    if not (result.comparisons or result.levels or result.budgets):
        return "?", "nothing measured", "warn"
    if result.alone or not result.comparisons:
        return sign, word, tone
    met = _reached_all(goals)
    if verdict is Verdict.REGRESSED:
        return "✗", "not passed" if met else "worse", "bad"
    if _broken(result) and (met or not goals):
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


def _headline(result: Result) -> str:
    """Return the first sentence: what was promised and what was reached or, without goals, what was found."""
    goals = _goals(result)
    if result.verdict is Verdict.INVALID:
        return _invalid(result)
    if result.proofs:
        told = proofs.tally(result)[1]
        return f"{upper_first(told)}."
    if result.kind == "noise" or not (result.comparisons or result.levels or result.capacity):
        return result.sentence
    if not result.comparisons:
        return _alone(result)
    against = _against(result)
    if goals and against and _reached_all(goals):
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
    goals = [row.goal for row in _goals(result) if row.goal is not None]
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
    if _reached_all(goals):
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
    decisive = _decisive(result)
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


def _against(result: Result) -> str:
    """Return what stands against the goals: guards that broke, and budgets."""
    goals = _goals(result)
    guards = [row for row in conclude.regressions(result.comparisons) if row.role != "goal"]
    told = [_moved(row) for row in guards[:2]]
    told += [f"{len(guards) - 2} more got worse"] if len(guards) > 2 else []
    mark = "" if not told else " (guard)" if len(told) == 1 else " (guards)"
    said = (
        f"{' and '.join([', '.join(told[:-1]), told[-1]]) if len(told) > 1 else told[0]}{mark if goals else ''}"
        if told
        else ""
    )
    broken = _broken(result)
    if broken:
        first = _limit(broken[0])
        more = f" and {len(broken) - 1} more" if len(broken) > 1 else ""
        said = f"{said}; {first}{more}" if said else f"{first}{more}"
    return said


def _moved(row: Comparison) -> str:
    """Return "peak memory rose by 21 %"; in the words of the sentence for what is told by its values."""
    if row.change is None or row.unit in ("queries", "rows", "ratio"):
        return moved(row)
    where = "" if row.request == ALL else f" of {promises.name(row.request)}"
    verb = "rose" if row.change > 0 else "fell"
    return f"{promises.title(row.metric)}{where} {verb} {promises.share(row.change)}"


def _limit(check: BudgetCheck) -> str:
    where = "" if check.request == ALL else f" of {promises.name(check.request)}"
    value, limit = (formatting.value(each, check.unit) for each in (check.value, check.limit))
    higher = higher_is_better(check.metric)
    return f"{promises.title(check.metric)}{where} at {value}, {'under' if higher else 'over'} the budget of {limit}"


def _alone(result: Result) -> str:
    """Return what one arm showed: its budgets first, if one is broken, then how long it takes."""
    broken = _broken(result)
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
        body = f"{_limit(broken[0])}{more}; {body}"
    return f"{capitalised(body)}." if body else ""


def _lines(result: Result) -> list[Line]:
    """Return the lines below the headline: each metric with a goal, first where it failed; or that none was set."""
    if result.verdict is Verdict.INVALID:
        return [Line("→", "warn", "", result.advice)] if result.advice else []
    if result.proofs:
        return _beside_claims(result)
    if not result.comparisons:
        return _budget_lines(result)
    goals = _goals(result)
    if not goals:
        return [*_none_set(result), *_budget_lines(result), *_accepted(result)]
    groups = sorted(_groups(goals), key=lambda group: _ORDER[group[0].verdict])
    found = [_line(group) for group in groups]
    if len(goals) == 1 and goals[0].verdict is not Verdict.INVALID and not _reached_besides(result):
        values = promises.values(goals[0])  # the headline has said the rest
        found = [replace(found[0], told=values)] if values else found
    if (against := _against(result)) and not _reached_all(goals):
        found.insert(0, Line("✗", "bad", "Besides", against))
    if len(found) > MOST_LINES - 1:
        left = len(found) - (MOST_LINES - 1)
        found = [*found[: MOST_LINES - 1], Line("", "calm", "", f"and {formatting.count(left)} more, below")]
    return [*found, *_accepted(result), *_open(result)]


def _beside_claims(result: Result) -> list[Line]:
    """Return what no claim is about and bears on the verdict all the same."""
    limited = {(check.metric, check.request) for proof in result.proofs for check in proof.checks}
    worse, goals, rest = unclaimed(result.proofs, result.comparisons, result.budgets)
    worse += [row for row in conclude.regressions(result.comparisons) if (row.metric, row.request) in limited]
    found = [Line("✗", "bad", "Worse, and not claimed", "; ".join(map(_moved, worse[:3])))] if worse else []
    missed = [row for row in goals if row.verdict is not Verdict.MET]
    found += [_line(group) for group in _groups(missed)]
    broken = [check for check in rest if check.broken]
    found += [Line("✗", "bad", "Budget without a claim", _limit(broken[0]))] if broken else []
    return [*found, *_accepted(result)]


def _reached_besides(result: Result) -> bool:
    """Tell whether the headline says of the goal only that it was reached, since something stands against it."""
    return _reached_all(_goals(result)) and bool(_against(result))


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
    told = [f"{_moved(row)} ({row.accepted})" for row in found[:2]]
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
    broken, unknown = _broken(result), [each for each in result.budgets if each.open]
    kept = len(result.budgets) - len(broken) - len(unknown)
    told = f"{kept} of {count_of(len(result.budgets), 'budget')} kept"
    tone: display_rows.Tone = "bad" if broken else "warn" if unknown else "good"
    return [Line({"bad": "✗", "warn": "?", "good": "✓"}[tone], tone, "Limits", told), *_open(result)]


def _tiles(result: Result) -> list[Tile]:
    """Return queries, memory and CPU."""
    if not result.comparisons:
        return _tiles_alone(result)
    whole = {row.metric: row for row in result.comparisons if row.request == ALL and formatting.known(row.baseline)}
    memory = whole.get("memory_peak") or whole.get("memory_steady")
    if result.kind not in ("ab", "compare"):  # which look at neither queries nor memory, unless they do
        found = [_queries(result)] if any(row.metric == "queries_per_request" for row in result.comparisons) else []
        found += [_tile(memory)] if memory else []
    else:
        none = Tile("Peak memory", formatting.NOTHING, "not measured", "", "calm")
        found = [_queries(result), _tile(memory) if memory else none]
    work = whole.get("cpu_per_request") or whole.get("instructions_per_request")
    return [*found, _tile(work)] if work else found


def _tile(row: Comparison, what: str = "") -> Tile:
    title = what or formatting.title(row.metric)
    told = promises.reached([row])
    if row.verdict is Verdict.EQUIVALENT:
        told = "no difference"
    elif row.verdict is Verdict.INCONCLUSIVE:
        told = "no difference told" if promises.bounds(row) else told
    elif row.verdict is Verdict.REGRESSED:
        told += ", accepted" if row.accepted else " (guard)" if row.role == "gate" else ""
    return Tile(
        capitalised(title),
        promises.values(row),
        told,
        display_rows.SYMBOLS[row.verdict],
        display_rows.tone_of(row),
    )


def _queries(result: Result) -> Tile:
    """Return the queries of an average request of the traffic or, where that is not known, of the largest change."""
    counted = [
        row for row in result.comparisons if row.metric == "queries_per_request" and formatting.known(row.baseline)
    ]
    if not counted:
        return Tile("Database queries", formatting.NOTHING, "not counted", "", "calm")
    saving = next((each for each in result.traffic.savings if each.what == "queries"), None) if result.traffic else None
    guards = [row for row in counted if row.verdict is Verdict.REGRESSED and not row.accepted]
    if guards or saving is None or saving.partial or result.traffic is None:
        row = (guards or sorted(counted, key=lambda each: each.change or 0.0))[0]
        return _tile(row, f"queries, {promises.name(row.request)}")
    before, after = (each / result.traffic.requests for each in (saving.baseline, saving.candidate))
    change = after / before - 1.0 if before else None
    told = (
        "as many"
        if after == before
        else f"{promises.share(change)} {'fewer' if after < before else 'more'}"
        if change is not None
        else "more"
    )
    sign, tone = _SIGNS[(after > before) - (after < before)]
    return Tile("Queries per request", f"{_number(before)} → {_number(after)}", told, sign, tone)


def _number(number: float) -> str:
    return formatting.value(number, "queries") if number >= 100 or float(number).is_integer() else f"{number:.3g}"


def _tiles_alone(result: Result) -> list[Tile]:
    whole: dict[str, Level] = {level.metric: level for level in result.levels if level.request == ALL}
    counted = [level for level in result.levels if level.metric == "queries_per_request"]
    found = []
    if counted:
        most = max(counted, key=lambda level: level.estimate.value)
        found.append(
            Tile(
                f"Most queries, {promises.name(most.request)}",
                formatting.value(most.estimate.value, "queries"),
                "",
                "",
                "calm",
            )
        )
    for metric in ("memory_peak", "cpu_per_request", "error_rate"):
        if metric in whole and formatting.known(whole[metric].estimate.value):
            name = formatting.title(metric)
            value = formatting.value(whole[metric].estimate.value, whole[metric].unit)
            found.append(Tile(capitalised(name), value, "", "", "calm"))
    return found[:3]


def _worth(result: Result) -> Worth | None:
    """Return what the traffic of a day, or a million requests, takes less or more."""
    traffic = result.traffic
    if traffic is None or result.verdict is Verdict.INVALID:
        return None
    over = "A million requests" if traffic.rate is None else f"A day at {_rate(traffic.rate)}"
    told = [text for each in traffic.savings if (text := _saving(each))]
    return Worth(over, tuple(told or ["no saving and no cost was told apart from none"]))


def _rate(rate: float) -> str:
    number = formatting.count(round(rate)) if rate >= 99.5 or float(rate).is_integer() else f"{rate:.3g}"
    return f"{number} {'request' if number == '1' else 'requests'} a second"


def _saving(saving: Saving) -> str:
    """Return "9.4 h less waiting (8.8 to 10.1 h)"; empty where nothing is told apart from none."""
    if not saving.sure:
        return ""
    direction = "less" if saving.saved > 0 else "more"
    if saving.what == "queries":
        some = " (of the requests counted)" if saving.partial else ""
        return f"{_large(abs(saving.saved))} {'fewer' if saving.saved > 0 else 'more'} queries{some}"
    sizes = sorted(abs(each) for each in (saving.low, saving.high) if each is not None)
    unit = _unit(abs(saving.saved))
    amount = _in(abs(saving.saved), unit)
    around = f" ({_in(sizes[0], unit)} to {_in(sizes[1], unit)} {unit})" if len(sizes) == 2 else ""
    what = "waiting" if saving.what == "waiting" else "CPU time"
    return f"{amount} {unit} {direction} {what}{around}"


def _unit(ms: float) -> str:
    return next((name for name, size in _MS.items() if ms >= 0.95 * size), "s")


def _in(ms: float, unit: str) -> str:
    number = ms / _MS[unit]
    return f"{number:,.0f}" if number >= 99.5 else f"{number:.2g}" if number < 9.95 else f"{number:.3g}"


def _large(number: float) -> str:
    for size, name in ((1e9, "billion"), (1e6, "million")):
        if number >= 0.9995 * size:
            return f"{number / size:,.3g} {name}"
    return formatting.count(round(number))


def _sureness(result: Result) -> Sureness:
    """Return one word and the numbers behind it (docs/reports.md says what each word asks for)."""
    decisive = _decisive(result)
    doubts = len(result.comparability.warnings) + sum(each.kind == "response_changed" for each in result.findings)
    numbers = [text for text in (_confidence(decisive), _starts(result, decisive), _answered(result)) if text]
    numbers += [count_of(doubts, "doubt")] if doubts else []
    return Sureness(_sure_word(result, decisive, doubts), tuple(numbers))


def _sure_word(result: Result, decisive: Sequence[Comparison], doubts: int) -> str:
    if result.verdict is Verdict.INVALID:
        return "Not at all"
    if not decisive or result.kind == "noise":
        return "Measured" if result.levels or result.comparisons else "Not at all"
    open_goal = result.verdict is Verdict.IMPROVED and bool(_goals(result))
    if result.verdict is Verdict.INCONCLUSIVE or open_goal:
        return "Unsure"
    if doubts:
        return "Likely"
    exact = all(row.metric in METRICS and METRICS[row.metric].exact for row in decisive)
    return "Exact" if exact else "Sure"


def _confidence(decisive: Sequence[Comparison]) -> str:
    known = [row.confidence for row in decisive if row.confidence is not None and row.ci_low is not None]
    if known:
        return f"{sureness(min(known))} confidence"
    exact = decisive and all(row.metric in METRICS and METRICS[row.metric].exact for row in decisive)
    return "counted, not estimated" if exact else ""


def _starts(result: Result, decisive: Sequence[Comparison]) -> str:
    """Return in how many fresh starts the change that decides went the same way."""
    if not result.rounds:
        return ""
    rounds = [row.round_changes for row in decisive if row.round_changes and formatting.known(row.change)]
    starts = count_of(result.rounds, "fresh start")
    if not rounds or result.verdict in (Verdict.EQUIVALENT, Verdict.INCONCLUSIVE):
        return f"{starts} of {'the' if len(result.arms) == 1 else 'each'} version"
    lead = next(row for row in decisive if row.round_changes and formatting.known(row.change))
    same = sum((each > 0) == ((lead.change or 0.0) > 0) for each in lead.round_changes)
    return f"{same} of {count_of(len(lead.round_changes), 'fresh start')} of each version agree"


def _answered(result: Result) -> str:
    whole = next((detail for detail in result.details if detail.request == ALL), None)
    if whole is None:
        return ""
    number = sum(counts.get("completed", 0) for counts in whole.counts.values())
    return f"{formatting.count(number)} requests answered" if number else ""


def _reasons(result: Result) -> Reasons | None:
    """Return the weightiest causes, one line each; None where nobody looked for them or nothing can be said."""
    found = result.why
    if found is None or result.verdict is Verdict.INVALID:
        return None
    if result.kind == "run" or not found.causes:
        return Reasons((), 0, found.sentence)
    ordered = [cause for _, causes in report.by_lever(found.causes) for cause in causes]
    return Reasons(tuple(_cause(each) for each in ordered[:MOST_CAUSES]), len(ordered) - len(ordered[:MOST_CAUSES]), "")


def _cause(cause: Cause) -> tuple[str, str, str]:
    lever = upper_first(cause.lever)
    where = "" if cause.request == ALL else f", {promises.name(cause.request)}"
    return f"{lever}{where}", formatting.plain(report.told(cause).rstrip("."), 110), report.worth(cause)
