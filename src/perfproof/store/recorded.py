"""What a run directory tells about a run that the store has not met: its facts, and what was concluded from it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from perfproof.errors import EvidenceError
from perfproof.evidence.codec import decode
from perfproof.evidence.limits import read_result
from perfproof.evidence.reading import read_info, sealed_rounds
from perfproof.model.result import Comparison, Fact, Level, Verdict, basis
from perfproof.store.rows import run_values

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
