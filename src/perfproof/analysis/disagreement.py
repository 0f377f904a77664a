"""Queries, latency and memory may disagree: what to add to a sentence so that no gain hides a loss."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from perfproof.analysis.words import digits, in_unit, listed
from perfproof.model.metrics import ALL, METRICS
from perfproof.model.result import Comparison, Verdict

_TELLING = ("latency_p50", "latency_p95", "cpu_per_request", "memory_peak", "throughput")
_COUNTED = ("queries_per_request", "rows_fetched_per_request")
_GAINS = (Verdict.MET, Verdict.IMPROVED)
_AGAINST = {
    Verdict.MET: (Verdict.REGRESSED,),
    Verdict.IMPROVED: (Verdict.REGRESSED,),
    Verdict.SHORT: (Verdict.REGRESSED,),
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
