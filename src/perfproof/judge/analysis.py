"""A recording in, a result out: puts the parts of this package in order and holds no statistics of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from math import expm1, isfinite
from typing import Literal

import numpy as np
import numpy.typing as npt

from perfproof.capacity.conclude import conclude_capacity
from perfproof.core.numbers import listed, percent
from perfproof.errors import ExitCode, UsageError
from perfproof.instructions.conclude import across as across_counts
from perfproof.instructions.conclude import compare_counts, conclude_count, conclude_instructions, with_functions
from perfproof.judge import daily
from perfproof.judge.checks import across_checks, compare_checks, conclude_checked, conclude_checks
from perfproof.model.levers import Causes
from perfproof.model.metrics import ALL, METRICS
from perfproof.model.recording import Recording, Samples
from perfproof.model.result import BudgetCheck, Comparability, Comparison, Fact, Level, Proof, Result, Verdict
from perfproof.model.rules import DayToDay, Rules, Spread
from perfproof.model.why import Why
from perfproof.queries.conclude import COUNTED_BY, across, conclude_queries
from perfproof.stats import alpha_spending, latency
from perfproof.stats.columns import Side, measured_seconds, seconds_per_round
from perfproof.stats.failures import Failures, count_failures
from perfproof.stats.intervals import one_sample
from perfproof.stats.pairs import Effects, has_blocks, has_pairs, part
from perfproof.stats.resources import memory
from perfproof.stats.series import PRIMARY, Series, latency_series, resource_series
from perfproof.stats.streams import stream_series
from perfproof.verdict import sentence
from perfproof.verdict.additions import Conclusion, joined
from perfproof.verdict.budgets import check_budgets
from perfproof.verdict.claims import correct, missing_goals
from perfproof.verdict.collected_rows import collected_doubts, collected_levels, collected_rows
from perfproof.verdict.comparability import describe, environment_differences
from perfproof.verdict.conclude import conclude
from perfproof.verdict.counted import conclude_counted, counted_all_the_same, open_timed, void_timed
from perfproof.verdict.details import detail_all, traffic, with_impact
from perfproof.verdict.error_rows import error_levels, error_rows, forbid_gains
from perfproof.verdict.findings import find, in_order
from perfproof.verdict.guards import accept, primary_rows
from perfproof.verdict.health import Health, examine
from perfproof.verdict.proofs import conclude_claims, prove, sentence_of
from perfproof.verdict.rows import Terms, growth_row, levels_of, planned_spread, ratio_row, smallest_change, spread_of
from perfproof.verdict.troubles import unnamed
from perfproof.verdict.worth import rate_of, worth
from perfproof.why.explain import across_causes, explain

Kind = Literal["run", "ab", "compare", "noise"]


def analyse(recording: Recording, spreads: Sequence[Spread] = ()) -> Result:
    """Return the conclusion of one recorded run of one arm or two (any kind but ``compare``), by its own rules."""
    info = recording.info
    if info.kind == "capacity":
        return conclude_capacity(recording)
    if info.kind == "count":
        return conclude_count(recording, explain)
    if info.kind == "checks":
        return conclude_checks(recording)
    measured = _judged(recording, spreads)
    return _single(measured) if len(info.arms) < 2 else _two(info.kind, measured)


def rows_of(recording: Recording, spreads: Sequence[Spread] = ()) -> list[Comparison]:
    """Return the judged rows of a run of two arms, without what else there is to say of it."""
    if recording.info.kind == "count":
        return list(conclude_count(recording, explain).comparisons)
    if recording.info.kind == "checks":
        return list(conclude_checks(recording).comparisons)
    return _judged(recording, spreads).rows()


def _judged(recording: Recording, spreads: Sequence[Spread]) -> _Measured:
    """Return everything computed from the arms of a run."""
    info = recording.info
    arms = len(info.arms)
    sides = [Side(recording, arm) for arm in range(min(arms, 2))]
    rounds = len(sides[0].rounds)
    single = info.kind == "noise" or arms < 2
    confidence = (
        alpha_spending.confidence(1, 1)
        if single
        else alpha_spending.confidence(
            max(1, rounds), info.rules.planned_rounds, info.rules.early_stop, info.rules.candidates
        )
    )
    terms = Terms(info.rules, confidence, True, tuple(spreads), seconds_per_round(recording))
    failures = [count_failures(side) for side in sides]
    health = examine(sides, failures, info.rules)
    probed = conclude_queries(recording.probing, info.rules)
    probed = joined(probed, conclude_instructions(recording.instructions, info.rules, info.arms[:2]))
    if info.kind != "noise":
        probed = joined(probed, conclude_checked(recording.checked, info.rules, info.arms[:2]))
    more = (*probed.reasons, *unnamed(sides[0], info.rules))
    if more:
        health = Health((*health.reasons, *more), health.warnings)
    measured = _measure(sides, terms, failures, health)
    probed = joined(probed, collected_doubts(measured.sides, measured.labels))
    measured = replace(measured, probed=probed)
    return replace(measured, causes=with_functions(recording.causes, recording.instructions))


def compare(baseline: Recording, candidate: Recording, days: Sequence[DayToDay] = (), *, force: bool = False) -> Result:
    """Return the comparison of two recorded runs; of a run with two arms its candidate is taken.

    Rounds of two runs are not paired, so the machine's drift between them is not cancelled; where ``days`` knows how
    much runs of one version differ here from day to day, intervals are the wider for it. Runs of different scenarios or
    environments are ``invalid`` unless ``force``. The rules are the candidate's. UsageError for a search for the
    capacity.
    """
    searched = [recording.info.id for recording in (baseline, candidate) if recording.info.kind == "capacity"]
    if searched:
        raise UsageError(
            f"{searched[0]} is a search for the capacity: its steps are under rates of their own",
            hint="`perfproof capacity` searches on both arms side by side; `perfproof show` judges a search again",
        )
    if "count" in (baseline.info.kind, candidate.info.kind):
        return compare_counts(baseline, candidate, _mismatches(baseline, candidate), explain, force=force)
    if "checks" in (baseline.info.kind, candidate.info.kind):
        return compare_checks(baseline, candidate, _mismatches(baseline, candidate), force=force)
    first, last = (Side(recording, len(recording.info.arms) - 1) for recording in (baseline, candidate))
    sides = [first, last]
    rules = candidate.info.rules
    pace = max(seconds_per_round(baseline), seconds_per_round(candidate))
    terms = Terms(rules, alpha_spending.confidence(1, 1), False, (), pace, tuple(days))
    failures = [count_failures(side) for side in sides]
    health = examine(sides, failures, rules)
    mismatches = _mismatches(baseline, candidate)
    only_timed = health.only_timed and (force or not mismatches)
    reasons, warnings = list(health.reasons), list(health.warnings)
    for text in mismatches:
        (warnings if force else reasons).append(text)
    for recording in (baseline, candidate):
        if len(recording.info.arms) > 2:
            names = listed(list(recording.info.arms[1:]), most=8)
            raise UsageError(
                f"{recording.info.id} has {len(recording.info.arms)} versions: which of them to compare is not said",
                hint=f"it compares them itself: perfproof show {recording.info.id} (one alone: --arm, of {names}); "
                "`perfproof run --arm NAME` records one version",
            )
    for side, role in zip(sides, ("baseline", "candidate"), strict=True):
        if len(side.recording.info.arms) > 1:
            warnings.append(f"{side.recording.info.id} has two arms: its {side.name} is the {role} here.")
    if set(first.requests) != set(last.requests):
        warnings.append("Only request names that both runs have are compared.")
    if baseline.info.id != candidate.info.id:
        warnings.append(daily.doubt(days))
    measured = _measure(sides, terms, failures, Health(tuple(reasons), tuple(warnings), only_timed))
    probing = across(baseline.probing, candidate.probing, measured.labels)
    causes = across_causes(baseline.causes, candidate.causes, measured.labels)
    last_arms = [side.name for side in (first, last)]
    counted = across_counts(baseline.instructions, candidate.instructions, last_arms, measured.labels)
    probed = joined(conclude_queries(probing, rules), conclude_instructions(counted, rules, measured.labels))
    checked = across_checks(baseline.checked, candidate.checked, last_arms, measured.labels)
    probed = joined(probed, conclude_checked(checked, rules, measured.labels))
    probed = joined(probed, collected_doubts(measured.sides, measured.labels))
    return _two("compare", replace(measured, probed=probed, causes=causes))


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


@dataclass(frozen=True)
class _Measured:
    """One or two sides with everything computed from them before anything is judged."""

    sides: Sequence[Side]
    labels: Sequence[str]
    terms: Terms
    health: Health
    failures: Sequence[dict[str, Failures]]
    series: Sequence[Series]
    figures: latency.Latency
    charted: Sequence[Side]
    probed: Conclusion = field(default_factory=Conclusion)
    causes: Causes | None = None

    @property
    def rounds(self) -> int:
        """Return the rounds that every side has."""
        return min(len(side.rounds) for side in self.sides)

    def levels(self) -> list[Level]:
        """Return every metric of each arm on its own."""
        sure = self.terms.confidence
        found = [level for each in self.series for level in levels_of(each, self.labels, sure)]
        found += collected_levels(self.sides, self.labels, sure)
        return [*found, *error_levels(self.failures, self.labels, sure, self.rounds), *self.probed.levels]

    def rows(self) -> list[Comparison]:
        """Return the judged rows of two sides, by metric, ``all`` first."""
        steady = memory(self.sides[0], "memory_steady")
        known = steady[np.isfinite(steady)]
        base = float(known.mean()) if len(known) else None
        rows = [ratio_row(s, self.terms) if s.logs else growth_row(s, self.terms, base) for s in self.series]
        rows += error_rows(self.failures[0], self.failures[1], self.terms, self.rounds)
        rows += collected_rows(self.sides, self.terms)
        rows = correct(forbid_gains(rows, self.failures[0], self.failures[1]), self.terms)
        order = {name: at for at, name in enumerate(METRICS)}
        found = sorted((row.comparison for row in rows), key=lambda row: order.get(row.metric, len(order)))
        found = [*found, *self.probed.rows]
        found += missing_goals(found, self.terms.rules, self.sides[0].requests)
        if self.health.only_timed:
            return void_timed(found)
        return [replace(row, verdict=Verdict.INVALID) for row in found] if self.health.reasons else found


def _measure(sides: Sequence[Side], terms: Terms, failures: Sequence[dict[str, Failures]], health: Health) -> _Measured:
    """Compute every series of one or two sides."""
    sides = common(sides)
    charted, figures, series = _series(sides, terms.rules, paired=terms.paired)
    return _Measured(sides, _labels(sides), terms, health, failures, series, figures, charted)


def _series(
    sides: Sequence[Side], rules: Rules, *, paired: bool
) -> tuple[Sequence[Side], latency.Latency, list[Series]]:
    """Return the latency figures that charts are drawn from with the sides they are of, and every series.

    What was sent in pairs says what a request costs, what was sent in blocks what users wait under load. Where both
    were, the first has the plain names. Where only blocks were, plain names mean latency under load, which also has its
    own name if a goal or a budget calls it so.
    """
    in_pairs, in_blocks = (
        [Side(part(side.recording, paired=each), side.arm) for side in sides] for each in (True, False)
    )
    if not all(has_pairs(side.recording) for side in sides):
        figures = latency.measure(sides, paired=paired)
        found = latency_series(sides, figures)
        demanded = {goal.metric for goal in rules.goals} | {budget.metric for budget in rules.budgets}
        found += [s for s in latency_series(sides, figures, under_load=True) if s.metric.name in demanded]
        return sides, figures, found + resource_series(sides) + stream_series(sides)
    figures = latency.measure_pairs(in_pairs, matched=paired)
    found = latency_series(in_pairs, figures)
    if all(has_blocks(side.recording) for side in sides):
        found += latency_series(in_blocks, latency.measure(in_blocks, paired=paired), under_load=True)
    cpu = [replace(each, in_pairs=True) for each in resource_series(in_pairs, only=("cpu_per_request",))]
    rest = resource_series(sides, only=("memory_peak", "memory_steady", "memory_growth", "throughput"))
    return in_pairs, figures, found + cpu + rest + stream_series(sides)


def _two(kind: Kind, measured: _Measured) -> Result:
    """Return the result of two sides."""
    rules, health, levels = measured.terms.rules, measured.health, measured.levels()
    rows = with_impact(measured.rows(), levels, measured.labels, measured.sides[0])
    rows = accept(rows, measured.probed.details, rules.policy)
    requests, uncounted = measured.sides[0].requests, measured.probed.uncounted
    budgets = check_budgets(rules, levels, measured.labels[-1], requests, uncounted)
    if health.only_timed:
        budgets = open_timed(budgets, health.reasons[0])
        verdict, code = conclude_counted(rows, budgets)
    else:
        verdict, code = conclude(rows, budgets, valid=not health.reasons)
    proofs = prove(rules.claims, rows, budgets, health.reasons, counted=health.only_timed)
    verdict, code = conclude_claims(verdict, code, proofs, rows, budgets)
    if kind == "noise":
        code = ExitCode.INVALID if health.reasons else ExitCode.PASSED
        verdict = Verdict.INCONCLUSIVE if verdict in (Verdict.IMPROVED, Verdict.REGRESSED) else verdict
        text = sentence.invalid(health.reasons) if health.reasons else _noise_sentence(rows, measured)
    elif proofs and not health.reasons:
        text = sentence_of(proofs, rows, budgets)
    else:
        text = sentence.compose(
            verdict, rows, budgets, rounds=measured.rounds, margin=rules.margin, reasons=health.reasons
        )
        text += counted_all_the_same(rows) if health.only_timed and verdict is Verdict.INVALID else ""
    return _result(kind, measured, rows, levels, budgets, (verdict, code, text), proofs)


def _single(measured: _Measured) -> Result:
    """Return the result of a run over one arm: its levels against its budgets.

    Of claims those with a limit are judged; what changed takes two versions.
    """
    side, levels, health = measured.sides[0], measured.levels(), measured.health
    reasons = health.reasons
    budgets = check_budgets(measured.terms.rules, levels, side.name, side.requests, measured.probed.uncounted)
    limits = [claim for claim in measured.terms.rules.claims if claim.budget is not None]
    if health.only_timed:
        budgets = open_timed(budgets, reasons[0])
    proofs = prove(limits, (), budgets, reasons, counted=health.only_timed)
    if reasons:
        verdict, code = conclude_counted((), budgets) if health.only_timed else (Verdict.INVALID, ExitCode.INVALID)
        text = sentence.compose(verdict, (), budgets, rounds=measured.rounds, margin=0.0, reasons=reasons)
        told = (verdict, code, text)
    else:
        broken = any(check.broken for check in budgets)
        verdict, code = (Verdict.GOAL_MISSED, ExitCode.FAILED) if broken else (Verdict.MET, ExitCode.PASSED)
        if not broken and any(check.open for check in budgets):
            verdict, code = Verdict.INCONCLUSIVE, ExitCode.INCONCLUSIVE
        told = (verdict, code, sentence.of_run(levels, budgets, side.name, measured.rounds))
    return _result("run", measured, [], levels, budgets, told, proofs)


def _result(
    kind: Kind,
    measured: _Measured,
    rows: Sequence[Comparison],
    levels: Sequence[Level],
    budgets: tuple[BudgetCheck, ...],
    told: tuple[Verdict, ExitCode, str],
    proofs: tuple[Proof, ...],
) -> Result:
    """Put the parts together; ``told`` are the verdict, the exit code and the sentence."""
    sides, verdict = measured.sides, told[0]
    runs = list({side.recording.info.id: side.recording for side in sides}.values())
    first = runs[0].info
    comparability = _comparability(measured)
    why = explain(
        measured.causes,
        rows,
        measured.probed.details,
        verdict,
        traffic(sides[0]),
        kind,
        counted=any(fact.name == COUNTED_BY for fact in measured.probed.facts),
    )
    return Result(
        kind=kind,
        scenario=first.scenario_name,
        run_ids=tuple(run.info.id for run in runs),
        arms=tuple(measured.labels),
        verdict=verdict,
        sentence=told[2],
        exit_code=int(told[1]),
        rounds=measured.rounds,
        planned_rounds=measured.terms.rules.planned_rounds,
        seconds=sum(measured_seconds(run) for run in runs),
        comparisons=tuple(rows),
        levels=tuple(levels),
        budgets=budgets,
        findings=in_order([*find(sides, measured.failures, rows), *measured.probed.findings]),
        comparability=comparability,
        details=detail_all(measured.charted, measured.labels, measured.figures, measured.failures),
        started_at=first.started_at,
        advice=_advice(verdict, rows, measured.health),
        queries=measured.probed.details,
        why=_unsaid(why, comparability.warnings),
        traffic=None if kind in ("run", "noise") else worth(rows, traffic(sides[0]), _rate(sides)),
        proofs=proofs,
    )


def _unsaid(why: Why | None, doubts: Sequence[str]) -> Why | None:
    """Return the answer without the notes that are said among the doubts: probe and causes lack the same rights."""
    if why is None:
        return None
    return replace(why, notes=tuple(note for note in why.notes if not any(doubt.endswith(note) for doubt in doubts)))


def _rate(sides: Sequence[Side]) -> float | None:
    """Return the rate that the scenario gives, if it is the same for both sides."""
    rates = {rate_of(side.recording.info.settings) for side in sides}
    return rates.pop() if len(rates) == 1 else None


def _comparability(measured: _Measured) -> Comparability:
    """Return what was compared, by load and by probe."""
    told = describe(measured.sides, measured.terms.rules, measured.health.warnings)
    probed, matched = measured.probed, measured.figures.matched
    facts, doubts = pair_facts(matched) if matched is not None else ([], [])
    facts = [*told.facts, *facts, *probed.facts]
    return replace(told, facts=tuple(facts), warnings=(*told.warnings, *doubts, *probed.warnings))


def _labels(sides: Sequence[Side]) -> list[str]:
    """Return the names of the sides; two runs of the same arm become ``baseline`` and ``candidate``."""
    names = [side.name for side in sides]
    return names if len(set(names)) == len(names) else ["baseline", "candidate"]


def _noise_sentence(rows: Sequence[Comparison], measured: _Measured) -> str:
    """Return the sentence of a ``noise`` run."""
    planned = measured.terms.rules.planned_rounds
    visible = []
    for each in measured.series:
        spread = spread_of(each) if each.request == ALL else None
        if spread is not None and each.metric.name in ("latency_p50", "latency_p95", "cpu_per_request"):
            visible.append((each.metric.name, smallest_change(spread.sd, planned, alpha_spending.confidence(1, 1))))
    decisive = [row for row in rows if row.request == ALL and row.metric in PRIMARY]
    return sentence.of_noise(decisive, [v for v in visible if isfinite(v[1])], planned)


def _advice(verdict: Verdict, rows: Sequence[Comparison], health: Health) -> str | None:
    """Return one line on what to do next, where there is something to do."""
    if verdict is Verdict.INVALID:
        void = "nothing below that was timed" if health.only_timed else "no figure below"
        return f"Mend what makes the measurement invalid and measure again; {void} should be quoted."
    open_rows = [r for r in primary_rows(rows) if r.verdict in (Verdict.INCONCLUSIVE, Verdict.IMPROVED) and r.notes]
    if verdict in (Verdict.INCONCLUSIVE, Verdict.IMPROVED) and open_rows:
        return f"{sentence.describe(open_rows[0])}: {open_rows[0].notes[-1]}"
    return health.warnings[0] if health.warnings else None


def expected_spread(recording: Recording, *, restarts: bool = True) -> Spread | None:
    """Return what to plan with after a short look at identical arms: the deviation of a round's p50 change.

    Few rounds may agree by luck, so what starts usually differ by has its say (``prior_of_starts``), also where the
    look was taken within one start and the run will have many (``restarts``). None where the look saw nothing.
    """
    rules = recording.info.rules
    sides = [Side(recording, arm) for arm in (0, 1)]
    found = _series(sides, rules, paired=True)[2]
    series = next((each for each in found if (each.metric.name, each.request) == ("latency_p50", ALL)), None)
    return (
        None
        if series is None
        else planned_spread(series, Terms(rules, alpha_spending.confidence(1, 1)), restarts=restarts)
    )


def spreads(recording: Recording) -> tuple[Spread, ...]:
    """Return what identical arms showed: the standard deviation of one round, per metric and request name."""
    sides = [Side(recording, arm) for arm in (0, 1)]
    series = _series(sides, recording.info.rules, paired=True)[2]
    return tuple(spread for each in series if (spread := spread_of(each)) is not None)


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
        samples = _renumbered(a_round.samples, table)
        service, messages = (
            None if each is None else _renumbered(each, table) for each in (a_round.service, a_round.messages)
        )
        rounds.append(replace(a_round, samples=samples, service=service, messages=messages))
    return Recording(replace(recording.info, requests=names, variants=()), tuple(rounds))


def _renumbered(samples: Samples, table: npt.NDArray[np.int16]) -> Samples:
    number = table[samples["request"]]
    kept = samples.select(number >= 0)
    return replace(kept, columns=dict(kept.columns) | {"request": number[number >= 0]})


LEFT_OUT = 0.05
"""Share of pairs left out from which on the rest may be another kind of request than all."""
ORDER_SHOWN = 0.02
"""Cost of being second from which on a doubt is worth saying."""
_CONFIDENCE = 0.98


def pair_facts(matched: Effects) -> tuple[list[Fact], list[str]]:
    """Return the facts about the pairs of a run, and what they weaken."""
    total = matched.pairs + matched.left_out
    counted = f"{matched.pairs:,}" + (f" ({matched.left_out:,} left out)" if matched.left_out else "")
    facts, doubts = [Fact("pairs", counted, counted)], []
    # Those that had to connect first are the first of each stretch, whatever they ask for: many of few, and no doubt.
    lost = matched.left_out - matched.connected
    if total and lost > LEFT_OUT * total:
        share = percent(lost / total, signed=False)
        doubts.append(f"{share} of pairs were left out: one of their two requests failed, or was sent too early.")
    known = matched.order[np.isfinite(matched.order)]
    order = one_sample(known, _CONFIDENCE)
    if order.low is None or order.high is None:
        return facts, doubts
    text = f"{percent(expm1(order.value))} [{percent(expm1(order.low))}, {percent(expm1(order.high))}]"
    facts.append(Fact("being second of a pair costs", text, text))
    if order.low > ORDER_SHOWN or order.high < -ORDER_SHOWN:
        much = f"{percent(abs(expm1(order.value)), signed=False)} {'slower' if order.value > 0 else 'faster'}"
        doubts.append(
            f"The second request of a pair is {much} than the first: "
            "the versions share something (a database, a cache, that of the processor). Each goes first half of the "
            "time, so neither gains."
        )
    return facts, doubts
