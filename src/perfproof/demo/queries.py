"""What the routes read from the database, as plain data. ``eager`` is the ``EAGER`` lever; the answers are the same."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session, selectinload

from perfproof.demo.rendering import Plain
from perfproof.demo.similarity import Nearest, nearest_fast, nearest_naive
from perfproof.demo.tables import Job, Match, Project, Record, Rule, Seeding, User

STATUSES = ("matched", "open", "disputed")


def seeded(session: Session) -> bool:
    """Tell whether the tables hold a data set. Raises SQLAlchemy's errors when there are no tables."""
    return session.scalar(select(Seeding.version)) is not None


def user_by_email(session: Session, email: str) -> User | None:
    """Return who has this address."""
    return session.scalar(select(User).where(User.email == email))


def project_exists(session: Session, project_id: int) -> bool:
    """Tell whether there is a project of this id."""
    return session.get(Project, project_id) is not None


def project_page(session: Session, limit: int, offset: int, *, eager: bool) -> Plain:
    """Return a page of projects, each with its owner, the counts of its records and its last job."""
    query = select(Project).order_by(Project.id).limit(limit).offset(offset)
    if eager:
        query = query.options(selectinload(Project.owner), selectinload(Project.jobs))
    projects = session.scalars(query).all()
    counts = _record_counts(session, [project.id for project in projects])
    return {
        "total": session.scalar(select(func.count()).select_from(Project)),
        "items": [
            {
                **_project_head(project, counts),
                "jobs": len(project.jobs),
                "last_job": _job(project.jobs[-1]) if project.jobs else None,
            }
            for project in projects
        ],
    }


def project_detail(session: Session, project_id: int) -> Plain | None:
    """Return one project with all its jobs, or None. One row has no N+1, so both ways are this one."""
    project = session.get(Project, project_id)
    if project is None:
        return None
    head = _project_head(project, _record_counts(session, [project_id]))
    return {**head, "jobs": [_job(job) for job in project.jobs]}


def project_details(session: Session, project_ids: Sequence[int]) -> list[Plain]:
    """Return projects as ``project_detail`` does, in as many queries as one; those that are not there are left out."""
    query = select(Project).where(Project.id.in_(project_ids))
    query = query.options(selectinload(Project.owner), selectinload(Project.jobs))
    found = {project.id: project for project in session.scalars(query)}
    counts = _record_counts(session, list(found))
    known = [found[each] for each in dict.fromkeys(project_ids) if each in found]
    return [{**_project_head(each, counts), "jobs": [_job(job) for job in each.jobs]} for each in known]


def record_page(
    session: Session, project_id: int, limit: int, offset: int, *, eager: bool, fast_similarity: bool
) -> Plain | None:
    """Return a page of a project's records with matches and their rules, or None when there is no such project."""
    if session.get(Project, project_id) is None:
        return None
    mine = Record.project_id == project_id
    query = select(Record).where(mine).order_by(Record.booked_on, Record.id).limit(limit).offset(offset)
    if eager:
        query = query.options(selectinload(Record.matches).selectinload(Match.rule))
    records = session.scalars(query).all()
    nearest = (nearest_fast if fast_similarity else nearest_naive)([record.description for record in records])
    return {
        "total": session.scalar(select(func.count()).select_from(Record).where(mine)),
        "items": [_record(record, _similar(records, near)) for record, near in zip(records, nearest, strict=True)],
    }


def dashboard(session: Session) -> Plain:
    """Return totals over all records by state and by month, and over all matches by rule."""
    days = select(Record.booked_on, Record.status, func.count(), func.sum(Record.amount_cents))
    rules = select(Rule.name, func.count(), func.sum(Match.score)).join(Match.rule).group_by(Rule.name)
    by_status: defaultdict[str, list[int]] = defaultdict(lambda: [0, 0])
    by_month: defaultdict[str, list[int]] = defaultdict(lambda: [0, 0])
    # Months are made and names are sorted here: databases name months and order text each in their own way.
    for day, status, count, amount in session.execute(days.group_by(Record.booked_on, Record.status)):
        for total in by_status[status], by_month[f"{day.year}-{day.month:02d}"]:
            total[0] += count
            total[1] += int(amount)  # PostgreSQL may add up to Decimal
    return {
        "by_status": [
            {"status": key, "records": n, "amount_cents": sum_} for key, (n, sum_) in sorted(by_status.items())
        ],
        "by_month": [{"month": key, "records": n, "amount_cents": sum_} for key, (n, sum_) in sorted(by_month.items())],
        "by_rule": [
            {"rule": name, "matches": count, "mean_score": int(score) / count}
            for name, count, score in sorted(session.execute(rules))
        ],
    }


def _record_counts(session: Session, project_ids: Sequence[int]) -> dict[int, dict[str, int]]:
    query = (
        select(Record.project_id, Record.status, func.count())
        .where(Record.project_id.in_(project_ids))
        .group_by(Record.project_id, Record.status)
    )
    counts = {project_id: dict.fromkeys((*STATUSES, "total"), 0) for project_id in project_ids}
    for project_id, status, count in session.execute(query):
        counts[project_id][status] = count
        counts[project_id]["total"] += count
    return counts


def _project_head(project: Project, counts: dict[int, dict[str, int]]) -> Plain:
    owner = project.owner
    return {
        "id": project.id,
        "name": project.name,
        "created_on": project.created_on,
        "owner": {"id": owner.id, "name": owner.name, "email": owner.email},
        "records": counts[project.id],
    }


def _job(job: Job) -> Plain:
    return {"id": job.id, "status": job.status, "started_at": job.started_at, "seconds": job.seconds}


def _record(record: Record, similar: Plain | None) -> Plain:
    return {
        "id": record.id,
        "reference": record.reference,
        "description": record.description,
        "amount_cents": record.amount_cents,
        "status": record.status,
        "booked_on": record.booked_on,
        "matches": [_match(match) for match in record.matches],
        "similar": similar,
    }


def _match(match: Match) -> Plain:
    rule = match.rule
    return {
        "id": match.id,
        "counterpart": match.counterpart,
        "score": match.score,
        "rule": {"id": rule.id, "name": rule.name, "field": rule.field, "tolerance_cents": rule.tolerance_cents},
    }


def _similar(records: Sequence[Record], nearest: Nearest) -> dict[str, Any] | None:
    if nearest is None:
        return None
    return {"record_id": records[nearest[0]].id, "similarity": nearest[1]}
