"""A recording in, a result out: puts the parts of this package in order and holds no statistics of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import isfinite

import numpy as np

from perfproof.analysis import latency, looks, sentence
from perfproof.analysis.budgets import check_budgets
from perfproof.analysis.columns import Side
from perfproof.analysis.comparability import describe, environment_differences
from perfproof.analysis.conclude import conclude, decided, primary_rows
from perfproof.analysis.details import detail_all
from perfproof.analysis.error_rows import error_levels, error_rows, forbid_gains
from perfproof.analysis.failures import Failures, count_failures
from perfproof.analysis.findings import find
from perfproof.analysis.health import Health, examine
from perfproof.analysis.resources import memory
from perfproof.analysis.rows import Row, Terms, correct, growth_row, levels_of, ratio_row, smallest_change, spread_of
from perfproof.analysis.series import Series, latency_series, resource_series
from perfproof.analysis.timing import measured_seconds, seconds_per_round
from perfproof.errors import ExitCode
from perfproof.model.metrics import ALL, METRICS
from perfproof.model.recording import Recording
from perfproof.model.result import BudgetCheck, Comparison, Level, Result, Verdict
from perfproof.model.rules import Spread


@dataclass(frozen=True)
class Look:
    """What a look after a round says: whether it was ``planned``, whether to ``stop``, why, and the result so far."""

    planned: bool
    stop: bool
    reason: str
    result: Result


def analyse(recording: Recording, spreads: Sequence[Spread] = ()) -> Result:
    """Return the conclusion of one recorded run (kinds ``run``, ``ab`` and ``noise``), by the rules stored with it."""
    info = recording.info
    arms = len(info.arms)
    sides = [Side(recording, arm) for arm in range(min(arms, 2))]
    rounds = len(sides[0].rounds)
    single = info.kind == "noise" or arms < 2
    confidence = (
        looks.confidence(1, 1)
        if single
        else looks.confidence(max(1, rounds), info.rules.planned_rounds, info.rules.early_stop)
    )
    terms = Terms(info.rules, confidence, True, tuple(spreads), seconds_per_round(recording))
    failures = [count_failures(side) for side in sides]
    health = examine(sides, failures, info.rules)
    return _single(sides[0], terms, failures, health) if arms < 2 else _two(info.kind, sides, terms, failures, health)


def compare(
    baseline: Recording, candidate: Recording, spreads: Sequence[Spread] = (), *, force: bool = False
) -> Result:
    """Return the comparison of two recorded runs; of a run with two arms its candidate is taken.

    Rounds of two runs are not paired, so the machine's drift between them is not cancelled. Runs of different
    scenarios or environments are ``invalid`` unless ``force``. The rules are the candidate's.
    """
    first, last = (Side(recording, len(recording.info.arms) - 1) for recording in (baseline, candidate))
    sides = [first, last]
    rules = candidate.info.rules
    pace = max(seconds_per_round(baseline), seconds_per_round(candidate))
    terms = Terms(rules, looks.confidence(1, 1), False, tuple(spreads), pace)
    failures = [count_failures(side) for side in sides]
    health = examine(sides, failures, rules)
    reasons, warnings = list(health.reasons), list(health.warnings)
    for text in _mismatches(baseline, candidate):
        (warnings if force else reasons).append(text)
    for side, role in zip(sides, ("baseline", "candidate"), strict=True):
        if len(side.recording.info.arms) > 1:
            warnings.append(f"{side.recording.info.id} has two arms: its {side.name} is the {role} here.")
    if set(first.requests) != set(last.requests):
        warnings.append("Only request names that both runs have are compared.")
    return _two("compare", sides, terms, failures, Health(tuple(reasons), tuple(warnings)))


def _mismatches(baseline: Recording, candidate: Recording) -> list[str]:
    """Return why two runs must not be compared."""
    one, two = baseline.info, candidate.info
    found = []
    if one.scenario_hash != two.scenario_hash:
        found.append(
            f"the scenarios differ ({' and '.join(f'{i.scenario_name} {i.scenario_hash[:8]}' for i in (one, two))})."
        )
    if one.environment.hash != two.environment.hash:
        names = environment_differences(one, two)
        what = f" in {', '.join(names[:4])}" if names else ""
        found.append(f"the environments differ{what}.")
    return found


def _series(sides: Sequence[Side], paired: bool) -> tuple[list[Series], latency.Latency]:
    """Return every series of one or two sides; two runs with differing names are reduced to their common ones."""
    figures = latency.measure(sides, paired=paired)
    return latency_series(sides, figures) + resource_series(sides), figures


def _rows(sides: Sequence[Side], series: Sequence[Series], terms: Terms) -> list[Row]:
    """Return the rows of everything but errors."""
    steady = memory(sides[0], "memory_steady")
    known = steady[np.isfinite(steady)]
    base = float(known.mean()) if len(known) else None
    return [ratio_row(each, terms) if each.logs else growth_row(each, terms, base) for each in series]


def _two(
    kind: str, sides: Sequence[Side], terms: Terms, failures: Sequence[dict[str, Failures]], health: Health
) -> Result:
    """Return the result of two sides."""
    sides = common(sides)
    series, figures = _series(sides, terms.paired)
    rounds = min(len(side.rounds) for side in sides)
    rows = _rows(sides, series, terms) + error_rows(failures[0], failures[1], terms, rounds)
    rows = correct(forbid_gains(rows, failures[0], failures[1]), terms)
    labels = _labels(sides)
    levels = [level for each in series for level in levels_of(each, labels, terms.confidence)]
    levels += error_levels(failures, labels, terms.confidence, rounds)
    comparisons = _ordered(_with_impact([row.comparison for row in rows], levels, labels, sides[0]))
    valid = not health.reasons
    if not valid:
        comparisons = [replace(row, verdict=Verdict.INVALID) for row in comparisons]
    budgets = check_budgets(terms.rules, levels, labels[-1], sides[0].requests)
    verdict, code = conclude(comparisons, budgets, valid=valid)
    if kind == "noise":
        code = ExitCode.PASSED if valid else ExitCode.INVALID
        text = _noise_sentence(comparisons, series, terms, health)
        verdict = Verdict.INCONCLUSIVE if verdict in (Verdict.IMPROVED, Verdict.REGRESSED) else verdict
    else:
        text = sentence.compose(
            verdict, comparisons, budgets, rounds=rounds, margin=terms.rules.margin, reasons=health.reasons
        )
    return _result(
        kind, sides, labels, terms, health, series, figures, failures, comparisons, levels, budgets, verdict, code, text
    )


def _single(side: Side, terms: Terms, failures: Sequence[dict[str, Failures]], health: Health) -> Result:
    """Return the result of a run over one arm: its levels against its budgets."""
    series, figures = _series([side], False)
    levels = [level for each in series for level in levels_of(each, [side.name], terms.confidence)]
    levels += error_levels(failures, [side.name], terms.confidence, len(side.rounds))
    budgets = check_budgets(terms.rules, levels, side.name, side.requests)
    if health.reasons:
        verdict, code, text = Verdict.INVALID, ExitCode.INVALID, sentence.invalid(health.reasons)
    else:
        broken = any(check.broken for check in budgets)
        verdict, code = (Verdict.SHORT, ExitCode.FAILED) if broken else (Verdict.MET, ExitCode.PASSED)
        text = sentence.of_run(levels, budgets, side.name, len(side.rounds))
    return _result(
        "run", [side], [side.name], terms, health, series, figures, failures, [], levels, budgets, verdict, code, text
    )


def _result(  # one place that knows every field of Result
    kind: str,
    sides: Sequence[Side],
    labels: Sequence[str],
    terms: Terms,
    health: Health,
    series: Sequence[Series],
    figures: latency.Latency,
    failures: Sequence[dict[str, Failures]],
    comparisons: Sequence[Comparison],
    levels: Sequence[Level],
    budgets: tuple[BudgetCheck, ...],
    verdict: Verdict,
    code: ExitCode,
    text: str,
) -> Result:
    """Put the parts together."""
    runs = list({side.recording.info.id: side.recording for side in sides}.values())
    first = sides[0].recording.info
    return Result(
        kind=kind,  # type: ignore[arg-type]  # the callers pass the literals
        scenario=first.scenario_name,
        run_ids=tuple(run.info.id for run in runs),
        arms=tuple(labels),
        verdict=verdict,
        sentence=text,
        exit_code=int(code),
        rounds=min(len(side.rounds) for side in sides),
        planned_rounds=terms.rules.planned_rounds,
        seconds=sum(measured_seconds(run) for run in runs),
        comparisons=tuple(comparisons),
        levels=tuple(levels),
        budgets=budgets,
        findings=find(sides, failures, series),
        comparability=describe(sides, terms.rules, health.warnings),
        details=detail_all(sides, labels, figures, failures),
        started_at=first.started_at,
        advice=_advice(verdict, comparisons, health),
    )


def common(sides: Sequence[Side]) -> Sequence[Side]:
    """Return the sides as they are when their request names agree, else both reduced to the names they share."""
    if all(side.requests == sides[0].requests for side in sides):
        return sides
    names = tuple(name for name in sides[0].requests if all(name in side.requests for side in sides))
    return [Side(_renamed(side.recording, names), side.arm) for side in sides]


def _renamed(recording: Recording, names: tuple[str, ...]) -> Recording:
    """Return the recording with only the samples of ``names``, numbered in that order."""
    old = recording.info.requests
    table = np.array([names.index(name) if name in names else -1 for name in old], dtype=np.int16)
    rounds = []
    for a_round in recording.rounds:
        number = table[a_round.samples["request"]]
        kept = a_round.samples.select(number >= 0)
        columns = dict(kept.columns) | {"request": number[number >= 0]}
        rounds.append(replace(a_round, samples=replace(kept, columns=columns)))
    return Recording(replace(recording.info, requests=names, variants=()), tuple(rounds))


def _labels(sides: Sequence[Side]) -> list[str]:
    """Return the names of the sides; two runs of the same arm become ``baseline`` and ``candidate``."""
    names = [side.name for side in sides]
    return names if len(set(names)) == len(names) else ["baseline", "candidate"]


def _ordered(rows: Sequence[Comparison]) -> list[Comparison]:
    """Return rows by metric (the order of METRICS), ``all`` first, then as the scenario names its requests."""
    order = list(METRICS)
    return sorted(rows, key=lambda row: order.index(row.metric))


def _with_impact(
    rows: Sequence[Comparison], levels: Sequence[Level], labels: Sequence[str], side: Side
) -> list[Comparison]:
    """Add to every latency row the milliseconds saved per second of traffic: mean saved x requests per second."""
    means = {(lv.request, lv.arm): lv.estimate.value for lv in levels if lv.metric == "latency_mean"}
    seconds = sum((b.ended_ns - b.started_ns) / 1e9 for r in side.rounds for b in r.blocks if b.arm == side.arm)
    sent = np.zeros(len(side.requests))
    for a_round in side.rounds:
        mine = a_round.samples["request"][a_round.samples["arm"] == side.arm]
        sent += np.bincount(mine, minlength=len(side.requests))[: len(side.requests)]
    rate = dict(zip(side.requests, (sent / seconds if seconds else sent * 0).tolist(), strict=True))
    rate[ALL] = sum(rate.values())
    found = []
    for row in rows:
        before, after = (means.get((row.request, label)) for label in labels)
        if row.metric.startswith("latency") and before is not None and after is not None:
            row = replace(row, impact=(before - after) * rate.get(row.request, 0.0))
        found.append(row)
    return found


def _noise_sentence(rows: Sequence[Comparison], series: Sequence[Series], terms: Terms, health: Health) -> str:
    """Return the sentence of a ``noise`` run."""
    if health.reasons:
        return sentence.invalid(health.reasons)
    planned = terms.rules.planned_rounds
    visible = []
    for each in series:
        spread = spread_of(each) if each.request == ALL else None
        if spread is not None and each.metric.name in ("latency_p50", "latency_p95", "cpu_per_request"):
            visible.append((each.metric.name, smallest_change(spread.sd, planned, looks.confidence(1, 1))))
    decisive = [row for row in rows if row.request == ALL and row.metric in ("latency_p50", "cpu_per_request")]
    return sentence.of_noise(decisive, [v for v in visible if isfinite(v[1])], planned)


def _advice(verdict: Verdict, rows: Sequence[Comparison], health: Health) -> str | None:
    """Return one line on what to do next, where there is something to do."""
    if verdict is Verdict.INVALID:
        return "Mend what makes the measurement invalid and measure again; no figure below should be quoted."
    open_rows = [r for r in primary_rows(rows) if r.verdict in (Verdict.INCONCLUSIVE, Verdict.IMPROVED) and r.notes]
    if verdict in (Verdict.INCONCLUSIVE, Verdict.IMPROVED) and open_rows:
        return f"{sentence.describe(open_rows[0])}: {open_rows[0].notes[-1]}"
    return health.warnings[0] if health.warnings else None


def look(recording: Recording, spreads: Sequence[Spread] = ()) -> Look:
    """Say after a round whether to go on: a run stops early only at a planned look, and only when all is decided."""
    info = recording.info
    result = analyse(recording, spreads)
    rounds = result.rounds
    planned = rounds in looks.planned_looks(info.rules.planned_rounds, info.rules.early_stop)
    if rounds >= info.rules.planned_rounds:
        return Look(planned, True, f"all {info.rules.planned_rounds} planned rounds are measured", result)
    if not planned or info.kind != "ab" or not info.rules.early_stop:
        return Look(False, False, "no look is planned here", result)
    if result.verdict is Verdict.INVALID:
        return Look(True, False, "the measurement is invalid so far", result)
    if decided(result.comparisons):
        return Look(True, True, f"decided after {rounds} of {info.rules.planned_rounds} rounds", result)
    return Look(True, False, "not decided yet", result)


def progress(recording: Recording) -> tuple[Comparison, ...]:
    """Return the current estimate of p50 latency and CPU of all requests, for a live display; empty for one arm."""
    info = recording.info
    if len(info.arms) < 2:
        return ()
    sides = [Side(recording, arm) for arm in (0, 1)]
    if not sides[0].rounds:
        return ()
    confidence = looks.confidence(len(sides[0].rounds), info.rules.planned_rounds, info.rules.early_stop)
    terms = Terms(info.rules, confidence)
    figures = latency.measure(sides, paired=True, tails=False)
    overall = tuple(figures.overall("latency_p50", side) for side in (0, 1))
    series = [Series(METRICS["latency_p50"], ALL, overall), *resource_series(sides, only=("cpu_per_request",))]
    return tuple(ratio_row(each, terms).comparison for each in series)


def spreads(recording: Recording) -> tuple[Spread, ...]:
    """Return what identical arms showed: the standard deviation of one round, per metric and request name."""
    sides = [Side(recording, arm) for arm in (0, 1)]
    series, _ = _series(sides, True)
    return tuple(spread for each in series if (spread := spread_of(each)) is not None)
