"""Between the model's dataclasses and the tables' rows."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from perfproof.core.codec import decode, encode
from perfproof.errors import EvidenceError
from perfproof.evidence.limits import read_result
from perfproof.evidence.reader import read_info, sealed_rounds
from perfproof.model.recording import RunInfo
from perfproof.model.result import Comparison, Estimate, Fact, Level, Verdict, basis
from perfproof.model.revision import Revision
from perfproof.store.models import ComparisonRow, LevelRow, RunRow
from perfproof.store.summary import RunSummary


def arms_fingerprint(info: RunInfo) -> str:
    """Return what tells the arms of this run from others, as the store keeps it."""
    return info.arms_hash


def run_values(info: RunInfo) -> dict[str, Any]:
    """Return what ``info`` says about a run, by column of ``runs``."""
    return {
        "id": info.id,
        "kind": info.kind,
        "label": info.label,
        "scenario": info.scenario_name,
        "scenario_hash": info.scenario_hash,
        "arms_fingerprint": arms_fingerprint(info),
        "environment_hash": info.environment.hash,
        "started_at": info.started_at,
        "status": info.status,
        "branch": info.revision and info.revision.branch,
        "commit_hash": info.revision and info.revision.commit,
        "dirty": info.revision and info.revision.dirty,
    }


def summary_of(row: RunRow, base: Path) -> RunSummary:
    """Return the row as a summary; a relative directory is one below ``base``."""
    return RunSummary(
        id=row.id,
        kind=row.kind,
        label=row.label,
        scenario=row.scenario,
        started_at=row.started_at,
        status=row.status,
        verdict=Verdict(row.verdict) if row.verdict else None,
        sentence=row.sentence,
        rounds=row.rounds,
        directory=base / row.directory,
        scenario_hash=row.scenario_hash,
        environment_hash=row.environment_hash,
        revision=revision_of(row),
    )


def revision_of(row: RunRow) -> Revision | None:
    """Return where the measured code stood in git, if that is known."""
    return Revision(row.commit_hash, row.branch, bool(row.dirty)) if row.commit_hash else None


def comparison_values(run: int, position: int, comparison: Comparison) -> dict[str, Any]:
    """Return a comparison by column; a figure that is not a number is stored as unknown."""
    return {"run": run, "position": position, **encode(comparison), **_figures(comparison)}


def comparison_of(row: ComparisonRow) -> Comparison:
    """Return the comparison of a row."""
    known = {field.name: getattr(row, field.name) for field in fields(Comparison)}
    return decode(
        Comparison, known | {"typical": bool(row.typical), "accepted": row.accepted or "", "arm": row.arm or ""}
    )


def level_values(run: int, position: int, level: Level) -> dict[str, Any]:
    """Return a level by column, its estimate spread out; a figure that is not a number is stored as unknown."""
    values = encode(level)
    estimate = values.pop("estimate")
    return {"run": run, "position": position, **values, **estimate, **_figures(level.estimate)}


def level_of(row: LevelRow) -> Level:
    """Return the level of a row; a value that is unknown is NaN."""
    value = math.nan if row.value is None else row.value
    return Level(
        row.metric, row.request, row.arm, row.unit, Estimate(value, row.low, row.high, row.confidence, row.rounds)
    )


def _figures(source: Comparison | Estimate) -> dict[str, float | None]:
    """Return the floats among the fields: infinite ones as they are (the codec spells them), NaN as None.

    SQLite turns NaN into NULL by itself; so that both databases answer alike, none of them gets to see one.
    """
    values = {field.name: getattr(source, field.name) for field in fields(source)}
    floats = {name: float(value) for name, value in values.items() if isinstance(value, float)}
    return {name: None if math.isnan(value) else value for name, value in floats.items()}


FACT = ("name", "baseline", "candidate")


@dataclass(frozen=True)
class Recorded:
    """A run found on disk: ``values`` by column of ``runs``, and the rows of its ``result.json``."""

    folder: Path
    values: dict[str, Any]
    comparisons: tuple[Comparison, ...] = field(default=(), repr=False)
    levels: tuple[Level, ...] = field(default=(), repr=False)


def recorded(folder: Path) -> Recorded | None:
    """Return the run in ``folder``; None if it cannot be read.

    A ``result.json`` that is missing or not ours is passed over: the run itself still counts.
    """
    try:
        info = read_info(folder)
    except EvidenceError:
        return None
    values = run_values(info) | {"rounds": len(sealed_rounds(folder))}
    try:
        document = read_result(folder / "result.json")
        facts = [Fact(*(str(row[name]) for name in FACT)) for row in document.get("comparability", {}).get("facts", ())]
        concluded = {
            "verdict": Verdict(document["verdict"]).value,
            "sentence": str(document["sentence"]),
            "counted_on": basis(facts) or None,
        }
        comparisons = tuple(_comparison(row) for row in document.get("comparisons", ()))
        levels = tuple(_level(row) for row in document.get("levels", ()))
    except (EvidenceError, ValueError, KeyError, TypeError, AttributeError):
        return Recorded(folder, values)
    return Recorded(folder, values | concluded, comparisons, levels)


def _comparison(row: dict[str, Any]) -> Comparison:
    goal = row.get("goal")
    return decode(Comparison, row | {"goal": goal and {"metric": row["metric"], **goal}})


def _level(row: dict[str, Any]) -> Level:
    estimate = {
        "value": "nan" if row["value"] is None else row["value"],  # the public JSON has no other word for unknown
        "low": row["ci_low"],
        "high": row["ci_high"],
        "confidence": row["confidence"],
        "rounds": row["rounds"],
    }
    return decode(Level, row | {"estimate": estimate})
