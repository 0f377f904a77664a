"""The tables: projects with their jobs and records, and the matches a rule found for a record.

Relations are lazy unless a query says otherwise; that is the slow way of the ``EAGER`` lever.
"""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship


class Table(DeclarativeBase):
    """Base of all tables; its metadata is the schema."""


class User(Table):
    """Someone who may log in."""

    __tablename__ = "users"
    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(String(80), unique=True)
    name: Mapped[str] = mapped_column(String(80))
    password: Mapped[str] = mapped_column(String(160))


class Project(Table):
    """A reconciliation: records of one ledger, matched by jobs against another."""

    __tablename__ = "projects"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(80))
    owner_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    created_on: Mapped[date]
    owner: Mapped[User] = relationship()
    jobs: Mapped[list[Job]] = relationship(order_by="Job.id")


class Job(Table):
    """One attempt to match a project's records."""

    __tablename__ = "jobs"
    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id"), index=True)
    status: Mapped[str] = mapped_column(String(16))
    started_at: Mapped[datetime]
    seconds: Mapped[int]


class Rule(Table):
    """How two entries are recognised as the same one."""

    __tablename__ = "rules"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(80))
    field: Mapped[str] = mapped_column(String(40))
    tolerance_cents: Mapped[int]


class Record(Table):
    """One entry of the ledger. Amounts are cents, so that every database adds them up alike."""

    __tablename__ = "records"
    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id"))
    reference: Mapped[str] = mapped_column(String(40))
    description: Mapped[str] = mapped_column(String(200))
    amount_cents: Mapped[int]
    status: Mapped[str] = mapped_column(String(16))
    booked_on: Mapped[date]
    matches: Mapped[list[Match]] = relationship(order_by="Match.id")


class Match(Table):
    """A counterpart that a rule proposes for a record; ``score`` is a percentage."""

    __tablename__ = "matches"
    id: Mapped[int] = mapped_column(primary_key=True)
    record_id: Mapped[int] = mapped_column(ForeignKey("records.id"), index=True)
    rule_id: Mapped[int] = mapped_column(ForeignKey("rules.id"))
    counterpart: Mapped[str] = mapped_column(String(40))
    score: Mapped[int]
    rule: Mapped[Rule] = relationship()


class Seeding(Table):
    """Says which data set the tables hold; written in the same transaction as the data."""

    __tablename__ = "seedings"
    id: Mapped[int] = mapped_column(primary_key=True)
    version: Mapped[int]


RECORD_INDEXES = {
    "ix_records_project_booked": "project_id, booked_on, id",
    "ix_records_project_status": "project_id, status",
}
"""The indexes of the ``INDEX`` lever. One serves a page of records in order, the other counts them without the rows.

They are no ``Index`` objects of the schema, because the seed makes or drops them on purpose.
"""
