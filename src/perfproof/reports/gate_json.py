"""A gate's outcome as JSON for programs: what the policy made of the result, and the result itself."""

from __future__ import annotations

import json
from typing import Any

from perfproof.model.gate import GateResult
from perfproof.reports.json_report import to_document

SCHEMA_VERSION = 1


def to_gate_json(gate: GateResult) -> str:
    """Return the gate as indented JSON; ``result`` is what ``--json`` of other commands writes."""
    document: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "exit_code": gate.exit_code,
        "sentence": gate.sentence,
        "summary": gate.summary,
        "provisional": gate.provisional,
        "notes": gate.notes,
        "checks": [
            ({"arm": row.arm} if row.arm else {})
            | {
                "metric": row.metric,
                "request": row.request,
                "kind": row.kind,
                "outcome": row.outcome,
                "when_open": row.open,
                "reason": row.reason,
            }
            for row in gate.rows
        ],
        "result": to_document(gate.result),
    }
    return json.dumps(document, indent=2, ensure_ascii=True, allow_nan=False) + "\n"
