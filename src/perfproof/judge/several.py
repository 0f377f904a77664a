"""Three versions and more in one run: each against the first, as a run of these two, and which of all is best.

Every two versions of a run were asked the same requests one right after the other, so any two of them are a run of two
versions of their own: ``of_two`` takes it out, and the whole analysis of two versions is done with it. What is left for
here is how many questions were asked of one measurement, and what they say together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from math import comb
from typing import Any

import numpy as np
import numpy.typing as npt

from perfproof.core.numbers import count_of, interval, listed, percent, sureness
from perfproof.errors import ExitCode
from perfproof.judge import analysis
from perfproof.model.checks import Checked
from perfproof.model.instructions import Instructions
from perfproof.model.levers import Causes
from perfproof.model.metrics import ALL, COUNTED, METRICS
from perfproof.model.probe import Probing
from perfproof.model.recording import Recording, Round, Samples
from perfproof.model.result import Comparability, Comparison, Fact, Finding, Ranking, Result, Verdict, Versus
from perfproof.model.rules import Spread
from perfproof.stats.alpha_spending import ALPHA
from perfproof.stats.columns import measured_seconds
from perfproof.verdict.conclude import WORST_FIRST
from perfproof.verdict.guards import primary_rows

CORRECTED = "corrected for"
"""The fact that names the correction."""
_WORST_VERDICT = (
    Verdict.REGRESSED,
    Verdict.GOAL_MISSED,
    Verdict.INVALID,
    Verdict.INCONCLUSIVE,
    Verdict.EQUIVALENT,
    Verdict.IMPROVED,
    Verdict.MET,
)
_ALIKE = (Verdict.EQUIVALENT,)


def analyse(recording: Recording, spreads: Sequence[Spread] = ()) -> Result:
    """Return the conclusion of one recorded run (any kind but ``compare``), by the rules stored with it."""
    if len(recording.info.arms) <= 2:
        return analysis.analyse(recording, spreads)
    parts = [_part(recording, candidate, spreads) for candidate in range(1, len(recording.info.arms))]
    return _together(recording, parts, _ranked(recording, parts, spreads))


def pairs_with_first(recording: Recording) -> list[Recording]:
    """Return, for each candidate, what was recorded of it and of the first version, as a run of two."""
    count = len(recording.info.arms) - 1
    return [of_two(recording, (0, candidate), count) for candidate in range(1, count + 1)]


def of_two(recording: Recording, arms: tuple[int, int], questions: int) -> Recording:
    """Return what was recorded of two versions as a run of these two; ``questions`` are asked of the run in all."""
    info = recording.info
    names = tuple(info.arms[arm] for arm in arms)
    number = {arm: place for place, arm in enumerate(arms)}
    return Recording(
        replace(
            info,
            arms=names,
            arm_details=tuple(info.arm_details[arm] for arm in arms) if info.arm_details else (),
            rules=replace(info.rules, candidates=questions),
        ),
        tuple(_round(each, number) for each in recording.rounds),
        _probing(recording.probing, info.arms[0], names),
        _causes(recording.causes, names),
        _instructions(recording.instructions, names),
        _checked(recording.checked, names),
    )


def _round(a_round: Round, number: Mapping[int, int]) -> Round:
    return replace(
        a_round,
        arms=tuple(replace(each, arm=number[each.arm]) for each in a_round.arms if each.arm in number),
        blocks=tuple(replace(each, arm=number[each.arm]) for each in a_round.blocks if each.arm in number),
        samples=Samples(_columns(a_round.samples.columns, number)),
        processes=_columns(a_round.processes, number),
        troubles=tuple(
            replace(each, arm=number.get(each.arm, each.arm))
            for each in a_round.troubles
            if each.arm < 0 or each.arm in number
        ),
        service=None if a_round.service is None else Samples(_columns(a_round.service.columns, number)),
        collected=tuple(replace(each, arm=number[each.arm]) for each in a_round.collected if each.arm in number),
    )


def _columns(columns: Mapping[str, npt.NDArray[Any]], number: Mapping[int, int]) -> dict[str, npt.NDArray[Any]]:
    """Return the rows of these arms, renumbered."""
    if "arm" not in columns:
        return dict(columns)
    mine = np.isin(columns["arm"], list(number))
    kept = {name: column[mine] for name, column in columns.items()}
    renumbered = np.empty_like(kept["arm"])
    for old, new in number.items():
        renumbered[kept["arm"] == old] = new
    return kept | {"arm": renumbered}


def _probing(probing: Probing | None, first: str, names: Sequence[str]) -> Probing | None:
    """Return what was probed of two versions; responses were held against those of the first alone."""
    if probing is None:
        return None
    arms = tuple(each for name in names for each in probing.arms if each.arm == name)
    if names[0] != first:
        return replace(probing, arms=arms, differences=(), compared=0, policy="off")
    return replace(probing, arms=arms, differences=tuple(d for d in probing.differences if d.arm in ("", names[1])))


def _causes(causes: Causes | None, names: Sequence[str]) -> Causes | None:
    if causes is None:
        return None
    return replace(
        causes,
        levers=tuple(each for name in names for each in causes.levers if each.arm == name),
        profiles=tuple(each for name in names for each in causes.profiles if each.arm == name),
        memory=tuple(each for name in names for each in causes.memory if each.arm == name),
    )


def _instructions(counted: Instructions | None, names: Sequence[str]) -> Instructions | None:
    if counted is None:
        return None
    starts = tuple(each for each in counted.starts if each.arm in names)
    return replace(counted, starts=starts, profiles=tuple(each for each in counted.profiles if each.arm in names))


def _checked(checked: Checked | None, names: Sequence[str]) -> Checked | None:
    if checked is None:
        return None
    checks = tuple(replace(each, arms=tuple(arm for arm in each.arms if arm.arm in names)) for each in checked.checks)
    return replace(checked, checks=checks)


def _part(recording: Recording, candidate: int, spreads: Sequence[Spread]) -> Result:
    """Return the conclusion of one candidate against the first version."""
    count = len(recording.info.arms) - 1
    found = analysis.analyse(of_two(recording, (0, candidate), count), spreads)
    fact = _correction(count, found.comparisons)
    return replace(found, comparability=replace(found.comparability, facts=(*found.comparability.facts, fact)))


def _correction(count: int, rows: Sequence[Comparison]) -> Fact:
    sure = sorted({sureness(row.confidence) for row in rows if row.confidence is not None})
    each = f": each interval at {listed(sure)}, all together at {sureness(1 - ALPHA)}" if sure else ""
    text = f"{count_of(count, 'candidate')} (Bonferroni){each}"
    return Fact(CORRECTED, text, text)


@dataclass(frozen=True)
class _Race:
    """All versions by one metric of all requests: the row of each two, the second against the first of them."""

    metric: str
    versions: tuple[str, ...]
    rows: Mapping[tuple[str, str], Comparison]

    def beats(self, one: str, other: str) -> bool:
        """Tell whether ``one`` is proven better than ``other``: their own interval lies on its side altogether."""
        second = (other, one) in self.rows
        row = self.rows.get((other, one) if second else (one, other))
        if row is None or row.verdict is Verdict.INVALID or row.change is None:
            return False
        low, high = (row.change, row.change) if METRICS[self.metric].exact else (row.ci_low, row.ci_high)
        if low is None or high is None:
            return False
        return high < 0 if second == (METRICS[self.metric].better == "lower") else low > 0

    def leaders(self) -> tuple[str, ...]:
        """Return the one version that beats all others or, without one, those that nobody is proven better than."""
        for one in self.versions:
            if all(self.beats(one, other) for other in self.versions if other != one):
                return (one,)
        unbeaten = [one for one in self.versions if not any(self.beats(other, one) for other in self.versions)]
        if len(unbeaten) == 1:
            unbeaten += [
                other for other in self.versions if other not in unbeaten and not self.beats(unbeaten[0], other)
            ]
        return tuple(each for each in self.versions if each in unbeaten) or self.versions


def _ranked(recording: Recording, parts: Sequence[Result], spreads: Sequence[Spread]) -> Ranking | None:
    """Return which version is best; None where fewer than two can be held against each other."""
    metric = _metric(parts)
    sound = [at for at, part in enumerate(parts, 1) if part.verdict is not Verdict.INVALID]
    if metric is None or not sound:
        return None
    names = recording.info.arms
    versus = []
    for first, second in combinations(sound, 2):
        two = of_two(recording, (first, second), comb(len(sound), 2))
        plain = replace(two.info.rules, goals=(), budgets=())
        found = analysis.rows_of(replace(two, info=replace(two.info, rules=plain)), spreads)
        row = _row(found, metric)
        if row is not None:
            versus.append(Versus(names[first], names[second], row))
    rows = {(each.first, each.second): each.row for each in versus}
    rows |= {(names[0], names[at]): row for at in sound if (row := _row(parts[at - 1].comparisons, metric))}
    race = _Race(metric, (names[0], *(names[at] for at in sound)), rows)
    best = race.leaders()
    verdicts = {part.arms[-1]: part.verdict for part in parts}
    return Ranking(metric, best, _ranking_sentence(race, best, verdicts), tuple(versus))


def _metric(parts: Sequence[Result]) -> str | None:
    """Return what versions are ranked by: a goal on all requests, else p50 latency, else the instructions."""
    rows = [row for row in parts[0].comparisons if row.request == ALL]
    goals = [row.metric for row in rows if row.role == "goal"]
    known = [row.metric for row in rows if row.metric in ("latency_p50", COUNTED)]
    return next(iter([*goals, *known]), None)


def _row(rows: Sequence[Comparison], metric: str) -> Comparison | None:
    return next((row for row in rows if (row.metric, row.request) == (metric, ALL)), None)


def _ranking_sentence(race: _Race, best: Sequence[str], verdicts: Mapping[str, Verdict]) -> str:
    title = METRICS[race.metric].title
    if len(best) == 1:
        one = best[0]
        gains = [_against(race, one, other) for other in race.versions if other != one]
        but = {Verdict.REGRESSED: "is regressed", Verdict.GOAL_MISSED: "misses what is demanded"}.get(
            verdicts.get(one, Verdict.MET)
        )
        told = f", but it {but} against {race.versions[0]}" if but else ""
        return f"Best by {title}: {one} ({listed(gains, most=4)}){told}."
    among = [(one, other) for one, other in combinations(best, 2) if (one, other) in race.rows]
    rows = [race.rows[pair] for pair in among]
    if rows and all(row.verdict in _ALIKE for row in rows):
        rest = " and ahead of the others" if len(best) < len(race.versions) else ""
        return f"None is best by {title}: {listed(list(best), most=8)} are alike within the margin{rest}."
    open_ = [
        _against(race, other, one) for one, other in among if not race.beats(one, other) and not race.beats(other, one)
    ]
    return f"Best by {title}: not decided between {listed(list(best), most=8)} ({listed(open_, most=3)})."


def _against(race: _Race, one: str, other: str) -> str:
    """Return ``−20.3 % [−22.0, −18.1] against fix-a``: how ``one`` stands to ``other``."""
    row = race.rows.get((other, one))
    if row is not None and row.change is not None:
        known = f" {interval(row.ci_low, row.ci_high)}" if row.ci_low is not None and row.ci_high is not None else ""
        return f"{percent(row.change)}{known} against {other}"
    turned = race.rows.get((one, other))
    if turned is None or turned.change is None:
        return f"not comparable with {other}"
    known = ""
    if turned.ci_low is not None and turned.ci_high is not None:
        known = f" {interval(1 / (1 + turned.ci_high) - 1, 1 / (1 + turned.ci_low) - 1)}"
    return f"{percent(1 / (1 + turned.change) - 1)}{known} against {other}"


def _together(recording: Recording, parts: Sequence[Result], ranking: Ranking | None) -> Result:
    """Return one result of all candidates: everybody's rows, and the worst of the verdicts."""
    info = recording.info
    worst = min(
        parts, key=lambda each: (WORST_FIRST.index(ExitCode(each.exit_code)), _WORST_VERDICT.index(each.verdict))
    )
    first = info.arms[0]
    levels = [level for level in parts[0].levels if level.arm == first]
    levels += [level for part in parts for level in part.levels if level.arm != first]
    return Result(
        kind=parts[0].kind,
        scenario=info.scenario_name,
        run_ids=parts[0].run_ids,
        arms=info.arms,
        verdict=worst.verdict,
        sentence=" ".join([*([ranking.sentence] if ranking is not None else []), _sentence(parts)]),
        exit_code=worst.exit_code,
        rounds=min(part.rounds for part in parts),
        planned_rounds=parts[0].planned_rounds,
        seconds=max(measured_seconds(recording), *(part.seconds for part in parts)),
        comparisons=tuple(replace(row, arm=part.arms[-1]) for part in parts for row in part.comparisons),
        levels=tuple(levels),
        budgets=tuple(check for part in parts for check in part.budgets),
        findings=_findings(parts),
        comparability=_comparability(parts),
        started_at=info.started_at,
        advice=f"{worst.arms[-1]}: {worst.advice}" if worst.advice else None,
        candidates=tuple(parts),
        ranking=ranking,
        proofs=tuple(
            replace(proof, arm=part.arms[-1])
            for claim in (each.claim for each in parts[0].proofs)
            for part in parts
            for proof in part.proofs
            if proof.claim == claim
        ),
    )


def _sentence(parts: Sequence[Result]) -> str:
    """Return what each candidate's verdict says; once where all say the same (a measurement that is invalid)."""
    if len({part.sentence for part in parts}) == 1:
        return parts[0].sentence
    told = " ".join(f"{part.arms[-1]}: {part.sentence}" for part in parts)
    return f"Against {parts[0].arms[0]}, corrected for {count_of(len(parts), 'candidate')}: {told}"


def _findings(parts: Sequence[Result]) -> tuple[Finding, ...]:
    """Return what was found of any candidate; what is not found of all says of whom it is."""
    everywhere = [each for each in parts[0].findings if all(each in part.findings for part in parts)]
    own = [
        replace(each, summary=f"{part.arms[-1]}: {each.summary}")
        for part in parts
        for each in part.findings
        if each not in everywhere
    ]
    order = {"error": 0, "warning": 1, "info": 2}
    return tuple(sorted([*everywhere, *own], key=lambda each: order[each.severity]))


def _comparability(parts: Sequence[Result]) -> Comparability:
    """Return what is alike for all versions, and every doubt; one that is not about all says about whom it is."""
    facts = [each for each in parts[0].comparability.facts if not each.differs]
    facts = [each for each in facts if all(each in part.comparability.facts for part in parts)]
    known = {each.name for each in facts}
    if CORRECTED not in known:  # confidences may differ between candidates: then it is the first's
        facts += [each for each in parts[0].comparability.facts if each.name == CORRECTED]
    doubts = [
        each for each in parts[0].comparability.warnings if all(each in part.comparability.warnings for part in parts)
    ]
    own = [f"{part.arms[-1]}: {each}" for part in parts for each in part.comparability.warnings if each not in doubts]
    return Comparability(tuple(facts), (*doubts, *own))


def settled(result: Result) -> bool:
    """Tell whether no two versions are left that more rounds could tell apart by what decides."""
    if result.ranking is None:
        return True
    return not any(
        row.verdict is Verdict.INCONCLUSIVE
        for each in result.ranking.versus
        if {each.first, each.second} <= set(result.ranking.best)
        for row in primary_rows([each.row]) or [each.row]
    )
