"""Levers at the database: fewer queries, another plan, kept connections."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import shorten

from perfproof.core.numbers import digits
from perfproof.model.levers import PoolFacts, QueryPlan
from perfproof.model.metrics import ALL
from perfproof.model.queries import N_PLUS_ONE
from perfproof.model.result import QueryDetail, StatementChange
from perfproof.model.why import Mechanism
from perfproof.why import compare
from perfproof.why.candidate_cause import TIME, CandidateCause, Sides, direction
from perfproof.why.function_times import kind_times

AT_DATABASE = (*TIME, "db_time_per_request")
_PLAIN = 1.5
OPENED = 0.2
"""New connections per request below which a difference is start-up, not a habit."""
WAITED_MS = 0.05
OPENED_NAME = "connections opened per request"
FACTOR = 2.0
TEXT = 110


def fewer_queries(sides: Sides) -> CandidateCause | None:
    """Suspect eager loading, batching and dropped queries: queries per request, or a statement's slope, moved.

    The counts are exact, so any difference is a mechanism. The statement named is the one whose count moved most.
    """
    row = sides.outcomes.value(sides.request, "queries_per_request")
    rows = sides.outcomes.value(sides.request, "rows_fetched_per_request")
    towards = direction(row) if row is not None else 0
    if row is None or row.baseline is None or row.candidate is None or not towards:
        return None
    exploded = rows is not None and direction(rows) == -towards
    statement = _statement(sides.queries, by_rows=exploded and towards < 0)
    mechanisms = [Mechanism("queries per request", "queries", row.baseline, row.candidate)]
    counts = f"{digits(row.baseline, 4)} → {digits(row.candidate, 4)} per request"
    told = f"{'fewer' if towards < 0 else 'more'} queries ({counts}"
    evidence: dict[str, object] = {}
    if statement is not None:
        evidence = {
            "statement": shorten(statement.text, TEXT, placeholder=" …"),
            "fingerprint": statement.key,
            "caller": statement.caller,
        }
        if statement.candidate_rows is not None:
            evidence["rows"] = statement.candidate_rows
        slopes = statement.baseline_slope, statement.candidate_slope
        if statement.change in ("gone", "new"):
            slopes = (slopes[0] or 0.0, 0.0) if statement.change == "gone" else (0.0, slopes[1] or 0.0)
        if slopes[0] is not None and slopes[1] is not None:
            if slopes[0] != slopes[1]:
                mechanisms.append(Mechanism("queries per row of one statement", "queries/row", *slopes))
            if slopes[0] >= N_PLUS_ONE > slopes[1]:
                told += ", N+1 gone"
            elif slopes[1] >= N_PLUS_ONE > slopes[0]:
                told += ", a new N+1"
    if rows is not None and exploded:
        mechanisms.append(Mechanism("rows fetched per request", "rows", rows.baseline, rows.candidate))
    told += ")"
    slower = sides.outcomes.following(sides.request, AT_DATABASE, -towards)
    if exploded and slower and not sides.outcomes.following(sides.request, AT_DATABASE, towards) and towards < 0:
        # A join that multiplies rows: fewer queries, and yet the slower way. The rows are the mechanism that followed.
        told = f"{told[:-1]}, but {digits(rows.baseline or 0.0, 4)} → {digits(rows.candidate or 0.0, 4)} rows fetched)"  # type: ignore[union-attr]
        towards = -towards
    return CandidateCause(
        "queries", sides.request, towards, tuple(mechanisms), AT_DATABASE, told, _database_ms(sides), evidence=evidence
    )


def another_plan(sides: Sides) -> CandidateCause | None:
    """Suspect an index: the same statement is run by another plan, a scan became a search or the other way round.

    On small tables databases scan rightly, so there the plan alone proves nothing and the time in the database decides.
    """
    after = {plan.fingerprint: plan for plan in sides.plans[1]}
    moved = [
        (plan, after[plan.fingerprint], towards)
        for plan in sides.plans[0]
        if plan.fingerprint in after and (towards := _plan_moved(plan, after[plan.fingerprint]))
    ]
    if not moved:
        return None
    one, two, towards = max(moved, key=lambda each: abs((each[1].ns or 0) - (each[0].ns or 0)))
    scanned = sorted(set(one.scanned) ^ set(two.scanned))
    before, later = (sum(plan.scanned.get(name, 0) for name in scanned) for plan in (one, two))
    mechanisms = [Mechanism("rows scanned end to end", "rows", float(before), float(later))]
    mechanisms += [Mechanism("cost by the planner", "", one.cost, two.cost)] if one.cost and two.cost else []
    small = one.small or two.small
    proven = _db_time_moved(sides) == towards
    what = (
        f"{', '.join(scanned)} is {'found by an index' if towards < 0 else 'read from end to end'}"
        if scanned
        else ("another plan")
    )
    ms = None if one.ns is None or two.ns is None else (two.ns - one.ns) / 1e6
    if ms is not None and ms * towards <= 0:
        ms = None
    return CandidateCause(
        "index",
        sides.request,
        towards,
        tuple(mechanisms),
        AT_DATABASE,
        f"another plan of one statement ({what})",
        ms if ms is not None else _database_ms(sides),
        doubt="the table is too small for its plan to say anything, and the time in the database did not follow"
        if small and not proven
        else "",
        evidence={
            "statement": shorten(one.text, TEXT, placeholder=" …"),
            "fingerprint": one.fingerprint,
            "baseline": list(one.shape[:12]),
            "candidate": list(two.shape[:12]),
            "small": small,
        },
    )


def kept_connections(sides: Sides) -> CandidateCause | None:
    """Suspect the pool: connections opened per request, or the time spent waiting for one, moved.

    Waiting alone is no mechanism while as many are opened: it also falls where requests hold a connection for less
    time.
    """
    one, two = sides.pools
    if sides.request != ALL or one is None or two is None or not one.requests or not two.requests:
        return None
    opened = [_per_request(pool, pool.opened) for pool in (one, two)]
    waited = [_per_request(pool, None if pool.waited_ns is None else pool.waited_ns / 1e6) for pool in (one, two)]
    mechanisms, towards, told, ms = [], 0, "", None
    if opened[0] is not None and opened[1] is not None:
        mechanisms.append(Mechanism(OPENED_NAME, "connections", opened[0], opened[1]))
        towards = _moved(opened[0], opened[1], OPENED) if _keeps_otherwise(one, two) else 0
        told = f"connections opened per request {digits(opened[0])} → {digits(opened[1])}"
    if waited[0] is not None and waited[1] is not None:
        mechanisms.append(Mechanism("waited for a connection", "ms", waited[0], waited[1]))
        ms = waited[1] - waited[0]
        if one.pool_size != two.pool_size and not towards:
            towards = _moved(waited[0], waited[1], WAITED_MS)
            told = f"waiting for a connection {digits(waited[0])} → {digits(waited[1])} ms per request"
    if not towards:
        return None
    if ms is not None and ms * towards <= 0:
        ms = None
    return CandidateCause(
        "connection pool", ALL, towards, tuple(mechanisms), AT_DATABASE, told, ms, evidence={"counted by": one.source}
    )


def _keeps_otherwise(one: PoolFacts, two: PoolFacts) -> bool:
    """Tell whether connections are opened more or less often for each use: a request that needs none opens none."""
    if not one.checkouts or not two.checkouts or one.opened is None or two.opened is None:
        return True
    return _moved(one.opened / one.checkouts, two.opened / two.checkouts, OPENED) != 0


def _statement(detail: QueryDetail | None, *, by_rows: bool) -> StatementChange | None:
    """Return the statement whose count moved most at the largest size; ``by_rows``: the one that fetches more rows."""
    every = detail.statements if detail else ()
    if by_rows:
        more = [each for each in every if (each.candidate_rows or 0) > (each.baseline_rows or 0)]
        if more:
            return max(more, key=lambda each: (each.candidate_rows or 0) - (each.baseline_rows or 0))
    changed = [each for each in every if each.change != "same"]
    return max(changed, key=lambda each: abs(_last(each.candidate) - _last(each.baseline)), default=None)


def _last(calls: Sequence[int]) -> int:
    return calls[-1] if calls else 0


def _database_ms(sides: Sides) -> float | None:
    """Return how much the time in database libraries changed by the profile, if it surely did."""
    if sides.profile is None:
        return None
    found = sides.profile.compare(
        kind_times(sides.profile.before, "database"), kind_times(sides.profile.after, "database")
    )
    return found.change if compare.changed([found], sides.profile.floor)[0] else None


def _db_time_moved(sides: Sides) -> int:
    """Return which way the time in the database moved, 0 if by less than half: a few repeats tell no less than that."""
    row = sides.outcomes.value(sides.request, "db_time_per_request")
    if (
        row is None
        or not row.baseline
        or not row.candidate
        or max(row.baseline, row.candidate) < _PLAIN * min(row.baseline, row.candidate)
    ):
        return 0
    return 1 if row.candidate > row.baseline else -1


def _plan_moved(one: QueryPlan, two: QueryPlan) -> int:
    """Return which way a plan moved: by scans, else by cost where the shape differs plainly; 0 if it did not."""
    if one.shape == two.shape:
        return 0
    if set(one.scanned) != set(two.scanned):
        before, after = (sum(plan.scanned.values()) for plan in (one, two))
        return (after > before) - (after < before) or (len(two.scanned) > len(one.scanned)) * 2 - 1
    if one.cost and two.cost:
        return _moved(one.cost, two.cost, 0.0)
    return 0


def _moved(before: float, after: float, least: float) -> int:
    """Return the way two figures differ, at least by ``least`` and by a factor of two."""
    small, large = min(before, after), max(before, after)
    if large - small < least or large < FACTOR * small:
        return 0
    return 1 if after > before else -1


def _per_request(pool: PoolFacts, number: float | None) -> float | None:
    return None if number is None else number / pool.requests
