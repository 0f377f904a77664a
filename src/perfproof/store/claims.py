"""What came of claims in recorded runs, read from their ``result.json``: the store itself keeps rows, not claims."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, get_args

from perfproof.errors import EvidenceError
from perfproof.evidence.limits import read_result
from perfproof.model.history import ClaimedRun
from perfproof.model.result import ProofState
from perfproof.store.summary import RunSummary

MOST_CLAIMS = 500
"""Claims of one run that are looked at."""


def claimed(runs: Sequence[RunSummary], arm: str | None = None) -> list[ClaimedRun]:
    """Return the runs (given newest first) that claimed something, oldest first; ``arm`` alone of several candidates.

    Runs whose directory is not on this machine, or whose result cannot be read, are passed over.
    """
    found = []
    for run in reversed(runs):
        try:
            document = read_result(run.directory / "result.json")
        except EvidenceError:
            continue
        told = document.get("claims") if isinstance(document, dict) else None
        states = _states(told if isinstance(told, list) else [], arm)
        if states:
            found.append(ClaimedRun(run.id, run.started_at, states, run.revision))
    return found


def _states(claims: Sequence[Any], arm: str | None) -> dict[str, ProofState]:
    states: dict[str, ProofState] = {}
    for each in claims[:MOST_CLAIMS]:
        if not isinstance(each, Mapping) or each.get("state") not in get_args(ProofState):
            continue
        whose, text = str(each.get("arm") or ""), str(each.get("claim") or "")
        if not whose or arm is None:
            states[f"{whose}: {text}" if whose else text] = each["state"]
        elif whose == arm:
            states[text] = each["state"]
    return states
