"""The verdict in one plain sentence: the same words in the terminal, in every report and in the store."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from perfproof.core.numbers import count_of, digits, in_unit, listed, percent, sureness, upper_first
from perfproof.model.metrics import ALL, METRICS
from perfproof.model.result import BudgetCheck, Comparison, Level, Verdict
from perfproof.verdict.conclude import conclude, guarded, regressions
from perfproof.verdict.guards import primary_rows

_LEAD = {
    Verdict.MET: "Goal met",
    Verdict.GOAL_MISSED: "Goal missed",
    Verdict.IMPROVED: "Improved",
    Verdict.EQUIVALENT: "No difference",
    Verdict.REGRESSED: "Regressed",
    Verdict.INCONCLUSIVE: "Not decided",
}

TIMES_ARE_VOID = "what was timed is invalid: "
"""What stands before the reason where only counts are left (``verdict/counted.py``)."""


def compose(
    verdict: Verdict,
    rows: Sequence[Comparison],
    budgets: Sequence[BudgetCheck],
    *,
    rounds: int,
    margin: float,
    reasons: Sequence[str] = (),
) -> str:
    """Return the sentence of two arms; ``reasons`` say why a measurement, or what was timed of it, is invalid."""
    if verdict is Verdict.INVALID:
        return invalid(reasons)
    if reasons:  # what was counted has failed all the same (verdict/counted.py)
        rows = [row for row in rows if row.verdict is not Verdict.INVALID]
    goals = [row for row in rows if row.role == "goal"]
    worse = regressions(rows)
    broken, unknown = broken_budgets(budgets), "" if reasons else open_budgets(budgets)
    if unknown and verdict is Verdict.INCONCLUSIVE:  # what the rows say beside a budget that is open
        verdict, _ = conclude(rows, (), valid=True)
    held = guarded(rows)
    if verdict is Verdict.REGRESSED and held:
        body = _held_up(goals, held)
    elif verdict is Verdict.REGRESSED:
        body = f"Regressed: {listed([describe(row) for row in worse])}"
    elif goals:
        body = _goals(verdict, goals, bool(broken))
    elif verdict is Verdict.GOAL_MISSED:
        body = ""
    else:
        body = _plain(verdict, primary_rows(rows), margin, rounds)
    parts = [part for part in (broken, unknown, body) if part]
    parts += [f"{TIMES_ARE_VOID}{reasons[0].rstrip('.')}"] if reasons else []
    prices = [f"{row_in_short(row)} ({row.accepted})" for row in rows if row.accepted]
    against = "" if held else disagreement(verdict, [row for row in rows if not row.accepted], describe)
    return "; ".join(parts) + against + (f"; worse, but accepted: {listed(prices)}" if prices else "") + "."


def _held_up(goals: Sequence[Comparison], held: Sequence[Comparison]) -> str:
    """Return ``Goal met (p50 latency −40.0 %), but peak memory rose by 21.0 % (guard): not passed``."""
    met = []
    for metric in dict.fromkeys(row.metric for row in goals):
        group = [row for row in goals if row.metric == metric]
        sizes = sorted((row.change or 0.0 for row in group), key=abs)
        ends = dict.fromkeys(percent(size).removesuffix(" %") for size in (sizes[0], sizes[-1]))
        who = row_in_short(group[0]) if len(group) == 1 else f"{METRICS[metric].title} of {len(group)} requests"
        met.append(who if len(group) == 1 else f"{who} {' to '.join(ends)} %")
    mark = "guard" if len(held) == 1 else "guards"
    return f"Goal met ({listed(met)}), but {listed([moved(row) for row in held])} ({mark}): not passed"


def row_in_short(row: Comparison) -> str:
    """Return what ``describe`` does, without the interval: ``p95 latency of list projects −24.1 %``."""
    return describe(replace(row, ci_low=None, ci_high=None))


def moved(row: Comparison) -> str:
    """Return ``peak memory rose by 21.0 %``, or ``queries of list 28 → 29`` of what is told by its values."""
    if row.change is None or row.unit in ("queries", "rows", "ratio", "count"):
        return row_in_short(row)
    name = METRICS[row.metric].title + ("" if row.request == ALL else f" of {row.request}")
    return f"{name} {'rose' if row.change > 0 else 'fell'} by {_size(row.change)} %"


def describe(row: Comparison) -> str:
    """Return ``p95 latency of list projects −24.1 % (98 % CI −26.0 to −22.1)``."""
    title = METRICS[row.metric].title
    name = title if row.request == ALL else f"{title} of {row.request}"
    if row.unit in ("queries", "rows") or (METRICS[row.metric].check and METRICS[row.metric].exact):
        if row.baseline is None or row.candidate is None:
            return f"{name} not measured"
        return f"{name} {in_unit(row.baseline or 0.0, row.unit)} → {in_unit(row.candidate or 0.0, row.unit)}"
    if row.metric == "error_rate":
        levels = [in_unit(value or 0.0, "ratio") for value in (row.baseline, row.candidate)]
        return f"{name} {levels[0]} → {levels[1]}"
    if row.change is None:
        return f"{name} not comparable"
    typically = "typically " if row.typical else ""
    return f"{name} {typically}{percent(row.change)}{_ci([row])}"


def _ci(rows: Sequence[Comparison]) -> str:
    """Return the interval, or the hull of several, in brackets; nothing where there is none."""
    known = [(r.ci_low, r.ci_high, r.confidence) for r in rows if r.ci_low is not None and r.ci_high is not None]
    if not known:
        return ""
    low, high = min(k[0] for k in known), max(k[1] for k in known)
    sure = min(k[2] for k in known if k[2] is not None) if any(k[2] is not None for k in known) else None
    label = f"{sureness(sure)} CI" if sure is not None else "interval"
    return f" ({label} {percent(low).removesuffix(' %')} to {percent(high)})"


def _goals(verdict: Verdict, goals: Sequence[Comparison], broken: bool) -> str:
    """Return what came of the goals: those met by metric, then every row that missed or stayed open."""
    met = [row for row in goals if row.verdict is Verdict.MET]
    rest = [row for row in goals if row.verdict is not Verdict.MET]
    parts = []
    for metric in dict.fromkeys(row.metric for row in met):
        group = [row for row in met if row.metric == metric]
        total = sum(row.metric == metric for row in goals)
        parts.append(_met(group, total))
    words = {
        Verdict.GOAL_MISSED: "surely less than the {goal} asked",
        Verdict.EQUIVALENT: "no difference",
        Verdict.IMPROVED: "better, but the {goal} asked is not shown yet",
        Verdict.INCONCLUSIVE: "not decided",
    }
    for kind, text in words.items():
        group = [row for row in rest if row.verdict is kind]
        if group:
            goal = percent(group[0].goal.improve if group[0].goal else 0.0, signed=False)
            parts.append(f"{listed([describe(row) for row in group])}: {text.format(goal=goal)}")
    lead = _LEAD[verdict]
    if verdict is Verdict.GOAL_MISSED:
        missed = any(row.verdict in (Verdict.GOAL_MISSED, Verdict.EQUIVALENT) for row in rest)
        lead = "Goal missed" if missed or not broken else "Goal met" if not rest else "Goal open"
    elif verdict is Verdict.EQUIVALENT:
        lead = "Goal missed"
    elif verdict is Verdict.IMPROVED:
        lead = "Goal open"
    return f"{lead}: {'; '.join(parts)}"


def _met(group: Sequence[Comparison], total: int) -> str:
    """Return ``p95 latency of 3 of 3 requests fell by 48.1 to 71.2 % (98 % CI 46.1 to 73.2): meets 20 %``."""
    if len(group) == 1:
        return f"{describe(group[0])}: {_reach(group)}"
    better = METRICS[group[0].metric].better
    sizes = sorted(abs(row.change or 0.0) for row in group)
    span = dict.fromkeys((_size(sizes[0]), _size(sizes[-1])))
    who = f"{METRICS[group[0].metric].title} of {len(group)} of {count_of(total, 'request')}"
    verb = "fell" if better == "lower" else "rose"
    return f"{who} {verb} by {' to '.join(span)} %{_size_ci(group)}: {_reach(group)}"


def _reach(group: Sequence[Comparison]) -> str:
    """Return which of the goals a group of met rows reaches: ``meets 20 %, 30 % not shown``."""
    goal = next(row.goal for row in group if row.goal)
    asked = percent(goal.improve, signed=False)
    if goal.stretch is None:
        return f"meets {asked}"
    hoped = percent(goal.stretch, signed=False)
    return (
        f"meets {asked} and {hoped}" if all(row.stretch_met for row in group) else f"meets {asked}, {hoped} not shown"
    )


def _size(change: float) -> str:
    return percent(abs(change)).removesuffix(" %").removeprefix("+")


def _size_ci(group: Sequence[Comparison]) -> str:
    """Return the hull of the intervals as sizes, smallest first: ``(98 % CI 46.1 to 73.2)``."""
    ends = [end for row in group for end in (row.ci_low, row.ci_high) if end is not None]
    sure = min((row.confidence for row in group if row.confidence is not None), default=None)
    if not ends or sure is None:
        return ""
    low, high = sorted((min(ends), max(ends)), key=abs)
    return f" ({sureness(sure)} CI {_size(low)} to {_size(high)})"


def _plain(verdict: Verdict, decisive: Sequence[Comparison], margin: float, rounds: int) -> str:
    """Return the sentence of a comparison without goals."""
    if not decisive:
        return f"Not decided: nothing comparable was measured in {count_of(rounds, 'round')}"
    if verdict is Verdict.IMPROVED:
        return f"{_LEAD[verdict]}: {improved(decisive)}"
    text = f"{_LEAD[verdict]}: {listed([describe(row) for row in decisive])}"
    if verdict is Verdict.EQUIVALENT and any(row.accepted for row in decisive):
        return f"Nothing got worse than is accepted: {listed([describe(row) for row in decisive])}"
    if verdict is Verdict.EQUIVALENT:
        return f"{text}, within the margin of {percent(margin, signed=False)}"
    if verdict is Verdict.INCONCLUSIVE:
        advice = next((n for row in decisive if row.verdict is Verdict.INCONCLUSIVE for n in row.notes[-1:]), "")
        return f"{text} after {count_of(rounds, 'round')}{f'; {advice}' if advice else ''}"
    return text


def improved(decisive: Sequence[Comparison]) -> str:
    """Return what improved first, then what did not, each with what came of it: nobody may read it as improved, too."""
    words = {
        Verdict.IMPROVED: "",
        Verdict.MET: "",
        Verdict.EQUIVALENT: ": no difference",
        Verdict.INCONCLUSIVE: ": not decided",
    }
    groups = {
        text: [row for row in decisive if words.get(row.verdict, ": not decided") == text] for text in words.values()
    }
    return "; ".join(f"{listed([describe(row) for row in group])}{text}" for text, group in groups.items() if group)


def invalid(reasons: Sequence[str]) -> str:
    """Return why nothing can be concluded."""
    first = reasons[0] if reasons else "the measurement cannot carry a verdict."
    more = f" ({count_of(len(reasons) - 1, 'more reason')})" if len(reasons) > 1 else ""
    return f"Invalid: {first.rstrip('.')}{more}."


def broken_budgets(budgets: Sequence[BudgetCheck]) -> str:
    """Return ``Budget broken: p95 latency of list projects 612 ms, limit 500 ms``, empty when all hold."""
    broken = [
        f"{METRICS[check.metric].title}{'' if check.request == ALL else f' of {check.request}'} "
        f"{in_unit(check.value or 0.0, check.unit)}, limit {in_unit(check.limit, check.unit)}"
        for check in budgets
        if check.broken
    ]
    return f"Budget{'' if len(broken) == 1 else 's'} broken: {listed(broken)}" if broken else ""


def open_budgets(budgets: Sequence[BudgetCheck]) -> str:
    """Return ``Budget open: queries of list not measured (why, and what to do)``, empty when none is."""
    unknown = [check for check in budgets if check.open]
    if not unknown:
        return ""
    by_why: dict[str, list[str]] = {}
    for check in unknown:
        name = f"{METRICS[check.metric].title}{'' if check.request == ALL else f' of {check.request}'}"
        if check.value is not None:
            name += f" {in_unit(check.value, check.unit)}, limit {in_unit(check.limit, check.unit)}"
        by_why.setdefault(check.why, []).append(name if check.value is not None else f"{name} not measured")
    told = [f"{listed(names)} ({why})" for why, names in by_why.items()]
    return f"Budget{'' if len(unknown) == 1 else 's'} open: {'; '.join(told)}"


def kept_budgets(budgets: Sequence[BudgetCheck]) -> str:
    """Return that all of the budgets hold."""
    known = {1: "the budget holds", 2: "both budgets hold"}
    return known.get(len(budgets), f"all {len(budgets)} budgets hold")


def of_run(levels: Sequence[Level], budgets: Sequence[BudgetCheck], arm: str, rounds: int) -> str:
    """Return the sentence of a single arm: budgets first, then what was measured."""
    told = [
        f"{METRICS[level.metric].title} {in_unit(level.estimate.value, level.unit)}"
        for metric in ("latency_p50", "latency_p95", "cpu_per_request", "memory_peak")
        for level in levels
        if level.metric == metric and level.request == ALL
    ]
    measured = f"measured {arm} over {count_of(rounds, 'round')}: {', '.join(told)}"
    found = [part for part in (broken_budgets(budgets), open_budgets(budgets)) if part]
    if found:
        return f"{'; '.join(found)}; {measured}."
    if budgets:
        return f"{upper_first(kept_budgets(budgets))}; {measured}."
    return f"{upper_first(measured)}."


def of_noise(rows: Sequence[Comparison], visible: Sequence[tuple[str, float]], rounds: int) -> str:
    """Return what identical arms showed and the smallest effects that a run of as many rounds sees."""
    decisive = [row for row in rows if row.change is not None]
    text = (
        f"Identical arms differ by {listed([describe(row) for row in decisive])}" if decisive else "Nothing comparable"
    )
    odd = [r for r in decisive if r.ci_low is not None and r.ci_high is not None and (r.ci_low > 0 or r.ci_high < 0)]
    if odd:
        text += ", which is more than chance explains"
    seen = [f"{percent(effect, signed=False)} in {METRICS[metric].title}" for metric, effect in visible]
    return f"{text}; {count_of(rounds, 'round')} here can see changes from {listed(seen)}." if seen else f"{text}."


_TELLING = ("latency_p50", "latency_p95", "cpu_per_request", "memory_peak", "throughput")
_COUNTED = ("queries_per_request", "rows_fetched_per_request")
_GAINS = (Verdict.MET, Verdict.IMPROVED)
_AGAINST = {
    Verdict.MET: (Verdict.REGRESSED,),
    Verdict.IMPROVED: (Verdict.REGRESSED,),
    Verdict.GOAL_MISSED: (Verdict.REGRESSED,),
    Verdict.REGRESSED: _GAINS,
}
_TIMES = 2.0
_WEIGHT = ("latency_p50", "memory_peak", "rows_fetched_per_request", "cpu_per_request", "throughput", "latency_p95")
"""What is told first of several that got worse: each says something new, while p95 mostly repeats p50."""


def disagreement(verdict: Verdict, rows: Sequence[Comparison], describe: Callable[[Comparison], str]) -> str:
    """Return what points the other way than the verdict, to stand behind its sentence; empty if nothing does.

    Where queries fell and something that is felt got worse (or the other way round), both are told together:
    ``; queries of list projects 501 → 1, but p50 latency 7.5 times slower and peak memory 4 times higher``.
    """
    both = _counts_against_clocks(rows)
    if both:
        return f"; {both}"
    against = _AGAINST.get(verdict, ())
    other = [row for row in rows if _telling(row) and row.verdict in against]
    if verdict is Verdict.REGRESSED:
        other = other or [row for row in rows if row.verdict is Verdict.MET][:1]
    return f"; but {listed([describe(row) for row in other])}" if other else ""


def _counts_against_clocks(rows: Sequence[Comparison]) -> str:
    counts = [row for row in rows if row.metric == "queries_per_request"]
    fewer = [row for row in counts if row.verdict in _GAINS]
    more = [row for row in counts if row.verdict is Verdict.REGRESSED]
    felt = [row for row in rows if _telling(row)]
    worse = [row for row in felt if row.verdict is Verdict.REGRESSED]
    worse += [row for row in rows if row.metric == "rows_fetched_per_request" and row.verdict is Verdict.REGRESSED]
    better = [row for row in felt if row.verdict in _GAINS]
    for counted, other in ((fewer, worse), (more, better)):
        if counted and other:
            widest = max(counted, key=lambda row: abs((row.candidate or 0.0) - (row.baseline or 0.0)))
            told = sorted(other, key=lambda row: _WEIGHT.index(row.metric))
            return f"{compared(widest)}, but {listed([compared(row) for row in told])}"
    return ""


def compared(row: Comparison) -> str:
    """Return a row in figures that can be said aloud: ``queries of list 501 → 1``, ``p50 latency 7.5 times slower``."""
    title = METRICS[row.metric].title
    name = title if row.request == ALL else f"{title} of {row.request}"
    before, after = row.baseline or 0.0, row.candidate or 0.0
    if row.metric in _COUNTED:
        return f"{name} {in_unit(before, row.unit)} → {in_unit(after, row.unit)}"
    if before > 0 and after >= _TIMES * before:
        return f"{name} {digits(after / before)} times {'slower' if row.metric.startswith('latency') else 'higher'}"
    if before > 0:
        share = abs(after / before - 1) * 100
        return f"{name} {digits(share, 3)} % {'higher' if after > before else 'lower'}"
    return f"{name} {in_unit(before, row.unit)} → {in_unit(after, row.unit)}"


def _telling(row: Comparison) -> bool:
    return row.request == ALL and row.metric in _TELLING
