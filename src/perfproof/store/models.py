"""The tables. A change here needs a migration in ``migrations/versions`` (a test compares the two)."""

from __future__ import annotations

from typing import Any

from sqlalchemy import JSON, Double, ForeignKey, MetaData, String, Text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    """Base of the tables. Constraints are named, because SQLite's batch migrations can only change named ones."""

    metadata = MetaData(
        naming_convention={
            "pk": "pk_%(table_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "uq": "uq_%(table_name)s_%(column_0_name)s",
            "ix": "ix_%(table_name)s_%(column_0_name)s",
        }
    )
    type_annotation_map = {float: Double, Any: JSON}  # noqa: RUF012 - SQLAlchemy's own way to declare it


class RunRow(Base):
    """One run. ``number`` counts in order of arrival and decides between runs that started in the same second.

    ``counted_on`` is what its count of instructions rests on, null where none was counted or that is not known.
    """

    __tablename__ = "runs"

    number: Mapped[int] = mapped_column(primary_key=True)
    id: Mapped[str] = mapped_column(String(100), unique=True)
    kind: Mapped[str] = mapped_column(String(16))
    label: Mapped[str | None] = mapped_column(Text, index=True)
    scenario: Mapped[str] = mapped_column(Text)
    scenario_hash: Mapped[str] = mapped_column(String(64), index=True)
    arms_fingerprint: Mapped[str] = mapped_column(String(64))
    environment_hash: Mapped[str] = mapped_column(String(64))
    started_at: Mapped[str] = mapped_column(String(40), index=True)
    status: Mapped[str] = mapped_column(String(16))
    directory: Mapped[str] = mapped_column(Text)
    rounds: Mapped[int] = mapped_column(default=0)
    verdict: Mapped[str | None] = mapped_column(String(16))
    sentence: Mapped[str | None] = mapped_column(Text)
    branch: Mapped[str | None] = mapped_column(Text)
    commit_hash: Mapped[str | None] = mapped_column(String(64), index=True)
    dirty: Mapped[bool | None]
    counted_on: Mapped[Any] = mapped_column(JSON(none_as_null=True), nullable=True)


class ComparisonRow(Base):
    """One ``model.result.Comparison`` of a run; ``position`` keeps their order."""

    __tablename__ = "comparisons"

    run: Mapped[int] = mapped_column(ForeignKey("runs.number", ondelete="CASCADE"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    metric: Mapped[str] = mapped_column(String(200))
    request: Mapped[str] = mapped_column(Text)
    unit: Mapped[str] = mapped_column(String(16))
    baseline: Mapped[float | None]
    candidate: Mapped[float | None]
    change: Mapped[float | None]
    ci_low: Mapped[float | None]
    ci_high: Mapped[float | None]
    confidence: Mapped[float | None]
    verdict: Mapped[str] = mapped_column(String(16))
    role: Mapped[str] = mapped_column(String(16))
    rounds: Mapped[int]
    goal: Mapped[Any] = mapped_column(JSON(none_as_null=True), nullable=True)
    stretch_met: Mapped[bool | None]
    round_changes: Mapped[Any]
    impact: Mapped[float]
    notes: Mapped[Any]
    typical: Mapped[bool | None]
    accepted: Mapped[str | None] = mapped_column(Text)
    arm: Mapped[str | None] = mapped_column(Text)


class LevelRow(Base):
    """One ``model.result.Level`` of a run, its estimate spread out; ``position`` keeps their order."""

    __tablename__ = "levels"

    run: Mapped[int] = mapped_column(ForeignKey("runs.number", ondelete="CASCADE"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    metric: Mapped[str] = mapped_column(String(200))
    request: Mapped[str] = mapped_column(Text)
    arm: Mapped[str] = mapped_column(Text)
    unit: Mapped[str] = mapped_column(String(16))
    value: Mapped[float | None]
    low: Mapped[float | None]
    high: Mapped[float | None]
    confidence: Mapped[float | None]
    rounds: Mapped[int]


class SpreadRow(Base):
    """One ``model.rules.Spread``: what identical arms of a scenario showed in an environment."""

    __tablename__ = "spreads"

    environment_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    scenario_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    metric: Mapped[str] = mapped_column(String(200), primary_key=True)
    request: Mapped[str] = mapped_column(Text, primary_key=True)
    sd: Mapped[float]
    rounds: Mapped[int]


class BaselineRow(Base):
    """A name for a run of a scenario. No cascade: a run that has a name cannot be deleted."""

    __tablename__ = "baselines"

    name: Mapped[str] = mapped_column(String(100), primary_key=True)
    scenario: Mapped[str] = mapped_column(Text, primary_key=True)
    run: Mapped[int] = mapped_column(ForeignKey("runs.number"))
    set_at: Mapped[str] = mapped_column(String(40))
