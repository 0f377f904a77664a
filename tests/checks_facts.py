"""Facts as the error contract keeps them."""

from __future__ import annotations

from typing import Any


def case(**changes: Any) -> dict[str, Any]:
    """Return one wrong request that was answered rightly, with changes."""
    right = {
        "kind": "unknown id", "operation": "GET /things/{id}", "method": "GET", "status": 404, "media": "json",
        "ms": 1.0,
        "problem": ["its media type is not application/problem+json"], "message_at": "$.message", "code_at": "$.code",
        "code": "not_found", "flaws": [], "correlation": True, "counts": True, "taken": False, "status_fits": True,
        "documented": ["404"], "schema": None,
    }  # fmt: skip
    return right | changes


def facts_of(*cases: dict[str, Any], codes: list[str] | None = None) -> dict[str, Any]:
    """Return the facts of one arm."""
    return {"cases": list(cases), "codes": ["not_found", "bad_request"] if codes is None else codes, "document": True}
