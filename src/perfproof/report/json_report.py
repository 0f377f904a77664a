"""The public JSON of a result, version 1; its schema is docs/result.schema.json.

Within one version fields are only added, so readers must ignore what they do not know. Names and texts are whole here
(other reports cut them), because programs join on them.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from perfproof.model.result import Comparison, Detail, Level, Proof, QueryDetail, Ranking, Result
from perfproof.model.why import FunctionChange, ProfileDifference, Why
from perfproof.verdict import display_rows

SCHEMA_VERSION = 1
MAX_ERRORS = 50
"""Different errors kept per request and arm; ``errors_left_out`` counts the others."""


def to_json(result: Result) -> str:
    """Return the result as indented JSON, ending in a newline; numbers that are not finite become null."""
    return json.dumps(to_document(result), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def to_document(result: Result) -> dict[str, Any]:
    """Return the result as plain JSON values."""
    document = {
        "schema_version": SCHEMA_VERSION,
        "kind": result.kind,
        "scenario": result.scenario,
        "run_ids": result.run_ids,
        "arms": result.arms,
        "started_at": result.started_at,
        "seconds": result.seconds,
        "verdict": result.verdict,
        "sentence": result.sentence,
        "advice": result.advice,
        "exit_code": result.exit_code,
        "rounds": result.rounds,
        "planned_rounds": result.planned_rounds,
        "comparisons": [_comparison(row) for row in result.comparisons],
        "levels": [_level(level) for level in result.levels],
        "budgets": [asdict(budget) for budget in result.budgets],
        "findings": [asdict(finding) for finding in result.findings],
        "comparability": {
            "facts": [asdict(fact) | {"differs": fact.differs} for fact in result.comparability.facts],
            "warnings": result.comparability.warnings,
        },
        "why": None if result.why is None else why_document(result.why),
        "queries": [query_document(detail) for detail in result.queries],
        "requests": [_request(detail) for detail in result.details],
    }
    if result.capacity is not None:
        document["capacity"] = asdict(result.capacity)
    if result.traffic is not None:
        document["traffic"] = asdict(result.traffic)
    if result.proofs:
        document["claims"] = [_proof(each) for each in result.proofs]
    if result.candidates:
        document["candidates"] = [_candidate(each) for each in result.candidates]
        document["ranking"] = None if result.ranking is None else _ranking(result.ranking)
    cleaned: dict[str, Any] = clean(document)
    return cleaned


def _candidate(result: Result) -> dict[str, Any]:
    """Return the conclusion of one candidate of several, as a document of its own without what stands above already."""
    shared = ("schema_version", "kind", "scenario", "run_ids", "started_at", "seconds", "planned_rounds")
    return {name: value for name, value in to_document(result).items() if name not in (*shared, "levels")}


def _proof(proof: Proof) -> dict[str, Any]:
    """Return what came of a claim; its rows and budgets stand in full in their own lists, by metric and request."""
    goal, budget = proof.claim.goal, proof.claim.budget
    return {
        "claim": proof.claim.text,
        **({"arm": proof.arm} if proof.arm else {}),
        "state": proof.state,
        "why": proof.why,
        "metric": proof.claim.metric,
        "goal": goal and {"improve": goal.improve, "stretch": goal.stretch},
        "limit": budget and budget.limit,
        "measured_by": proof.measured_by,
        "evidence": [
            {name: row[name] for name in ("request", "unit", "baseline", "candidate", "change", "ci_low", "ci_high")}
            | {"confidence": row["confidence"], "verdict": row["verdict"]}
            for row in map(_comparison, proof.rows)
        ],
        "limits": [asdict(check) for check in proof.checks],
    }


def _ranking(found: Ranking) -> dict[str, Any]:
    versus = [{"baseline": each.first, "candidate": each.second, "row": _comparison(each.row)} for each in found.versus]
    return {"metric": found.metric, "best": found.best, "sentence": found.sentence, "versus": versus}


def _comparison(row: Comparison) -> dict[str, Any]:
    goal = row.goal and {"improve": row.goal.improve, "stretch": row.goal.stretch}
    of = {"arm": row.arm} if row.arm else {}
    return of | {
        "metric": row.metric,
        "request": row.request,
        "unit": row.unit,
        "baseline": row.baseline,
        "candidate": row.candidate,
        "change": row.change,
        "ci_low": row.ci_low,
        "ci_high": row.ci_high,
        "confidence": row.confidence,
        "goal": goal,
        "stretch_met": row.stretch_met,
        "verdict": row.verdict,
        "role": row.role,
        "rounds": row.rounds,
        "round_changes": row.round_changes,
        "impact": row.impact,
        "notes": row.notes,
        "typical": row.typical,
        "accepted": row.accepted,
    }


def _level(level: Level) -> dict[str, Any]:
    return {
        "metric": level.metric,
        "request": level.request,
        "arm": level.arm,
        "unit": level.unit,
        "value": level.estimate.value,
        "ci_low": level.estimate.low,
        "ci_high": level.estimate.high,
        "confidence": level.estimate.confidence,
        "rounds": level.estimate.rounds,
    }


def query_document(detail: QueryDetail) -> dict[str, Any]:
    """Return what was counted of one request: figures by arm and size, and its statements."""
    return {
        "request": detail.request,
        "sizes": detail.sizes,
        "arms": {arm: [asdict(each) for each in shown] for arm, shown in detail.figures.items()},
        "statements": [asdict(each) for each in detail.statements],
        "notes": detail.notes,
    }


def why_document(found: Why) -> dict[str, Any]:
    """Return why the arms differ; flame graphs are left out, since speedscope files hold the whole profiles."""
    return {
        "sentence": found.sentence,
        "causes": [asdict(each) for each in found.causes],
        "unclaimed": [asdict(each) for each in found.unclaimed],
        "profiles": [_profile(each) for each in found.profiles],
        "allocations": [asdict(each) for each in found.allocations],
        "engines": found.engines,
        "notes": found.notes,
    }


def _profile(found: ProfileDifference) -> dict[str, Any]:
    return {
        "request": found.request,
        "baseline": found.baseline,
        "candidate": found.candidate,
        "functions": [_function(each) for each in found.functions],
        "left_out": found.left_out,
    }


def _function(each: FunctionChange) -> dict[str, Any]:
    names = ("module", "function", "own", "status", "self_baseline", "self_candidate", "total_baseline")
    document = {
        name: getattr(each, name) for name in (*names, "total_candidate", "change", "low", "high", "sure", "was")
    }
    return document | {"libraries": [_function(library) for library in each.libraries]}


def _request(detail: Detail) -> dict[str, Any]:
    errors, left_out = {}, {}
    for arm, counts in detail.errors.items():
        kept, more = display_rows.top(counts, MAX_ERRORS)
        errors[arm] = [{"error": text, "count": number} for text, number in kept]
        left_out[arm] = more
    return {"request": detail.request, "counts": detail.counts, "errors": errors, "errors_left_out": left_out}


def clean(item: Any) -> Any:
    """Return ``item`` as JSON values only: NaN is no JSON, and half a surrogate pair cannot be encoded."""
    match item:
        case None | bool():
            return item
        case str():
            return str(item).encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        case int():
            return int(item)
        case float():
            return float(item) if math.isfinite(item) else None
        case Mapping():
            return {clean(str(key)): clean(entry) for key, entry in item.items()}
        case list() | tuple():
            return [clean(entry) for entry in item]
        case set() | frozenset():
            return [clean(entry) for entry in sorted(item, key=str)]
    if hasattr(item, "tolist"):  # a NumPy scalar or array that slipped into a finding's evidence
        return clean(item.tolist())
    return clean(str(item))
