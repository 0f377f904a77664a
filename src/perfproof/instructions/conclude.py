"""From the count pass to rows, levels and doubts. Starts are the unit; the interval's rules are those of rounds.

Starts of the two arms are not paired: nothing of the machine that a pair would share reaches a count of instructions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from math import expm1
from typing import Literal

import numpy as np

from perfproof.core.numbers import count_of, in_unit, listed, percent, upper_first
from perfproof.errors import ExitCode
from perfproof.instructions.bursts import Burst, without_bursts
from perfproof.model.instructions import (
    ARCHITECTURE,
    C_LIBRARY,
    COUNTED_BY,
    FEATURES,
    MADE_BY,
    Instructions,
    StartCount,
)
from perfproof.model.levers import Causes
from perfproof.model.metrics import ALL, COUNTED, METRICS
from perfproof.model.recording import Recording
from perfproof.model.result import Comparison, Fact, Level, Result, Role, Verdict
from perfproof.model.rules import Rules
from perfproof.model.why import Why
from perfproof.stats import alpha_spending
from perfproof.stats.columns import Side
from perfproof.stats.intervals import one_sample, two_samples
from perfproof.stats.quantiles import Floats
from perfproof.stats.series import Series
from perfproof.verdict.additions import Conclusion
from perfproof.verdict.budgets import check_budgets
from perfproof.verdict.claims import correct
from perfproof.verdict.comparability import describe
from perfproof.verdict.conclude import conclude
from perfproof.verdict.guards import accept
from perfproof.verdict.rows import Terms, levels_of, ratio_row
from perfproof.verdict.sentence import broken_budgets, compose, invalid

ExplainWhy = Callable[..., Why | None]
"""``why.explain``, handed in: what counts instructions knows nothing of causes."""
METRIC = METRICS[COUNTED]
MARGIN = 0.01
"""A change within it counts as none, and one beyond it can be called a regression: counts are that sharp."""
WIDE = 0.01
"""Starts of one arm that differ by more than this are told."""

NOT_SEEN = (
    "Instructions are what the service's own processes execute: waiting, the kernel, the database's own process, cache "
    "misses and the processor's clock are not among them. Fewer queries show here only as less work of the client."
)


def conclude_instructions(counted: Instructions | None, rules: Rules, arms: Sequence[str]) -> Conclusion:
    """Return what the count pass adds to the result of ``arms``; an empty conclusion for a run without one."""
    if counted is None:
        return Conclusion()
    if counted.source == "none":
        return Conclusion(warnings=tuple(_ended(f"Instructions were not counted: {note}") for note in counted.notes))
    starts, bursts = without_bursts(counted.starts)
    sides = [[start for start in starts if start.arm == arm] for arm in arms]
    terms = _terms(rules, counted)
    series = _series(sides, counted)
    rows: list[Comparison] = []
    if len(sides) == 2:
        found = [ratio_row(each, terms) for each in series]
        found = [
            replace(row, comparison=_told(row.comparison, each, bursts, arms))
            for row, each in zip(found, series, strict=True)
        ]
        rows = [row.comparison for row in correct(found, terms)]
    return Conclusion(
        rows=tuple(rows),
        levels=tuple(level for each in series for level in levels_of(each, list(arms), terms.confidence)),
        facts=_facts(counted, len(sides[0]), arms),
        warnings=_warnings(counted),
    )


def half_width(counted: Instructions, arms: Sequence[str]) -> float | None:
    """Return half the width of the widest interval of all requests, as a fraction; None where there is none yet.

    Of two arms or more, of each against the first; of one, its own.
    """
    starts, _ = without_bursts(counted.starts)
    sides = [[start for start in starts if start.arm == arm] for arm in arms]
    whole = _series(sides, counted)[0]
    confidence = alpha_spending.confidence(1, 1)
    known = [whole.known(side) for side in range(len(arms))]
    if len(known) == 1:
        found = [one_sample(known[0], confidence)]
    else:
        found = [two_samples(known[0], other, confidence) for other in known[1:]]
    widths = [(each.high - each.low) / 2 for each in found if each.low is not None and each.high is not None]
    return expm1(max(widths)) if widths else None


def with_functions(causes: Causes | None, counted: Instructions | None) -> Causes | None:
    """Return the causes with the functions that were counted where no profiler saw any.

    A sampler knows waiting and the names of interpreted code, so it comes first.
    """
    functions = counted.profiles if counted is not None else ()
    seen = causes is not None and any(profile.engine != "none" for profile in causes.profiles)
    if seen or not any(profile.engine != "none" for profile in functions):
        return causes
    return replace(causes or Causes(), profiles=functions)


def across(
    baseline: Instructions | None, candidate: Instructions | None, runs: Sequence[str], labels: Sequence[str]
) -> Instructions | None:
    """Return the last arms (``runs``) of two recorded runs as one count called ``labels``; None unless both counted.

    Counts by different means, on another architecture or C library, say nothing about each other. Another processor,
    compiler or interpreter is told: it may be all of the difference, or be what was changed.
    """
    if baseline is None or candidate is None:
        return None
    unlike = [name for name in (ARCHITECTURE, C_LIBRARY) if baseline.facts.get(name) != candidate.facts.get(name)]
    unlike += ["what counted"] if baseline.source != candidate.source else []
    if unlike or "none" in (baseline.source, candidate.source):
        why = f"not comparable, since they differ in {listed(unlike)}" if unlike else "one of the runs counted none"
        return Instructions("none", notes=(why,))
    sides = list(zip((baseline, candidate), runs, labels, strict=True))
    starts = [(replace(start, arm=label)) for side, arm, label in sides for start in side.starts if start.arm == arm]
    made_by = {label: side.made_by[arm] for side, arm, label in sides if arm in side.made_by}
    common = {name: weight for name, weight in candidate.weights.items() if name in baseline.weights}
    doubts = _doubts(
        (baseline.facts.get(FEATURES), candidate.facts.get(FEATURES)), [made_by.get(each) for each in labels]
    )
    return replace(
        candidate, starts=tuple(starts), weights=common, profiles=(), made_by=made_by, notes=(*candidate.notes, *doubts)
    )


def _doubts(features: Sequence[str | None], made_by: Sequence[str | None]) -> list[str]:
    """Return what else differs between two recorded counts, where both sides are known."""
    doubts = []
    if all(features) and features[0] != features[1]:
        doubts.append(
            f"Instructions were counted on processors with other features ({features[0]} and {features[1]}): the same "
            "program may take other paths there, so part of the difference may be the processor's."
        )
    if all(made_by) and made_by[0] != made_by[1]:
        doubts.append(
            f"The compiler or interpreter differs ({made_by[0]} and {made_by[1]}): part of the difference in "
            "instructions may be its own."
        )
    return doubts


def conclude_count(recording: Recording, explain: ExplainWhy) -> Result:
    """Return the result of a run that only counted instructions; ``explain`` says why the arms differ."""
    info = recording.info
    sides = [Side(recording, arm) for arm in range(min(2, len(info.arms)))]
    return _of_counts("count", sides, recording.instructions, list(info.arms[:2]), (), (), explain)


def compare_counts(
    baseline: Recording, candidate: Recording, mismatches: Sequence[str], explain: ExplainWhy, *, force: bool = False
) -> Result:
    """Return the comparison of two runs that only counted; it does not matter which machine of a kind they ran on."""
    sides = [Side(recording, len(recording.info.arms) - 1) for recording in (baseline, candidate)]
    names = [side.name for side in sides]
    labels = names if names[0] != names[1] else ["baseline", "candidate"]
    counted = across(baseline.instructions, candidate.instructions, names, labels)
    scenarios = [text for text in mismatches if not text.startswith("the environments")]
    doubts = [text for text in mismatches if text.startswith("the environments")]
    reasons = () if force else tuple(scenarios)
    return _of_counts("compare", sides, counted, labels, reasons, (*doubts, *(scenarios if force else ())), explain)


def _of_counts(
    kind: Literal["count", "compare"],
    sides: Sequence[Side],
    counted: Instructions | None,
    arms: Sequence[str],
    reasons: tuple[str, ...],
    warnings: Sequence[str],
    explain: ExplainWhy,
) -> Result:
    info = sides[-1].recording.info
    found = conclude_instructions(counted, info.rules, arms)
    if counted is None or counted.source == "none":
        told = listed(list(counted.notes)) if counted and counted.notes else "nothing says why"
        reasons = (*reasons, _ended(f"instructions were not counted: {told}"))
    budgets = check_budgets(info.rules, found.levels, arms[-1], info.requests)
    starts = min((sum(start.arm == arm for start in counted.starts) for arm in arms), default=0) if counted else 0
    rows: list[Comparison] = []
    if len(arms) == 2:
        rows = [replace(row, verdict=Verdict.INVALID) for row in found.rows] if reasons else list(found.rows)
        rows = accept(rows, (), info.rules.policy)
        verdict, code = conclude(rows, budgets, valid=not reasons)
        text = compose(verdict, rows, budgets, rounds=starts, margin=MARGIN, reasons=reasons)
    elif reasons:
        verdict, code, text = Verdict.INVALID, ExitCode.INVALID, invalid(reasons)
    else:
        broken = any(check.broken for check in budgets)
        verdict, code = (Verdict.GOAL_MISSED, ExitCode.FAILED) if broken else (Verdict.MET, ExitCode.PASSED)
        text = _of_one(found.levels, broken_budgets(budgets), arms[0], starts)
    known = describe(sides, info.rules, warnings)
    facts = tuple(fact for fact in known.facts if fact.name != "rounds")
    return Result(
        kind=kind,
        scenario=info.scenario_name,
        run_ids=tuple(dict.fromkeys(side.recording.info.id for side in sides)),
        arms=tuple(arms),
        verdict=verdict,
        sentence=text,
        exit_code=int(code),
        rounds=starts,
        planned_rounds=starts,
        seconds=counted.seconds if counted else 0.0,
        comparisons=tuple(rows),
        levels=found.levels,
        budgets=budgets,
        findings=(),
        comparability=replace(known, facts=(*facts, *found.facts), warnings=(*known.warnings, *found.warnings)),
        started_at=info.started_at,
        why=explain(with_functions(None, counted), rows, (), verdict, _shares(counted), kind),
    )


def _shares(counted: Instructions | None) -> dict[str, float]:
    """Return requests of each name among all, by which causes are ranked."""
    weights = counted.weights if counted is not None else {}
    return {name: weight / sum(weights.values()) for name, weight in weights.items()}


def _terms(rules: Rules, counted: Instructions) -> Terms:
    sharp = replace(rules, margin=min(rules.margin, MARGIN), regression=min(rules.regression, MARGIN))
    starts = len({start.number for start in counted.starts})
    return Terms(
        sharp,
        alpha_spending.confidence(1, 1, candidates=rules.candidates),
        paired=False,
        seconds_per_round=counted.seconds / max(1, starts),
    )


def _series(sides: Sequence[Sequence[StartCount]], counted: Instructions) -> list[Series]:
    """Return one series for all requests, weighted by their share of traffic, and one for each name."""
    names = [name for name in counted.weights if name not in counted.skipped]
    tables = [np.array([[_of(start, name) for name in names] for start in side], dtype=np.float64) for side in sides]
    shares = np.array([counted.weights[name] for name in names], dtype=np.float64)
    whole = tuple(_logs(table @ (shares / shares.sum())) for table in tables)
    found = [Series(METRIC, ALL, whole)]
    return found + [
        Series(METRIC, name, tuple(_logs(table[:, at]) for table in tables)) for at, name in enumerate(names)
    ]


def _of(start: StartCount, name: str) -> float:
    return next((count.per_request for count in start.counts if count.request == name), float("nan"))


def _logs(values: Floats) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = np.log(values)
    logs[~np.isfinite(logs)] = np.nan
    return logs


def _told(row: Comparison, series: Series, bursts: Mapping[tuple[str, str], Burst], arms: Sequence[str]) -> Comparison:
    """Return the row with its role, and notes: where starts of one arm differ much, and what came now and then."""
    notes = list(row.notes)
    spreads = [one_sample(series.known(side), 0.95).sd for side in (0, 1)]
    widest = max((expm1(spread) for spread in spreads if np.isfinite(spread)), default=0.0)
    if widest > WIDE:
        notes.insert(0, f"starts of one version vary by {percent(widest, signed=False)}")
    came = [f"of {arm} {bursts[arm, row.request]}" for arm in arms if (arm, row.request) in bursts]
    if came:
        notes.append(f"not among them is what came now and then: {listed(came)}")
    role: Role = "goal" if row.goal else "gate"
    return replace(row, role=role, notes=tuple(notes))


def _facts(counted: Instructions, starts: int, arms: Sequence[str]) -> tuple[Fact, ...]:
    by = {"callgrind": "Valgrind's callgrind", "counters": "the processor's counters, user mode"}[counted.source]
    told = {COUNTED_BY: by, "starts counted": f"{starts} of each version", **counted.facts}
    facts = [Fact(name, value, value) for name, value in told.items()]
    makers = [counted.made_by.get(arm, "") for arm in (arms[0], arms[-1])]
    return (*facts, Fact(MADE_BY, *makers)) if all(makers) else tuple(facts)


def _warnings(counted: Instructions) -> tuple[str, ...]:
    left_out = [f"Instructions of {name} were not counted: {why}." for name, why in counted.skipped.items()]
    return (*left_out, *counted.notes, NOT_SEEN)


def _ended(sentence: str) -> str:
    """Return a sentence with its end: a hint may be a question."""
    return sentence if sentence.endswith(("?", ".")) else f"{sentence}."


def _of_one(levels: Sequence[Level], broken: str, arm: str, starts: int) -> str:
    whole = next((level for level in levels if level.request == ALL), None)
    value = in_unit(whole.estimate.value, "instructions") if whole else "nothing"
    measured = f"{arm} executes {value} per request, over {count_of(starts, 'start')}"
    return f"{broken}; {measured}." if broken else f"{upper_first(measured)}."
