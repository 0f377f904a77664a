"""``PLACEBO=after``: pages made as in ``queries``, after a tidying-up that changes nothing of what is done.

Functions and variables have other names, what does not depend on each other stands in another order, and there are more
comments. A report that names a cause for it would name one for anything.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session, selectinload

from perfproof.demo.queries import STATUSES
from perfproof.demo.rendering import Plain
from perfproof.demo.similarity import Nearest, nearest_fast, nearest_naive
from perfproof.demo.tables import Job, Match, Project, Record


def record_page(
    db: Session, project_id: int, limit: int, offset: int, *, eager: bool, fast_similarity: bool
) -> Plain | None:
    """Return what ``queries.record_page`` returns."""
    # A project that is not there has no records either.
    project = db.get(Project, project_id)
    if project is None:
        return None
    of_project = Record.project_id == project_id
    # Oldest first; the number settles ties, so that pages do not overlap.
    statement = select(Record).where(of_project).order_by(Record.booked_on, Record.id).limit(limit).offset(offset)
    if eager:
        statement = statement.options(selectinload(Record.matches).selectinload(Match.rule))
    page = db.scalars(statement).all()
    # Similarity is that of the texts within this page.
    compare = nearest_fast if fast_similarity else nearest_naive
    closest = compare([row.description for row in page])
    rows = [_as_row(row, _look_alike(page, other)) for row, other in zip(page, closest, strict=True)]
    number = db.scalar(select(func.count()).select_from(Record).where(of_project))
    return {"total": number, "items": rows}


def project_page(db: Session, limit: int, offset: int, *, eager: bool) -> Plain:
    """Return what ``queries.project_page`` returns."""
    statement = select(Project).order_by(Project.id).limit(limit).offset(offset)
    if eager:
        statement = statement.options(selectinload(Project.owner), selectinload(Project.jobs))
    page = db.scalars(statement).all()
    tallies = _tally(db, [each.id for each in page])
    # The last job is the one with the highest number: the relation is ordered by it.
    rows = [
        {
            **_heading(each, tallies),
            "jobs": len(each.jobs),
            "last_job": _job_row(each.jobs[-1]) if each.jobs else None,
        }
        for each in page
    ]
    number = db.scalar(select(func.count()).select_from(Project))
    return {"total": number, "items": rows}


def _look_alike(page: Sequence[Record], other: Nearest) -> dict[str, Any] | None:
    if other is None:
        return None
    place, similarity = other
    return {"record_id": page[place].id, "similarity": similarity}


def _match_row(found: Match) -> Plain:
    by = found.rule
    rule = {"id": by.id, "name": by.name, "field": by.field, "tolerance_cents": by.tolerance_cents}
    return {"id": found.id, "counterpart": found.counterpart, "score": found.score, "rule": rule}


def _as_row(entry: Record, alike: Plain | None) -> Plain:
    matches = [_match_row(found) for found in entry.matches]
    return {
        "id": entry.id,
        "reference": entry.reference,
        "description": entry.description,
        "amount_cents": entry.amount_cents,
        "status": entry.status,
        "booked_on": entry.booked_on,
        "matches": matches,
        "similar": alike,
    }


def _job_row(one: Job) -> Plain:
    return {"id": one.id, "status": one.status, "started_at": one.started_at, "seconds": one.seconds}


def _heading(each: Project, tallies: dict[int, dict[str, int]]) -> Plain:
    person = each.owner
    owner = {"id": person.id, "name": person.name, "email": person.email}
    return {
        "id": each.id,
        "name": each.name,
        "created_on": each.created_on,
        "owner": owner,
        "records": tallies[each.id],
    }


def _tally(db: Session, numbers: Sequence[int]) -> dict[int, dict[str, int]]:
    # Every state is there, also where no record has it.
    tallies = {number: dict.fromkeys((*STATUSES, "total"), 0) for number in numbers}
    statement = (
        select(Record.project_id, Record.status, func.count())
        .where(Record.project_id.in_(numbers))
        .group_by(Record.project_id, Record.status)
    )
    for number, state, amount in db.execute(statement):
        tallies[number][state] = amount
        tallies[number]["total"] += amount
    return tallies
