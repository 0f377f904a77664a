"""The shapes of requests and responses, as the OpenAPI document shows them. Amounts are cents, similarity is 0 to 1."""

from __future__ import annotations

from datetime import date, datetime

from pydantic import BaseModel


class Login(BaseModel):
    """Who wants to log in."""

    email: str
    password: str


class Token(BaseModel):
    """What a bearer sends with every other request."""

    token: str
    expires_in: int


class Person(BaseModel):
    """The owner of a project."""

    id: int
    name: str
    email: str


class JobView(BaseModel):
    """One attempt to match a project's records."""

    id: int
    status: str
    started_at: datetime
    seconds: int


class StartedJobView(BaseModel):
    """A job that was started over this API; ``status`` is pending or done."""

    id: int
    project_id: int
    status: str


class Counts(BaseModel):
    """How many records of a project are in which state."""

    matched: int
    open: int
    disputed: int
    total: int


class ProjectView(BaseModel):
    """A project in a list."""

    id: int
    name: str
    created_on: date
    owner: Person
    records: Counts
    jobs: int
    last_job: JobView | None


class ProjectDetail(BaseModel):
    """A project with all its jobs."""

    id: int
    name: str
    created_on: date
    owner: Person
    records: Counts
    jobs: list[JobView]


class ProjectPage(BaseModel):
    """A page of projects."""

    total: int
    items: list[ProjectView]


class RuleView(BaseModel):
    """The rule that found a match."""

    id: int
    name: str
    field: str
    tolerance_cents: int


class MatchView(BaseModel):
    """A proposed counterpart."""

    id: int
    counterpart: str
    score: int
    rule: RuleView


class Similar(BaseModel):
    """The record of the same page whose description is most alike: perhaps a duplicate."""

    record_id: int
    similarity: float


class RecordView(BaseModel):
    """A ledger entry with its matches."""

    id: int
    reference: str
    description: str
    amount_cents: int
    status: str
    booked_on: date
    matches: list[MatchView]
    similar: Similar | None


class RecordPage(BaseModel):
    """A page of records, oldest booking first."""

    total: int
    items: list[RecordView]


class StatusTotal(BaseModel):
    """Records of one state."""

    status: str
    records: int
    amount_cents: int


class MonthTotal(BaseModel):
    """Records booked in one month (YYYY-MM)."""

    month: str
    records: int
    amount_cents: int


class RuleTotal(BaseModel):
    """What one rule has found."""

    rule: str
    matches: int
    mean_score: float


class Dashboard(BaseModel):
    """Totals over all projects."""

    by_status: list[StatusTotal]
    by_month: list[MonthTotal]
    by_rule: list[RuleTotal]
