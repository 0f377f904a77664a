"""The store: which runs there are, what was concluded from them, and what identical arms showed before."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Engine, delete, func, insert, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from perfproof.errors import EvidenceError, StoreError
from perfproof.evidence.directory import end_killed
from perfproof.evidence.reader import KILLED
from perfproof.model.history import Point
from perfproof.model.metrics import COUNTED
from perfproof.model.recording import RunInfo
from perfproof.model.result import Comparison, Level, Result, basis
from perfproof.model.rules import Spread
from perfproof.store import statements
from perfproof.store.connection import connect, database_file, parse_url, plain_errors, shown
from perfproof.store.conversions import (
    Recorded,
    arms_fingerprint,
    comparison_of,
    comparison_values,
    level_of,
    level_values,
    recorded,
    revision_of,
    run_values,
    summary_of,
)
from perfproof.store.models import Base, BaselineRow, ComparisonRow, LevelRow, RunRow, SpreadRow
from perfproof.store.statements import NEWEST_FIRST
from perfproof.store.summary import Baseline, Choices, Measured, RunFilter, RunSummary
from perfproof.store.upgrade import bring_up_to_date

__all__ = ["Store", "arms_fingerprint"]

_NAME = re.compile(r"[^\W_][\w./+-]{0,99}")


def check_name(name: str) -> None:
    """Raise StoreError for what cannot be the name of a baseline: it would be taken for something else."""
    if not _NAME.fullmatch(name) or re.fullmatch(r"last(-\d+)?", name):
        raise StoreError(
            f"`{name[:100]}` cannot be the name of a baseline",
            hint="use letters, digits and . / + - _ (at most 100), beginning with a letter or a digit; not `last`",
        )


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

    def status(self, run_id: str) -> tuple[str, bool] | None:
        """Return the status of a run and whether its result is stored; None for an unknown id."""
        with self._reading() as session:
            row = session.execute(select(RunRow.status, RunRow.verdict).where(RunRow.id == run_id)).first()
            return None if row is None else (row.status, row.verdict is not None)

    def save_result(self, run_id: str, result: Result) -> None:
        """Remember what was concluded from a run, replacing an earlier conclusion; ``StoreError`` for an unknown id."""
        with self._writing() as session:
            number = self._number(session, run_id)
            self._replace_rows(session, number, result.comparisons, result.levels)
            concluded = {
                "verdict": result.verdict.value,
                "sentence": result.sentence,
                "rounds": result.rounds,
                "counted_on": basis(result.comparability.facts) or None,
            }
            session.execute(update(RunRow).where(RunRow.number == number).values(concluded))

    def runs(
        self,
        *,
        scenario: str | None = None,
        label: str | None = None,
        branch: str | None = None,
        commit: str | None = None,
        verdict: str | None = None,
        limit: int = 50,
        offset: int = 0,
    ) -> list[RunSummary]:
        """Return the newest ``limit`` runs after the first ``offset``, newest first, of what is given (RunFilter)."""
        wanted = RunFilter(scenario, label, branch, commit, verdict)
        return self._summaries(statements.runs(wanted).order_by(*NEWEST_FIRST).limit(limit).offset(offset))

    def count(self, wanted: RunFilter = RunFilter()) -> int:  # noqa: B008 - it is frozen
        """Return how many runs agree with the filter."""
        with self._reading() as session:
            return session.scalar(statements.count(wanted)) or 0

    def scenarios(self) -> list[Measured]:
        """Return the scenarios that have runs, the one that was measured last first."""
        newest = func.max(RunRow.started_at)
        query = select(RunRow.scenario, func.count(), newest).group_by(RunRow.scenario)
        with self._reading() as session:
            return [Measured(*row) for row in session.execute(query.order_by(newest.desc(), RunRow.scenario))]

    def choices(self) -> Choices:
        """Return the scenarios, branches, labels and verdicts that occur."""
        columns = (RunRow.scenario, RunRow.branch, RunRow.label, RunRow.verdict)
        with self._reading() as session:
            found = [sorted(filter(None, session.scalars(select(column).distinct()))) for column in columns]
        return Choices(*map(tuple, found))

    def find(self, reference: str) -> RunSummary:
        """Return the run meant by an id, ``last``, ``last-1`` ..., a baseline's name, a label or the start of an id.

        Of several runs with the label, or of the name in several scenarios, the newest is meant.

        Raises ``StoreError`` with suggestions when there is none, or more than one id starts so.
        """
        newest = select(RunRow).order_by(*NEWEST_FIRST)
        ago = re.fullmatch(r"last(?:-(\d{1,9}))?", reference)
        named = newest.join(BaselineRow, BaselineRow.run == RunRow.number).where(BaselineRow.name == reference)
        meanings = [newest.where(RunRow.id == reference)]
        meanings += [newest.offset(int(ago[1] or 0))] if ago else [named, newest.where(RunRow.label == reference)]
        for query in meanings:
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

    def levels(self, run_id: str) -> list[Level]:
        """Return the levels saved for a run, in their order; none if no result was saved."""
        with self._reading() as session:
            query = select(LevelRow).join(RunRow, RunRow.number == LevelRow.run).where(RunRow.id == run_id)
            return [level_of(row) for row in session.scalars(query.order_by(LevelRow.position))]

    def history(
        self,
        scenario: str,
        *,
        metric: str | Collection[str] | None = None,
        request: str | None = None,
        branch: str | None = None,
        arm: str | None = None,
        limit: int = 200,
    ) -> dict[tuple[str, str, str], list[Point]]:
        """Return the points of the scenario's newest ``limit`` runs by (metric, request, unit), oldest first.

        ``metric`` may be one or several; by default all.

        See ``queries.history`` for the runs and the arm that count (``arm``: the version called so).
        """
        query = statements.history(RunFilter(scenario=scenario, branch=branch), metric, request, limit, arm)
        found: dict[tuple[str, str, str], list[Point]] = {}
        with self._reading() as session:
            promised = _promised(session, scenario)
            for run, row in session.execute(query):
                level = level_of(row)
                facts = (run.id, run.started_at, run.scenario_hash, run.environment_hash)
                rests_on = run.counted_on or {} if level.metric == COUNTED else {}
                wanted = promised.get((run.number, level.metric, level.request))
                point = Point(*facts, level.estimate, run.label, revision_of(run), rests_on, wanted)
                found.setdefault((level.metric, level.request, level.unit), []).append(point)
        return found

    def arms(self, scenario: str) -> list[str]:
        """Return the names that versions had in runs of a scenario that were measured in turn, in no special order."""
        query = select(LevelRow.arm).join(RunRow, RunRow.number == LevelRow.run).where(RunRow.scenario == scenario)
        with self._reading() as session:
            return sorted(set(session.scalars(query.where(RunRow.kind.in_(("ab", "count"))).distinct())))

    def repeats(
        self, scenario_hash: str, environment_hash: str, *, without: Collection[str] = (), limit: int = 200
    ) -> dict[tuple[str, str], list[list[Point]]]:
        """Return the points of runs that measured the same code more than once, by (metric, request) and version.

        A version is a commit, started in one way, in runs of one kind. See ``queries.repeats`` for the runs that count.
        """
        query = statements.repeats(scenario_hash, environment_hash, tuple(without), limit)
        found: dict[tuple[str, str], dict[tuple[str | None, ...], list[Point]]] = {}
        with self._reading() as session:
            for run, row in session.execute(query):
                level = level_of(row)
                facts = (run.id, run.started_at, run.scenario_hash, run.environment_hash)
                version = (run.kind, run.arms_fingerprint, run.commit_hash)
                versions = found.setdefault((level.metric, level.request), {})
                versions.setdefault(version, []).append(Point(*facts, level.estimate, run.label, revision_of(run)))
        return {key: [points for points in each.values() if len(points) > 1] for key, each in found.items()}

    def requests(self, scenario: str) -> list[str]:
        """Return the request names of the scenario's newest run that has a result, in their order."""
        newest = select(RunRow.number).where(RunRow.scenario == scenario, RunRow.number.in_(select(LevelRow.run)))
        number = newest.order_by(*NEWEST_FIRST).limit(1).scalar_subquery()
        query = select(LevelRow.request).where(LevelRow.run == number).group_by(LevelRow.request)
        with self._reading() as session:
            return list(session.scalars(query.order_by(func.min(LevelRow.position))))

    def set_baseline(self, name: str, run_id: str, *, if_free: bool = False) -> Baseline:
        """Give a run a name within its scenario, taking the name from the run that had it; return whose it is now.

        With ``if_free`` a run that has the name keeps it, also one that gets it at this very moment. Raises
        ``StoreError`` for an unknown run and for a name that would be taken for something else.
        """
        check_name(name)
        now = datetime.now(UTC).isoformat(timespec="seconds")
        with self._writing() as session:
            number = self._number(session, run_id)
            run = session.get_one(RunRow, number)
            values = {"name": name, "scenario": run.scenario, "run": number, "set_at": now}
            self._upsert(session, BaselineRow, values, ["name", "scenario"], keep=if_free)
            named = session.get_one(BaselineRow, (name, run.scenario))
            return Baseline(name, summary_of(session.get_one(RunRow, named.run), self._base or Path()), named.set_at)

    def baselines(self, *, name: str | None = None, scenario: str | None = None) -> list[Baseline]:
        """Return the named runs by name and scenario, of one name or one scenario if given."""
        query = select(BaselineRow, RunRow).join(RunRow, RunRow.number == BaselineRow.run)
        query = query.order_by(BaselineRow.name, BaselineRow.scenario)
        if name is not None:
            query = query.where(BaselineRow.name == name)
        if scenario is not None:
            query = query.where(BaselineRow.scenario == scenario)
        with self._reading() as session:
            base = self._base or Path()
            return [Baseline(row.name, summary_of(run, base), row.set_at) for row, run in session.execute(query)]

    def drop_baseline(self, name: str, *, scenario: str | None = None) -> int:
        """Forget a name (in one scenario, or in all); its run stays. Return how many were forgotten."""
        query = delete(BaselineRow).where(BaselineRow.name == name)
        if scenario is not None:
            query = query.where(BaselineRow.scenario == scenario)
        with self._writing() as session:
            forgotten = session.scalars(query.returning(BaselineRow.scenario)).all()
        return len(forgotten)

    @contextmanager
    def deleting(self, run_id: str) -> Iterator[None]:
        """Delete a run's rows when the body succeeds, in one transaction; nothing happens when it raises.

        The body is where the run directory is put out of the way. Raises ``StoreError`` for an unknown run and for one
        that is a named baseline.
        """
        with self._writing() as session:
            number = self._number(session, run_id)
            name = session.scalar(select(BaselineRow.name).where(BaselineRow.run == number).limit(1))
            if name is not None:
                raise StoreError(
                    f"run {run_id} is the baseline `{name}`",
                    hint=f"forget the name first: perfproof baseline drop {name}",
                )
            session.execute(delete(RunRow).where(RunRow.number == number))  # its comparisons and levels go with it
            yield

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

    def attempts(self, scenario_hash: str, arms_fingerprint: str, kind: str) -> int:
        """Return how often this comparison was measured before in this kind of run (see ``arms_fingerprint``).

        Whoever checks or counts what was timed before tries nothing a second time.

        A run that failed before its first round showed nobody a figure and does not count; one that is marked running
        (it may have been killed) does.
        """
        query = select(func.count()).select_from(RunRow).filter_by(scenario_hash=scenario_hash)
        query = query.where(RunRow.arms_fingerprint == arms_fingerprint, RunRow.kind == kind)
        with self._reading() as session:
            return session.scalar(query.where(or_(RunRow.rounds > 0, RunRow.status == "running"))) or 0

    def end_killed(self) -> list[str]:
        """Bring runs up to date that are stored as running and have ended; return the ids of those that were killed.

        What the run directory says counts. A directory that cannot be read here may be another machine's.
        """
        query = select(RunRow.directory).where(RunRow.status == "running")
        with self._reading() as session:
            folders = [(self._base or Path()) / stored for stored in session.scalars(query)]
        ended: list[Recorded] = []
        killed: list[str] = []
        for folder in folders:
            before = recorded(folder)
            if before is None or before.values["status"] == "running":
                continue
            ended.append(before)
            with suppress(EvidenceError):  # in a folder that may only be read, it is told from its process each time
                if end_killed(folder).problem == KILLED:
                    killed.append(before.values["id"])
        if ended:
            with self._writing() as session:
                for run in ended:
                    self._add_recorded(session, run)
        return killed

    def sync(self, results: Path) -> int:
        """Add the runs recorded below ``results`` that the store does not know; return how many.

        Their verdict comes from ``result.json``; damaged and newer run directories are left out.
        """
        with self._reading() as session:
            known = set(session.scalars(select(RunRow.id)))
        # Hidden folders are runs that are being imported or removed.
        folders = [file.parent for file in sorted(results.glob("[!.]*/run.json")) if file.parent.name not in known]
        found = [run for folder in folders if (run := recorded(folder)) and run.values["id"] not in known]
        if found:
            with self._writing() as session:
                for run in found:
                    self._add_recorded(session, run)
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

    def _add_recorded(self, session: Session, run: Recorded) -> None:
        self._upsert(session, RunRow, run.values | {"directory": self._stored(run.folder)}, ["id"])
        number = self._number(session, run.values["id"])
        self._replace_rows(session, number, run.comparisons, run.levels)

    def _replace_rows(
        self, session: Session, number: int, comparisons: Sequence[Comparison], levels: Sequence[Level]
    ) -> None:
        session.execute(delete(ComparisonRow).where(ComparisonRow.run == number))
        session.execute(delete(LevelRow).where(LevelRow.run == number))
        # Inserted by values: an object for each of hundreds of rows took most of the time of all.
        for table, rows in (
            (ComparisonRow, [comparison_values(number, at, each) for at, each in enumerate(comparisons)]),
            (LevelRow, [level_values(number, at, each) for at, each in enumerate(levels)]),
        ):
            if rows:
                session.execute(insert(table), rows)

    def _number(self, session: Session, run_id: str) -> int:
        """Return the run's number and hold its row until the transaction ends, so that writers take turns."""
        number = session.scalar(select(RunRow.number).where(RunRow.id == run_id).with_for_update())
        if number is None:
            raise StoreError(f"no run {run_id} is stored", where=shown(self._url), hint="add it first")
        return number

    def _upsert(
        self, session: Session, table: type[Base], values: dict[str, Any], key: list[str], *, keep: bool = False
    ) -> None:
        """Insert a row; one that has the key already is replaced, or with ``keep`` left as it is."""
        insert = postgresql.insert if self._engine.dialect.name == "postgresql" else sqlite.insert
        row = insert(table).values(values)
        if keep:
            session.execute(row.on_conflict_do_nothing(index_elements=key))
        else:
            session.execute(row.on_conflict_do_update(index_elements=key, set_=values))

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


def _promised(session: Session, scenario: str) -> dict[tuple[int, str, str], tuple[float, float]]:
    """Return what the goals of a scenario's runs asked for, by run, metric and request."""
    query = select(ComparisonRow).join(RunRow, RunRow.number == ComparisonRow.run)
    rows = session.scalars(query.where(RunRow.scenario == scenario, ComparisonRow.role == "goal"))
    found = [(row.run, comparison_of(row)) for row in rows]
    return {
        (run, row.metric, row.request): row.goal.asks(row.baseline)
        for run, row in found
        if row.goal is not None and row.baseline is not None
    }
