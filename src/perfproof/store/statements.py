"""The questions the repository asks, as SQLAlchemy statements."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import ColumnElement, Select, func, or_, select

from perfproof.store.models import LevelRow, RunRow
from perfproof.store.summary import RunFilter

NEWEST_FIRST = (RunRow.started_at.desc(), RunRow.number.desc())
CANDIDATE = "candidate"


def runs(wanted: RunFilter) -> Select[RunRow]:
    """Return the runs that agree with the filter, in no order."""
    return select(RunRow).where(*_conditions(wanted))


def count(wanted: RunFilter) -> Select[int]:
    """Return how many runs agree with the filter."""
    return select(func.count()).select_from(RunRow).where(*_conditions(wanted))


def _conditions(wanted: RunFilter) -> list[ColumnElement[bool]]:
    equal: dict[Any, str | None] = {
        RunRow.scenario: wanted.scenario,
        RunRow.label: wanted.label,
        RunRow.branch: wanted.branch,
        RunRow.verdict: wanted.verdict,
    }
    conditions: list[ColumnElement[bool]] = [column == text for column, text in equal.items() if text is not None]
    if wanted.commit is not None:
        # Not LIKE: a percent sign in a reference must mean nothing.
        conditions.append(func.substr(RunRow.commit_hash, 1, len(wanted.commit)) == wanted.commit)
    return conditions


def history(
    wanted: RunFilter,
    metric: str | Collection[str] | None,
    request: str | None,
    limit: int,
    arm: str | None = None,
) -> Select[RunRow, LevelRow]:
    """Return the levels that tell how a scenario fared, of its newest ``limit`` runs, oldest first.

    Of a run with two arms the candidate's: it is the code that was proposed then. A run of identical arms (``noise``)
    says nothing of the code, an unfinished one may hold too few rounds, an invalid one carries no figure. With ``arm``
    it is the version called so, of those runs that have one.
    """
    newest = (
        select(RunRow.number)
        .where(*_conditions(wanted), RunRow.kind.in_(("ab", "run", "count", "checks")), RunRow.status == "complete")
        .where(or_(RunRow.verdict.is_(None), RunRow.verdict != "invalid"))
        .order_by(*NEWEST_FIRST)
        .limit(limit)
        .subquery()
    )
    query = (
        select(RunRow, LevelRow)
        .join(newest, newest.c.number == RunRow.number)
        .join(LevelRow, LevelRow.run == RunRow.number)
        .where(LevelRow.arm == arm if arm else or_(RunRow.kind == "run", LevelRow.arm == CANDIDATE))
        .order_by(RunRow.started_at, RunRow.number, LevelRow.position)
    )
    if metric is not None:
        query = query.where(LevelRow.metric.in_([metric] if isinstance(metric, str) else metric))
    if request is not None:
        query = query.where(LevelRow.request == request)
    return query


def repeats(
    scenario_hash: str, environment_hash: str, without: Collection[str], limit: int
) -> Select[RunRow, LevelRow]:
    """Return the levels of runs whose code is known exactly, in one environment, oldest first.

    ``without`` are runs that must not speak for themselves. Runs with uncommitted changes, and those outside of git,
    are left out: two of them need not have run the same code.
    """
    newest = (
        select(RunRow.number)
        .where(RunRow.scenario_hash == scenario_hash, RunRow.environment_hash == environment_hash)
        .where(RunRow.status == "complete", or_(RunRow.verdict.is_(None), RunRow.verdict != "invalid"))
        .where(RunRow.commit_hash.is_not(None), RunRow.dirty.is_(False), RunRow.id.not_in(without))
        .order_by(*NEWEST_FIRST)
        .limit(limit)
        .subquery()
    )
    return (
        select(RunRow, LevelRow)
        .join(newest, newest.c.number == RunRow.number)
        .join(LevelRow, LevelRow.run == RunRow.number)
        .where(or_(RunRow.kind == "run", LevelRow.arm == CANDIDATE))
        .order_by(RunRow.started_at, RunRow.number, LevelRow.position)
    )
