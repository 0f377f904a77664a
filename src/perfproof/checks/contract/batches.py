"""Holds batch requests against the single ones that they stand for: time and queries per item."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from perfproof.checks.arm import CheckedArm, KnownRequest
from perfproof.documents.rows import rows_of
from perfproof.http.plain_client import Answer

_TIMES = 7


def ask_batches(arm: CheckedArm, facts: list[dict[str, Any]]) -> None:
    """Add what every batch that the settings name took, and its single request beside it."""
    known = {request.name: request for request in arm.requests}
    for batch_name, single_name in (arm.settings.get("batch") or {}).items():
        batch, single = known.get(batch_name), known.get(single_name)
        if batch is None or single is None:
            missing = batch_name if batch is None else single_name
            arm.left_out.append(
                f"the batch {batch_name} was not asked: no request that can be sent is called {missing}"
            )
            continue
        if not ((batch.reads and single.reads) or arm.writes):
            arm.left_out.append(f"the batch {batch_name} was not asked: it writes (say `safe: true` if it does not)")
            continue
        facts.append(_asked(arm, batch, single))


def _asked(arm: CheckedArm, batch: KnownRequest, single: KnownRequest) -> dict[str, Any]:
    found: dict[str, Any] = {"batch": batch.name, "single": single.name, "items": 0, "problem": ""}
    times: dict[str, list[float]] = {"batch": [], "single": []}
    for _ in range(_TIMES):
        for kind, request in (("batch", batch), ("single", single)):
            answer = _send(arm, request, {})
            if not 200 <= answer.status < 300:
                found["problem"] = f"{request.name} is answered with {answer.problem or f'status {answer.status}'}"
                return found
            if kind == "batch":
                found["items"] = len(rows_of(answer.data) or ())
            times[kind].append(round(answer.took * 1e3, 3))
    found |= {"batch_ms": times["batch"][1:], "single_ms": times["single"][1:]}
    for kind, request in (("batch", batch), ("single", single)):
        seen = arm.statements(lambda headers, request=request: _send(arm, request, headers))  # type: ignore[misc]
        found[f"{kind}_queries"] = None if seen is None else sum(seen.values())
    if not found["items"]:
        found["problem"] = f"{batch.name} answers without rows, so nothing is known per item"
    return found


def _send(arm: CheckedArm, request: KnownRequest, headers: Mapping[str, str]) -> Answer:
    return arm.asker.ask(request.method, request.target, {**request.headers, **headers}, body=request.body)
