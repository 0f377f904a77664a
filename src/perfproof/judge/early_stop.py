"""While a run is going: whether it may stop, and how it looks so far."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from perfproof.judge.several import analyse, pairs_with_first, settled
from perfproof.model.metrics import ALL, METRICS
from perfproof.model.recording import Recording
from perfproof.model.result import Comparison, Result, Verdict
from perfproof.model.rules import Spread
from perfproof.stats import alpha_spending, latency
from perfproof.stats.columns import Side
from perfproof.stats.pairs import has_pairs, part
from perfproof.stats.series import Series, resource_series
from perfproof.verdict import proofs
from perfproof.verdict.conclude import decided
from perfproof.verdict.rows import Terms, ratio_row


@dataclass(frozen=True)
class Look:
    """What a look after a round says: whether it was ``planned``, whether to ``stop``, why, and the result so far."""

    planned: bool
    stop: bool
    reason: str
    result: Result


def look(recording: Recording, spreads: Sequence[Spread] = ()) -> Look:
    """Say after a round whether to go on: a run stops early only at a planned look, and only when all is decided."""
    info = recording.info
    result = analyse(recording, spreads)
    rounds = result.rounds
    planned = rounds in alpha_spending.planned_looks(info.rules.planned_rounds, info.rules.early_stop)
    if rounds >= info.rules.planned_rounds:
        return Look(planned, True, f"all {info.rules.planned_rounds} planned rounds are measured", result)
    if not planned or info.kind != "ab" or not info.rules.early_stop:
        return Look(False, False, "no look is planned here", result)
    parts = result.candidates or (result,)
    if any(part.verdict is Verdict.INVALID for part in parts):
        return Look(True, False, "the measurement is invalid so far", result)
    if all(_decided(part) for part in parts) and settled(result):
        return Look(True, True, f"decided after {rounds} of {info.rules.planned_rounds} rounds", result)
    return Look(True, False, "not decided yet", result)


def _decided(part: Result) -> bool:
    """Tell whether rounds have nothing left to decide: what comes after them (checks, a count) waits for no round.

    Where there are claims each of them is to be answered; without, one goal that is missed says enough.
    """
    rows = [row for row in part.comparisons if not proofs.after_the_rounds(row.metric)]
    if part.proofs:
        return proofs.settled(part.proofs, rows, part.budgets)
    return decided(rows)


def progress(recording: Recording) -> tuple[Comparison, ...]:
    """Return the current estimate of p50 latency and CPU of all requests, for a live display; empty for one arm.

    Of more than two versions each is compared with the first.
    """
    info = recording.info
    if len(info.arms) < 2:
        return ()
    if len(info.arms) > 2:
        names = info.arms[1:]
        each = [progress(part) for part in pairs_with_first(recording)]
        return tuple(replace(row, arm=name) for name, rows in zip(names, each, strict=True) for row in rows)
    sides = [Side(recording, arm) for arm in (0, 1)]
    if not sides[0].rounds:
        return ()
    confidence = alpha_spending.confidence(
        len(sides[0].rounds), info.rules.planned_rounds, info.rules.early_stop, info.rules.candidates
    )
    terms = Terms(info.rules, confidence)
    if has_pairs(recording):
        sides = [Side(part(recording, paired=True), arm) for arm in (0, 1)]
        figures = latency.measure_pairs(sides, tails=False)
    else:
        figures = latency.measure(sides, paired=True, tails=False)
    overall = tuple(figures.overall("latency_p50", side) for side in (0, 1))
    changes, errors = figures.changes("latency_p50", -1), figures.errors("latency_p50", -1)
    p50 = Series(METRICS["latency_p50"], ALL, overall, changes=changes, errors=errors, in_pairs=changes is not None)
    series = [p50, *resource_series(sides, only=("cpu_per_request",))]
    return tuple(ratio_row(each, terms).comparison for each in series)
