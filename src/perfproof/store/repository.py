"""The store: which runs there are, what was concluded from them, and what identical arms showed before."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Engine, delete, func, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from perfproof.errors import EvidenceError, StoreError
from perfproof.evidence.reading import read_info, sealed_rounds
from perfproof.model.recording import RunInfo
from perfproof.model.result import Comparison, Result, Verdict
from perfproof.model.rules import Spread
from perfproof.store.connection import connect, database_file, parse_url, plain_errors, shown
from perfproof.store.models import Base, ComparisonRow, LevelRow, RunRow, SpreadRow
from perfproof.store.rows import arms_fingerprint, comparison_of, comparison_row, level_row, run_values, summary_of
from perfproof.store.summary import RunSummary
from perfproof.store.upgrade import bring_up_to_date

__all__ = ["Store", "arms_fingerprint"]

_NEWEST_FIRST = (RunRow.started_at.desc(), RunRow.number.desc())


class Store:
    """A database of runs. Every method is one transaction and raises ``StoreError`` when the database refuses."""

    def __init__(self, url: URL, engine: Engine, base: Path | None) -> None:
        """Use ``open``; ``base`` is the folder below which run directories are stored as relative paths."""
        self._url = url
        self._engine = engine
        self._base = base

    @classmethod
    def open(cls, url: str, *, results: Path | None = None) -> Store:
        """Open the database at ``url``; an empty one gets the schema, an older one is upgraded.

        Run directories below ``results`` (by default the folder of a SQLite file) are stored relative to it, so that
        the folder can be moved. Raises ``StoreError`` if the database is newer than this program, locked for more than
        10 s, unreachable, read-only or no database at all.
        """
        parsed = parse_url(url)
        file = database_file(parsed)
        if file is not None:
            try:
                file.parent.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise StoreError("the database's folder cannot be made", where=shown(parsed), why=str(error)) from error
        base = results.absolute() if results is not None else file and file.parent
        store = cls(parsed, connect(parsed), base)
        try:
            with plain_errors(parsed):
                bring_up_to_date(store._engine, shown(parsed))
        except BaseException:
            store.close()
            raise
        return store

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def add_run(self, info: RunInfo, directory: Path) -> None:
        """Remember a run that is recorded in ``directory``; of a known id, the facts are replaced."""
        with self._writing() as session:
            self._upsert(session, RunRow, run_values(info) | {"directory": self._stored(directory)}, ["id"])

    def update_run(self, info: RunInfo) -> None:
        """Replace what is known of the run from ``info``, its status above all; ``StoreError`` for an unknown id."""
        with self._writing() as session:
            number = self._number(session, info.id)
            session.execute(update(RunRow).where(RunRow.number == number).values(run_values(info)))

    def save_result(self, run_id: str, result: Result) -> None:
        """Remember what was concluded from a run, replacing an earlier conclusion; ``StoreError`` for an unknown id."""
        with self._writing() as session:
            number = self._number(session, run_id)
            session.execute(delete(ComparisonRow).where(ComparisonRow.run == number))
            session.execute(delete(LevelRow).where(LevelRow.run == number))
            session.add_all(comparison_row(number, at, each) for at, each in enumerate(result.comparisons))
            session.add_all(level_row(number, at, each) for at, each in enumerate(result.levels))
            concluded = {"verdict": result.verdict.value, "sentence": result.sentence, "rounds": result.rounds}
            session.execute(update(RunRow).where(RunRow.number == number).values(concluded))

    def runs(self, *, scenario: str | None = None, label: str | None = None, limit: int = 50) -> list[RunSummary]:
        """Return the newest ``limit`` runs, newest first, of one scenario name or one label if given."""
        query = select(RunRow).order_by(*_NEWEST_FIRST).limit(limit)
        if scenario is not None:
            query = query.where(RunRow.scenario == scenario)
        if label is not None:
            query = query.where(RunRow.label == label)
        return self._summaries(query)

    def find(self, reference: str) -> RunSummary:
        """Return the run meant by an id, ``last``, ``last-1`` ..., a label (its newest run) or the start of an id.

        Raises ``StoreError`` with suggestions when there is none, or more than one id starts so.
        """
        newest = select(RunRow).order_by(*_NEWEST_FIRST)
        ago = re.fullmatch(r"last(?:-(\d{1,9}))?", reference)
        queries = [newest.where(RunRow.id == reference)]
        queries += [newest.offset(int(ago[1] or 0))] if ago else [newest.where(RunRow.label == reference)]
        for query in queries:
            found = self._summaries(query.limit(1))
            if found:
                return found[0]
        starting = newest.where(func.substr(RunRow.id, 1, len(reference)) == reference)
        found = self._summaries(starting.limit(4)) if reference else []
        if len(found) == 1:
            return found[0]
        raise self._not_found(reference, found)

    def comparisons(self, run_id: str) -> list[Comparison]:
        """Return the comparisons saved for a run, in their order; none if no result was saved."""
        with self._reading() as session:
            query = select(ComparisonRow).join(RunRow, RunRow.number == ComparisonRow.run).where(RunRow.id == run_id)
            return [comparison_of(row) for row in session.scalars(query.order_by(ComparisonRow.position))]

    def save_spreads(self, environment_hash: str, scenario_hash: str, spreads: Sequence[Spread]) -> None:
        """Remember what identical arms showed there, replacing what they showed before."""
        key = {"environment_hash": environment_hash, "scenario_hash": scenario_hash}
        with self._writing() as session:
            session.execute(delete(SpreadRow).filter_by(**key))
            for spread in spreads:
                values = key | {"metric": spread.metric, "request": spread.request, "sd": spread.sd}
                self._upsert(session, SpreadRow, values | {"rounds": spread.rounds}, [*key, "metric", "request"])

    def spreads(self, environment_hash: str, scenario_hash: str) -> tuple[Spread, ...]:
        """Return what ``save_spreads`` remembered, in order of metric and request."""
        query = select(SpreadRow).filter_by(environment_hash=environment_hash, scenario_hash=scenario_hash)
        with self._reading() as session:
            rows = session.scalars(query.order_by(SpreadRow.metric, SpreadRow.request))
            return tuple(Spread(row.metric, row.request, row.sd, row.rounds) for row in rows)

    def attempts(self, scenario_hash: str, arms_fingerprint: str) -> int:
        """Return how often this comparison was measured before (see ``arms_fingerprint``).

        A run that failed before its first round showed nobody a figure and does not count; one that is marked running
        (it may have been killed) does.
        """
        query = select(func.count()).select_from(RunRow).filter_by(scenario_hash=scenario_hash)
        query = query.where(RunRow.arms_fingerprint == arms_fingerprint)
        with self._reading() as session:
            return session.scalar(query.where(or_(RunRow.rounds > 0, RunRow.status == "running"))) or 0

    def sync(self, results: Path) -> int:
        """Add the runs recorded below ``results`` that the store does not know; return how many.

        Their verdict comes from ``result.json``; damaged and newer run directories are left out.
        """
        with self._reading() as session:
            known = set(session.scalars(select(RunRow.id)))
        folders = [file.parent for file in sorted(results.glob("*/run.json")) if file.parent.name not in known]
        found = [(folder, values) for folder in folders if (values := _recorded(folder)) and values["id"] not in known]
        if found:
            with self._writing() as session:
                for folder, values in found:
                    self._upsert(session, RunRow, values | {"directory": self._stored(folder)}, ["id"])
        return len(found)

    @contextmanager
    def _reading(self) -> Iterator[Session]:
        with plain_errors(self._url), Session(self._engine) as session:
            yield session

    @contextmanager
    def _writing(self) -> Iterator[Session]:
        with plain_errors(self._url), Session(self._engine.execution_options(writes=True)) as session, session.begin():
            yield session

    def _summaries(self, query: Any) -> list[RunSummary]:
        with self._reading() as session:
            return [summary_of(row, self._base or Path()) for row in session.scalars(query)]

    def _number(self, session: Session, run_id: str) -> int:
        """Return the run's number and hold its row until the transaction ends, so that writers take turns."""
        number = session.scalar(select(RunRow.number).where(RunRow.id == run_id).with_for_update())
        if number is None:
            raise StoreError(f"no run {run_id} is stored", where=shown(self._url), hint="add it first")
        return number

    def _upsert(self, session: Session, table: type[Base], values: dict[str, Any], key: list[str]) -> None:
        insert = postgresql.insert if self._engine.dialect.name == "postgresql" else sqlite.insert
        session.execute(insert(table).values(values).on_conflict_do_update(index_elements=key, set_=values))

    def _stored(self, directory: Path) -> str:
        absolute = directory.absolute()
        if self._base is not None and absolute.is_relative_to(self._base):
            return str(absolute.relative_to(self._base))
        return str(absolute)

    def _not_found(self, reference: str, candidates: Sequence[RunSummary]) -> StoreError:
        if candidates:
            more = " ..." if len(candidates) > 3 else ""
            ids = ", ".join(each.id for each in candidates[:3])
            return StoreError(f"more than one run starts with `{reference}`", hint=f"say which: {ids}{more}")
        recent = self.runs(limit=200)
        if not recent:
            return StoreError(
                f"no run `{reference}`: none is stored yet", where=shown(self._url), hint="measure one first"
            )
        names = [name for each in recent for name in (each.id, each.label) if name]
        close = difflib.get_close_matches(reference, dict.fromkeys(names), n=3)
        hint = f"did you mean {' or '.join(close)}?" if close else "`perfproof list` shows what there is"
        return StoreError(f"no run has the id or the label `{reference}`", where=shown(self._url), hint=hint)


def _recorded(folder: Path) -> dict[str, Any] | None:
    """Return the columns of a run found on disk; None if it cannot be read."""
    try:
        info = read_info(folder)
    except EvidenceError:
        return None
    values = run_values(info) | {"rounds": len(sealed_rounds(folder))}
    try:
        concluded = json.loads((folder / "result.json").read_bytes())
        return values | {"verdict": Verdict(concluded["verdict"]).value, "sentence": str(concluded["sentence"])}
    except (
        OSError,
        ValueError,
        KeyError,
        TypeError,
    ):  # no result, or one that is not ours: the run itself still counts
        return values
