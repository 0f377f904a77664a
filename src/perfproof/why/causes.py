"""From suspects to causes: claimed where mechanism and outcome both moved, and not already explained by another.

Which lever explains away which, on the same request:

* a kept answer does not run the handler, so fewer queries, other plans, less encoding and shorter functions follow from
  it; whatever compresses stands outside;
* database, encoding and compression time is none of a hot path (``hot_path`` leaves it out), so those need no rule;
* the pool is told of all requests and explains no other lever, but waiting falls where queries do;
* the work of one request alone says where time goes and not why, so any other lever of that request explains it;
* beside a claimed lever, another one must account for a tenth of what moved: small shifts ride along with large ones.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from perfproof.core.numbers import upper_first
from perfproof.model.metrics import ALL
from perfproof.model.result import Comparison
from perfproof.model.why import Cause, Lever
from perfproof.why.candidate_cause import CandidateCause, Sides, in_words
from perfproof.why.levers import code, database, hot_path, response
from perfproof.why.levers.database import OPENED_NAME as OPENED

RULES: tuple[Callable[[Sides], CandidateCause | None], ...] = (
    response.kept_responses,
    response.revalidated,
    database.fewer_queries,
    database.another_plan,
    database.kept_connections,
    response.compressed,
    response.held,
    code.encoding,
    hot_path.hot_path,
    response.alone,
    code.allocations,
)
BESIDE = 0.1
HALF = 0.5
_WORK: Lever = "work per request"
_OWN_WORK = ("serialization", "hot path")
_FOLLOW_FROM_A_CACHE = ("queries", "index", "connection pool", "serialization", "hot path")


def causes_of(every: Iterable[Sides]) -> tuple[tuple[Cause, ...], tuple[Cause, ...]]:
    """Return the claimed causes by weight, and those of which only the mechanism moved."""
    claimed: list[Cause] = []
    others: list[Cause] = []
    for sides in every:
        for cause in _settle([_judge(sides, found) for rule in RULES if (found := rule(sides)) is not None]):
            (claimed if cause.claimed else others).append(cause)
    claimed, explained = _whole(claimed)
    others = _once([*others, *explained], claimed)
    return tuple(sorted(claimed, key=_by_weight)), tuple(sorted(others, key=_by_weight))


def _judge(sides: Sides, suspect: CandidateCause) -> Cause:
    """Return a cause, claimed if what it should move went the same way."""
    rows = sides.outcomes.following(sides.request, suspect.metrics, suspect.towards)
    if suspect.lever == "hot path" and not hot_path.cpu_follows(sides, suspect.towards) and not _latency(rows):
        rows = []
    ms, basis = suspect.ms, "work"
    if ms is None and suspect.metrics != ("response_bytes",) and rows:
        ms, basis = sides.outcomes.gained_ms(sides.request), "waiting"
    claimed = bool(rows) and not suspect.doubt
    outcome = in_words(rows)
    if suspect.lever == "compression" and (beside := response.side_effects(sides)):
        outcome = f"{outcome}; beside it {beside}" if outcome else beside
    return Cause(
        lever=suspect.lever,
        request=sides.request,
        claimed=claimed,
        mechanisms=suspect.mechanisms,
        outcome=outcome,
        sentence=_sentence(suspect, sides, claimed, outcome),
        ms_per_request=ms,
        impact=-(ms or 0.0) * sides.outcomes.rate(sides.request),
        basis=basis,  # type: ignore[arg-type]
        evidence=suspect.evidence,
    )


def _sentence(suspect: CandidateCause, sides: Sides, claimed: bool, outcome: str) -> str:
    where = "" if sides.request == ALL else f" on {sides.request}"
    head = f"{upper_first(suspect.lever)}{where}: {suspect.told}"
    if claimed:
        return f"{head}; with it {outcome}."
    if suspect.doubt:
        return f"{head}, but {suspect.doubt}."
    what = "the response did not get smaller" if suspect.metrics == ("response_bytes",) else "nothing measured followed"
    return f"{head}, but {what}."


def _latency(rows: Sequence[Comparison]) -> bool:
    return any(row.metric.startswith("latency") for row in rows)


def _settle(found: Sequence[Cause]) -> list[Cause]:
    """Take back claims that another claim of the same request explains."""
    claimed = {cause.lever for cause in found if cause.claimed}
    moved = max(
        (abs(each.ms_per_request) for each in found if each.claimed and each.ms_per_request and each.lever != _WORK),
        default=0.0,
    )
    settled = []
    for cause in found:
        why = ""
        if cause.claimed and "response cache" in claimed and cause.lever in _FOLLOW_FROM_A_CACHE:
            why = "which follows from the kept answers"
        elif cause.claimed and cause.lever == _WORK and _explains(found, cause):
            why = "which what is claimed explains"
        elif cause.claimed and cause.lever in _OWN_WORK and abs(cause.ms_per_request or 0.0) < BESIDE * moved:
            why = "too little beside what else moved"
        settled.append(_taken_back(cause, why) if why else cause)
    return settled


def _explains(found: Sequence[Cause], work: Cause) -> bool:
    """Tell whether the other claims of a request account for half of the ``work``, or cannot say for how much."""
    others = [cause.ms_per_request for cause in found if cause.claimed and cause.lever != _WORK]
    if any(ms is None for ms in others):
        return True
    return sum(abs(ms or 0.0) for ms in others) >= HALF * abs(work.ms_per_request or 0.0) > 0


def _whole(claimed: list[Cause]) -> tuple[list[Cause], list[Cause]]:
    """Sort out what is claimed of all requests together: work that moved on single requests moved on all of them."""
    single = {cause.lever for cause in claimed if cause.request != ALL} - {_WORK}
    together = {cause.lever for cause in claimed if cause.request == ALL}.intersection(_OWN_WORK if not single else ())
    kept, others = [], []
    for cause in claimed:
        opened = any(mechanism.name == OPENED for mechanism in cause.mechanisms)
        if cause.request == ALL and single and cause.lever in _OWN_WORK:
            others.append(_taken_back(cause, "which what is claimed of single requests may explain"))
        elif cause.lever == _WORK and together:
            others.append(_taken_back(cause, "which what is claimed of all requests may explain"))
        elif cause.lever == "connection pool" and not opened and "queries" in single:
            others.append(_taken_back(cause, "which follows from the queries"))
        else:
            kept.append(cause)
    return kept, others


def _once(others: list[Cause], claimed: list[Cause]) -> list[Cause]:
    """Leave out what is told of all requests together where a single one tells it, claimed or not."""
    single = {cause.lever for cause in [*others, *claimed] if cause.request != ALL}
    return [cause for cause in others if cause.request != ALL or cause.lever not in single]


def _taken_back(cause: Cause, why: str) -> Cause:
    head = cause.sentence.partition("; with it ")[0].rstrip(".")
    return replace(cause, claimed=False, sentence=f"{head}, {why}.")


def _by_weight(cause: Cause) -> tuple[float, float, str, str]:
    return -abs(cause.impact), -abs(cause.ms_per_request or 0.0), cause.request, cause.lever
